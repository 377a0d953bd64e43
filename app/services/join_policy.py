"""Who may join without an invitation: verified e-mail domains, GitHub organisations, or anybody. The operator's settings decide."""

import re

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.models import Installation, Membership, User, Workspace
from app.services import audit
from app.services.access import Actor, Role
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
        return await _join(db, user, await db.get_one(Workspace, first.workspace_id), Role(settings().join_role), reason)
    if settings().join_open:
        workspace = Workspace(name=f"{user.name[:100]}'s workspace")
        db.add(workspace)
        await db.flush()
        return await _join(db, user, workspace, Role.OWNER, "sign-up is open")
    raise Forbidden(_refusal(arrival))


def reason_to_join(arrival: Arrival) -> str:
    """Return the rule that lets them join the first workspace, for the audit log; "" for none."""
    address = _ADDRESS.fullmatch(arrival.email) if arrival.email_verified else None
    domain = address["domain"].lower() if address else ""
    if domain and domain in settings().join_domains:
        return f"e-mail address at {domain}"
    org = next((org for org in arrival.orgs if org.lower() in settings().join_github_orgs), "")
    return f"member of {org} at {arrival.provider_label}" if org else ""


async def _join(db: AsyncSession, user: User, workspace: Workspace, role: Role, reason: str) -> int:
    assert user.id is not None
    assert workspace.id is not None
    db.add(Membership(workspace_id=workspace.id, user_id=user.id, role=role.value))
    await db.flush()
    actor = Actor(user.id, user.name, workspace.id, workspace.name, role, user_public_id=user.public_id)
    audit.record(db, actor, Did.MEMBER_JOINED, user.email or user.name, after=f"{role}: {reason}")
    return workspace.id


def _refusal(arrival: Arrival) -> str:
    who = arrival.label or arrival.email or arrival.name
    if settings().join_domains and arrival.email and not arrival.email_verified:
        unverified = f"{arrival.provider_label} has not verified the e-mail address {arrival.email}."
        return f"{unverified} Verify it there and sign in again, or ask for an invitation."
    return f"{who} has no account here. {_HOW_TO_JOIN}"
