"""Open sockets: a session that ends empties its tabs at once, here and by the sweep; what runs for a tab ends with it."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from limits import RateLimitItemPerSecond
from reflex.istate.manager.memory import StateManagerMemory
from reflex.state import State, StateUpdate
from sqlmodel import col, update

from app import db
from app.app import app
from app.models import Membership, User, WebSession, Workspace, now
from app.services import rates, scans, sessions
from app.services.access import Role
from app.services.scan_form import ScanForm
from app.services.sessions import Ended
from app.state import sockets
from app.state.copied import CopiedState
from app.state.my_sessions import MySessionsState
from app.state.scans import ScansState
from tests.conftest import Cast
from tests.product import OURS, Closed, Product, Tab, full_name, running


@pytest_asyncio.fixture
async def product(database: object, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Product]:
    monkeypatch.setattr(sockets, "LEAVE_S", 0.02)  # here no browser has to find its way before the socket is closed
    async with running() as product:
        yield product
    await rates.close()


async def cookie_of(actor: sessions.Actor) -> str:
    return f"seam={await sessions.create(actor.user_id, actor.workspace_id, 'owner_link')}"


@pytest_asyncio.fixture
async def alices(cast: Cast) -> str:
    await scans.start(cast.alice, ScanForm("https://alice.example/secret-path", ""))
    return await cookie_of(cast.alice)


def shows_nothing(tab: Tab) -> bool:
    return "alice" not in str(tab.vars).lower()


def led_away(tab: Tab) -> list[str]:
    return [event["payload"]["path"] for event in tab.events if event["name"] == "_redirect"]


async def opened(product: Product, cookie: str) -> Tab:
    tab = await product.tab(cookie, path="/scans")
    await tab.idle()
    assert not shows_nothing(tab)
    return tab


async def swept(product: Product) -> None:
    sessions._cache.clear()
    await sockets.of(app).sweep()
    await sockets.of(app).settled()


# Ended in this process


async def test_a_revoked_session_empties_all_its_tabs_and_leads_them_to_the_sign_in(product: Product, alices: str):
    tabs = [await opened(product, alices) for _ in range(3)]
    await sessions.revoke(alices)
    for tab in tabs:
        await tab.until(lambda tab: tab.closed)
        assert shows_nothing(tab)
        assert led_away(tab) == ["/sign-in?why=revoked"]
        assert tab.vars["session_state.signed_in"] is False


async def test_the_tabs_of_other_sessions_stay(product: Product, alices: str, cast: Cast):
    other = await opened(product, await cookie_of(cast.alice))
    nobody = await product.tab()
    await opened(product, alices)
    await sessions.revoke(alices)
    await sockets.of(app).settled()
    assert not other.closed
    assert not nobody.closed
    other.send(full_name(ScansState.retry), path="/scans")
    await other.idle()
    assert not shows_nothing(other)


async def test_a_tab_is_empty_before_its_socket_is_closed(product: Product, alices: str):
    tab = await opened(product, alices)
    await sessions.revoke(alices)
    await tab.until(shows_nothing)
    assert not tab.closed


async def test_what_runs_in_a_tab_ends_with_its_session(product: Product, alices: str, cast: Cast):
    tab = await opened(product, alices)  # the list watches a scan that is queued
    assert any(name.endswith("scans_state.watch") for name, _ in map(sockets._named, app.event_processor._tasks.values()))
    await sessions.revoke(alices)
    await tab.until(lambda tab: tab.closed)
    await asyncio.sleep(0)
    assert not any(name.endswith("scans_state.watch") for name, _ in map(sockets._named, app.event_processor._tasks.values()))


async def test_no_push_reaches_a_tab_after_its_session_ended(product: Product, alices: str):
    tab = await opened(product, alices)
    token = await product.server_token(tab)
    await sessions.revoke(alices)
    pushed = StateUpdate(delta={ScansState.get_full_name(): {"notice_rx_state_": "alice was here"}})
    await sockets.of(app).emit_update(pushed, token)
    await tab.until(lambda tab: tab.closed)
    assert shows_nothing(tab)


async def test_no_event_is_taken_from_a_tab_after_its_session_ended(product: Product, alices: str):
    tab = await opened(product, alices)
    await sessions.revoke(alices)
    tab.send(full_name(ScansState.load), path="/scans")
    await tab.until(lambda tab: tab.closed)
    assert shows_nothing(tab)
    assert led_away(tab) == ["/sign-in?why=revoked"]


async def test_whoever_ends_all_sessions_from_a_tab_is_not_stuck_in_it(product: Product, alices: str, cast: Cast):
    """The handler holds the lock of the very tab that is to be emptied."""
    tab, other = await opened(product, alices), await opened(product, await cookie_of(cast.alice))
    tab.send(full_name(MySessionsState.load), path="/settings/sessions")
    await tab.idle()
    tab.send(full_name(MySessionsState.end_others), path="/settings/sessions")
    await other.until(lambda tab: tab.closed)
    assert shows_nothing(other)
    assert not tab.closed


async def test_a_handler_that_does_not_end_keeps_no_tab_open(product: Product, alices: str, monkeypatch: pytest.MonkeyPatch):
    async def hangs(actor: object, page: object) -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await freed.wait()
                return

    freed = asyncio.Event()
    monkeypatch.setattr(sockets, "LOCKED_S", 0.05)
    tab = await opened(product, alices)
    monkeypatch.setattr("app.services.scans.list_", hangs)
    tab.send(full_name(ScansState.retry), path="/scans")
    await asyncio.sleep(0.05)
    await sessions.revoke(alices)
    await tab.until(lambda tab: tab.closed)
    freed.set()


async def test_the_next_socket_of_the_same_tab_is_nobodys(product: Product, alices: str):
    tab = await opened(product, alices)
    await sessions.revoke(alices)
    await tab.until(lambda tab: tab.closed)
    again = await product.tab(alices, token=tab.token, path="/scans")
    await again.idle()
    assert shows_nothing(again)
    assert led_away(again) == ["/sign-in?next=%2Fscans"]


async def test_a_session_that_ends_between_guard_and_connect_is_refused(product: Product, alices: str):
    tab = Tab(product.asgi, alices, str(uuid.uuid4()), {}, "127.0.0.1")
    product.tabs.append(tab)
    await tab.until(lambda tab: tab.has("0{"))
    await sessions.revoke(alices)
    with pytest.raises(Closed):
        await tab.connect()


# Found by the sweep


async def change(table: type, where: object, **values: object) -> None:
    async with db.transaction() as session:
        await session.exec(update(table).where(where).values(**values))  # pyright: ignore[reportArgumentType]


async def test_the_sweep_ends_sessions_that_expired_or_whose_user_was_disabled_or_that_another_process_revoked(
    product: Product, cast: Cast, alices: str
):
    expired, revoked, disabled = await opened(product, alices), await opened(product, await cookie_of(cast.alice)), None
    secret = revoked.cookie.partition("=")[2]
    bobs = await product.tab(await cookie_of(cast.bob), path="/scans")
    await bobs.idle()
    disabled = bobs
    await change(WebSession, col(WebSession.token_hash) == sessions.digest(alices.partition("=")[2]), expires_at=now() - timedelta(1))
    await change(WebSession, col(WebSession.token_hash) == sessions.digest(secret), revoked_at=now())
    await change(User, col(User.id) == cast.bob.user_id, disabled_at=now())
    await swept(product)
    for tab in (expired, revoked, disabled):
        assert tab.closed
        assert led_away(tab) == ["/sign-in?why=revoked"]
        assert tab.vars["session_state.name"] == ""


async def test_the_sweep_starts_the_tabs_of_a_changed_role_anew(product: Product, cast: Cast):
    cookie = await cookie_of(cast.bob)
    tab = await product.tab(cookie, path="/scans")
    await tab.idle()
    assert tab.vars["session_state.role"] == "editor"
    await change(Membership, col(Membership.user_id) == cast.bob.user_id, role=Role.VIEWER.value)
    await swept(product)
    assert tab.closed
    assert led_away(tab) == []  # its client opens a new socket by itself
    assert tab.vars["session_state.role"] == ""
    again = await product.tab(cookie, token=tab.token, path="/scans")
    await again.idle()
    assert again.vars["session_state.role"] == "viewer"
    await swept(product)
    assert not again.closed


async def test_a_switch_of_the_workspace_gives_the_tab_another_state(product: Product, cast: Cast, alices: str):
    tab = await opened(product, alices)
    async with db.transaction() as session:
        other = Workspace(name="Elsewhere")
        session.add(other)
        await session.flush()
        assert other.id is not None
        session.add(Membership(workspace_id=other.id, user_id=cast.alice.user_id, role="owner"))
        elsewhere = other.id
    await change(WebSession, col(WebSession.user_id) == cast.alice.user_id, workspace_id=elsewhere)
    await sessions.announce([sessions.digest(alices.partition("=")[2])], Ended.CHANGED)
    await tab.until(lambda tab: tab.closed)
    assert "alice.example" not in str(tab.vars)
    again = await product.tab(alices, token=tab.token, path="/scans")
    await again.idle()
    assert again.vars["session_state.workspace"] == "Elsewhere"
    assert "alice.example" not in str(again.vars)


async def test_a_removed_member_is_out(product: Product, cast: Cast):
    tab = await product.tab(await cookie_of(cast.bob), path="/scans")
    await tab.idle()
    async with db.transaction() as session:
        await session.delete(await session.get_one(Membership, (cast.bob.workspace_id, cast.bob.user_id)))
    await swept(product)
    assert tab.closed


async def test_the_sweep_asks_once_however_many_tabs_there_are(product: Product, cast: Cast, monkeypatch: pytest.MonkeyPatch):
    for _ in range(3):
        await product.tab(await cookie_of(cast.alice))
        await product.tab()
    asked: list[int] = []
    actors = sessions.actors

    async def counting(hashes: object) -> object:
        asked.append(len(list(hashes)))  # pyright: ignore[reportArgumentType]
        return await actors(hashes)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(sessions, "actors", counting)
    await sockets.of(app).sweep()
    assert asked == [3]


async def test_what_runs_in_the_background_ends_soon_after_its_tab(product: Product, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("app.state.copied._SHOWN_S", 3600)
    tab = await product.tab()
    tab.send(full_name(CopiedState.show), {"key": "a"})
    await tab.until(lambda tab: tab.vars.get("copied_state.key") == "a")
    await swept(product)
    assert app.event_processor._tasks  # the tab is there
    await tab.close()
    await swept(product)
    assert app.event_processor._tasks  # it may be a short break of the connection
    running = list(app.event_processor._tasks.values())
    await swept(product)
    await asyncio.wait(running)
    assert not app.event_processor._tasks


async def test_a_tab_that_comes_back_in_time_keeps_what_runs(product: Product, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("app.state.copied._SHOWN_S", 3600)
    tab = await product.tab()
    tab.send(full_name(CopiedState.show), {"key": "a"})
    await tab.until(lambda tab: tab.vars.get("copied_state.key") == "a")
    await tab.close()
    await swept(product)
    again = await product.tab(token=tab.token)
    await swept(product)
    await swept(product)
    assert again.vars["copied_state.key"] == "a"
    assert app.event_processor._tasks


async def test_the_registry_forgets_closed_sockets(product: Product):
    tabs = [await product.tab() for _ in range(3)]
    assert len(sockets.of(app).open) == 3
    for tab in tabs:
        await tab.close()
    assert sockets.of(app).open == {}


async def test_what_tabs_of_the_signed_out_showed_is_dropped_some_time_after_they_closed(
    product: Product, alices: str, monkeypatch: pytest.MonkeyPatch
):
    """Else whoever opens and closes tabs fills the memory: Reflex keeps each tab's state for an hour."""
    nobodys, signed_in, back = await product.tab(), await opened(product, alices), await product.tab()
    tokens = {tab: await product.server_token(tab) for tab in (nobodys, signed_in, back)}
    assert isinstance(app.state_manager, StateManagerMemory)
    kept = app.state_manager.states
    for tab in tokens:
        await tab.close()
    await swept(product)
    assert kept.keys() >= set(tokens.values())  # it may be a short break of the connection
    await product.tab(token=back.token)
    monkeypatch.setattr(sockets.of(app), "_gone", dict.fromkeys(sockets.of(app)._gone, 0.0))
    await swept(product)
    assert set(tokens.values()) - kept.keys() == {tokens[nobodys]}
    assert sockets.of(app)._gone == {}


