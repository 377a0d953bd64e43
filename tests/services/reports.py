"""Reports for the tests of services: small, complete, and as the engine would make them."""

from app.core.findings import Certainty, Finding, SeamKind, Severity
from app.core.report import SCHEMA_VERSION, Architecture, CallReport, Report, Site


def finding(code: str, severity: Severity = Severity.HIGH, title: str = "A header is refused") -> Finding:
    return Finding(code, severity, SeamKind.CORS, title, Certainty.OBSERVED, "Because.")


def call(method: str, url: str, *, allowed: bool | None = True, rule: str = "A1") -> CallReport:
    return CallReport(
        id="call-1", method=method, url=url, template="", headers=(), credentials="same-origin", origin="http://app.test",
        source="script", source_excerpt="", allowed=allowed, allowed_standard=allowed, rule=rule, type="cors", preflight=False,
        certainty=Certainty.OBSERVED, why="", status=200, duration_ms=3, console="", exposed=(), path=(), sent=(), requests=(),
    )  # fmt: skip


def report(*findings: Finding, calls: tuple[CallReport, ...] = (), sentence: str = "All is in order.") -> Report:
    return Report(
        schema_version=SCHEMA_VERSION,
        site=Site("http://app.test/", "http://app.test/", "http://app.test", (), "2026-01-01T00:00:00Z", 12, sentence),
        architecture=Architecture("unknown", "unknown", 0.0, ()),
        technologies=(),
        parts=(),
        seams=(),
        calls=calls,
        findings=findings,
        requests=(),
    )
