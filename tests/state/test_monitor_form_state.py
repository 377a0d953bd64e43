"""The form of a monitor as a browser drives it: by events alone, against real services."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.services import monitors, rates, sessions, stored_secrets
from app.services.access import Role
from app.services.monitor_form import Draft
from app.state.monitor_form import MonitorFormState
from tests.conftest import Cast, add_actor
from tests.product import Product, Tab, full_name, running

URL = "http://127.0.0.1:9/api/items"
NEW = "/monitors/new?kind=api"


@pytest_asyncio.fixture
async def product(database: Any) -> AsyncIterator[Product]:
    async with running() as product:
        yield product
    await rates.close()


async def opened(product: Product, actor: Any, path: str = NEW) -> Tab:
    cookie = f"seam={await sessions.create(actor.user_id, actor.workspace_id, 'owner_link')}"
    tab = await product.tab(cookie, path=path)
    await tab.idle()
    return tab


async def send(tab: Tab, handler: Any, payload: dict[str, Any] | None = None, path: str = NEW) -> None:
    tab.send(full_name(handler), payload or {}, path)
    await tab.idle()


def shown(tab: Tab, name: str) -> Any:
    return tab.vars[f"monitor_form_state.{name}"]


def fields(tab: Tab) -> dict[str, dict[str, Any]]:
    """Return every field that is drawn, by its path."""
    found: dict[str, dict[str, Any]] = {}
    for card in shown(tab, "cards"):
        for block in (*card["blocks"], *card["folded"]):
            for one in (*block["fields"], *(one for row in block["rows"] for one in row["fields"])):
                found[one["path"]] = one
    return found


def typed(tab: Tab, **changed: str) -> dict[str, str]:
    """Return what a browser submits: each field as it was filled, but for what was typed."""
    form = {path: one["value"] for path, one in fields(tab).items() if one["look"] != "check" or one["value"]}
    form |= {f"{path}~unit": one["unit"] for path, one in fields(tab).items() if one["look"] == "span"}
    return form | {name.replace("__", "."): value for name, value in changed.items()}


def led_to(tab: Tab) -> list[str]:
    return [event["payload"]["path"] for event in tab.events if event["name"] == "_redirect"]


async def test_a_monitor_is_made_with_a_name_of_its_own_and_its_password_moves_to_the_vault(product: Product, cast: Cast):
    tab = await opened(product, cast.alice, f"{NEW}&url={URL}")
    assert fields(tab)["check.ask.url"]["value"] == URL
    await send(tab, MonitorFormState.steer, {"path": "check.ask.auth.type", "value": "basic"})
    await send(tab, MonitorFormState.submit, {"form": typed(tab, check__ask__auth__user="u", check__ask__auth__password="hunter2-x")})
    (made,) = led_to(tab)
    detail = await monitors.get(cast.alice, made.rpartition("/")[2])
    assert detail.draft.name == "GET /api/items"
    assert detail.draft.check["ask"]["auth"]["password"] == "{{secret.GET_API_ITEMS_PASSWORD}}"
    assert "hunter2-x" not in json.dumps([tab.vars, tab.events, tab.heard])
    assert "moved to the vault" in " ".join(tab.heard)


async def test_each_error_stands_at_its_field_which_takes_the_focus_and_what_was_typed_is_kept(product: Product, cast: Cast):
    tab = await opened(product, cast.alice)
    await send(tab, MonitorFormState.add, {"path": "check.ask.headers"})
    await send(tab, MonitorFormState.submit, {"form": typed(tab, check__ask__url="nowhere", interval_s="1", **{"interval_s~unit": "1"})})
    wrong = {path for path, one in fields(tab).items() if one["error"]}
    assert wrong == {"check.ask.url", "interval_s"}
    assert shown(tab, "focus_id") == "check.ask.url"
    assert led_to(tab) == []
    await send(tab, MonitorFormState.submit, {"form": typed(tab, check__ask__url=URL, interval_s="x")})
    assert {path for path, one in fields(tab).items() if one["error"]} == {"interval_s"}


async def test_rows_come_go_and_move_and_keep_their_numbers(product: Product, cast: Cast):
    tab = await opened(product, cast.alice, "/monitors/new?kind=flow")
    await send(tab, MonitorFormState.add, {"path": "check.steps"})
    titles = [card["path"] for card in shown(tab, "cards") if card["path"]]
    assert len(titles) == 2
    await send(tab, MonitorFormState.up, {"path": titles[1]})
    assert [card["path"] for card in shown(tab, "cards") if card["path"]] == titles[::-1]
    await send(tab, MonitorFormState.remove, {"path": titles[0]})
    assert [card["path"] for card in shown(tab, "cards") if card["path"]] == titles[1:]
    await send(tab, MonitorFormState.remove, {"path": titles[1]})  # the last step stays
    assert [card["path"] for card in shown(tab, "cards") if card["path"]] == titles[1:]


async def test_the_operators_follow_what_is_looked_at(product: Product, cast: Cast):
    tab = await opened(product, cast.alice)
    subject = next(path for path in fields(tab) if path.endswith(".subject"))
    await send(tab, MonitorFormState.steer, {"path": subject, "value": "latency"})
    row = subject.rpartition(".")[0]
    assert fields(tab)[f"{row}.operator"]["options"] == "operators-latency"
    form = typed(tab, check__ask__url=URL) | {f"{row}.operator": "below", f"{row}.value": "800"}
    await send(tab, MonitorFormState.submit, {"form": form})
    detail = await monitors.get(cast.alice, led_to(tab)[0].rpartition("/")[2])
    assert detail.draft.check["ask"]["assertions"][0]["operator"] == "below"


async def test_a_secret_is_picked_by_its_name(product: Product, cast: Cast):
    await stored_secrets.put(cast.alice, "API_TOKEN", "a value")
    tab = await opened(product, cast.alice)
    await send(tab, MonitorFormState.steer, {"path": "check.ask.auth.type", "value": "bearer"})
    await send(tab, MonitorFormState.pick, {"path": "check.ask.auth.token", "name": "API_TOKEN"})
    assert fields(tab)["check.ask.auth.token"]["value"] == "{{secret.API_TOKEN}}"
    await send(tab, MonitorFormState.pick, {"path": "check.ask.auth.token", "name": "NOTHING"})
    assert fields(tab)["check.ask.auth.token"]["value"] == "{{secret.API_TOKEN}}"


async def test_json_hides_what_was_typed_and_saves_it_all_the_same(product: Product, cast: Cast):
    tab = await opened(product, cast.alice)
    await send(tab, MonitorFormState.steer, {"path": "check.ask.auth.type", "value": "bearer"})
    await send(tab, MonitorFormState.intend, {"what": "json"})
    await send(tab, MonitorFormState.submit, {"form": typed(tab, check__ask__url=URL, check__ask__auth__token="t0p-secret-value")})
    assert shown(tab, "as_json")
    assert "t0p-secret-value" not in json.dumps([tab.vars, tab.heard])
    await send(tab, MonitorFormState.submit, {"form": {"json": "{"}})
    assert "not JSON" in shown(tab, "json_error")
    await send(tab, MonitorFormState.submit, {"form": {"json": shown(tab, "json_text").replace('"interval_s": 60', '"interval_s": 90')}})
    detail = await monitors.get(cast.alice, led_to(tab)[0].rpartition("/")[2])
    assert detail.draft.interval_s == 90
    (name,) = [row.name for row in await stored_secrets.list_(cast.alice)]
    assert await stored_secrets.value(cast.alice.workspace_id, name) == "t0p-secret-value"


async def test_a_change_keeps_what_no_field_shows(product: Product, cast: Cast):
    made = await monitors.create(cast.alice, Draft("Nightly", "heartbeat", {"period_s": 86_400}, interval_s=120, paused=True))
    path = f"/monitors/{made.id}/edit"
    tab = await opened(product, cast.alice, path)
    assert fields(tab)["check.period_s"]["unit"] == "86400"
    await send(tab, MonitorFormState.submit, {"form": typed(tab, name="Weekly", check__period_s="7")}, path)
    detail = await monitors.get(cast.alice, made.id)
    assert (detail.draft.name, detail.draft.interval_s, detail.draft.paused) == ("Weekly", 120, True)
    assert detail.draft.check["period_s"] == 7 * 86_400


async def test_the_next_times_of_a_cron_expression_are_shown_in_its_zone(product: Product, cast: Cast):
    tab = await opened(product, cast.alice, "/monitors/new?kind=heartbeat")
    for path, value in (("check.rhythm", "cron"), ("check.cron", "30 3 * * *"), ("check.zone", "Europe/Berlin")):
        await send(tab, MonitorFormState.steer, {"path": path, "value": value})
    assert len(shown(tab, "comes")) == 3
    assert all(", 03:30 Europe/Berlin (" in one for one in shown(tab, "comes"))
    await send(tab, MonitorFormState.steer, {"path": "check.cron", "value": "nonsense"})
    assert shown(tab, "comes") == []


async def test_a_viewer_is_told_why_not_and_a_stranger_finds_nothing(product: Product, cast: Cast):
    made = await monitors.create(cast.alice, Draft("Mine", "ping", {"host": "127.0.0.1"}))
    path = f"/monitors/{made.id}/edit"
    from app import db
    from app.models import Workspace

    async with db.reading() as session:
        workspace = await session.get_one(Workspace, cast.alice.workspace_id)
    viewer = await opened(product, await add_actor("Vera", Role.VIEWER, workspace), path)
    assert shown(viewer, "view") == "refused"
    assert "editor" in shown(viewer, "error")
    stranger = await opened(product, cast.charlie, path)
    assert shown(stranger, "view") == "missing"
    assert "Mine" not in json.dumps(stranger.vars)


@pytest.mark.parametrize("kind", ["api", "flow", "cookie", "heartbeat"])
async def test_what_no_page_sends_changes_nothing(product: Product, cast: Cast, kind: str):
    tab = await opened(product, cast.alice, f"/monitors/new?kind={kind}")
    before = shown(tab, "cards")
    for handler in (MonitorFormState.add, MonitorFormState.remove, MonitorFormState.up):
        for path in ("", "check", "check.ask.headers.x", "check.steps.99", "check.steps.-1", "check.steps.²", "a" * 5000):
            await send(tab, handler, {"path": path})
    await send(tab, MonitorFormState.steer, {"path": "__class__", "value": "x"})
    assert shown(tab, "cards") == before
    assert not tab.vars.get("trouble_state.said")