async def test_a_flood_of_new_tabs_from_one_address_is_stopped(product: Product, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(rates._ITEMS, rates.Rate.SOCKETS, RateLimitItemPerSecond(3, 60, namespace="SOCKETS"))
    for _ in range(3):
        await (await product.tab(address="192.0.2.7")).close()
    with pytest.raises(Closed) as refused:
        await product.tab(address="192.0.2.7")
    assert refused.value.why == 429
    await product.tab(address="192.0.2.8")


FOREIGN_FRAMES = [
    "4",
    "49",
    "4x",
    "40",
    "40/other,",
    "42/_event,[",
    "42/_event," + "[" * 100_000,
    f"42/_event,[{'9' * 5000}]",
    f"42/_event,{'9' * 200}[]",
    '42["event",{}]',
    "43/_event,1[]",
    "44/_event,{}",
    '451-/_event,["event",{"_placeholder":true,"num":0}]',
]


@pytest.mark.parametrize("frame", FOREIGN_FRAMES, ids=lambda frame: frame[:20])
async def test_a_frame_that_reflexs_client_would_not_send_ends_the_connection_and_fills_no_log(
    product: Product, caplog: pytest.LogCaptureFixture, frame: str
):
    tab = await product.tab()
    tab.write(frame)
    await tab.until(lambda tab: tab.closed)
    await tab.close()
    assert not caplog.records


# Stolen tokens of tabs


async def test_a_stolen_tab_token_opens_nothing_without_its_cookie(product: Product, cast: Cast, alices: str):
    tab = await opened(product, alices)
    await tab.close()
    for cookie in ("", await cookie_of(cast.bob), "seam-tab=" + "x" * 22):
        thief = await product.tab(cookie, token=tab.token, path="/")
        await thief.idle()
        assert "alice.example" not in str(thief.vars)


async def test_a_stolen_token_of_a_signed_out_tab_opens_nothing_in_another_browser(product: Product):
    mine, other = "seam-tab=" + "m" * 22, "seam-tab=" + "o" * 22
    tab = await product.tab(mine)
    tab.send(full_name(CopiedState.show), {"key": "what I look at"})
    await tab.until(lambda tab: tab.vars.get("copied_state.key"))
    await tab.close()
    for cookie in (other, ""):
        assert (await product.tab(cookie, token=tab.token)).vars["copied_state.key"] == ""
    assert (await product.tab(mine, token=tab.token)).vars["copied_state.key"] == "what I look at"


async def test_the_sockets_are_reflexs_own_namespace_in_our_dress():
    """What is overridden here must still be what Reflex calls."""
    registry = sockets.of(app)
    assert app.sio is not None
    assert app.sio.namespace_handlers["/_event"] is registry
    assert app._state is State
    assert OURS in app.sio.eio.cors_allowed_origins
    for name in ("on_connect", "on_disconnect", "on_event", "emit_update", "trigger_event"):
        assert name in vars(sockets.Sockets)
        assert any(name in vars(parent) for parent in sockets.Sockets.__mro__[1:])
