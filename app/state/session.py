"""Who is here. Every state asks again at each event: the answer is never taken from an argument or a var."""

from dataclasses import dataclass

import reflex as rx

from app.services import overview, sessions, workspaces
from app.services.access import Actor
from app.services.errors import SeamwatchError
from app.services.instance import facts
from app.services.overview import NavCounts
from app.services.workspaces import WorkspaceRow
from app.state import gate
from app.state.roles import ROLE_WORDS
from app.state.shown import PAGE_ROWS


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
    """What the shell shows of the actor, and the workspaces they can switch to."""

    known: rx.Field[bool] = rx.field(False)  # False until the server has answered once
    signed_in: rx.Field[bool] = rx.field(False)
    backend: rx.Field[str] = rx.field("")  # stands before /auth/… ; "" but in development
    name: rx.Field[str] = rx.field("")
    initials: rx.Field[str] = rx.field("")
    workspace: rx.Field[str] = rx.field("")
    workspace_initial: rx.Field[str] = rx.field("")
    role: rx.Field[str] = rx.field("")  # "owner", "admin", "editor", "viewer"
    role_words: rx.Field[str] = rx.field("")
    workspaces: rx.Field[list[WorkspaceView]] = rx.field(default_factory=list)  # at most PAGE_ROWS, the current one among them
    more_workspaces: rx.Field[int] = rx.field(0)  # how many are not listed
    may_create: rx.Field[bool] = rx.field(False)
    monitors: rx.Field[int] = rx.field(0)  # of the workspace, as the next two
    sites: rx.Field[int] = rx.field(0)
    open_incidents: rx.Field[int] = rx.field(0)

    @rx.event
    @gate.public
    async def load(self):
        """Show who is here, where they can switch to, and how many of what there are."""
        actor = await actor_of(self)
        self.known, self.backend = True, facts().backend_url
        self.signed_in = actor is not None
        self.workspace = actor.workspace if actor else ""
        self.workspace_initial = actor.workspace[:1].upper() if actor else ""
        self.role = actor.role.value if actor else ""
        self.role_words = ROLE_WORDS[actor.role] if actor else ""
        self._call(actor.name if actor else "")
        self._list(await workspaces.mine(actor) if actor else ())
        show_counts(self, await overview.counts(actor) if actor else NavCounts(0, 0, 0, 0, 0))

    @rx.event
    @gate.signed_in
    async def look(self):
        """Before the switcher is used: the workspaces as they are now, and whether another one may be made."""
        try:
            actor = await actor_of(self)
            self._list(await workspaces.mine(actor))
            self.may_create = (await workspaces.details(actor)).may_create
        except SeamwatchError:  # signed out meanwhile: what the menu leads to says so
            return

    def _list(self, rows: tuple[WorkspaceRow, ...]) -> None:
        shown = sorted(rows, key=lambda row: not row.current)[:PAGE_ROWS]
        names = {row.id for row in shown}
        self.workspaces = [
            WorkspaceView(row.id, row.name, row.name[:1].upper(), ROLE_WORDS[row.role], row.current) for row in rows if row.id in names
        ]
        self.more_workspaces = len(rows) - len(shown)

    def _call(self, name: str) -> None:
        self.name, self.initials = name, _initials(name)


def show_counts(state: SessionState, nav: NavCounts) -> None:
    """Show these counts beside the places of the shell."""
    shown = nav.monitors, nav.sites, nav.open_incidents
    if (state.monitors, state.sites, state.open_incidents) != shown:  # what is set is sent
        state.monitors, state.sites, state.open_incidents = shown
