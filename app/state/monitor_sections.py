"""The whole form of a monitor: what its kind asks for, and what every monitor has."""

from dataclasses import replace
from urllib.parse import urlsplit

from app.core.checks import Kind
from app.state.form_fields import Field, Part, Repeated, Rows, Section, Sections, Shape
from app.state.monitor_kinds import KINDS

_NAME_CHARS = 120


def _schedule(kind: Kind) -> Section:
    interval = Field("interval_s", "Every", Shape.SPAN, 60, width="m", hint="From 10 seconds to one day.")
    timeout = Field("timeout_s", "No answer after, in seconds", Shape.NUMBER, 10, width="m")
    retries = Field("retries", "Tries more before it counts as failed", Shape.NUMBER, 0, width="m")
    between = Field("retry_interval_s", "Seconds between tries", Shape.NUMBER, 5, width="m")
    counts = Part(
        (
            Field("down", "An incident opens when", Shape.NUMBER, 2, width="s"),
            Field("down_of", "bad checks are among the last", Shape.NUMBER, 2, width="s"),
            Field("up", "and closes when", Shape.NUMBER, 1, width="s"),
            Field("up_of", "good ones are among the last", Shape.NUMBER, 1, width="s"),
        ),
        title="When it counts",
        sentence=True,
    )
    if kind is Kind.HEARTBEAT:
        return Section("When it counts", (replace(counts, title=""),))
    turned = Field("upside_down", "Upside down: it is well while it cannot be reached", Shape.CHECK, False)
    more = (Part((retries, between), advanced=True), Part((turned,), advanced=True))
    return Section("Schedule", (Part((interval, timeout)), counts, *more))


_NAMED = Section("Name", (Part((Field("name", "Name", placeholder="GET /api/items", hint="Empty: made from what is asked."),)),))
_PLACE = Section(
    "Where it belongs",
    (
        Part(
            (
                Field("site_id", "Site", Shape.CHOICE, options="sites", width="m"),
                Field("group_id", "Group", Shape.CHOICE, options="groups", width="m", hint="New ones: in the list, by Change."),
                Field("tags", "Tags", Shape.WORDS, [], placeholder="production, billing", width="m"),
            )
        ),
        Part(
            (
                Field(
                    "parent_id", "Depends on", Shape.CHOICE, options="parents",
                    hint="While that one is down, this one is unreachable, not down.",
                ),
            )
        ),
        Rows(
            "labels", "Labels", "label",
            (Field("0", "Name", placeholder="team", width="m", bare=True), Field("1", "Value", placeholder="payments", bare=True)),
            fresh=["", ""], pair=True, skips=True, advanced=True, hint="None.", most=20,
        ),
        Part((Field("notes", "Notes", Shape.AREA, placeholder="What to look at first when it is down."),), advanced=True),
    ),
)  # fmt: skip


def sections_of(kind: Kind) -> Sections:
    """Return every card of the form of a kind. Paths of the check itself begin with "check."."""
    return (*(_below(one) for one in KINDS[kind].sections), _schedule(kind), Section(_NAMED.title, _NAMED.parts), _PLACE)


def _below(section: Section | Repeated) -> Section | Repeated:
    if isinstance(section, Repeated):
        return replace(section, path=f"check.{section.path}")
    parts = tuple(
        replace(part, path=f"check.{part.path}") if isinstance(part, Rows) else replace(part, fields=_fields_below(part.fields))
        for part in section.parts
    )
    return replace(section, parts=parts)


def _fields_below(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple(
        replace(
            one,
            path=f"check.{one.path}",
            when=tuple((f"check.{path}", values) for path, values in one.when),
            virtual=one.virtual and (f"check.{one.virtual[0]}", one.virtual[1]),
        )
        for one in fields
    )


def suggested_name(kind: Kind, check: object) -> str:
    """Return a name for a monitor that was given none: "GET /api/items", "app.example.com", "TLS of app.example.com"."""
    found = _first_address(check)
    parts = urlsplit(found) if "://" in found else None
    where = f"{parts.netloc}{parts.path.rstrip('/')}" if parts else found
    if kind in (Kind.API, Kind.CORS) and parts and isinstance(check, dict):
        asked = check.get("ask") or check.get("call")
        method = asked.get("method", "GET") if isinstance(asked, dict) else "GET"
        where = f"{method} {parts.path or '/'}"
        return (where if kind is Kind.API else f"CORS of {where}")[:_NAME_CHARS]
    if kind is Kind.PAGE and where:
        return where[:_NAME_CHARS]
    return (f"{KINDS[kind].words}: {where}" if where else KINDS[kind].words)[:_NAME_CHARS]


def _first_address(value: object) -> str:
    """Return the address in a check, as it was typed; "" when there is none."""
    if not isinstance(value, dict):
        return ""
    for name in ("url", "page_url", "issuer", "host", "domain", "name"):
        if isinstance(text := value.get(name), str) and text:
            return text
    for name in ("ask", "call"):
        if found := _first_address(value.get(name)):
            return found
    steps = value.get("steps")
    return _first_address(steps[0].get("ask")) if isinstance(steps, list) and steps and isinstance(steps[0], dict) else ""
