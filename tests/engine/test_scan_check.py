"""A scan as a check: its baseline, what is worse, what is stored of it, and what says nothing about the site."""

import functools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlmodel import col, select

from app import db
from app.core import drift
from app.core.baselines import ScanBaseline
from app.core.checked import Checked
from app.core.checks import ScanCheck
from app.core.comparison import compare
from app.core.findings import Severity
from app.core.incident import Outcome
from app.core.results import Cause
from app.engine import scan_check
from app.models import Monitor, Scan
from app.net import Net
from app.probes.filled import run_filled
from app.probes.tools import Tools
from app.services import monitor_baselines, monitor_scans, scan_queue, scans
from app.services.scan_form import ScanForm
from tests.conftest import Cast
from tests.engine.test_scan import http_answer, site, spa
from tests.loopback import net
from tests.services.reports import call, finding, report

__all__ = ["net"]

ITEMS = "fetch('%s/api/items')"
Answer = Callable[[str, str, dict[str, str]], bytes]


class Run:
    """One monitor's checks, one after the other: each remembers what the one before left."""

    def __init__(self, net: Net, cast: Cast, url: str, **options: str) -> None:
        self.net, self.cast = net, cast
        self.check = ScanCheck(url, **options)  # pyright: ignore[reportArgumentType]
        self.remembered = ""

    async def again(self) -> Checked:
        tools = Tools(self.net, 10, datetime.now(UTC), self.remembered)
        found = await scan_check.run(self.check, tools, workspace_id=self.cast.alice.workspace_id, monitor_id=7)
        self.remembered = found.remember or self.remembered
        return found


async def stored() -> list[str]:
    async with db.reading() as session:
        return list((await session.exec(select(Scan.public_id).order_by(col(Scan.id)))).all())


def facts(found: Checked) -> dict[str, str]:
    return dict(found.facts)


class Api:
    """Another origin's API that allows the page, or not."""

    def __init__(self) -> None:
        self.cors = True

    def __call__(self, _method: str, path: str, _headers: dict[str, str]) -> bytes:
        more = ["Access-Control-Allow-Origin: *"] if self.cors else []
        if path == "/api/items":
            return http_answer("200 OK", '{"items": []}', "Content-Type: application/json", *more)
        return http_answer("404 Not Found", "{}", "Content-Type: application/json", *more)


async def test_a_verdict_that_changed_for_the_worse_stays_a_failure_until_it_is_mended(net: Net, cast: Cast):
    answers = Api()
    async with site(answers) as api, site(spa(ITEMS % api.url)) as page:
        run = Run(net, cast, f"{page.url}/", fail_on="critical")
        first = await run.again()
        assert (first.outcome, first.text) == (Outcome.UP, "")
        assert await stored() == [facts(first)["report"]]
        baseline, memory = facts(first)["report"], run.remembered

        assert (await run.again()).outcome is Outcome.UP
        assert (await stored(), run.remembered) == ([baseline], memory)  # nothing changed, so nothing is written

        answers.cors = False
        worse = await run.again()
        assert (worse.outcome, worse.cause) == (Outcome.DOWN, Cause.ASSERTION)
        assert f"browsers now block GET {api.url}/api/items (C1)" in worse.text
        assert len(await stored()) == 2
        assert (facts(worse)["report"], facts(worse)["compared with"]) == ((await stored())[1], baseline)

        still = await run.again()
        assert (still.outcome, still.text, facts(still)["report"]) == (Outcome.DOWN, worse.text, facts(worse)["report"])
        assert len(await stored()) == 2  # seen and stored before

        answers.cors = True
        mended = await run.again()
        assert (mended.outcome, facts(mended)["report"]) == (Outcome.UP, baseline)
        comparison = await scans.compare(cast.alice, baseline, facts(worse)["report"])
        assert len(comparison.difference.calls_changed) == 1


async def test_what_is_accepted_is_what_the_next_scan_is_compared_with(net: Net, cast: Cast):
    answers = Api()
    async with site(answers) as api, site(spa(ITEMS % api.url)) as page:
        run = Run(net, cast, f"{page.url}/", fail_on="critical")
        await run.again()
        answers.cors = False
        worse = await run.again()
        async with db.transaction() as session:
            row = Monitor(
                id=7, workspace_id=cast.alice.workspace_id, name="Scan", kind="scan", configuration="{}", remembered=run.remembered
            )
            session.add(row)
        assert await monitor_baselines.can_accept(cast.bob, row.public_id)
        await monitor_baselines.accept(cast.bob, row.public_id)
        async with db.reading() as session:
            run.remembered = (await session.exec(select(Monitor.remembered))).one()
        assert not await monitor_baselines.can_accept(cast.bob, row.public_id)
        normal = await run.again()
        assert (normal.outcome, facts(normal)["report"]) == (Outcome.UP, facts(worse)["report"])
        assert len(await stored()) == 2


async def test_reports_of_monitors_are_no_ones_quota_and_only_the_newest_are_kept(net: Net, cast: Cast, configure: pytest.MonkeyPatch):
    configure.setenv("SEAMWATCH_SCANS_PER_HOUR", "1")
    configure.setattr(monitor_scans, "MAX_KEPT", 2)
    async with site(spa("")) as page:
        run = Run(net, cast, f"{page.url}/")
        await run.again()
        baseline = (await stored())[0]
        tools = Tools(net, 10, datetime.now(UTC))
        storing = scan_check._Storing(cast.alice.workspace_id, 7, scan_check.ScanRequest(f"{page.url}/"), (), tools)
        for _ in range(4):
            await storing.keep(report(), baseline)
        kept = await stored()
        assert len(kept) == 3
        assert kept[0] == baseline
        listed = await scans.list_(cast.bob)
        assert {row.created_by for row in listed.items} == {"a monitor"}
        assert await scans.start(cast.alice, ScanForm(f"{page.url}/"))


