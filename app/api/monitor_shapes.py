"""How monitors and what their checks found look to programs."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from app.api.shapes import Answer, Asked
from app.core.assertions import Finding
from app.core.checks import Kind
from app.core.exchange import Exchange
from app.services.monitor_form import Draft
from app.services.monitors import BulkChange, MonitorDetail
from app.services.overview import Row

Window = Literal["1h", "6h", "24h", "7d", "30d", "90d", "1y"]
_ID = "b0Jq3vYx7mZr5sKd"
_CHECK = {"ask": {"url": "https://shop.example/api/me", "assertions": [{"subject": "status", "operator": "is", "value": "200"}]}}


class MonitorAsked(Asked):
    """All of a monitor. What is left out gets what suits most; `GET /api/v1/monitors/defaults/{kind}` says what suits a kind."""

    name: str = Field(max_length=200, examples=["GET /api/me"])
    kind: str = Field(description=f"One of {', '.join(Kind)}. It stays as it is.", max_length=20, examples=["api"])
    check: dict[str, Any] = Field(
        description="The configuration of this kind. A secret that is written in it goes into the vault, and `{{secret.NAME}}` stays.",
        examples=[_CHECK],
    )
    interval_s: float = Field(default=60, description="From 10 s to a day.")
    timeout_s: float = Field(default=10, description="At most the interval, and 120 s: of flows 300, of WebSockets 180, of scans 900.")
    retries: int = Field(default=0, description="Tries more before a check counts as failed, up to 10.")
    retry_interval_s: float = Field(default=5)
    down: int = Field(default=2, description="So many bad ones of the last `down_of` checks open an incident.")
    down_of: int = Field(default=2, description="At most 20.")
    up: int = Field(default=1, description="So many good ones of the last `up_of` checks close it.")
    up_of: int = Field(default=1, description="At most 20.")
    upside_down: bool = Field(default=False, description="Whether it must not be reached.")
    site_id: str = Field(default="", description="Empty for none; so with the next two.", max_length=64)
    group_id: str = Field(default="", max_length=64)
    parent_id: str = Field(
        default="", description="The monitor that this one depends on: while that is down, this is unreachable.", max_length=64
    )
    tags: list[str] = Field(default_factory=list, max_length=50, examples=[["shop"]])
    labels: dict[str, str] = Field(default_factory=dict, examples=[{"team": "web"}])
    notes: str = Field(default="", max_length=10_000)
    paused: bool = False

    def draft(self) -> Draft:
        return Draft(**written(self.model_dump()))


def written(values: dict[str, Any]) -> dict[str, Any]:
    """Return fields of a body as a draft has them."""
    changed = dict(values)
    if "labels" in changed:
        changed["labels"] = tuple(changed["labels"].items())
    if "tags" in changed:
        changed["tags"] = tuple(changed["tags"])
    return changed


class MonitorPatch(Asked):
    """Some fields of a monitor; the others stay. `check` is replaced whole."""

    name: str = Field(default="", max_length=200)
    check: dict[str, Any] = Field(default_factory=dict)
    interval_s: float = 0
    timeout_s: float = 0
    retries: int = 0
    retry_interval_s: float = 0
    down: int = 0
    down_of: int = 0
    up: int = 0
    up_of: int = 0
    upside_down: bool = False
    site_id: str = Field(default="", max_length=64)
    group_id: str = Field(default="", max_length=64)
    parent_id: str = Field(default="", max_length=64)
    tags: list[str] = Field(default_factory=list, max_length=50)
    labels: dict[str, str] = Field(default_factory=dict)
    notes: str = Field(default="", max_length=10_000)
    paused: bool = False

    def changes(self) -> dict[str, Any]:
        return written(self.model_dump(exclude_unset=True))


class MonitorWritten(Answer):
    """As it was written, and can be sent back."""

    name: str
    kind: str
    check: dict[str, Any] = Field(description="Secrets stand in it by name.")
    interval_s: float
    timeout_s: float
    retries: int
    retry_interval_s: float
    down: int
    down_of: int
    up: int
    up_of: int
    upside_down: bool
    site_id: str
    group_id: str
    parent_id: str
    tags: list[str]
    labels: dict[str, str]
    notes: str
    paused: bool

    @classmethod
    def of(cls, draft: Draft) -> "MonitorWritten":
        return cls.model_validate({name: getattr(draft, name) for name in cls.model_fields} | {"labels": dict(draft.labels)})


class Incident(Answer):
    id: str = Field(examples=[_ID])
    monitor_id: str
    monitor: str
    kind: str
    severity: Literal["degraded", "down"] = Field(description="The worst that it was.")
    cause: str = Field(examples=["timeout"])
    text: str = Field(examples=["No answer within 10 s."])
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str = Field(description="`check`, `maintenance`, `paused` or `deleted`; empty while it is open.")


class MonitorListed(Answer):
    id: str = Field(examples=[_ID])
    name: str
    kind: str
    address: str = Field(description="Where it goes; secrets in it hashed.")
    status: str = Field(description="up, degraded, down, unreachable, unknown, pending, maintenance or paused.")
    since: datetime | None = Field(description="Since when it stands so.")
    reason: str = Field(description="Of its open incident; empty without one.")
    site: str
    tags: list[str]
    uptime: float | None = Field(description="Over 30 days, 0 to 1; null while it was never checked.")
    p95_ms: int | None = Field(description="Of the last 24 hours that are over.")
    last_s: int = Field(description="When its last check was due, in seconds since 1970; 0 while there is none.")
    last_ms: int = Field(description="How long that took; -1 when nothing answered.")
    interval_s: float

    @classmethod
    def of(cls, row: Row) -> "MonitorListed":
        values = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        cell = row.cell
        return cls.model_validate(values | {"status": cell.status, "last_s": cell.last_s, "last_ms": cell.last_ms, "tags": list(row.tags)})


class Monitor(MonitorWritten):
    id: str = Field(examples=[_ID])
    status: str = Field(description="up, degraded, down, unreachable, unknown, pending, maintenance or paused.")
    standing: str = Field(description="By its votes alone: pending, up, degraded or down.")
    standing_since: datetime | None
    unknown_since: datetime | None = Field(description="Since when checks cannot tell; null while the newest one could.")
    created_at: datetime
    changed_at: datetime
    paused_at: datetime | None
    site: str
    group: str = Field(examples=["Shop / Checkout"])
    parent: str
    incident: Incident | None
    worse: bool = Field(
        description="Of a skew or scan monitor: whether what it found last is worse than what it compares with, and can be accepted."
    )
    heartbeat_url: str = Field(description="Where a heartbeat is called; empty for other kinds, and for who may not change it.")
    made_secrets: list[str] = Field(description="Names under which this change put secrets into the vault.")

    @classmethod
    def whole(cls, detail: MonitorDetail) -> "Monitor":
        rest = {name: getattr(detail, name) for name in cls.model_fields if hasattr(detail, name)}
        rest["made_secrets"] = list(detail.made_secrets)
        return cls.model_validate(MonitorWritten.of(detail.draft).model_dump() | rest)


class Ids(Asked):
    ids: list[str] = Field(description="At most 500.", min_length=1, max_length=500, examples=[[_ID]])


class BulkAsked(Ids):
    """What to change of several monitors, all or none. What is left out stays."""

    interval_s: float | None = None
    timeout_s: float | None = None
    retries: int | None = None
    down: int | None = None
    down_of: int | None = None
    up: int | None = None
    up_of: int | None = None
    add_tags: list[str] = Field(default_factory=list, max_length=50)
    remove_tags: list[str] = Field(default_factory=list, max_length=50)
    group_id: str | None = Field(default=None, description="Empty takes them out of their group; so with the next two.", max_length=64)
    site_id: str | None = Field(default=None, max_length=64)
    parent_id: str | None = Field(default=None, max_length=64)

    def change(self) -> BulkChange:
        values = self.model_dump(exclude={"ids"})
        values["add_tags"], values["remove_tags"] = tuple(self.add_tags), tuple(self.remove_tags)
        return BulkChange(**values)


class Changed(Answer):
    count: int


class Copied(Answer):
    id: str = Field(examples=[_ID])


# What checks found.


class TimingShown(Answer):
    """Milliseconds since the start at which each phase was over; 0 when it did not happen."""

    dns_ms: float
    connect_ms: float
    tls_ms: float
    first_byte_ms: float
    total_ms: float


class FindingShown(Answer):
    words: str = Field(examples=["status is 200"])
    warns: bool = Field(description="Whether a failure means degraded, not down.")
    held: bool
    found: str
    problem: str = Field(description="Why it could not be looked at; empty otherwise.")

    @classmethod
    def of(cls, finding: Finding) -> "FindingShown":
        return cls(
            words=finding.assertion.words, warns=finding.assertion.warns, held=finding.held, found=finding.found, problem=finding.problem
        )


class ExchangeShown(Answer):
    """One request and its answer; secrets masked, bodies cut."""

    method: str
    url: str
    request_headers: list[tuple[str, str]]
    status: int = Field(description="0 when nothing answered.")
    response_headers: list[tuple[str, str]]
    body: str
    truncated: bool
    failure: str = Field(description="Why nothing answered; empty otherwise.")
    http_version: str
    address: str
    timing: TimingShown

    @classmethod
    def of(cls, exchange: Exchange) -> "ExchangeShown":
        return cls(
            method=exchange.method,
            url=exchange.url,
            request_headers=list(exchange.request_headers),
            status=exchange.status,
            response_headers=list(exchange.response.headers) if exchange.response else [],
            body=exchange.text(),
            truncated=exchange.truncated,
            failure=exchange.failure_text,
            http_version=exchange.http_version,
            address=exchange.address,
            timing=TimingShown.model_validate(exchange.timing),
        )


class TryAsked(Asked):
    kind: str = Field(max_length=20, examples=["api"])
    check: dict[str, Any] = Field(examples=[_CHECK])
    timeout_s: float = 10
    monitor_id: str = Field(default="", description="The monitor that is being changed; empty for a new one.", max_length=64)


class Tried(Answer):
    outcome: str = Field(examples=["up"])
    cause: str
    text: str = Field(description="Why it is not up.")
    code: int
    timing: TimingShown | None
    findings: list[FindingShown]
    exchanges: list[ExchangeShown]
    facts: list[tuple[str, str]]


class Result(Answer):
    due_ms: int = Field(description="When it was due, in milliseconds since 1970; its name within the monitor.")
    outcome: str = Field(description="up, degraded, down, unknown or unreachable.")
    cause: str
    code: int
    timing: TimingShown | None
    late: bool
    maintained: bool = Field(description="Whether it fell into a maintenance window, and so does not count.")
    text: str
    has_detail: bool


class Results(Answer):
    items: list[Result] = Field(description="Newest first, at most 50.")
    next_before_ms: int | None = Field(description="`before_ms` of the next page; null on the last.")


class ResultDetail(Answer):
    result: Result
    findings: list[FindingShown]
    exchanges: list[ExchangeShown]
    facts: list[tuple[str, str]]


class Point(Answer):
    at_s: int = Field(description="When this span begins, in seconds since 1970.")
    p50: float | None
    p95: float | None
    p99: float | None
    dns: float | None = Field(description="Median of this phase, in ms, where single results are kept; so with the next four.")
    connect: float | None
    tls: float | None
    wait: float | None
    read: float | None
    up: int
    degraded: int
    down: int
    unknown: int


class Latency(Answer):
    points: list[Point] = Field(description="Oldest first, at most 96; null where nothing answered.")
    bucket_s: int = Field(description="How long each span is.")
    uptime: float | None = Field(description="0 to 1; null when it was not checked within the window.")
    downtime_s: float
    p50: float | None
    p95: float | None
    p99: float | None
    checks: int
    limit_ms: float | None = Field(description="Of an assertion on latency.")


class Call(Answer):
    at_ms: int
    kind: str = Field(description="success, start, fail or log.")
    exit_code: int
    took_ms: int | None = Field(description="Since its start.")
    text: str


class Calls(Answer):
    items: list[Call]
