"""The form of a maintenance window: what was typed, as the service takes it and back, when it would hold next, and in words. Pure.

Times are typed as the clocks of a zone show them. What comes weekly is stored as cron.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.core.described import span
from app.core.schedule import BadSchedule, Maintenance, next_maintenance, weekly, zone
from app.services.errors import FieldError, Invalid
from app.services.maintenance import WindowDraft, WindowRow
from app.state.typed import text

ONCE, WEEKLY, CRON = "once", "weekly", "cron"
EVERYTHING, SITES, TAGS, MONITORS = "everything", "sites", "tags", "monitors"
DAYS = (("1", "Mon"), ("2", "Tue"), ("3", "Wed"), ("4", "Thu"), ("5", "Fri"), ("6", "Sat"), ("0", "Sun"))
UNITS = (("60", "minutes"), ("3600", "hours"), ("86400", "days"))
_WEEKLY = re.compile(r"(\d{1,2}) (\d{1,2}) \* \* ([0-6](?:,[0-6])*)")
_AHEAD = 3
# Suggested; any other of the IANA's names can be typed.
ZONES = (
    "UTC", "Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "America/Bogota", "America/Chicago", "America/Denver",
    "America/Los_Angeles", "America/Mexico_City", "America/New_York", "America/Sao_Paulo", "America/Toronto", "Asia/Bangkok",
    "Asia/Dubai", "Asia/Hong_Kong", "Asia/Jakarta", "Asia/Jerusalem", "Asia/Karachi", "Asia/Kolkata", "Asia/Manila", "Asia/Seoul",
    "Asia/Shanghai", "Asia/Singapore", "Asia/Tokyo", "Australia/Perth", "Australia/Sydney", "Europe/Amsterdam", "Europe/Athens",
    "Europe/Berlin", "Europe/Dublin", "Europe/Helsinki", "Europe/Istanbul", "Europe/Kyiv", "Europe/Lisbon", "Europe/London",
    "Europe/Madrid", "Europe/Paris", "Europe/Prague", "Europe/Rome", "Europe/Stockholm", "Europe/Vienna", "Europe/Warsaw",
    "Europe/Zurich", "Pacific/Auckland",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WindowForm:
    """What stands in the fields."""

    name: str = ""
    how: str = ONCE
    starts: str = ""  # "2026-11-22T19:30", as datetime-local gives it
    ends: str = ""
    days: tuple[str, ...] = ()  # "0" is Sunday
    at: str = "02:00"
    cron: str = ""
    zone: str = "UTC"
    length: str = "1"
    unit: str = "3600"
    what: str = EVERYTHING
    sites: tuple[str, ...] = ()
    tags: str = ""
    monitors: tuple[str, ...] = ()


def read(form: Mapping[str, object], how: str, what: str, monitors: tuple[str, ...]) -> WindowForm:
    """Take what a form sent. Any client may send anything: nothing but short texts is taken."""
    return WindowForm(
        name=text(form, "name"),
        how=how if how in (ONCE, WEEKLY, CRON) else ONCE,
        starts=text(form, "starts", 40),
        ends=text(form, "ends", 40),
        days=tuple(day for day, _ in DAYS if text(form, f"day-{day}")),
        at=text(form, "at", 20),
        cron=text(form, "cron", 200),
        zone=text(form, "zone", 80),
        length=text(form, "length", 20),
        unit=text(form, "unit", 10),
        what=what if what in (EVERYTHING, SITES, TAGS, MONITORS) else EVERYTHING,
        sites=tuple(str(key).removeprefix("site-") for key in form if str(key).startswith("site-") and text(form, str(key)))[:500],
        tags=text(form, "tags", 2000),
        monitors=monitors,
    )


def to_draft(form: WindowForm) -> WindowDraft:
    """Return what the service takes. Raises Invalid, by the fields of this form, for what it could not even be asked."""
    errors = [] if form.name else [FieldError("name", "Enter a name.")]
    if form.what == SITES and not form.sites:
        errors.append(FieldError("sites", "Choose at least one site."))
    if form.what == TAGS and not _tags(form):
        errors.append(FieldError("tags", "Write at least one tag."))
    if form.what == MONITORS and not form.monitors:
        errors.append(FieldError("monitors", "Choose at least one monitor."))
    made = WindowDraft(
        form.name,
        zone=form.zone,
        monitors=form.monitors if form.what == MONITORS else (),
        tags=_tags(form) if form.what == TAGS else (),
        sites=form.sites if form.what == SITES else (),
    )
    try:
        made = _when(form, made)
    except Invalid as error:
        errors = [*error.errors, *errors]
    if errors:
        raise Invalid(errors[0].field, errors[0].message, *errors[1:])
    return made


def _tags(form: WindowForm) -> tuple[str, ...]:
    return tuple(tag for tag in (part.strip() for part in form.tags.split(",")) if tag)


def _when(form: WindowForm, made: WindowDraft) -> WindowDraft:
    try:
        zone(form.zone)
    except BadSchedule as error:
        raise Invalid("zone", str(error)) from error
    if form.how == ONCE:
        starts, ends = _moment(form.starts, form.zone), _moment(form.ends, form.zone)
        missing = [FieldError(field, "Choose a day and a time.") for field, at in (("starts", starts), ("ends", ends)) if at is None]
        if starts is None or ends is None:
            raise Invalid(missing[0].field, missing[0].message, *missing[1:])
        if starts >= ends:
            raise Invalid("ends", "The end is not after the start.")
        return WindowDraft(made.name, starts, ends, zone=made.zone, monitors=made.monitors, tags=made.tags, sites=made.sites)
    return WindowDraft(
        made.name,
        cron=_weekly(form) if form.how == WEEKLY else _cron(form),
        zone=made.zone,
        duration_s=_length(form),
        monitors=made.monitors,
        tags=made.tags,
        sites=made.sites,
    )


def _moment(typed: str, zone_name: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(typed)
        if moment.tzinfo is None:
            return moment.replace(tzinfo=zone(zone_name)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    return None


def _weekly(form: WindowForm) -> str:
    hour, colon, minute = form.at.partition(":")
    if not (colon and hour.isascii() and hour.isdigit() and minute[:2].isascii() and minute[:2].isdigit() and len(hour) < 3):
        raise Invalid("at", "Write a time of the day, like 02:00.")
    if not form.days:
        raise Invalid("days", "Choose at least one day.")
    try:
        return weekly(map(int, form.days), int(hour), int(minute[:2]))
    except BadSchedule as error:
        raise Invalid("at", str(error)) from error


def _cron(form: WindowForm) -> str:
    if not form.cron:
        raise Invalid("cron", "Write a cron expression of five fields, like 0 2 * * 1.")
    return form.cron


def _length(form: WindowForm) -> int:
    whole = form.length.isascii() and form.length.isdigit() and len(form.length) < 7
    if not whole or form.unit not in dict(UNITS) or not int(form.length):
        raise Invalid("length", "Write how long it lasts, as a whole number.")
    return int(form.length) * int(form.unit)


def of_row(row: WindowRow) -> WindowForm:
    """Return the form that a window is edited in."""
    what = SITES if row.sites else TAGS if row.tags else MONITORS if row.monitors else EVERYTHING
    found = _WEEKLY.fullmatch(row.cron)
    unit = next((unit for unit in ("86400", "3600") if row.duration_s and row.duration_s % int(unit) == 0), "60")
    return WindowForm(
        name=row.name,
        how=WEEKLY if found else CRON if row.cron else ONCE,
        starts=_typed(row.starts_at, row.zone),
        ends=_typed(row.ends_at, row.zone),
        days=tuple(found[3].split(",")) if found else (),
        at=f"{int(found[2]):02}:{int(found[1]):02}" if found else "02:00",
        cron=row.cron if not found else "",
        zone=row.zone,
        length=str(row.duration_s // int(unit)) if row.duration_s else "1",
        unit=unit if row.duration_s else "3600",
        what=what,
        sites=row.sites,
        tags=", ".join(row.tags),
        monitors=row.monitors,
    )


def _typed(moment: datetime | None, zone_name: str) -> str:
    return moment.astimezone(zone(zone_name)).strftime("%Y-%m-%dT%H:%M") if moment else ""


def coming(form: WindowForm, now: datetime) -> tuple[list[str], str]:
    """Return when the window of a form begins next, as `ahead` does, and why there is no such time; one of both is empty."""
    try:
        found = ahead(to_draft(form), now)
    except Invalid:
        return [], "Fill in the times, and the next ones stand here."
    if found:
        return found, ""
    return [], "Its start has passed." if form.how == ONCE else "These times cannot be read, or never come."


def ahead(draft: WindowDraft | WindowRow, now: datetime) -> list[str]:
    """Return when the window begins, the next three times, as the clocks of its zone show it; [] when it never does or cannot."""
    try:
        schedule = Maintenance(draft.starts_at, draft.ends_at, draft.cron, draft.zone, timedelta(seconds=draft.duration_s))
        begins, found = next_maintenance(schedule, now), []
        while begins is not None and len(found) < _AHEAD:
            found.append(local(begins, draft.zone))
            begins = next_maintenance(schedule, begins)
    except (BadSchedule, OverflowError):
        return []
    return found


def local(moment: datetime, zone_name: str) -> str:
    """Return "Mon 23 Nov 2026, 02:00", as the clocks of a zone show it."""
    at = moment.astimezone(zone(zone_name))
    return f"{at:%a} {at.day} {at:%b %Y, %H:%M}"


def words(row: WindowRow) -> str:
    """Return when a window holds: "Mon, Wed at 02:00 for 1 h (Europe/Berlin)"."""
    if not row.cron:
        assert row.starts_at is not None
        assert row.ends_at is not None
        return f"{local(row.starts_at, row.zone)} to {local(row.ends_at, row.zone)} ({row.zone})"
    found = _WEEKLY.fullmatch(row.cron)
    if found is None:
        return f"{row.cron} for {span(row.duration_s)} ({row.zone})"
    chosen = found[3].split(",")
    days = "Every day" if len(chosen) == len(DAYS) else ", ".join(word for day, word in DAYS if day in chosen)
    return f"{days} at {int(found[2]):02}:{int(found[1]):02} for {span(row.duration_s)} ({row.zone})"


def next_words(row: WindowRow, now: datetime) -> str:
    """Return what follows of a window that comes again: "until Sun 22 Nov 2026, 08:14", "next Mon 23 Nov 2026, 02:00, then …"."""
    if row.state == "now":
        return f"until {local(row.until, row.zone)}" if row.until and row.cron else ""
    found = ahead(row, now) if row.cron else []
    return f"next {found[0]}" + (f", then {' and '.join(found[1:])}" if found[1:] else "") if found else ""
