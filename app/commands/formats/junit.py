"""JUnit XML, as CI servers read it: one test case for each check, and one for each call."""

from xml.etree import ElementTree as ET

from app.core.findings import Finding, Severity
from app.core.report import Report
from app.core.rules import registry


def as_junit(report: Report) -> str:
    """Return the report as JUnit XML. A finding of medium or worse fails its check; a blocked call fails."""
    root = ET.Element("testsuites", name="Seamwatch")
    _suite(root, "seams", report, [(code, [finding for finding in report.findings if finding.code == code]) for code in registry()])
    calls = ET.SubElement(root, "testsuite", name="calls", tests=str(len(report.calls)))
    failed = 0
    for call in report.calls:
        case = ET.SubElement(
            calls, "testcase", classname="calls", name=f"{call.method} {call.url}", time=f"{(call.duration_ms or 0) / 1000:.3f}"
        )
        if call.allowed is None:
            ET.SubElement(case, "skipped", message=clean(call.why or "unknown"))
        elif not call.allowed:
            failed += 1
            ET.SubElement(case, "failure", type=call.rule, message=clean(f"blocked at {call.rule}")).text = clean(call.console)
    calls.set("failures", str(failed))
    calls.set("skipped", str(sum(call.allowed is None for call in report.calls)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _suite(root: ET.Element, name: str, report: Report, checks: list[tuple[str, list[Finding]]]) -> None:
    suite = ET.SubElement(
        root, "testsuite", name=name, tests=str(len(checks)), timestamp=report.site.scanned_at, time=f"{report.site.duration_ms / 1000:.3f}"
    )
    failed = 0
    for code, findings in checks:
        case = ET.SubElement(suite, "testcase", classname=name, name=code)
        serious = [finding for finding in findings if finding.severity.rank <= Severity.MEDIUM.rank]
        if serious:
            failed += 1
            text = "\n\n".join(f"[{finding.severity.value}] {finding.title}\n{finding.explanation}" for finding in findings)
            ET.SubElement(case, "failure", type=serious[0].severity.value, message=clean(serious[0].title)).text = clean(text)
        elif findings:
            ET.SubElement(case, "system-out").text = clean(findings[0].title)
    suite.set("failures", str(failed))


def clean(text: str) -> str:
    """Return the text without the control characters that XML 1.0 cannot carry."""
    return "".join(letter for letter in text if letter in "\t\n\r" or ord(letter) >= 0x20)