async def test_a_page_that_is_gone_is_down_and_no_baseline(net: Net, cast: Cast):
    gone = http_answer("503 Service Unavailable", "<p>sorry</p>", "Content-Type: text/html")
    async with site(lambda *_: gone) as page:
        run = Run(net, cast, f"{page.url}/")
        found = await run.again()
    assert (found.outcome, found.code, found.remember) == (Outcome.DOWN, 503, "")
    found = await run.again()
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.CONNECT)
    assert await stored() == []


async def test_being_asked_to_slow_down_says_nothing_about_the_site(net: Net, cast: Cast):
    async with site(lambda *_: http_answer("429 Too Many Requests")) as page:
        found = await Run(net, cast, f"{page.url}/").again()
    assert found.outcome in (Outcome.UNKNOWN, Outcome.DOWN)
    assert found.remember == ""


async def test_a_secret_in_the_address_is_neither_in_the_report_nor_remembered(net: Net, cast: Cast):
    async with site(lambda _m, path, _h: http_answer("200 OK", f"<p>{path}</p>", "Content-Type: text/html")) as page:
        run = Run(net, cast, f"{page.url}/?token=s3cr3t-in-the-address")
        found = await run.again()
    text = await scans.report_json_text(cast.alice, facts(found)["report"])
    remembered = drift.unpack(ScanBaseline.load(found.remember).report)  # pyright: ignore[reportOptionalMemberAccess]
    assert "s3cr3t" not in text + repr(found) + repr(remembered)


async def test_a_stored_secret_is_put_into_the_address_and_taken_out_of_everything(net: Net, cast: Cast):
    async with site(lambda _m, path, _h: http_answer("200 OK", f"<p>{path}</p>", "Content-Type: text/html")) as page:
        check = ScanCheck(f"{page.url}/?preview={{{{secret.PREVIEW}}}}")
        probe = functools.partial(scan_check.run, workspace_id=cast.alice.workspace_id, monitor_id=7, secrets=("vaulted-s3cr3t",))
        found = await run_filled(check, Tools(net, 10, datetime.now(UTC)), {"PREVIEW": "vaulted-s3cr3t"}, probe=probe)
        assert any("vaulted-s3cr3t" in path for _, path, _ in page.asked)
    assert found.outcome is Outcome.UP
    remembered = drift.unpack(ScanBaseline.load(found.remember).report)  # pyright: ignore[reportOptionalMemberAccess]
    stored_text = await scans.report_json_text(cast.alice, facts(found)["report"])
    detail = await scans.get(cast.alice, facts(found)["report"])
    assert "vaulted-s3cr3t" not in repr(found) + repr(remembered) + stored_text + repr(detail)
    again = await scans.rescan(cast.alice, facts(found)["report"])
    claim = await scan_queue.claim("worker")
    assert claim is not None
    assert (claim.public_id, claim.request.page_url) == (again, f"{page.url}/?preview=vaulted-s3cr3t")


@pytest.mark.parametrize(
    ("was", "now", "outcome"),
    [
        (report(), report(finding("COR-01", Severity.HIGH)), Outcome.DOWN),
        (report(), report(finding("COR-01", Severity.MEDIUM)), Outcome.DEGRADED),
        (report(), report(finding("COR-01", Severity.LOW)), Outcome.UP),
        (report(finding("COR-01")), report(finding("COR-01")), Outcome.UP),
        (report(finding("COR-01")), report(), Outcome.UP),
        (report(calls=(call("GET", "http://a/"),)), report(calls=(call("GET", "http://a/", allowed=False, rule="C1"),)), Outcome.DOWN),
        (report(calls=(call("GET", "http://a/"),)), report(calls=(call("GET", "http://a/", allowed=None),)), Outcome.UP),
        (report(calls=(call("GET", "http://a/", allowed=False),)), report(calls=(call("GET", "http://a/"),)), Outcome.UP),
        (report(), report(calls=(call("PUT", "http://a/", allowed=False, rule="P3"),)), Outcome.DOWN),
    ],
)
def test_what_is_worse_fails_by_its_severity(was, now, outcome: Outcome):
    was = drift.unpack(drift.pack(was))  # as it is remembered
    worse = drift.worsenings(compare(was, now), Severity.MEDIUM)
    assert bool(worse) == (outcome is not Outcome.UP)
    assert any(one.breaks for one in worse) == (outcome is Outcome.DOWN)


def test_a_scan_that_saw_less_mends_nothing():
    was = report(finding("COR-01"), calls=(call("GET", "http://a/"),))
    assert not drift.is_limited(was, was)
    assert drift.is_limited(was, report(calls=(call("GET", "http://a/", allowed=None),)))
    noted = replace(was, site=replace(was.site, notes=("The scan stopped after 60 s.",)))
    assert drift.is_limited(was, noted)
    assert not drift.is_limited(noted, noted)


def test_what_is_remembered_is_small_and_survives_damage():
    whole = report(*(finding(f"COR-{n:02}") for n in range(10)), calls=tuple(call("GET", f"http://a/{n}") for n in range(100)))
    packed = drift.pack(whole)
    assert len(packed) < 3_000
    assert drift.unpack(packed[:-20]) is None
    assert drift.unpack("not even that") is None
    assert ScanBaseline.load("{}") is None
