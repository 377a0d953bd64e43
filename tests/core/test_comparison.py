"""Two reports side by side."""

from app.core.comparison import compare
from app.core.findings import Severity
from tests.services.reports import call, finding, report


def test_the_same_report_has_no_difference():
    same = report(finding("COR-01"), calls=(call("GET", "http://a/x"),))
    difference = compare(same, same)
    assert (difference.new, difference.gone, difference.calls_new, difference.calls_gone, difference.calls_changed) == ((),) * 5
    assert [line.code for line in difference.unchanged] == ["COR-01"]
    assert difference.calls_unchanged == 1


def test_new_findings_come_worst_first():
    difference = compare(report(), report(finding("API-05", Severity.LOW), finding("COR-01", Severity.CRITICAL)))
    assert [line.code for line in difference.new] == ["COR-01", "API-05"]


def test_of_two_alike_one_that_is_mended_is_gone():
    difference = compare(report(finding("COR-01"), finding("COR-01")), report(finding("COR-01")))
    assert (len(difference.gone), len(difference.unchanged), len(difference.new)) == (1, 1, 0)


def test_one_code_with_another_title_is_another_finding():
    difference = compare(report(finding("COR-01", title="A")), report(finding("COR-01", title="B")))
    assert [line.title for line in difference.new + difference.gone] == ["B", "A"]


def test_calls_change_when_the_verdict_or_its_rule_does():
    before = report(calls=(call("GET", "http://a/x"), call("PUT", "http://a/y", allowed=False, rule="P4"), call("GET", "http://a/gone")))
    after = report(calls=(call("GET", "http://a/x"), call("PUT", "http://a/y", allowed=False, rule="P5"), call("GET", "http://a/new")))
    difference = compare(before, after)
    assert [(change.url, change.was.rule, change.now.rule) for change in difference.calls_changed] == [("http://a/y", "P4", "P5")]
    assert [line.url for line in difference.calls_new + difference.calls_gone] == ["http://a/new", "http://a/gone"]
    assert difference.calls_unchanged == 1
