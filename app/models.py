"""All tables. Every row that belongs to a workspace names it; times are aware UTC; secrets are stored as SHA-256 only."""

from datetime import UTC, datetime

from sqlalchemy import Column, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.core.scan_events import ScanStatus

# Names that do not depend on the database, so that a migration can drop by name what an earlier one made. Stands before the
# first table: constraints take their names as they are attached.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def now() -> datetime:
    return datetime.now(UTC)


class Workspace(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=120)
    created_at: datetime = Field(default_factory=now)


class User(SQLModel, table=True):
    # "user" is a reserved word in PostgreSQL.
    __tablename__ = "user_account"  # pyright: ignore[reportAssignmentType]

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=120)
    email: str | None = Field(default=None, max_length=320)
    created_at: datetime = Field(default_factory=now)
    disabled_at: datetime | None = None


class Membership(SQLModel, table=True):
    workspace_id: int = Field(foreign_key="workspace.id", primary_key=True, ondelete="CASCADE")
    user_id: int = Field(foreign_key="user_account.id", primary_key=True, ondelete="CASCADE", index=True)
    role: str = Field(max_length=16)  # app.services.access.Role
    created_at: datetime = Field(default_factory=now)


class WebSession(SQLModel, table=True):
    """One sign-in of one browser."""

    id: int | None = Field(default=None, primary_key=True)
    token_hash: str = Field(max_length=64, unique=True)
    user_id: int = Field(foreign_key="user_account.id", ondelete="CASCADE", index=True)
    workspace_id: int = Field(foreign_key="workspace.id", ondelete="CASCADE", index=True)  # the one it looks at
    method: str = Field(max_length=32)  # how it signed in: "owner_link"; providers by their name
    created_at: datetime = Field(default_factory=now)
    expires_at: datetime = Field(index=True)
    revoked_at: datetime | None = None
    address: str = Field(default="", max_length=64)
    user_agent: str = Field(default="", max_length=256)


class OwnerLink(SQLModel, table=True):
    """A one-time link that signs its bearer in as the owner."""

    id: int | None = Field(default=None, primary_key=True)
    token_hash: str = Field(max_length=64, unique=True)
    created_at: datetime = Field(default_factory=now)
    expires_at: datetime
    used_at: datetime | None = None


class Installation(SQLModel, table=True):
    """The one row that makes the first owner unique: of two first sign-ins at once, one cannot insert it."""

    id: int = Field(default=1, primary_key=True)
    owner_id: int = Field(foreign_key="user_account.id")
    workspace_id: int = Field(foreign_key="workspace.id")
    created_at: datetime = Field(default_factory=now)


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
    request: str = Field(sa_column=Column(Text, nullable=False))  # JSON of ScanRequest; secret header values are left out of its calls
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
