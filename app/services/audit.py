"""The audit log of a workspace: who changed what, when, from what, to what, from which address.

`record` is called inside the transaction of the change, so that neither is there without the other.
"""

from contextvars import ContextVar
from enum import StrEnum

from sqlmodel.ext.asyncio.session import AsyncSession

from app.models import AuditEvent
from app.services.access import Actor

# The address of whoever is being served; the walls set it for each request and event. "" for commands.
ADDRESS: ContextVar[str] = ContextVar("address", default="")


class Did(StrEnum):
    """What can stand in the log. Stable codes, for filters and exports."""

    SIGNED_IN = "user.signed_in"
    SIGNED_OUT = "user.signed_out"
    SECOND_FACTOR_SHOWN = "user.second_factor"
    SESSION_REVOKED = "session.revoked"
    PROFILE_CHANGED = "user.changed"
    IDENTITY_LINKED = "identity.linked"
    IDENTITY_UNLINKED = "identity.unlinked"
    PASSKEY_ADDED = "passkey.added"
    PASSKEY_RENAMED = "passkey.renamed"
    PASSKEY_REMOVED = "passkey.removed"
    PASSKEY_REFUSED = "passkey.refused"  # its counter did not go up: there may be a copy of it
    RECOVERY_CODES_MADE = "recovery_codes.made"
    RECOVERY_CODE_USED = "recovery_codes.used"
    INVITATION_MADE = "invitation.made"
    INVITATION_REVOKED = "invitation.revoked"
    MEMBER_JOINED = "member.joined"
    MEMBER_ROLE_CHANGED = "member.role_changed"
    MEMBER_REMOVED = "member.removed"
    MEMBER_LEFT = "member.left"
    WORKSPACE_CREATED = "workspace.created"
    WORKSPACE_CHANGED = "workspace.changed"
    WORKSPACE_TRANSFERRED = "workspace.transferred"
    WORKSPACE_EXPORTED = "workspace.exported"
    TOKEN_MADE = "token.made"
    TOKEN_REVOKED = "token.revoked"
    TOKEN_REUSED = "token.reused"  # a refresh token was used twice, and its grant ended
    SECRET_ADDED = "secret.added"
    SECRET_REPLACED = "secret.replaced"
    SECRET_DELETED = "secret.deleted"
    SCAN_STARTED = "scan.started"
    SCAN_CANCELLED = "scan.cancelled"
    SCAN_DELETED = "scan.deleted"
    SCAN_RESTORED = "scan.restored"


def record(db: AsyncSession, actor: Actor, did: Did, target: str = "", *, before: str = "", after: str = "") -> None:
    """Add a line to the log of the actor's workspace, in this transaction. No secret may be in any argument."""
    db.add(
        AuditEvent(
            workspace_id=actor.workspace_id,
            actor_kind="token" if actor.token else "user",
            actor_user_id=actor.user_id,
            actor_name=actor.name[:160],
            action=did.value,
            target=target[:320],
            before=before[:2000],
            after=after[:2000],
            address=ADDRESS.get()[:64],
        )
    )
