"""All tables. Every row that belongs to a workspace names it; times are aware UTC; of secrets that people hold only SHA-256 is stored."""

from app.models.base import new_public_id, now
from app.models.monitors import (
    Heartbeat,
    HeartbeatCall,
    Incident,
    MaintenanceWindow,
    Monitor,
    MonitorGroup,
    MonitorSummary,
    MonitorTag,
    Notice,
    Site,
)
from app.models.people import Identity, Installation, Invitation, Membership, User, Workspace
from app.models.records import AuditEvent, Secret
from app.models.results import CheckChunk, CheckDay, CheckDetail, CheckHour, CheckLog, EngineGap, EngineState
from app.models.scans import Scan
from app.models.signing_in import Ceremony, LoginLink, Passkey, RecoveryCode, WebSession
from app.models.tokens import ApiToken, RefreshToken, SigningKey, TokenGrant

__all__ = [
    "ApiToken",
    "AuditEvent",
    "Ceremony",
    "CheckChunk",
    "CheckDay",
    "CheckDetail",
    "CheckHour",
    "CheckLog",
    "EngineGap",
    "EngineState",
    "Heartbeat",
    "HeartbeatCall",
    "Identity",
    "Incident",
    "Installation",
    "Invitation",
    "LoginLink",
    "MaintenanceWindow",
    "Membership",
    "Monitor",
    "MonitorGroup",
    "MonitorSummary",
    "MonitorTag",
    "Notice",
    "Passkey",
    "RecoveryCode",
    "RefreshToken",
    "Scan",
    "Secret",
    "SigningKey",
    "Site",
    "TokenGrant",
    "User",
    "WebSession",
    "Workspace",
    "new_public_id",
    "now",
]
