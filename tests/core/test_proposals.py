"""What a report proposes to watch: each seam, named and ready; what holds today ticked, what does not as it should be."""

from dataclasses import replace

import pytest

from app.core import checks
from app.core.checks import CorsCheck, Kind
from app.core.exchange import Headers
from app.core.proposal import Proposal, key_of
from app.core.proposals import MAX_PROPOSALS, propose
from app.core.proposals_of_hosts import registered_domain
from app.core.report import CallReport, Report, RequestReport
from tests.services.reports import call as made_call
from tests.services.reports import report as made_report

PAGE, API = "https://app.shop.com", "https://api.shop.com"
HTML = "<!doctype html><html><head><title>Corner Shop</title></head><body><h1>Welcome</h1>"


def request(
    number: int, purpose: str, url: str, status: int | None = 200, *, headers: Headers = (), media_type: str = "", excerpt: str = ""
) -> RequestReport:
    return RequestReport(
        id=number, purpose=purpose, method="GET", url=url, request_headers=(), status=status, reason="", response_headers=headers,
        body_bytes=0, truncated=False, media_type=media_type, excerpt=excerpt, failure="" if status else "Nobody answered.",
        started_ms=0, duration_ms=5, address="",
    )  # fmt: skip


def call(method: str = "GET", path: str = "/items", **changes: object) -> CallReport:
    made = replace(made_call(method, f"{API}{path}"), id=f"call-{method}-{path}", origin=PAGE, requests=(10,))
    return replace(made, **changes)  # pyright: ignore[reportArgumentType]


def report(*requests: RequestReport, calls: tuple[CallReport, ...] = (), page_url: str = f"{PAGE}/") -> Report:
    made = made_report(calls=calls)
    site = replace(made.site, page_url=page_url, final_url=page_url, page_origin=PAGE, api_origins=(API,) if calls else ())
    page = request(1, "page", page_url, headers=(("content-type", "text/html"),), media_type="text/html", excerpt=HTML)
    return replace(made, site=site, requests=(page, *requests))


ANSWER = request(10, "actual", f"{API}/items", media_type="application/json")
FOREIGN = request(11, "foreign", f"{API}/items", media_type="application/json")


def found(report: Report, kind: Kind) -> list[Proposal]:
    return [proposal for proposal in propose(report).proposals if proposal.kind is kind]


def one(report: Report, kind: Kind) -> Proposal:
    (proposal,) = found(report, kind)
    return proposal


def test_every_proposal_is_a_configuration_that_can_be_used_and_has_a_key_of_its_own():
    requests = (
        ANSWER, FOREIGN,
        request(12, "script", f"{PAGE}/app.js"), request(13, "schema", f"{API}/openapi.json", excerpt='{"openapi":"3.1.0"'),
        request(14, "websocket", "wss://api.shop.com/ws", 101), request(15, "websocket_foreign", "wss://api.shop.com/ws", 403),
        request(16, "websocket", "wss://api.shop.com/socket.io/?EIO=4&transport=websocket", 101),
        request(17, "discovery", f"{PAGE}/.well-known/openid-configuration", excerpt=f'{{"issuer": "{PAGE}"'),
        request(18, "oauth", f"{PAGE}/login/google", 302, headers=(("Location", "https://accounts.google.com/o/oauth2?x=1"),)),
        request(19, "twin", "http://app.shop.com/", 301, headers=(("Location", f"{PAGE}/"),)),
        request(20, "endpoint", f"{API}/login", headers=(("Set-Cookie", "session=sha256:aabbccdd; Secure; HttpOnly; SameSite=Lax"),)),
    )  # fmt: skip
    proposals = propose(report(*requests, calls=(call(), call("DELETE", "/items/1"))), f"{API}/").proposals
    assert {proposal.kind.value for proposal in proposals} == {
        "page", "scan", "api", "cors", "websocket", "socketio", "cookie", "oidc", "tls", "domain", "dns", "skew",
    }  # fmt: skip
    for proposal in proposals:
        assert checks.parse(proposal.kind, checks.dump(proposal.check)) == proposal.check
        assert proposal.name
        assert 10 <= proposal.pace.interval_s <= 86_400
    assert len({proposal.key for proposal in proposals}) == len(proposals)
    assert [proposal.kind.value for proposal in proposals if not proposal.ticked] == ["dns", "dns"]


def test_the_page_is_watched_for_what_it_says():
    page = one(report(), Kind.PAGE)
    assert (page.name, page.holds) == ("Page app.shop.com", "200–299, title “Corner Shop”, heading “Welcome”, above 2 s warns")


