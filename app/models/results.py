"""What checks recorded: keyed by time first, so that recording appends and forgetting cuts off the beginning.

No foreign keys: what is left of a deleted monitor goes with its hours.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, Text, false
from sqlmodel import Field, SQLModel


def _time_first(name: str) -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


class CheckLog(SQLModel, table=True):
    """Results of the hour that is not over yet, one row each, as they came."""

    __tablename__ = "check_log"  # pyright: ignore[reportAssignmentType]
    __table_args__ = {"sqlite_with_rowid": False}

    due_ms: int = Field(sa_column=_time_first("due_ms"))
    monitor_id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    region: int = Field(default=0, sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # a chunk of one, `app.core.results`


class CheckChunk(SQLModel, table=True):
    """All results of one monitor within one hour."""

    __tablename__ = "check_chunk"  # pyright: ignore[reportAssignmentType]
    __table_args__ = {"sqlite_with_rowid": False}

    hour: int = Field(sa_column=_time_first("hour"))  # hours since 1970, UTC
    monitor_id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    region: int = Field(default=0, sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class _Rollup(SQLModel):
    """Columns of `app.core.rollup.Rollup`."""

    up: int = 0
    degraded: int = 0
    down: int = 0
    unknown: int = 0
    maintained: int = 0
    late: int = 0
    downtime_ms: int = Field(default=0, sa_type=BigInteger)
    latencies: bytes = Field(sa_type=LargeBinary)


class CheckHour(_Rollup, table=True):
    __tablename__ = "check_hour"  # pyright: ignore[reportAssignmentType]
    __table_args__ = {"sqlite_with_rowid": False}

    hour: int = Field(sa_column=_time_first("hour"))
    monitor_id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    region: int = Field(default=0, sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))


class CheckDay(_Rollup, table=True):
    __tablename__ = "check_day"  # pyright: ignore[reportAssignmentType]
    __table_args__ = {"sqlite_with_rowid": False}

    day: int = Field(sa_column=_time_first("day"))  # days since 1970, UTC
    monitor_id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    region: int = Field(default=0, sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))


class CheckDetail(SQLModel, table=True):
    """The exchanges and assertions of a failed check, of each monitor the newest few; and what its newest good one found, if it is kept."""

    __tablename__ = "check_detail"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_check_detail_monitor_id_due_ms", "monitor_id", "due_ms"),)

    due_ms: int = Field(sa_column=_time_first("due_ms"))
    monitor_id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    region: int = Field(default=0, sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    good: bool = Field(default=False, sa_column_kwargs={"server_default": false()})  # whether all was well
    text: str = Field(default="", sa_column=Column(Text, nullable=False))  # Checked.text
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # JSON of findings and exchanges, masked, deflated


class EngineState(SQLModel, table=True):
    """One row a region: up to when checks were claimed, and when the engine was last alive."""

    __tablename__ = "engine_state"  # pyright: ignore[reportAssignmentType]

    region: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    claimed_ms: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    alive_ms: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    sealed_hour: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))  # the last hour whose results became chunks


class EngineGap(SQLModel, table=True):
    """When nobody checked and nobody heard heartbeats: we were not running, or asleep."""

    __tablename__ = "engine_gap"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_engine_gap_region_ended_ms", "region", "ended_ms"),)

    id: int | None = Field(default=None, primary_key=True)
    region: int = Field(sa_column=Column(SmallInteger, nullable=False))
    started_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
    ended_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
