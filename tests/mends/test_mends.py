"""Every mend is executed: the fault is there, exactly the code shown is put in its place, the fault is gone."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.core.findings import Framework, Mend
from app.core.mends import MendFacts, registry
from app.core.report import Report
from tests.mends.cases import CASES
from tests.mends.conftest import Scanner, Visitor
from tests.mends.sites import Case, Site, find_nginx

USUAL_UPSTREAM = MendFacts().upstream


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def facts_of(site: Site) -> MendFacts:
    """What the rules fill in for WS-01."""
    return MendFacts(page_origin=site.page_origin, api_origin=site.api_origin, path="/ws/chat", socket_path="/ws/chat")


def mend_of(report: Report, site: Site) -> Mend:
    """Return the mend as the report shows it; where the scan cannot tell, as it is made from the same facts."""
    case = site.case
    if not case.in_report:
        made = registry()[case.code, Framework(case.framework)](facts_of(site))
        assert made is not None
        return made
    (finding,) = (finding for finding in report.findings if finding.code == case.code)
    (shown,) = (mend for mend in finding.mends if mend.framework == case.framework)
    return shown


def with_upstream(mend: Mend, site: Site) -> Mend:
    """Put the application's real address in: a scan cannot see where it listens, as the note beside the mend says."""
    usual, real = urlsplit(USUAL_UPSTREAM), urlsplit(site.upstream)
    code = mend.code.replace(USUAL_UPSTREAM, site.upstream).replace(usual.netloc, real.netloc)
    return replace(mend, code=code.replace(f"--port {usual.port}", f"--port {real.port}"))


@pytest.mark.e2e
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_code_of_the_mend_removes_the_fault(
    case: Case, scanner: Scanner, visitor: Visitor, certificates: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if case.proxied and find_nginx() is None:
        pytest.skip("nginx is not installed (apt-get install nginx-light)")
    monkeypatch.setenv("SECRET_KEY", "a secret of the tests")  # what FastAPI's session reads
    site = Site(case, tmp_path, certificates[0])
    with site.running():
        faulty = scanner.report(site)
        assert visitor.outcome(site.page_url).startswith(case.before)
        assert not case.strangers_read or visitor.outcome(site.strangers_url).startswith(case.after)
    assert case.code in codes(faulty) or not case.in_report
    mend = with_upstream(mend_of(faulty, site), site)
    with site.running(mend.code, mend.place):
        mended = scanner.report(site)
        assert visitor.outcome(site.page_url).startswith(case.after)
        assert not case.strangers_read or visitor.outcome(site.strangers_url).startswith("failed")
    assert codes(mended) <= codes(faulty) - {case.code}
