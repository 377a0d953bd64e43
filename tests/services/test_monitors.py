"""Monitors. Alice owns the workspace, Bob is an editor in it, Charlie is a stranger with a workspace of his own."""


from dataclasses import replace

import pytest




from app.services import monitors, stored_secrets
from app.services.errors import Invalid, NotFound
from app.services.monitors import Draft
from tests.conftest import Cast

PAGE = Draft("Shop", "page", {"ask": {"url": "https://shop.example/"}})


async def test_a_monitor_is_made_with_all_that_was_written(cast: Cast):
    made = await monitors.create(cast.bob, replace(PAGE, tags=("shop", "Shop", "eu"), labels=(("team", "web"),), notes="Ask Eve."))
    read = await monitors.get(cast.alice, made.id)
    assert read.draft.name == "Shop"
    assert read.draft.tags == ("eu", "shop")
    assert read.draft.labels == (("team", "web"),)
    assert read.status == "pending"
    assert (await monitors.change(cast.bob, made.id, replace(read.draft, name="Store"))).draft.name == "Store"


async def test_a_secret_that_is_written_goes_into_the_vault(cast: Cast):
    auth = {"type": "basic", "user": "eve", "password": "hunter22"}
    made = await monitors.create(cast.bob, Draft("My shop: API", "api", {"ask": {"url": "https://a.example/", "auth": auth}}))
    assert made.made_secrets == ("MY_SHOP_API_PASSWORD",)
    assert made.draft.check["ask"]["auth"]["password"] == "{{secret.MY_SHOP_API_PASSWORD}}"
    assert await stored_secrets.value(cast.alice.workspace_id, "MY_SHOP_API_PASSWORD") == "hunter22"


async def test_faults(cast: Cast):
    with pytest.raises(Invalid) as caught:
        await monitors.create(cast.bob, Draft("", "page", {"ask": {"url": "nothing"}}, interval_s=1, down=5))
    assert {error.field for error in caught.value.errors} == {"name", "check.ask", "interval_s", "down"}
    with pytest.raises(NotFound):
        await monitors.get(cast.charlie, "x")
    made = await monitors.create(cast.bob, PAGE)
    await monitors.pause(cast.bob, [made.id])
    await monitors.delete(cast.bob, [made.id])
    await monitors.restore(cast.bob, [made.id])
    copy = await monitors.clone(cast.bob, made.id)
    await monitors.bulk(cast.bob, [made.id, copy], monitors.BulkChange(interval_s=30, add_tags=("a",), parent_id=""))
    await monitors.resume(cast.bob, [made.id, copy])
    await monitors.check_now(cast.bob, copy)
    beat = await monitors.create(cast.bob, replace(monitors.defaults("heartbeat"), name="Backup"))
    assert beat.heartbeat_url.startswith("http://localhost:3000/ping/")
