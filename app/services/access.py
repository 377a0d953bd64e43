"""Who acts, and every decision on what they may do. Pages, API and commands ask here, and nowhere else is a role compared."""

from dataclasses import dataclass
from enum import StrEnum

from app.services.errors import Forbidden, Unauthenticated


class Role(StrEnum):
    """What a member may do in a workspace; each role may do what the later ones may."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    VIEWER = "viewer"

    def at_least(self, other: "Role") -> bool:
        order = list(Role)
        return order.index(self) <= order.index(other)


class Action(StrEnum):
    """What can be done, in words that complete "You may not …"."""

    READ_SCANS = "read scans"
    START_SCANS = "start scans"
    CHANGE_SCANS = "cancel, delete or restore scans"


# The least role that may. A new action needs a new row: without one nobody may.
LEAST: dict[Action, Role] = {
    Action.READ_SCANS: Role.VIEWER,
    Action.START_SCANS: Role.EDITOR,
    Action.CHANGE_SCANS: Role.EDITOR,
}


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in user, in the workspace they look at. Made by `sessions.actor` only, never from what a client sent."""

    user_id: int
    name: str
    workspace_id: int
    workspace: str
    role: Role
    session: str = ""  # SHA-256 of the session's secret; "" for commands


def may(actor: Actor | None, action: Action) -> bool:
    return actor is not None and action in LEAST and actor.role.at_least(LEAST[action])


def require(actor: Actor | None, action: Action) -> Actor:
    """Return the actor when they may, in their own workspace.

    Whether a row is in that workspace is decided by the query, which names `workspace_id`: another's row is not found.

    Raises:
        Unauthenticated: for nobody.
        Forbidden: when the role is too low.
    """
    if actor is None:
        raise Unauthenticated
    if not may(actor, action):
        raise Forbidden(f"You are {_article(actor.role)} here and may not {action}. {LEAST[action].capitalize()}s can.")
    return actor


def _article(role: Role) -> str:
    return f"{'an' if role[0] in 'aeio' else 'a'} {role}"
