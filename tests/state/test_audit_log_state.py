"""What the audit log's page makes of a filter, and what forms send."""

from datetime import UTC, datetime

import pytest

from app.services.access import Action, Actor, Role
from app.services.audit import AuditFilter, Did
from app.services.errors import Invalid
from app.state import typed
from app.state.audit_log import ACTIONS, _export_url, _midnight
from app.state.roles import why_not


def test_every_action_can_be_filtered_by():
    offered = {code for _, actions in ACTIONS for code, _ in actions}
    assert offered >= {did.value for did in Did}


def test_a_day_begins_at_midnight_utc():
    assert _midnight("2026-03-29", "since") == datetime(2026, 3, 29, tzinfo=UTC)
    assert _midnight("", "since") is None


@pytest.mark.parametrize("day", ["2026-02-30", "yesterday", "2026-13-01", "0000-00-00"])
def test_what_is_no_day_is_said_at_its_field(day: str):
    with pytest.raises(Invalid) as caught:
        _midnight(day, "until")
    assert caught.value.field == "until"


def test_an_export_has_the_same_filter_as_the_page():
    since = datetime(2026, 3, 29, tzinfo=UTC)
    assert _export_url(AuditFilter("a b&c", "secret", "Bob", since), "csv").endswith(
        "/download/audit.csv?text=a+b%26c&action=secret&actor=Bob&since=2026-03-29T00%3A00%3A00Z"
    )
    assert _export_url(AuditFilter(), "jsonl").endswith("/download/audit.jsonl")


@pytest.mark.parametrize("form", [None, [], "text", {"name": None}, {"name": 7}, {"name": ["x"]}, {}])
def test_nothing_but_text_is_taken_from_a_form(form: object):
    assert typed.text(form, "name") == ""
    assert typed.number(form, "name") == -1


@pytest.mark.parametrize(("sent", "read"), [("7", 7), (" 30 ", 30), ("0", 0), ("-1", -1), ("1e3", -1), ("٣", -1), ("12345678901", -1)])
def test_numbers_are_whole_or_none(sent: str, read: int):
    assert typed.number({"days": sent}, "days") == read


def test_whoever_may_is_told_nothing_and_whoever_may_not_is_told_who_can():
    viewer = Actor(1, "Vera", 1, "Fernway", Role.VIEWER)
    assert why_not(viewer, Action.CHANGE_WORKSPACE, "An admin can.") == "You are a viewer here. An admin can."
    assert why_not(Actor(1, "Alice", 1, "Fernway", Role.ADMIN), Action.CHANGE_WORKSPACE, "An admin can.") == ""
