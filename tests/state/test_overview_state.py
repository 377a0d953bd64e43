"""The overview as a socket sees it: what is read, what a check changes of it, and what is done to several monitors at once."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlmodel import col, select

from app import db
from app.core.cell import Cell
from app.models import Monitor, Workspace, now
from app.services import board, monitors, rates, sessions
from app.services.access import Actor, Role
from app.services.monitors import Draft
from app.state import bulk, overview
from app.state.bulk import BulkState
from app.state.overview import OverviewState
from tests.conftest import Cast, add_actor
from tests.product import Product, Tab, full_name, running

AT_S = 1_900_000_000
PATH = "/overview"


@pytest_asyncio.fixture
async def product(database: object, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Product]:
    for name in ("SETTLED_S", "REREAD_S"):
        monkeypatch.setattr(overview, name, 0.01)
    monkeypatch.setattr(overview, "LOOK_S", 3600.0)
    monkeypatch.setattr(bulk, "_UNDO_S", 3600)
    board.forget()
    async with running() as product:
        yield product
    await rates.close()


@pytest_asyncio.fixture
async def ids(cast: Cast) -> dict[str, str]:
    """Three monitors of Alice's by name."""
    check = {"host": "shop.example", "port": 443}
    made = [await monitors.create(cast.alice, Draft(name, "tcp", check, tags=(name[0],))) for name in ("Blog", "Cart", "Shop")]
    return {one.draft.name: one.id for one in made}


def followed(actor: Actor) -> bool:
    return actor.workspace_id in board._telling and board._telling[actor.workspace_id].followers > 0


async def opened(product: Product, actor: Actor, path: str = PATH) -> Tab:
    tab = await product.tab(f"seam={await sessions.create(actor.user_id, actor.workspace_id, 'owner_link')}", path=path)
    await tab.until(lambda tab: tab.vars.get("overview_state.view") not in (None, "loading"))
    await tab.until(lambda tab: followed(actor))
    await tab.idle()
    return tab


async def sent(tab: Tab, handler: object, path: str = PATH, **payload: object) -> None:
    tab.send(full_name(handler), payload, path)
    await tab.idle()


def names(tab: Tab) -> list[str]:
    return [line["words"] for line in tab.vars["overview_state.lines"] if not line["head"]]


async def found(actor: Actor, public_id: str, cell: Cell) -> None:
    """Have a check find something, as the engine does: how it stands is in the database, and the board tells of it."""
    async with db.transaction() as session:
        row = (await session.exec(select(Monitor).where(col(Monitor.public_id) == public_id))).one()
        if cell.status in ("up", "down"):
            row.standing, row.standing_since = cell.status, now()
        assert row.id is not None
        row_id = row.id
    board.show(actor.workspace_id, row_id, public_id, cell)


async def test_a_result_reaches_the_cell_of_its_row(product: Product, cast: Cast, ids: dict[str, str]):
    tab = await opened(product, cast.alice)
    assert names(tab) == ["Blog", "Cart", "Shop"]
    cell = Cell("unknown", 0, "uu", AT_S, 12)
    await found(cast.alice, ids["Cart"], cell)
    await tab.until(lambda tab: tab.vars["cells_state.cells"][1] == cell.text)


async def test_what_breaks_leads_the_page_its_title_and_its_icon(product: Product, cast: Cast, ids: dict[str, str]):
    tab = await opened(product, cast.alice)
    assert (tab.vars["overview_state.heading"], tab.vars["overview_state.icon"]) == ("", "favicon")
    await found(cast.alice, ids["Shop"], Cell("down", AT_S, "x", AT_S))
    await tab.until(lambda tab: names(tab) == ["Shop", "Blog", "Cart"])
    assert tab.vars["overview_state.heading"] == "1 thing is down"
    assert tab.vars["overview_state.title"] == "(1 down) Overview · Alice's workspace · Seamwatch"
    assert tab.vars["overview_state.icon"] == "favicon-high"
    assert [one["name"] for one in tab.vars["overview_state.wrong"]] == ["Shop"]
    number, line = tab.vars["overview_state.news"].split("\n")
    key, words = line.split("\t")
    assert (number, key.rpartition(":")[0], words[:12]) == ("1", f"{ids['Shop']}:down", "Shop is down")


async def test_rows_keep_their_places_while_somebody_is_among_them(product: Product, cast: Cast, ids: dict[str, str]):
    tab = await opened(product, cast.alice)
    await sent(tab, OverviewState.hold, on=True)
    await found(cast.alice, ids["Shop"], Cell("down", AT_S, "x", AT_S))
    await tab.until(lambda tab: tab.vars["overview_state.waits"])
    assert names(tab) == ["Blog", "Cart", "Shop"]
    assert tab.vars["overview_state.heading"] == "1 thing is down"
    await sent(tab, OverviewState.hold, on=False)
    assert names(tab) == ["Shop", "Blog", "Cart"]
    assert tab.vars["overview_state.waits"] is False


