"""Who is here. Every state asks again at each event: the answer is never taken from an argument or a var."""

from dataclasses import dataclass

import reflex as rx

from app.services import sessions
from app.services.access import Actor
from app.state.gate import public


async def actor_of(state: rx.State) -> Actor | None:
    """Return who acts in this tab, from the session cookie of its WebSocket handshake; None for the signed-out.

    A handshake's cookie does not change while the socket is open: signing in and out load the page anew.
    """
    return await sessions.actor(state.router.headers.cookie or "")


def _initials(name: str) -> str:
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()


@dataclass(frozen=True, slots=True)
class WorkspaceView:
    id: str
    name: str
    initial: str
    role_words: str
    current: bool


class SessionState(rx.State):
    """What the shell shows of the actor."""

    known: rx.Field[bool] = rx.field(False)  # False until the server has answered once
    signed_in: rx.Field[bool] = rx.field(False)
    name: rx.Field[str] = rx.field("")
    initials: rx.Field[str] = rx.field("")
    workspace: rx.Field[str] = rx.field("")
    workspace_initial: rx.Field[str] = rx.field("")
    role: rx.Field[str] = rx.field("")  # "owner", "admin", "editor", "viewer"
    role_words: rx.Field[str] = rx.field("")
    workspaces: rx.Field[list[WorkspaceView]] = rx.field(default_factory=list)

    @rx.event
    @public
    async def load(self):
        actor = await actor_of(self)
        self.known = True
        self.signed_in = actor is not None
        self.name = actor.name if actor else ""
        self.initials = _initials(actor.name) if actor else ""
        self.workspace = actor.workspace if actor else ""
        self.workspace_initial = actor.workspace[:1].upper() if actor else ""
        self.role = actor.role.value if actor else ""
        self.role_words = actor.role.capitalize() if actor else ""
