"""Alice's workspace with one of everything in it, and those who should get none of it."""

import functools
import itertools
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from string import ascii_lowercase, ascii_uppercase, digits

from sqlmodel import SQLModel, col, select

from app import db
from app.models import Identity, Incident, Membership, Monitor, Passkey, User, WebSession, Workspace, now
from app.services import groups, invitations, maintenance, monitors, scan_queue, scans, sessions, sites, stored_secrets, tokens
from app.services.access import Actor, Role
from app.services.maintenance import WindowDraft
from app.services.monitors import Draft
from app.services.scan_form import ScanForm
from app.services.tokens import NewToken
from app.settings import settings
from tests.conftest import add_actor
from tests.services.reports import finding, report

MARK = "alices-own"  # stands in the name of everything that is Alice's
_ROWS = (ascii_lowercase, ascii_uppercase, digits)
_COUNT = itertools.count(1)


@dataclass(frozen=True)
class World:
    alice: Actor
    ids: dict[str, str]  # by kind, the public id of something of Alice's
    ghosts: dict[str, str]  # of the same shape, of nothing

    async def snapshot(self, but: int = 0) -> dict[str, list[str]]:
        """Return every row of Alice's workspace, of Alice, and of the workspace itself; without what belongs to the user `but`."""
        found: dict[str, list[str]] = {}
        # By the driver alone: the doors are tried a thousand times, with a look before and after.
        with closing(sqlite3.connect(settings().data_dir / "seamwatch.db")) as connection:
            connection.row_factory = sqlite3.Row
            for table in SQLModel.metadata.sorted_tables:
                rows = []
                for row in map(dict, connection.execute(f'SELECT * FROM "{table.name}"')):
                    theirs = {row.get("user_id"), row.get("created_by"), row.get("actor_user_id"), row.get("used_by")}
                    of_alice = row.get("workspace_id") == self.alice.workspace_id or row.get("user_id") == self.alice.user_id
                    itself = (table.name, row.get("id")) in (("workspace", self.alice.workspace_id), ("user_account", self.alice.user_id))
                    if (of_alice or itself) and not (but and but in theirs):
                        rows.append(repr({name: value for name, value in row.items() if not name.startswith("last_")}))
                found[table.name] = sorted(rows)
        return found


def ghost_of(public_id: str) -> str:
    """Return an id of nothing, in which letters stand for letters and digits for digits: neither order nor syntax tells them apart."""
    turned = str.maketrans(ascii_lowercase + ascii_uppercase + digits, "".join(f"{row[1:]}{row[0]}" for row in _ROWS))
    return public_id[0] + public_id[1:].translate(turned)


async def build() -> World:
    made = await add_actor(f"Alice {MARK}", Role.OWNER)
    async with db.transaction() as session:
        workspace = await session.get_one(Workspace, made.workspace_id)
        workspace.name = f"Workspace {MARK}"
    await add_actor(f"Bob {MARK}", Role.EDITOR, workspace)
    secret = await sessions.create(made.user_id, made.workspace_id, "owner_link", second_factor=True)
    alice = await sessions.actor(f"seam={secret}")
    assert alice is not None
    await stored_secrets.put(alice, MARK.replace("-", "_"), "a value")
    (stored,) = await stored_secrets.list_(alice)
    link = await invitations.make(alice, "viewer", MARK)
    personal = await tokens.make(alice, NewToken(MARK, ("scans:read",)))
    shared = await tokens.make(alice, NewToken(MARK, ("scans:read",), None, "viewer"))
    scan_id = await scans.start(alice, ScanForm(f"https://{MARK}.example/"))
    claim = await scan_queue.claim("worker")
    assert claim is not None
    await scan_queue.finish(claim, report(finding("COR-01")))
    other_scan = await scans.start(alice, ScanForm(f"https://{MARK}.example/other"))
    site_id = await sites.create(alice, f"Site {MARK}", f"https://{MARK}.example/")
    group_id = await groups.create(alice, f"Group {MARK}")
    page = Draft(f"Monitor {MARK}", "page", {"ask": {"url": f"https://{MARK}.example/"}}, site_id=site_id, group_id=group_id, tags=(MARK,))
    monitor = await monitors.create(alice, page)
    beat = await monitors.create(alice, replace(monitors.defaults("heartbeat"), name=f"Beat {MARK}", paused=True))
    gone = await monitors.create(alice, replace(page, name=f"Gone {MARK}"))
    await monitors.delete(alice, [gone.id])
    window = WindowDraft(f"Window {MARK}", cron="* * * * *", duration_s=3600, tags=("somewhere else",))
    window_id = await maintenance.create(alice, window)
    async with db.transaction() as session:
        row = (await session.exec(select(Monitor).where(col(Monitor.public_id) == monitor.id))).one()
        assert row.id is not None
        incident = Incident(workspace_id=row.workspace_id, monitor_id=row.id, severity="down", text=MARK, opened_at=now())
        session.add(incident)
    async with db.transaction() as session:
        identity = Identity(user_id=alice.user_id, provider="google", issuer="https://issuer.test", subject="alice", label=MARK)
        passkey = Passkey(user_id=alice.user_id, name=MARK, credential_id=b"alice", public_key=b"key")
        session.add_all([identity, passkey])
    async with db.reading() as session:
        bob = (await session.exec(select(User).where(col(User.name) == f"Bob {MARK}"))).one()
        row = (await session.exec(select(WebSession).where(WebSession.user_id == alice.user_id))).first()
        workspace = await session.get_one(Workspace, alice.workspace_id)
        assert row is not None
    ids = {
        "scan": scan_id,
        "queued scan": other_scan,
        "member": bob.public_id,
        "owner": alice.user_public_id,
        "workspace": workspace.public_id,
        "personal token": personal.row.id,
        "workspace token": shared.row.id,
        "secret": stored.id,
        "secret's name": stored.name,
        "session": row.public_id,
        "invitation": link.row.id,
        "identity": identity.public_id,
        "passkey": passkey.public_id,
        "site": site_id,
        "group": group_id,
        "monitor": monitor.id,
        "heartbeat": beat.id,
        "deleted monitor": gone.id,
        "window": window_id,
        "incident": incident.public_id,
    }
    return World(alice, ids, {kind: ghost_of(public_id) for kind, public_id in ids.items()})


