"""What a workspace keeps beside its scans: secrets, and who changed what."""

from datetime import datetime

from sqlalchemy import Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.base import new_public_id, now


class Secret(SQLModel, table=True):
    """A value for monitors and channels, by name. Never shown again."""

    __table_args__ = (UniqueConstraint("workspace_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(default_factory=new_public_id, max_length=24, unique=True)
    workspace_id: int = Field(foreign_key="workspace.id", ondelete="CASCADE")
    name: str = Field(max_length=64)
    sealed: str = Field(sa_column=Column(Text, nullable=False))  # app.services.vault
    created_by: int | None = Field(default=None, foreign_key="user_account.id", ondelete="SET NULL")
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)
    last_used_at: datetime | None = None


class AuditEvent(SQLModel, table=True):
    """One change: who, when, what, from, to, from which address."""

    __tablename__ = "audit_event"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("ix_audit_event_workspace_id_id", "workspace_id", "id"),
        Index("ix_audit_event_workspace_id_at", "workspace_id", "at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    workspace_id: int = Field(foreign_key="workspace.id", ondelete="CASCADE")
    at: datetime = Field(default_factory=now)
    actor_kind: str = Field(max_length=16)  # "user", "token", "system"
    actor_user_id: int | None = Field(default=None, foreign_key="user_account.id", ondelete="SET NULL")
    actor_name: str = Field(max_length=160)
    action: str = Field(max_length=48)  # app.services.audit.Did
    target: str = Field(default="", max_length=320)
    before: str = Field(default="", sa_column=Column(Text, nullable=False))
    after: str = Field(default="", sa_column=Column(Text, nullable=False))
    address: str = Field(default="", max_length=64)
