"""Scans."""

from datetime import datetime

from sqlalchemy import Column, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.core.scan_events import ScanStatus
from app.models.base import now


class Scan(SQLModel, table=True):
    """One examination, from being queued to its report."""

    __table_args__ = (
        UniqueConstraint("public_id"),
        # The list of a workspace, newest first, without the deleted.
        Index("ix_scan_workspace_list", "workspace_id", "deleted_at", "id"),
        # What waits and what runs: few rows of many, so the index holds only these.
        Index(
            "ix_scan_open",
            "status",
            "id",
            sqlite_where=text("status IN ('queued', 'running')"),
            postgresql_where=text("status IN ('queued', 'running')"),
        ),
        # How many a user started within the hour.
        Index("ix_scan_created_by_created_at", "created_by", "created_at"),
        Index("ix_scan_deleted_at", "deleted_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(max_length=24)  # random; the only id that leaves the services
    workspace_id: int = Field(foreign_key="workspace.id", ondelete="CASCADE")
    created_by: int = Field(foreign_key="user_account.id")
    # The row id of the monitor that made it; None for people's. Without a foreign key: the report outlives the monitor.
    monitor_id: int | None = None
    request: str = Field(sa_column=Column(Text, nullable=False))  # JSON of ScanRequest; secret header values are left out of its calls
    sealed_request: str | None = Field(
        default=None, sa_column=Column(Text)
    )  # the whole, sealed by the vault; None when nothing was left out
    page_url: str = Field(sa_column=Column(Text, nullable=False))
    api_url: str = Field(default="", sa_column=Column(Text, nullable=False))
    status: str = Field(default=ScanStatus.QUEUED.value, max_length=16)
    created_at: datetime = Field(default_factory=now)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    deleted_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    lease_owner: str = Field(default="", max_length=64)
    lease_until: datetime | None = None
    attempts: int = 0
    sentence: str = Field(default="", sa_column=Column(Text, nullable=False))
    critical: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0
    info: int = 0
    calls: int = 0
    blocked: int = 0
    schema_version: int = 0  # of `report`; 0 while there is none
    report: str | None = Field(default=None, sa_column=Column(Text))  # JSON of Report, stored whole
    error: str = Field(default="", sa_column=Column(Text, nullable=False))
