"""Sessions, and the ways to get one."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, LargeBinary, Text
from sqlmodel import Field, SQLModel

from app.models.base import new_public_id, now


class WebSession(SQLModel, table=True):
    """One sign-in of one browser."""

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(default_factory=new_public_id, max_length=24, index=True, unique=True)
    token_hash: str = Field(max_length=64, unique=True)
    user_id: int = Field(foreign_key="user_account.id", ondelete="CASCADE", index=True)
    workspace_id: int = Field(foreign_key="workspace.id", ondelete="CASCADE", index=True)  # the one it looks at
    method: str = Field(max_length=32)  # how it signed in: "owner_link", "login_link", "passkey", "invitation"; providers by their key
    created_at: datetime = Field(default_factory=now)
    last_seen_at: datetime = Field(default_factory=now)  # to the minute
    expires_at: datetime = Field(index=True)
    revoked_at: datetime | None = None
    # When a passkey or a recovery code was shown. A user with passkeys has no session without it, only a pending one.
    second_factor_at: datetime | None = None
    address: str = Field(default="", max_length=64)
    user_agent: str = Field(default="", max_length=256)


class LoginLink(SQLModel, table=True):
    """A one-time link, made where Seamwatch runs, that signs its bearer in: as the owner, or as the user it names."""

    __tablename__ = "login_link"  # pyright: ignore[reportAssignmentType]

    id: int | None = Field(default=None, primary_key=True)
    token_hash: str = Field(max_length=64, unique=True)
    user_id: int | None = Field(default=None, foreign_key="user_account.id", ondelete="CASCADE")  # None: the owner, made if there is none
    created_at: datetime = Field(default_factory=now)
    expires_at: datetime
    used_at: datetime | None = None


class Ceremony(SQLModel, table=True):
    """What we remember between sending a browser away to prove something and its coming back. Single use, ten minutes.

    For OAuth: state, nonce, PKCE verifier, redirect URI, what it is for. For passkeys: the challenge.
    """

    key_hash: str = Field(primary_key=True, max_length=64)
    value: str = Field(sa_column=Column(Text, nullable=False))  # JSON, sealed by the vault
    expires_at: datetime = Field(index=True)


class Passkey(SQLModel, table=True):
    """A WebAuthn credential."""

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(default_factory=new_public_id, max_length=24, unique=True)
    user_id: int = Field(foreign_key="user_account.id", ondelete="CASCADE", index=True)
    name: str = Field(max_length=80)
    credential_id: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    public_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # COSE
    sign_count: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))  # 32 bits without a sign
    transports: str = Field(default="", max_length=120)  # as the browser named them, parted by spaces
    created_at: datetime = Field(default_factory=now)
    last_used_at: datetime | None = None


class RecoveryCode(SQLModel, table=True):
    """One of ten codes that stand in for a lost passkey, each once."""

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user_account.id", ondelete="CASCADE", index=True)
    code_hash: str = Field(max_length=64, unique=True)
    created_at: datetime = Field(default_factory=now)
    used_at: datetime | None = None
