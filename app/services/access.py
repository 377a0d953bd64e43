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
    READ_MEMBERS = "see who is a member"
    MANAGE_MEMBERS = "invite, change or remove members"
    CHANGE_WORKSPACE = "change this workspace"
    EXPORT_WORKSPACE = "export this workspace"
    TRANSFER_WORKSPACE = "transfer this workspace"
    DELETE_WORKSPACE = "delete this workspace"
    READ_SECRETS = "see the names of secrets"
    CHANGE_SECRETS = "add, replace or delete secrets"
    READ_AUDIT = "read the audit log"
    READ_MONITORS = "see monitors and their history"
    CHANGE_MONITORS = "add, change, pause or delete monitors"
    RUN_CHECKS = "run checks now"
    MAKE_PERSONAL_TOKENS = "make personal tokens"
    MANAGE_WORKSPACE_TOKENS = "make or revoke workspace tokens"


class Scope(StrEnum):
    """What a token for programs can be given. A person in a browser has them all."""

    SCANS_READ = "scans:read"
    SCANS_WRITE = "scans:write"
    WORKSPACE_READ = "workspace:read"
    WORKSPACE_WRITE = "workspace:write"
    SECRETS_READ = "secrets:read"
    SECRETS_WRITE = "secrets:write"
    AUDIT_READ = "audit:read"
    MONITORS_READ = "monitors:read"
    MONITORS_WRITE = "monitors:write"


@dataclass(frozen=True, slots=True)
class Rule:
    least: Role  # the least role that may
    scope: Scope | None  # what a token needs; None: no token may, whatever its role
    manages: bool = False  # whether it needs the second factor where the workspace asks for one


# A new action needs a new row: without one nobody may.
RULES: dict[Action, Rule] = {
    Action.READ_SCANS: Rule(Role.VIEWER, Scope.SCANS_READ),
    Action.START_SCANS: Rule(Role.EDITOR, Scope.SCANS_WRITE),
    Action.CHANGE_SCANS: Rule(Role.EDITOR, Scope.SCANS_WRITE),
    Action.READ_MEMBERS: Rule(Role.VIEWER, Scope.WORKSPACE_READ),
    Action.MANAGE_MEMBERS: Rule(Role.ADMIN, Scope.WORKSPACE_WRITE, manages=True),
    Action.CHANGE_WORKSPACE: Rule(Role.ADMIN, Scope.WORKSPACE_WRITE, manages=True),
    Action.EXPORT_WORKSPACE: Rule(Role.ADMIN, None, manages=True),
    Action.TRANSFER_WORKSPACE: Rule(Role.OWNER, None, manages=True),
    Action.DELETE_WORKSPACE: Rule(Role.OWNER, None, manages=True),
    Action.READ_SECRETS: Rule(Role.EDITOR, Scope.SECRETS_READ),
    Action.CHANGE_SECRETS: Rule(Role.EDITOR, Scope.SECRETS_WRITE),
    Action.READ_AUDIT: Rule(Role.ADMIN, Scope.AUDIT_READ),
    Action.READ_MONITORS: Rule(Role.VIEWER, Scope.MONITORS_READ),
    Action.CHANGE_MONITORS: Rule(Role.EDITOR, Scope.MONITORS_WRITE),
    Action.RUN_CHECKS: Rule(Role.EDITOR, Scope.MONITORS_WRITE),
    Action.MAKE_PERSONAL_TOKENS: Rule(Role.VIEWER, None),
    Action.MANAGE_WORKSPACE_TOKENS: Rule(Role.ADMIN, None, manages=True),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in the workspace they look at: a signed-in user, or a token.

    Made by `sessions` and `tokens` only, never from what a client sent.
    """

    user_id: int  # of a workspace token: who made it
    name: str
    workspace_id: int
    workspace: str
    role: Role
    session: str = ""  # SHA-256 of the session's secret; "" for tokens and commands
    token: str = ""  # public id of the API token; "" for people
    scopes: frozenset[Scope] = frozenset(Scope)
    second_factor: bool = False  # whether this session showed one
    needs_second_factor: bool = False  # whether the workspace asks those who manage for one
    workspace_public_id: str = ""
    user_public_id: str = ""  # "" for workspace tokens


def may(actor: Actor | None, action: Action) -> bool:
    """Whether the actor may by role and scopes; what is manageable only with a second factor counts as allowed."""
    rule = RULES.get(action)
    if actor is None or rule is None or not actor.role.at_least(rule.least):
        return False
    return not actor.token or (rule.scope is not None and rule.scope in actor.scopes)


def require(actor: Actor | None, action: Action) -> Actor:
    """Return the actor when they may, in their own workspace.

    Whether a row is in that workspace is decided by the query, which names `workspace_id`: another's row is not found.

    Raises:
        Unauthenticated: for nobody.
        Forbidden: when the role is too low, a token lacks the scope, or a second factor is asked for and was not shown.
    """
    if actor is None:
        raise Unauthenticated
    rule = RULES.get(action)
    if rule is None:
        raise Forbidden(f"Nobody may {action}.")
    if not actor.role.at_least(rule.least):
        raise Forbidden(f"You are {_article(actor.role)} here and may not {action}. {rule.least.capitalize()}s can.")
    if actor.token and rule.scope is None:
        raise Forbidden(f"A token may not {action}. Sign in and do it in the browser.")
    if actor.token and rule.scope not in actor.scopes:
        raise Forbidden(f"This token may not {action}. It lacks the scope {rule.scope}.")
    if rule.manages and not actor.token and actor.needs_second_factor and not actor.second_factor:
        raise Forbidden("This workspace asks those who manage it for a second factor. Add a passkey under Settings, Profile.")
    return actor


def person(actor: Actor | None) -> Actor:
    """Return the actor when they are a user in a browser: for what is their own account's, not a workspace's.

    Raises:
        Unauthenticated: for nobody.
        Forbidden: for a token.
    """
    if actor is None:
        raise Unauthenticated
    if actor.token or not actor.session:
        raise Forbidden("Only a signed-in person may do that, not a token.")
    return actor


def _article(role: Role) -> str:
    return f"{'an' if role[0] in 'aeio' else 'a'} {role}"
