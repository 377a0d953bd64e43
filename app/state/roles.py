"""Roles in words."""

from app.services.access import Action, Actor, Role, may

ROLE_WORDS: dict[str, str] = {role.value: role.value.capitalize() for role in Role}
ROLE_MEANS: dict[str, str] = {
    Role.OWNER: "everything, also to transfer or delete the workspace",
    Role.ADMIN: "members, tokens, the audit log and the settings, and what editors may",
    Role.EDITOR: "scans and secrets, and what viewers may",
    Role.VIEWER: "to read",
}
GIVEN: tuple[str, ...] = (Role.ADMIN, Role.EDITOR, Role.VIEWER)  # ownership is transferred, never given away by a choice


def with_article(role: str) -> str:
    """Return "an editor"."""
    return f"{'an' if role[:1] in 'aeio' else 'a'} {role}"


def why_not(actor: Actor, action: Action, what: str) -> str:
    """Return "You are a viewer here. An admin can rename this workspace.", or "" when the actor may.

    Args:
        actor: who looks.
        action: what is asked for.
        what: it in the page's words: "An admin can rename this workspace."
    """
    return "" if may(actor, action) else f"You are {with_article(actor.role)} here. {what}"
