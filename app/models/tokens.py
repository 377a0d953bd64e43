"""Credentials for programs."""

from datetime import datetime

from sqlalchemy import Column, Index, Text
from sqlmodel import Field, SQLModel

from app.models.base import new_public_id, now


class ApiToken(SQLModel, table=True):
    """A personal token acts as its user, a workspace token as itself with a role of its own; each in one workspace."""

    __tablename__ = "api_token"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_api_token_workspace_id_id", "workspace_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(default_factory=new_public_id, max_length=24, unique=True)
    workspace_id: int = Field(foreign_key="workspace.id", ondelete="CASCADE")
    user_id: int | None = Field(default=None, foreign_key="user_account.id", ondelete="CASCADE", index=True)  # None: a workspace token
    created_by: int = Field(foreign_key="user_account.id", ondelete="CASCADE")
    role: str | None = Field(default=None, max_length=16)  # of a workspace token; a personal one has its user's
    name: str = Field(max_length=80)
    token_hash: str = Field(max_length=64, unique=True)
    hint: str = Field(max_length=8)  # the last characters, to tell tokens apart
    scopes: str = Field(max_length=400)  # app.services.access.Scope, parted by spaces
    created_at: datetime = Field(default_factory=now)
    expires_at: datetime | None = None
    last_used_at: datetime | None = None  # to the minute
    last_used_address: str = Field(default="", max_length=64)
    revoked_at: datetime | None = None


class TokenGrant(SQLModel, table=True):
    """A family of access and refresh tokens, exchanged for one API token; it ends as a whole."""

    __tablename__ = "token_grant"  # pyright: ignore[reportAssignmentType]

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(default_factory=new_public_id, max_length=24, unique=True)  # the claim "sid"
    api_token_id: int = Field(foreign_key="api_token.id", ondelete="CASCADE", index=True)
    scopes: str = Field(max_length=400)
    created_at: datetime = Field(default_factory=now)
    expires_at: datetime = Field(index=True)
    revoked_at: datetime | None = None


class RefreshToken(SQLModel, table=True):
    """Single use; a second use ends the grant, since one of the two users copied it."""

    __tablename__ = "refresh_token"  # pyright: ignore[reportAssignmentType]

    id: int | None = Field(default=None, primary_key=True)
    grant_id: int = Field(foreign_key="token_grant.id", ondelete="CASCADE", index=True)
    token_hash: str = Field(max_length=64, unique=True)
    created_at: datetime = Field(default_factory=now)
    expires_at: datetime
    used_at: datetime | None = None


class SigningKey(SQLModel, table=True):
    """A key that signs access tokens: the newest signs, one that is retired still verifies for a while."""

    __tablename__ = "signing_key"  # pyright: ignore[reportAssignmentType]

    kid: str = Field(primary_key=True, max_length=64)
    sealed_jwk: str = Field(sa_column=Column(Text, nullable=False))  # the private JWK, sealed by the vault
    created_at: datetime = Field(default_factory=now)
    retired_at: datetime | None = None
