"""Groups, renamed and deleted over the list of monitors."""

from collections.abc import AsyncIterator

import pytest_asyncio

from app.services import groups, monitors, rates, sessions
from app.services.access import Actor
from app.services.monitors import Draft
from app.state.grouping import GroupingState
from tests.conftest import Cast
from tests.product import Product, Tab, full_name, running

PATH = "/monitors"


@pytest_asyncio.fixture
async def product(database: object) -> AsyncIterator[Product]:
    async with running() as product:
        yield product
    await rates.close()


async def opened(product: Product, actor: Actor) -> Tab:
    tab = await product.tab(f"seam={await sessions.create(actor.user_id, actor.workspace_id, 'owner_link')}", path=PATH)
    await tab.idle()
    return tab


async def sent(tab: Tab, handler: object, **payload: object) -> None:
    tab.send(full_name(handler), payload, PATH)
    await tab.idle()


def shown(tab: Tab, name: str) -> object:
    return tab.vars[f"grouping_state.{name}"]


async def test_a_group_is_renamed_moved_and_deleted_and_its_monitors_stay(product: Product, cast: Cast):
    shop = await groups.create(cast.alice, "Shop")
    cart = await groups.create(cast.alice, "Cart", shop)
    blog = await groups.create(cast.alice, "Blog")
    made = await monitors.create(cast.alice, Draft("Pay", "tcp", {"host": "shop.example", "port": 443}, group_id=cart))
    tab = await opened(product, cast.alice)
    await sent(tab, GroupingState.open_list)
    assert [line["path"] for line in tab.vars["grouping_state.lines"]] == ["Blog", "Shop", "Shop / Cart"]
    await sent(tab, GroupingState.edit, group_id=shop)
    await sent(tab, GroupingState.leave, what="list")  # as the list tells that makes room for the form
    assert (shown(tab, "asked"), shown(tab, "name")) == ("edit", "Shop")
    assert [place["words"] for place in tab.vars["grouping_state.places"]] == ["Blog"]  # not in itself
    await sent(tab, GroupingState.save, form={"name": " ", "parent": ""})
    assert (shown(tab, "asked"), bool(shown(tab, "name_error"))) == ("edit", True)
    await sent(tab, GroupingState.save, form={"name": "Store", "parent": blog})
    assert (shown(tab, "asked"), tab.vars["bulk_state.notice"]) == ("", "Group saved.")
    assert [row.path for row in await groups.list_(cast.bob)] == ["Blog", "Blog / Store", "Blog / Store / Cart"]

    await sent(tab, GroupingState.delete)
    assert len(await groups.list_(cast.bob)) == 3  # nobody was asked
    await sent(tab, GroupingState.edit, group_id=cart)
    await sent(tab, GroupingState.ask_delete)
    await sent(tab, GroupingState.leave, what="edit")  # as the form tells that makes room for the question
    assert (shown(tab, "asked"), shown(tab, "goes")) == ("delete", "Its monitor stays, without a group.")
    await sent(tab, GroupingState.delete)
    assert [row.path for row in await groups.list_(cast.bob)] == ["Blog", "Blog / Store"]
    assert (await monitors.get(cast.bob, made.id)).group == ""


async def test_a_stranger_changes_nothing_and_learns_nothing(product: Product, cast: Cast):
    shop = await groups.create(cast.alice, "Secret project")
    tab = await opened(product, cast.charlie)
    for handler, payload in (
        (GroupingState.open_list, {}), (GroupingState.edit, {"group_id": shop}), (GroupingState.ask_delete, {}), (GroupingState.delete, {}),
        (GroupingState.save, {"form": {"name": "Mine"}}), (GroupingState.edit, {"group_id": {"a": 1}}),
    ):  # fmt: skip
        await sent(tab, handler, **payload)
    assert "Secret project" not in str([tab.vars, tab.heard])
    assert [row.name for row in await groups.list_(cast.alice)] == ["Secret project"]