async def test_a_page_that_was_left_follows_nothing(product: Product, cast: Cast, ids: dict[str, str]):
    tab = await opened(product, cast.alice)
    tab.send("reflex___state____state.hydrate_and_load", {"vars": {}}, "/scans")
    await tab.idle()
    await found(cast.alice, ids["Cart"], Cell("up", AT_S, "u", AT_S))
    await tab.until(lambda tab: True)
    for _ in range(2000):
        if not followed(cast.alice):
            break
        await tab.idle()
    assert not followed(cast.alice)


async def test_what_is_chosen_stands_in_the_address_and_comes_back_from_it(product: Product, cast: Cast, ids: dict[str, str]):
    tab = await opened(product, cast.alice)
    await sent(tab, OverviewState.search, text=" SHOP ")
    assert names(tab) == ["Blog", "Cart", "Shop"]  # all have this address
    await sent(tab, OverviewState.show_tag, tag="C")
    await sent(tab, OverviewState.sort_by, column="name")
    await sent(tab, OverviewState.sort_by, column="name")
    assert names(tab) == ["Cart"]
    assert tab.vars["overview_state.address"] == "/overview?q=SHOP&tag=C&sort=name&order=desc"
    again = await opened(product, cast.alice, tab.vars["overview_state.address"])
    assert names(again) == ["Cart"]
    assert again.vars["overview_state.text"] == "SHOP"
    await sent(again, OverviewState.clear_filters)
    assert names(again) == ["Shop", "Cart", "Blog"]
    await sent(again, OverviewState.show_status, status="down")
    assert again.vars["overview_state.view"] == "filtered"


async def test_a_group_folds_and_unfolds(product: Product, cast: Cast, ids: dict[str, str]):
    tab = await opened(product, cast.alice)
    await sent(tab, OverviewState.choose_group, group_by="kind")
    await sent(tab, OverviewState.fold, key="tcp")
    assert [(line["words"], line["count"], line["folded"]) for line in tab.vars["overview_state.lines"]] == [("TCP", 3, True)]
    await sent(tab, OverviewState.fold, key="tcp")
    assert names(tab) == ["Blog", "Cart", "Shop"]


async def test_several_are_paused_at_once_and_that_can_be_undone(product: Product, cast: Cast, ids: dict[str, str]):
    tab = await opened(product, cast.bob)
    for name in ("Blog", "Shop"):
        await sent(tab, BulkState.choose, monitor_id=ids[name])
    assert tab.vars["bulk_state.chosen_words"] == "2 monitors chosen"
    await sent(tab, BulkState.pause)
    assert (tab.vars["bulk_state.notice"], tab.vars["bulk_state.can_undo"]) == ("2 monitors paused.", True)
    assert tab.vars["bulk_state.chosen"] == []
    assert (await monitors.get(cast.bob, ids["Shop"])).paused_at is not None
    await sent(tab, BulkState.undo)
    assert (await monitors.get(cast.bob, ids["Shop"])).paused_at is None
    assert tab.vars["bulk_state.notice"] == "2 monitors resumed."


async def test_several_are_changed_by_what_the_form_says_and_nothing_else(product: Product, cast: Cast, ids: dict[str, str]):
    tab = await opened(product, cast.bob)
    await sent(tab, BulkState.choose_here)
    await sent(tab, BulkState.ask_change)
    assert tab.vars["bulk_state.asked"] == "change"
    await sent(tab, BulkState.change, form={"interval": "", "down": "x", "add_tags": " , "})
    assert tab.vars["bulk_state.error"] == "Choose what to change."
    await sent(
        tab,
        BulkState.change,
        form={"interval": "300", "down": "2/3", "add_tags": "shop, eu", "remove_tags": "B", "new_group": "Shop / Pay"},
    )
    assert tab.vars["bulk_state.asked"] == ""
    assert [line["words"] for line in tab.vars["overview_state.lines"] if line["head"]] == ["Shop", "Pay"]
    draft = (await monitors.get(cast.bob, ids["Blog"])).draft
    assert (draft.interval_s, draft.down, draft.down_of, draft.up, sorted(draft.tags)) == (300, 2, 3, 1, ["eu", "shop"])


async def test_several_are_deleted_and_restored(product: Product, cast: Cast, ids: dict[str, str]):
    tab = await opened(product, cast.bob)
    await sent(tab, BulkState.choose_here)
    await sent(tab, BulkState.ask_delete)
    await sent(tab, BulkState.delete)
    assert tab.vars["overview_state.view"] == "empty"
    await sent(tab, BulkState.undo)
    assert names(tab) == ["Blog", "Cart", "Shop"]


async def test_only_what_is_shown_can_be_chosen_and_a_viewer_changes_nothing(product: Product, cast: Cast, ids: dict[str, str]):
    theirs = await opened(product, cast.charlie)
    await sent(theirs, BulkState.choose, monitor_id=ids["Shop"])
    assert theirs.vars["bulk_state.chosen"] == []
    async with db.reading() as session:
        workspace = await session.get_one(Workspace, cast.alice.workspace_id)
    tab = await opened(product, await add_actor("Vera", Role.VIEWER, workspace))
    assert tab.vars["overview_state.may_change"] is False
    await sent(tab, BulkState.choose_here)
    await sent(tab, BulkState.pause)
    assert tab.vars["bulk_state.notice"].startswith("You are a viewer here")
    assert (await monitors.get(cast.alice, ids["Shop"])).paused_at is None
