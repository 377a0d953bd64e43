"""Workspaces, users, and how the two belong together."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, false
from sqlmodel import Field, SQLModel

from app.models.base import new_public_id, now


class Workspace(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(default_factory=new_public_id, max_length=24, index=True, unique=True)
    name: str = Field(max_length=120)
    created_at: datetime = Field(default_factory=now)
    audit_days: int = Field(default=365, sa_column_kwargs={"server_default": "365"})  # how long its audit log is kept
    # Whether owners and admins need a second factor for what they manage.
    require_second_factor: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class User(SQLModel, table=True):
    # "user" is a reserved word in PostgreSQL.
    __tablename__ = "user_account"  # pyright: ignore[reportAssignmentType]

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(default_factory=new_public_id, max_length=24, index=True, unique=True)  # its bytes are the WebAuthn user handle
    name: str = Field(max_length=120)
    email: str | None = Field(default=None, max_length=320)  # as a provider verified it; for people to read, never an identity
    created_at: datetime = Field(default_factory=now)
    disabled_at: datetime | None = None


class Membership(SQLModel, table=True):
    workspace_id: int = Field(foreign_key="workspace.id", primary_key=True, ondelete="CASCADE")
    user_id: int = Field(foreign_key="user_account.id", primary_key=True, ondelete="CASCADE", index=True)
    role: str = Field(max_length=16)  # app.services.access.Role
    created_at: datetime = Field(default_factory=now)


class Identity(SQLModel, table=True):
    """Who somebody is at a provider: (issuer, subject), and nothing else. Several lead to one user."""

    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(default_factory=new_public_id, max_length=24, unique=True)
    user_id: int = Field(foreign_key="user_account.id", ondelete="CASCADE", index=True)
    provider: str = Field(max_length=32)  # key of the provider in the settings: "google", "github", "keycloak"
    issuer: str = Field(max_length=255)
    subject: str = Field(max_length=255)
    label: str = Field(default="", max_length=320)  # the login or address at the provider, for people to tell it by
    created_at: datetime = Field(default_factory=now)
    last_used_at: datetime | None = None


class Invitation(SQLModel, table=True):
    """A link that makes whoever opens it a member: single use, with an end, for one role."""

    __table_args__ = (Index("ix_invitation_workspace_id_id", "workspace_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(default_factory=new_public_id, max_length=24, unique=True)
    workspace_id: int = Field(foreign_key="workspace.id", ondelete="CASCADE")
    token_hash: str = Field(max_length=64, unique=True)
    role: str = Field(max_length=16)
    note: str = Field(default="", max_length=120)  # whom it is for, in the inviter's words
    created_by: int | None = Field(default=None, foreign_key="user_account.id", ondelete="SET NULL")
    created_at: datetime = Field(default_factory=now)
    expires_at: datetime
    used_at: datetime | None = None
    used_by: int | None = Field(default=None, foreign_key="user_account.id", ondelete="SET NULL")
    revoked_at: datetime | None = None


class Installation(SQLModel, table=True):
    """The one row that makes the first owner unique: of two first sign-ins at once, one cannot insert it."""

    id: int = Field(default=1, primary_key=True)
    owner_id: int = Field(foreign_key="user_account.id")
    workspace_id: int = Field(foreign_key="workspace.id")
    created_at: datetime = Field(default_factory=now)