@dataclass(frozen=True)
class Somebody:
    actor: Actor | None
    cookie: str

    @property
    def user_id(self) -> int:
        return self.actor.user_id if self.actor else 0


async def nobody(world: World) -> Somebody:
    return Somebody(None, "")


async def tossed(world: World) -> Somebody:
    return Somebody(None, f"seam={'x' * 43}")


async def pending(world: World) -> Somebody:
    """Whoever knows Alice's first factor and not her passkey."""
    return Somebody(None, f"seam={await sessions.create(world.alice.user_id, world.alice.workspace_id, 'google')}")


async def viewer(world: World) -> Somebody:
    """A member of Alice's workspace who may only look."""
    async with db.reading() as session:
        workspace = await session.get_one(Workspace, world.alice.workspace_id)
    actor = await add_actor(f"Dave {next(_COUNT)}", Role.VIEWER, workspace)
    return Somebody(actor, f"seam={await sessions.create(actor.user_id, actor.workspace_id, 'owner_link')}")


async def stranger(world: World) -> Somebody:
    """The owner of another workspace."""
    actor = await add_actor("Charlie", Role.OWNER)
    return Somebody(actor, f"seam={await sessions.create(actor.user_id, actor.workspace_id, 'owner_link', second_factor=True)}")


async def owner(world: World) -> Somebody:
    """Another owner of Alice's workspace, for what must not fail whatever they send."""
    async with db.transaction() as session:
        user = User(name=f"Eve {next(_COUNT)}")
        session.add(user)
        await session.flush()
        assert user.id is not None
        session.add(Membership(workspace_id=world.alice.workspace_id, user_id=user.id, role="owner"))
        user_id = user.id
    return Somebody(world.alice, f"seam={await sessions.create(user_id, world.alice.workspace_id, 'owner_link', second_factor=True)}")


@functools.cache
def _one_of(texts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))), re.I)


def without(text: str, world: World) -> str:
    """Return a text with Alice's ids and those of nothing made alike."""
    kinds = {found.lower(): kind for ids in (world.ids, world.ghosts) for kind, found in ids.items()}
    text = _one_of(tuple(kinds)).sub(lambda match: f"({kinds[match[0].lower()]})", text)
    # What is the asker's own: ids, the numbers of lines in their log, and when they asked.
    text = re.sub(r'(?<=")[\w-]{16}(?=")|(?<=/scans/)[\w-]{16}|(?<="id": )\d+', "0", text)
    text = re.sub(r"\b[\d.]+ [kMG]?B\b", "(size)", text)  # of the database, which grows
    text = re.sub(r"(?<=case=)[\w-]+", "0", text)  # the lab's links hold what was typed, packed
    return re.sub(r"just now|\d+ seconds? ago|\d\d:\d\d UTC|\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|[+-]\d\d:\d\d)?", "(time)", text)
