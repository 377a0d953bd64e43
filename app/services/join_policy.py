"""Who may join without an invitation: verified e-mail domains, GitHub organisations, or anybody. The operator's settings decide."""

import re

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.models import Installation, Membership, User
from app.services import audit, members, sessions, workspaces
from app.services.arrival import Arrival
from app.services.audit import Did
from app.services.errors import Forbidden
from app.settings import settings

# One address and nothing else: of "a@evil.example, b@team.example" nobody verified the second.
_ADDRESS = re.compile(r"[^@\s,;<>\"]+@(?P<domain>[A-Za-z0-9.-]+)")
_HOW_TO_JOIN = "An account is made when you use an invitation. Ask somebody who is here for one."


async def admit(db: AsyncSession, user: User, arrival: Arrival) -> int:
    """Make a user without a workspace a member of one, in this transaction, and return its row id.

    Raises:
        Forbidden: when no rule lets them in, with words for them.
    """
    reason = reason_to_join(arrival)
    if reason:
        first = (await db.exec(select(Installation))).first()
        if first is None:
            raise Forbidden("This Seamwatch has no owner yet. Whoever runs it opens the link on its console first.")
        return await _join(db, user, first.workspace_id, reason)
    if settings().join_open:
        assert user.id is not None
        workspace = await workspaces.add(db, f"{user.name[:100]}'s workspace", user.id)
        assert workspace.id is not None
        return workspace.id
    raise Forbidden(_refusal(arrival))


def reason_to_join(arrival: Arrival) -> str:
    """Return what lets them join the first workspace, for the audit log; "" for nothing."""
    address = _ADDRESS.fullmatch(arrival.email) if arrival.email_verified else None
    domain = address["domain"].lower() if address else ""
    if domain and domain in settings().join_domains:
        return f"an e-mail address at {domain}"
    org = next((org for org in arrival.orgs if org.lower() in settings().join_github_orgs), "")
    return f"membership of {org} at {arrival.provider_label}" if org else ""


async def _join(db: AsyncSession, user: User, workspace_id: int, reason: str) -> int:
    assert user.id is not None
    role = settings().join_role
    db.add(Membership(workspace_id=workspace_id, user_id=user.id, role=role))
    await db.flush()
    actor = await sessions.actor_in(db, user.id, workspace_id)
    assert actor
    audit.record(db, actor, Did.MEMBER_JOINED, members.described(user), after=f"{role}, by {reason}")
    return workspace_id


def _refusal(arrival: Arrival) -> str:
    who = arrival.label or arrival.email or arrival.name
    if settings().join_domains and arrival.email and not arrival.email_verified:
        unverified = f"{arrival.provider_label} has not verified the e-mail address {arrival.email}."
        return f"{unverified} Verify it there and sign in again, or ask for an invitation."
    return f"{who} has no account here. {_HOW_TO_JOIN}"
