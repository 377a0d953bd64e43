"""All tables. Every row that belongs to a workspace names it; times are aware UTC; of secrets that people hold only SHA-256 is stored."""

from app.models.base import new_public_id, now
from app.models.people import Identity, Installation, Invitation, Membership, User, Workspace
from app.models.records import AuditEvent, Secret
from app.models.scans import Scan
from app.models.signing_in import Ceremony, LoginLink, Passkey, RecoveryCode, WebSession
from app.models.tokens import ApiToken, RefreshToken, SigningKey, TokenGrant

__all__ = [
    "ApiToken",
    "AuditEvent",
    "Ceremony",
    "Identity",
    "Installation",
    "Invitation",
    "LoginLink",
    "Membership",
    "Passkey",
    "RecoveryCode",
    "RefreshToken",
    "Scan",
    "Secret",
    "SigningKey",
    "TokenGrant",
    "User",
    "WebSession",
    "Workspace",
    "new_public_id",
    "now",
]
