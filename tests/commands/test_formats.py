"""A report in each format, for people and for programs."""

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from app.commands.formats import render
from app.core.report_json import UnreadableReport, dump, load, schema

HOSTILE = "<script>alert(1)</script>"


def test_json_fits_the_published_schema_and_reads_back_as_the_same_report(report):
    text = render(report, "json")
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(json.loads(text), schema(), cls=jsonschema.Draft202012Validator)
    assert load(text) == report


def test_json_has_the_promised_top_level(report):
    assert {"schema_version", "site", "architecture", "technologies", "seams", "calls", "findings", "requests"} <= set(
        json.loads(dump(report))
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not a Seamwatch report"),
        ("[]", "not a Seamwatch report"),
        ('{"schema_version": 999}', "Update it"),
        ('{"schema_version": 1}', "damaged"),
    ],
)
def test_what_is_not_a_readable_report_is_refused_in_words(text, says):
    with pytest.raises(UnreadableReport, match=says):
        load(text)


def test_html_escapes_what_the_site_said_and_runs_no_script(report):
    html = render(report, "html")
    assert HOSTILE not in html
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert 'href="http' not in html


def test_html_shows_verdict_map_evidence_mend_and_path(report):
    html = render(report, "html")
    for part in ("COR-06", 'class="map"', 'class="hl"', "CORS_ALLOW_HEADERS", "Stops here", "x-workspace-id"):
        assert part in html


def test_html_shows_a_finding_that_names_no_call(report):
    finding = replace(report.findings[0], calls=())
    html = render(replace(report, findings=(finding,)), "html")
    assert "COR-06" in html
    assert "Verdict path" not in html


def test_text_says_the_verdict_first_and_then_finding_path_and_mend(report):
    text = render(report, "text")
    assert text.startswith("Browsers block the only call")
    assert "HIGH     COR-06" in text
    assert "✗ Preflight: a header is refused [P5]" in text
    assert "pip install django-cors-headers" in text
    assert "\x1b" not in text


def test_text_in_colour_only_when_asked(report):
    assert "\x1b[" in render(report, "text", color=True)


def test_sarif_names_rule_level_place_and_a_stable_fingerprint(report):
    log = json.loads(render(report, "sarif"))
    run = log["runs"][0]
    assert log["version"] == "2.1.0"
    assert run["tool"]["driver"]["rules"][0]["id"] == "COR-06"
    result = run["results"][0]
    assert (result["ruleId"], result["level"]) == ("COR-06", "error")
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "https://api.example/api/x"
    assert result["partialFingerprints"] == json.loads(render(report, "sarif"))["runs"][0]["results"][0]["partialFingerprints"]


def test_junit_fails_the_check_and_the_blocked_call_and_skips_the_unknown_one(report):
    root = ET.fromstring(render(report, "junit"))  # our own text
    checks, calls = root.findall("testsuite")
    assert [case.get("name") for case in checks.findall("testcase") if case.find("failure") is not None] == ["COR-06"]
    assert (calls.get("failures"), calls.get("skipped")) == ("1", "1")
