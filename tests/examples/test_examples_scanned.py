"""What a scan finds in each example: nothing in the right ones, and exactly the manifest's findings in the broken ones."""

import asyncio
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from app.core import checks
from app.core.catalogue import ENTRIES
from app.core.checks import Kind
from app.core.findings import Severity
from app.core.incident import Outcome
from app.core.observation import ScanRequest
from app.core.proposals import propose
from app.core.report import Report
from app.core.urls import parse_target
from app.engine import scan
from app.net import Net
from app.net.addresses import AddressPolicy, Mode
from app.probes import registry
from app.probes.tools import Tools
from examples.manifest import EXAMPLES, RIGHT, every_variant
from examples.runner import Offer

Offers = dict[tuple[str, str], Offer]
VARIANTS = [(example.name, variant.name) for example, variant in every_variant()]
RIGHT_ONES = [example.name for example in EXAMPLES]


@pytest.fixture(scope="module")
def reports() -> dict[tuple[str, str], Report]:
    """What was scanned already: one report serves all tests of a variant."""
    return {}


@pytest.fixture
async def report(offers: Offers, reports: dict[tuple[str, str], Report], name: str, request: pytest.FixtureRequest) -> Report:
    """The report of the test's variant; the right one where the test names none."""
    variant = request.getfixturevalue("variant") if "variant" in request.fixturenames else RIGHT
    if (name, variant) not in reports:
        reports[name, variant] = await scanned(offers[name, variant])
    return reports[name, variant]


async def scanned(offer: Offer) -> Report:
    """Scan as a user does who gives the page, and the API where it has an origin of its own."""
    own_origin = urlsplit(offer.page_url).netloc == urlsplit(offer.api_url).netloc
    request = ScanRequest(parse_target(offer.page_url), None if own_origin else parse_target(offer.api_url))
    async with Net(AddressPolicy(Mode.PRIVATE), user_agent="Seamwatch/test", ca_file=offer.ca_file or None) as net:
        return await scan.run(request, net)


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
async def test_scan_finds_exactly_what_is_wrong(offers: Offers, report: Report, name: str, variant: str):
    weighty = [finding for finding in report.findings if finding.severity.rank <= Severity.MEDIUM.rank]
    assert sorted(finding.code for finding in weighty) == sorted(offers[name, variant].variant.findings)
    assert all(finding.evidence and finding.explanation and finding.mends for finding in weighty)
    listed = {entry.code: entry.severity for entry in ENTRIES}
    assert [finding.severity for finding in weighty] == [listed[finding.code] for finding in weighty]


@pytest.mark.parametrize("name", RIGHT_ONES)
async def test_scan_names_architecture_and_joining(offers: Offers, report: Report, name: str):
    expected = offers[name, RIGHT].example
    assert (report.architecture.kind, report.architecture.joining) == (expected.architecture, expected.joining)
    assert report.architecture.evidence


@pytest.mark.parametrize("name", RIGHT_ONES)
async def test_scan_names_the_technologies(offers: Offers, report: Report, name: str):
    assert set(offers[name, RIGHT].example.technologies) <= {technology.name for technology in report.technologies}


@pytest.mark.parametrize("name", RIGHT_ONES)
async def test_scan_says_that_a_browser_allows_the_calls_of_a_right_page(report: Report, name: str):
    assert [(call.method, call.url, call.rule) for call in report.calls if call.allowed is False] == []


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
async def test_what_is_proposed_to_watch_can_be_used_and_what_is_ticked_holds(offers: Offers, report: Report, name: str, variant: str):
    proposals = propose(report).proposals
    assert all(checks.parse(one.kind, checks.dump(one.check)) == one.check for one in proposals)
    async with Net(AddressPolicy(Mode.PRIVATE), user_agent="Seamwatch/test", ca_file=offers[name, variant].ca_file or None) as net:
        tools = Tools(net, timeout_s=10, now=datetime.now(UTC))
        ran = [one for one in proposals if one.ticked and one.kind is not Kind.SCAN]
        found = await asyncio.gather(*(registry.run(one.check, tools) for one in ran))
    # What only warns may be slow on a busy machine.
    assert {one.name: checked.text for one, checked in zip(ran, found, strict=True) if checked.outcome is Outcome.DOWN} == {}
