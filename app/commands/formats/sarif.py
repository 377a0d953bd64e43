"""SARIF 2.1.0, as code hosts read it. Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html"""

import hashlib
import json
from typing import Any

from app.core.findings import Finding
from app.core.report import Report

LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
# GitHub sorts by this number, 0.0 to 10.0.
SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "info": "1.0"}


def as_sarif(report: Report) -> str:
    """Return the findings as a SARIF log with one run."""
    rules = {finding.code: _rule(finding) for finding in reversed(report.findings)}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "Seamwatch", "rules": [rules[code] for code in sorted(rules)]}},
                "invocations": [{"executionSuccessful": True, "endTimeUtc": report.site.scanned_at}],
                "results": [_result(finding, report) for finding in report.findings],
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False)


def _rule(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.code,
        "shortDescription": {"text": finding.title},
        "fullDescription": {"text": finding.explanation},
        "defaultConfiguration": {"level": LEVELS[finding.severity]},
        "properties": {"security-severity": SCORES[finding.severity], "tags": [finding.seam.value]},
    }


def _result(finding: Finding, report: Report) -> dict[str, Any]:
    urls = [call.url for call in report.calls if call.id in finding.calls]
    urls += [request.url for piece in finding.evidence for request in report.requests if request.id == piece.exchange]
    address = next(iter(urls), report.site.final_url)
    fingerprint = hashlib.sha256(f"{finding.code}\n{finding.title}\n{report.site.page_origin}".encode()).hexdigest()
    mends = "".join(f"\n\n{mend.framework.value}, {mend.place}:\n{mend.code}" for mend in finding.mends[:1])
    return {
        "ruleId": finding.code,
        "level": LEVELS[finding.severity],
        "message": {"text": f"{finding.title}. {finding.explanation}{mends}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": address}}}],
        "partialFingerprints": {"seamwatch/v1": fingerprint},
        "properties": {"certainty": finding.certainty.value, "severity": finding.severity.value, "seam": finding.seam.value},
    }
