"""The form of a maintenance window: what was typed becomes a window and comes back; when it holds next, in its zone's time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.services.errors import Invalid
from app.services.maintenance import WindowDraft, WindowRow
from app.state import maintenance_form as forms
from app.state.maintenance_form import WindowForm

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)  # two days before Berlin's clocks go on
ONCE = WindowForm("Move", starts="2026-03-28T23:00", ends="2026-03-29T04:00", zone="Europe/Berlin")
WEEKLY = WindowForm("Backup", how=forms.WEEKLY, days=("1", "3"), at="02:30", zone="Europe/Berlin", length="90", unit="60")
CRON = WindowForm("Reports", how=forms.CRON, cron="0 3 1 * *", length="2")


def row(draft: WindowDraft, **changes: object) -> WindowRow:
    made = WindowRow(
        "id", draft.name, draft.starts_at, draft.ends_at, draft.cron, draft.zone, draft.duration_s, draft.monitors, draft.tags, draft.sites,
        "next", None, None, "", "",
    )  # fmt: skip
    return replace(made, **changes)  # pyright: ignore[reportArgumentType]


def faults(form: WindowForm) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        forms.to_draft(form)
    return {error.field: error.message for error in refused.value.errors}


def test_times_are_those_of_the_zone_also_where_an_hour_is_left_out():
    draft = forms.to_draft(ONCE)
    assert draft.starts_at == datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert draft.ends_at == datetime(2026, 3, 29, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "form",
    [
        ONCE,
        WEEKLY,
        CRON,
        replace(ONCE, what=forms.SITES, sites=("one", "two")),
        replace(CRON, what=forms.TAGS, tags="eu, production"),
        replace(WEEKLY, what=forms.MONITORS, monitors=("one",)),
    ],
)
def test_what_is_stored_comes_back_into_the_form_as_it_was_typed(form: WindowForm):
    assert forms.to_draft(forms.of_row(row(forms.to_draft(form)))) == forms.to_draft(form)
    assert forms.of_row(row(forms.to_draft(form))).how == form.how


def test_weekly_windows_are_cron_that_reads_like_days():
    draft = forms.to_draft(WEEKLY)
    assert (draft.cron, draft.duration_s) == ("30 2 * * 1,3", 5400)
    assert forms.words(row(draft)) == "Mon, Wed at 02:30 for 90 min (Europe/Berlin)"
    assert forms.words(row(replace(draft, cron="0 0 * * 0,1,2,3,4,5,6"))) == "Every day at 00:00 for 90 min (Europe/Berlin)"


def test_the_next_three_times_are_said_as_the_zones_clocks_show_them():
    draft = forms.to_draft(WEEKLY)
    told = ["Mon 30 Mar 2026, 02:30", "Wed 1 Apr 2026, 02:30", "Mon 6 Apr 2026, 02:30"]
    assert forms.ahead(draft, NOW) == told
    assert forms.next_words(row(draft), NOW) == f"next {told[0]}, then {told[1]} and {told[2]}"
    assert forms.ahead(forms.to_draft(ONCE), NOW) == ["Sat 28 Mar 2026, 23:00"]
    assert forms.ahead(forms.to_draft(ONCE), NOW + timedelta(days=3)) == []
    assert forms.ahead(replace(draft, cron="nonsense"), NOW) == []


def test_that_there_are_no_next_times_is_said_with_why():
    now = datetime(2026, 3, 1, tzinfo=UTC)
    empty = WindowForm(name="any")
    assert forms.coming(empty, now) == ([], "Fill in the times, and the next ones stand here.")
    once = replace(empty, starts="2026-03-02T10:00", ends="2026-03-02T11:00")
    assert forms.coming(once, now) == (["Mon 2 Mar 2026, 10:00"], "")
    assert forms.coming(once, now + timedelta(days=30)) == ([], "Its start has passed.")
    assert forms.coming(replace(empty, how="cron", cron="0 25 * * *"), now) == ([], "These times cannot be read, or never come.")


def test_all_that_is_missing_is_said_at_once():
    assert set(faults(WindowForm())) == {"name", "starts", "ends"}
    assert set(faults(WindowForm(how=forms.WEEKLY, what=forms.SITES))) == {"name", "days", "sites"}
    assert set(faults(replace(CRON, cron="", what=forms.TAGS, tags=" , "))) == {"cron", "tags"}
    assert set(faults(replace(ONCE, what=forms.MONITORS))) == {"monitors"}


@pytest.mark.parametrize(
    ("form", "field"),
    [
        (replace(ONCE, ends=ONCE.starts), "ends"),
        (replace(ONCE, zone="Mars/Olympus"), "zone"),
        (replace(ONCE, starts="yesterday"), "starts"),
        (replace(ONCE, starts="2026-03-28T23:00+01:00"), "starts"),
        (replace(WEEKLY, at="25:00"), "at"),
        (replace(WEEKLY, at="late"), "at"),
        (replace(WEEKLY, length="0"), "length"),
        (replace(WEEKLY, length="1.5"), "length"),
        (replace(CRON, unit="1"), "length"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_field(form: WindowForm, field: str):
    assert set(faults(form)) == {field}


def test_whatever_a_client_sends_is_taken_for_short_texts_or_for_nothing():
    form = forms.read({"name": ["x"], "starts": 7, "day-1": "on", "day-9": "on", "site-a": "on", "zone": "x" * 999}, "odd", "odd", ())
    assert (form.name, form.starts, form.days, form.sites, len(form.zone)) == ("", "", ("1",), ("a",), 80)
    assert (form.how, form.what) == (forms.ONCE, forms.EVERYTHING)