def test_a_heading_that_the_excerpt_cuts_is_not_asserted():
    cut = request(1, "page", f"{PAGE}/", media_type="text/html", excerpt="<title>Corner Shop</title><h1>Welc")
    assert one(replace(report(), requests=(cut,)), Kind.PAGE).holds == "200–299, title “Corner Shop”, above 2 s warns"


def test_a_call_is_watched_for_its_answer_and_for_its_verdict():
    made = report(ANSWER, FOREIGN, calls=(call(),))
    answers, verdict = one(made, Kind.API), one(made, Kind.CORS)
    assert (answers.name, answers.holds) == ("GET /items", "200–299, application/json, above 1 s warns")
    assert (verdict.name, verdict.ticked) == ("CORS GET /items", True)
    assert isinstance(verdict.check, CorsCheck)
    assert verdict.check.foreign_origins == ("https://seamwatch.invalid",)


def test_a_call_that_a_browser_blocks_is_proposed_as_it_should_be_without_a_tick():
    verdict = one(report(ANSWER, FOREIGN, calls=(call(allowed=False, rule="C1"),)), Kind.CORS)
    assert isinstance(verdict.check, CorsCheck)
    assert (verdict.check.allowed, verdict.ticked) == (True, False)
    assert verdict.why.startswith("Browsers block it today (C1).")


def test_what_changes_data_is_watched_by_its_verdict_alone():
    made = report(ANSWER, calls=(call("POST"),))
    assert found(made, Kind.API) == []
    assert one(made, Kind.CORS).name == "CORS POST /items"


def test_an_api_that_is_open_to_everybody_is_watched_as_it_is_and_closing_it_is_offered():
    opened = replace(FOREIGN, response_headers=(("Access-Control-Allow-Origin", "*"),))
    own, closed = found(report(ANSWER, opened, calls=(call(),)), Kind.CORS)
    assert isinstance(own.check, CorsCheck)
    assert (own.ticked, own.check.foreign_origins, closed.ticked) == (True, (), False)
    assert closed.why == "Foreign pages can read its answers today. Tick it unless that is meant."


def test_a_wildcard_keeps_strangers_out_where_the_call_carries_credentials():
    opened = replace(FOREIGN, response_headers=(("Access-Control-Allow-Origin", "*"),))
    assert one(report(ANSWER, opened, calls=(call(credentials="include"),)), Kind.CORS).holds.endswith("blocked from foreign pages")


def test_a_login_that_is_asked_for_is_watched_and_a_redirect_to_one_is_not_right():
    asked = replace(ANSWER, status=401)
    assert one(report(asked, calls=(call(status=401),)), Kind.API).holds.startswith("401, application/json")
    login = replace(ANSWER, id=12, url=f"{API}/login", media_type="text/html")
    sent_there = one(report(replace(ANSWER, status=302), login, calls=(call(requests=(10, 12)),)), Kind.API)
    assert (sent_there.ticked, sent_there.why) == (False, "It is redirected to /login today; an API answers itself.")


def test_a_value_that_was_not_kept_is_neither_sent_nor_stored():
    secret = call(headers=(("Authorization", "Bearer sha256:aabbccdd"), ("X-Client", "…"), ("Accept", "application/json")))
    made = report(ANSWER, calls=(secret,))
    answers = one(made, Kind.API)
    assert (answers.ticked, answers.why) == (
        False,
        "The value of Authorization and X-Client was not kept. Add it, as {{secret.NAME}} if it is one.",
    )
    assert all("sha256" not in str(checks.dump(proposal.check)) for proposal in propose(made).proposals)
    verdict = one(made, Kind.CORS)
    assert isinstance(verdict.check, CorsCheck)
    assert verdict.check.call.headers == (("Authorization", ""), ("X-Client", "x"), ("Accept", "application/json"))


def test_an_address_that_held_a_secret_is_not_proposed_and_the_notes_say_so():
    proposed = propose(report(ANSWER, calls=(call(path="/items?key=sha256:aabbccdd"),)))
    assert not [proposal for proposal in proposed.proposals if proposal.kind in (Kind.API, Kind.CORS)]
    assert "The address of GET /items held a secret, which was not kept. Add its monitor by hand." in proposed.notes
    assert not found(report(page_url=f"{PAGE}/?token=sha256:aabbccdd"), Kind.PAGE)


