"""Sites, monitors and what frames them: groups, tags, maintenance."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.core.incident import Standing
from app.models.base import new_public_id, now


class Site(SQLModel, table=True):
    """One application under watch: its page's address, and its API's if it differs."""

    __table_args__ = (Index("ix_site_workspace_id_name", "workspace_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(default_factory=new_public_id, max_length=24, unique=True)
    workspace_id: int = Field(foreign_key="workspace.id", ondelete="CASCADE")
    name: str = Field(max_length=120)
    page_url: str = Field(sa_column=Column(Text, nullable=False))
    api_url: str = Field(default="", sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(default_factory=now)


class MonitorGroup(SQLModel, table=True):
    """A folder of monitors; groups may stand in groups."""

    __tablename__ = "monitor_group"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_monitor_group_workspace_id_name", "workspace_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(default_factory=new_public_id, max_length=24, unique=True)
    workspace_id: int = Field(foreign_key="workspace.id", ondelete="CASCADE")
    parent_id: int | None = Field(default=None, foreign_key="monitor_group.id", ondelete="CASCADE", index=True)
    name: str = Field(max_length=120)


class Monitor(SQLModel, table=True):
    """What is watched and how, when, and how it stands.

    When it is due follows from `interval_ms` and `phase_ms` alone: at every whole number of intervals after the phase, in milliseconds
    since 1970. So a check writes nothing here unless something changed.
    """

    __table_args__ = (
        Index("ix_monitor_workspace_id_name", "workspace_id", "deleted_at", "name"),
        # All that the overview counts, searches and groups by: so it reads no configurations, which are ten times as large.
        Index(
            "ix_monitor_listed",
            *("workspace_id", "deleted_at", "standing", "paused_at", "unknown_since", "group_id", "site_id", "kind", "name", "address"),
        ),
        Index("ix_monitor_site_id", "site_id"),
        Index("ix_monitor_group_id", "group_id"),
        Index("ix_monitor_parent_id", "parent_id"),
        # What the engine loads when something changed.
        Index("ix_monitor_changed_at", "changed_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(default_factory=new_public_id, max_length=24, unique=True)
    workspace_id: int = Field(foreign_key="workspace.id", ondelete="CASCADE")
    site_id: int | None = Field(default=None, foreign_key="site.id", ondelete="SET NULL")
    group_id: int | None = Field(default=None, foreign_key="monitor_group.id", ondelete="SET NULL")
    # While the parent is down, this one is unreachable, not down.
    parent_id: int | None = Field(default=None, sa_column=Column(Integer, ForeignKey("monitor.id", ondelete="SET NULL")))
    name: str = Field(max_length=120)
    kind: str = Field(max_length=16)  # app.core.checks.Kind
    configuration: str = Field(sa_column=Column(Text, nullable=False))  # JSON of the check; secrets stand in it by name only
    address: str = Field(default="", sa_column=Column(Text, nullable=False))  # what of it people search for: app.core.described
    notes: str = Field(default="", sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(default_factory=now)
    changed_at: datetime = Field(default_factory=now)  # of anything but its standing; the engine reads it anew then
    paused_at: datetime | None = None
    deleted_at: datetime | None = None

    interval_ms: int = 60_000
    phase_ms: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))  # less than the interval
    timeout_ms: int = 10_000
    retries: int = 0
    retry_interval_ms: int = 5_000
    down: int = 2  # app.core.incident.Thresholds
    down_of: int = 2
    up: int = 1
    up_of: int = 1
    upside_down: bool = False

    standing: str = Field(default=Standing.PENDING.value, max_length=16)
    standing_since: datetime | None = None
    unknown_since: datetime | None = None  # since when checks cannot tell; None while the newest one could
    votes: str = Field(default="", max_length=20)  # app.core.incident.State
    remembered: str = Field(default="", sa_column=Column(Text, nullable=False))  # app.core.checked.Checked.remember


class MonitorTag(SQLModel, table=True):
    """A word on a monitor. `value` is "" for a tag, and what stands behind it for a label."""

    __tablename__ = "monitor_tag"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_monitor_tag_workspace_id_name", "workspace_id", "name", "value"),)

    monitor_id: int = Field(foreign_key="monitor.id", primary_key=True, ondelete="CASCADE")
    name: str = Field(primary_key=True, max_length=60)
    value: str = Field(default="", max_length=120)
    workspace_id: int = Field(foreign_key="workspace.id", ondelete="CASCADE")


class MonitorSummary(SQLModel, table=True):
    """What lists show beside a monitor and cannot be had in one glance: written when an hour is sealed, a small row a monitor."""

    __tablename__ = "monitor_summary"  # pyright: ignore[reportAssignmentType]

    monitor_id: int = Field(sa_column=Column(Integer, ForeignKey("monitor.id", ondelete="CASCADE"), primary_key=True, autoincrement=False))
    p95_ms: int | None = None  # of the last 24 sealed hours; None: nothing answered
    recent: str = Field(default="", max_length=200)  # app.core.cell.Cell as text, after the last sealed hour


class Heartbeat(SQLModel, table=True):
    """The calls that a heartbeat monitor gets. Its key stands in the address that is called, and lets nobody read anything."""

    monitor_id: int = Field(sa_column=Column(Integer, ForeignKey("monitor.id", ondelete="CASCADE"), primary_key=True, autoincrement=False))
    key: str = Field(max_length=40, unique=True)
    started_ms: int | None = Field(default=None, sa_type=BigInteger)  # the newest /start, in ms since 1970, as the next two
    succeeded_ms: int | None = Field(default=None, sa_type=BigInteger)
    failed_ms: int | None = Field(default=None, sa_type=BigInteger)
    exit_code: int = 0  # of the newest call that ended a run
    since_ms: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))  # from when calls are expected: made, or resumed


class HeartbeatCall(SQLModel, table=True):
    """One call of a heartbeat: of each monitor the newest hundred."""

    __tablename__ = "heartbeat_call"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_heartbeat_call_monitor_id_id", "monitor_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    monitor_id: int = Field(foreign_key="monitor.id", ondelete="CASCADE")
    at_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
    kind: str = Field(max_length=8)  # "success", "start", "fail", "log"
    exit_code: int = 0
    took_ms: int | None = Field(default=None, sa_type=BigInteger)  # since its /start
    text: str = Field(default="", sa_column=Column(Text, nullable=False))  # what the call said, cut to 10,000 characters


class MaintenanceWindow(SQLModel, table=True):
    """When results do not count, for the monitors it names: by id, by tag or by site; for all of the workspace when it names none."""

    __tablename__ = "maintenance_window"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_maintenance_window_workspace_id", "workspace_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(default_factory=new_public_id, max_length=24, unique=True)
    workspace_id: int = Field(foreign_key="workspace.id", ondelete="CASCADE")
    name: str = Field(max_length=120)
    starts_at: datetime | None = None  # app.core.schedule.Maintenance
    ends_at: datetime | None = None
    cron: str = Field(default="", max_length=120)
    zone: str = Field(default="UTC", max_length=64)
    duration_s: int = 0
    targets: str = Field(default="{}", sa_column=Column(Text, nullable=False))  # JSON: {"monitors": […], "tags": […], "sites": […]}
    created_at: datetime = Field(default_factory=now)
    ended_at: datetime | None = None  # ended by hand, before its time


class Incident(SQLModel, table=True):
    """A span of failure of one monitor, from the check that decided it to the one that ended it."""

    __table_args__ = (
        Index("ix_incident_workspace_id_id", "workspace_id", "id"),
        Index("ix_incident_monitor_id_id", "monitor_id", "id"),
        # Two open incidents of one monitor cannot be.
        Index(
            "uq_incident_open",
            "monitor_id",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(default_factory=new_public_id, max_length=24, unique=True)
    workspace_id: int = Field(foreign_key="workspace.id", ondelete="CASCADE")
    monitor_id: int = Field(foreign_key="monitor.id", ondelete="CASCADE")
    severity: str = Field(max_length=16)  # the worst it was: app.core.incident.Standing.DEGRADED or DOWN
    cause: int = 0  # app.core.results.Cause
    text: str = Field(default="", sa_column=Column(Text, nullable=False))  # why, in a sentence
    opened_at: datetime
    closed_at: datetime | None = None
    closed_by: str = Field(default="", max_length=16)  # "check", "maintenance", "paused", "deleted"


class Notice(SQLModel, table=True):
    """The outbox: what must be told, written in the transaction that decided it, and told after."""

    __table_args__ = (
        # Of one step of one incident there is one notice, however often it is written.
        UniqueConstraint("incident_id", "step", "due_ms"),
        Index("ix_notice_waiting", "id", sqlite_where=text("sent_at IS NULL"), postgresql_where=text("sent_at IS NULL")),
    )

    id: int | None = Field(default=None, primary_key=True)
    workspace_id: int = Field(foreign_key="workspace.id", ondelete="CASCADE")
    incident_id: int = Field(foreign_key="incident.id", ondelete="CASCADE")
    step: str = Field(max_length=16)  # app.core.incident.Step
    due_ms: int = Field(sa_column=Column(BigInteger, nullable=False))  # of the check that decided it
    created_at: datetime = Field(default_factory=now)
    sent_at: datetime | None = None