@pytest.mark.parametrize("trap", ["/items?x={{secret.SMTP_PASSWORD}}", "/{{ secret.SMTP_PASSWORD }}"])
def test_a_page_that_names_a_secret_in_its_addresses_is_never_sent_it(trap: str):
    """Whoever writes the scanned page could else have the workspace's secrets sent to a server of their own."""
    trapped = call(path=trap, headers=(("X-A", "{{secret.SMTP_PASSWORD}}"),))
    proposed = propose(report(ANSWER, calls=(trapped,)))
    assert not [proposal for proposal in proposed.proposals if "secret" in str(checks.dump(proposal.check))]
    assert any("placeholder" in note for note in proposed.notes)


def test_a_socket_is_watched_for_whom_it_lets_in():
    own = request(14, "websocket", "wss://api.shop.com/ws", 101)
    stranger = request(15, "websocket_foreign", "wss://api.shop.com/ws", 403)
    assert one(report(own, stranger), Kind.WEBSOCKET).holds == "Opens for the page, refuses foreign pages"
    opens, keeps_out = found(report(own, replace(stranger, status=101)), Kind.WEBSOCKET)
    assert (opens.holds, opens.ticked, keeps_out.holds, keeps_out.ticked) == ("Opens for the page", True, "Refuses foreign pages", False)
    shut = one(report(replace(own, status=404), replace(stranger, status=404)), Kind.WEBSOCKET)
    assert (shut.holds, shut.ticked, shut.why) == ("Opens for the page", False, "It is answered 404 today.")


@pytest.mark.parametrize(
    ("line", "ticked", "holds"),
    [
        ("session=sha256:aabbccdd; Secure; HttpOnly; SameSite=Lax", True, "Set with Secure, HttpOnly, SameSite=Lax"),
        ("session=sha256:aabbccdd; HttpOnly", False, "Set with Secure, HttpOnly"),
        ("session=sha256:aabbccdd; Secure", False, "Set with Secure, HttpOnly"),
        ("csrftoken=sha256:aabbccdd; Secure; SameSite=Lax", True, "Set with Secure, SameSite=Lax"),
    ],
)
def test_a_cookie_is_watched_for_the_attributes_it_should_have(line: str, ticked: bool, holds: str):
    cookie = one(report(request(12, "page", f"{PAGE}/login", headers=(("Set-Cookie", line),))), Kind.COOKIE)
    assert (cookie.ticked, cookie.holds) == (ticked, holds)


def test_a_cookie_that_says_nothing_of_a_session_is_left_alone():
    assert not found(report(request(12, "page", f"{PAGE}/", headers=(("Set-Cookie", "theme=sha256:aabbccdd; Secure"),))), Kind.COOKIE)


def test_a_key_stays_the_same_when_what_must_hold_is_edited_and_differs_between_targets():
    made = report(ANSWER, FOREIGN, calls=(call(), call("PUT")))
    answers = one(made, Kind.API)
    assert isinstance(answers.check, checks.ApiCheck)
    edited = replace(answers.check, ask=replace(answers.check.ask, assertions=(), new_connection=False))
    assert key_of(edited) == answers.key
    assert key_of(replace(edited, ask=replace(edited.ask, url=f"{API}/others"))) != answers.key
    get, put = found(made, Kind.CORS)
    assert get.key != put.key


def test_there_are_never_more_than_forty_and_those_that_hold_stay():
    calls = tuple(call(path=f"/{number}", allowed=number % 2 == 0) for number in range(60))
    answers = tuple(replace(ANSWER, id=100 + number, url=f"{API}/{number}") for number in range(60))
    calls = tuple(replace(call, requests=(100 + number,)) for number, call in enumerate(calls))
    proposed = propose(report(*answers, calls=calls))
    assert len(proposed.proposals) == MAX_PROPOSALS
    assert all(proposal.ticked for proposal in proposed.proposals)
    assert any(note.endswith("more could be watched. Add those by hand that matter.") for note in proposed.notes)


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.shop.co.uk", "shop.co.uk"),
        ("shop.pages.dev", ""),  # its host company's to renew
        ("app.fernway.example", ""),  # reserved
        ("com", ""),
    ],
)
def test_a_domain_is_watched_where_somebody_renews_it(host: str, domain: str):
    assert registered_domain(host) == domain


def test_nothing_of_a_private_network_is_asked_of_dns_or_a_registry():
    made = report()
    made = replace(made, site=replace(made.site, page_origin="http://127.0.0.1:8000"))
    assert not [proposal for proposal in propose(made).proposals if proposal.kind in (Kind.DNS, Kind.DOMAIN, Kind.TLS)]
