"""Monitors. Alice owns the workspace, Bob is an editor in it, Charlie is a stranger with a workspace of his own."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select, update

from app import db
from app.core import checks, placeholders
from app.core.schedule import next_due
from app.models import AuditEvent, Heartbeat, Incident, Monitor, now
from app.services import groups, monitor_baselines, monitor_form, monitor_secrets, monitors, sites, stored_secrets
from app.services.access import Actor, Role, Scope
from app.services.errors import Conflict, Forbidden, Invalid, Limited, NotFound, SeamwatchError, Unauthenticated
from app.services.monitors import BulkChange, Draft
from tests.conftest import Cast, add_actor

PAGE = Draft("Shop", "page", {"ask": {"url": "https://shop.example/"}})


async def row(public_id: str) -> Monitor:
    async with db.reading() as session:
        return (await session.exec(select(Monitor).where(Monitor.public_id == public_id))).one()


async def faults(actor: Actor, draft: Draft) -> set[str]:
    with pytest.raises(Invalid) as caught:
        await monitors.create(actor, draft)
    return {error.field for error in caught.value.errors}


async def test_a_monitor_is_made_with_all_that_was_written_and_can_be_written_back(cast: Cast):
    draft = replace(PAGE, tags=("shop", "Shop", "eu"), labels=(("team", "web"),), notes="Ask Eve.", interval_s=30, down=3, down_of=5)
    made = await monitors.create(cast.bob, draft)
    read = await monitors.get(cast.alice, made.id)
    assert read.draft == replace(draft, tags=("eu", "shop"), check=read.draft.check)
    assert (read.status, read.standing, read.heartbeat_url) == ("pending", "pending", "")
    assert (await monitors.change(cast.bob, made.id, read.draft)).draft == read.draft
    kept = await row(made.id)
    assert (kept.address, kept.interval_ms, kept.workspace_id) == ("https://shop.example/", 30_000, cast.alice.workspace_id)
    assert 0 <= kept.phase_ms < kept.interval_ms
    assert next_due(kept.phase_ms, kept.interval_ms, 10**12).at_ms % kept.interval_ms == kept.phase_ms


async def test_every_field_at_fault_is_named(cast: Cast):
    wrong: dict[str, Any] = {
        "interval_s": 1,
        "timeout_s": "x",
        "retries": 1.5,
        "down": 5,
        "tags": "shop",
        "labels": (("a",),),
        "paused": "no",
    }
    assert await faults(cast.bob, replace(PAGE, name="\n", check={"ask": {"url": "shop"}}, notes="x" * 4001, **wrong)) == {
        "name", "check.ask", "interval_s", "timeout_s", "retries", "down", "tags", "labels", "notes", "paused",
    }  # fmt: skip
    assert await faults(cast.bob, replace(PAGE, kind="pagan")) == {"kind"}
    assert await faults(cast.bob, replace(PAGE, check={"ask": {"url": "https://a.example/", "colour": 1}})) == {"check.ask.colour"}
    assert await faults(cast.bob, replace(PAGE, timeout_s=61)) == {"timeout_s"}
    assert await faults(cast.bob, replace(PAGE, interval_s=600, timeout_s=121)) == {"timeout_s"}
    assert await faults(cast.bob, replace(PAGE, site_id="x" * 16, group_id="x" * 16, parent_id="x" * 16)) == {
        "site_id",
        "group_id",
        "parent_id",
    }
    assert await faults(cast.bob, replace(PAGE, check={"ask": {"url": "https://a.example/{{token}}"}})) == {"check"}
    assert await faults(cast.bob, replace(PAGE, tags=("a",), labels=(("A", "b"),))) == {"labels"}


@pytest.mark.parametrize("value", [None, True, -1, 1e400, float("nan"), [], {}, "x", 10**400], ids=repr)
@pytest.mark.parametrize("field", ["name", "kind", "check", "interval_s", "timeout_s", "retry_interval_s", "up_of", "labels", "notes"])
def test_nothing_that_a_client_puts_into_a_field_breaks_its_reading(field: str, value: Any):
    named: set[str] = set()
    try:
        monitor_form.read(replace(PAGE, **{field: value}))
    except Invalid as error:
        named = {fault.field.partition(".")[0] for fault in error.errors}
    assert named <= {field, "up", "timeout_s"}


@pytest.mark.parametrize("kind", monitor_form.Kind)
def test_defaults_suit_but_for_what_only_people_know(kind: monitor_form.Kind):
    draft = monitor_form.defaults(kind)
    named: set[str] = set()
    try:
        monitor_form.read(replace(draft, name="x"))
    except Invalid as error:
        named = {fault.field.partition(".")[0] for fault in error.errors}
    assert named <= {"check"}


async def test_a_secret_that_is_written_goes_into_the_vault_and_its_name_stays(cast: Cast):
    auth = {"type": "basic", "user": "eve", "password": "hunter22"}
    headers = [["Authorization", "Bearer abc.def"], ["X-Api-Key", "k-123456"], ["Accept", "text/html"]]
    draft = Draft("My shop: API", "api", {"ask": {"url": "https://a.example/", "auth": auth, "headers": headers}})
    made = await monitors.create(cast.bob, draft)
    assert set(made.made_secrets) == {"MY_SHOP_API_PASSWORD", "MY_SHOP_API_AUTHORIZATION", "MY_SHOP_API_X_API_KEY"}
    ask = made.draft.check["ask"]
    assert ask["auth"]["password"] == "{{secret.MY_SHOP_API_PASSWORD}}"
    assert ask["headers"][0][1] == "Bearer {{secret.MY_SHOP_API_AUTHORIZATION}}"
    assert ask["headers"][2] == ["Accept", "text/html"]
    assert await stored_secrets.value(cast.alice.workspace_id, "MY_SHOP_API_AUTHORIZATION") == "abc.def"
    kept = await row(made.id)
    assert not any(secret in kept.configuration for secret in ("hunter22", "abc.def", "k-123456"))
    # Sent back as it is, nothing changes; another password replaces the first; while another monitor uses it, it gets a name of its own.
    assert (await monitors.change(cast.bob, made.id, made.draft)).made_secrets == ()
    ask["auth"]["password"] = "another1"
    assert (await monitors.change(cast.bob, made.id, made.draft)).made_secrets == ("MY_SHOP_API_PASSWORD",)
    assert await stored_secrets.value(cast.alice.workspace_id, "MY_SHOP_API_PASSWORD") == "another1"
    copy = await monitors.clone(cast.bob, made.id)
    ask["auth"]["password"] = "a third one"
    assert (await monitors.change(cast.bob, made.id, made.draft)).made_secrets == ("MY_SHOP_API_PASSWORD_2",)
    by_name = {secret.name: secret.id for secret in await stored_secrets.list_(cast.bob)}
    assert await monitor_secrets.used_by(cast.bob, by_name["MY_SHOP_API_PASSWORD"]) == ((copy, "My shop: API (copy)"),)
    with pytest.raises(NotFound):
        await monitor_secrets.used_by(cast.charlie, by_name["MY_SHOP_API_PASSWORD"])


async def test_secrets_among_an_addresss_parameters_go_into_the_vault_and_the_rest_stays(cast: Cast):
    url = "https://a.example/x?page=2&api_key=k%2F1&token=t0p&key=name&X-Amz-Signature={{secret.MINE}}&sid=0123456789abcdef#part?token=1"
    await stored_secrets.put(cast.bob, "MINE", "anything")
    made = await monitors.create(cast.bob, Draft("Shop", "page", {"ask": {"url": url}}))
    assert made.made_secrets == ("SHOP_API_KEY", "SHOP_TOKEN", "SHOP_SID")
    assert made.draft.check["ask"]["url"] == (
        "https://a.example/x?page=2&api_key={{secret.SHOP_API_KEY}}&token={{secret.SHOP_TOKEN}}&key=name"
        "&X-Amz-Signature={{secret.MINE}}&sid={{secret.SHOP_SID}}#part?token=1"
    )
    assert await stored_secrets.value(cast.alice.workspace_id, "SHOP_API_KEY") == "k%2F1"  # as it is sent
    kept = await row(made.id)
    assert not any(secret in kept.configuration + kept.address for secret in ("k%2F1", "t0p", "0123456789abcdef"))
    assert "token={{secret.SHOP_TOKEN}}" in kept.address
    made.draft.check["ask"]["url"] = made.draft.check["ask"]["url"].replace("{{secret.SHOP_TOKEN}}", "t1p")
    assert (await monitors.change(cast.bob, made.id, made.draft)).made_secrets == ("SHOP_TOKEN",)
    assert await stored_secrets.value(cast.alice.workspace_id, "SHOP_TOKEN") == "t1p"
    ready, typed = monitor_secrets.typed(checks.parse(checks.Kind.WEBSOCKET, {"url": "wss://a.example/ws?accessToken=abc"}))
    assert (placeholders.names_in(ready), typed) == (frozenset({"secret.TYPED"}), {"TYPED": "abc"})


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("flow", {"steps": [{"name": "one", "ask": {"url": "https://a.example/?token=t0p"}}]}),
        ("cors", {"call": {"origin": "https://b.example", "url": "https://a.example/?token=t0p"}}),
        ("socketio", {"url": "https://a.example/?token=t0p"}),
        ("cookie", {"ask": {"url": "https://a.example/?token=t0p"}, "name": "s"}),
        ("skew", {"page_url": "https://a.example/", "openapi_url": "https://a.example/?token=t0p"}),
        ("scan", {"page_url": "https://a.example/?token=t0p"}),
    ],
)
async def test_every_kinds_addresses_are_looked_at(cast: Cast, kind: str, check: dict[str, Any]):
    made = await monitors.create(cast.bob, Draft("Shop", kind, check, interval_s=900))
    assert made.made_secrets == ("SHOP_TOKEN",)
    assert "?token={{secret.SHOP_TOKEN}}" in (await row(made.id)).configuration


async def test_a_secret_that_stands_in_an_address_since_long_bars_nobody_from_changing_the_rest(cast: Cast):
    made = await monitors.create(cast.bob, PAGE)
    literal = "https://shop.example/?token=t0p"
    async with db.transaction() as session:
        await session.exec(update(Monitor).values(configuration=json.dumps({"ask": {"url": literal}})))
    token = replace(cast.bob, token="t", scopes=frozenset({Scope.MONITORS_READ, Scope.MONITORS_WRITE}))
    changed = await monitors.patch(token, made.id, {"name": "Store"})
    assert (changed.made_secrets, changed.draft.check["ask"]["url"]) == ((), literal)
    with pytest.raises(Forbidden):
        await monitors.patch(token, made.id, {"check": {"ask": {"url": f"{literal}2"}}})
    assert (await monitors.patch(cast.bob, made.id, {"name": "Shop"})).made_secrets == ("SHOP_TOKEN",)


async def test_who_may_not_add_secrets_writes_none_and_who_may_not_see_them_names_none(cast: Cast):
    token = replace(cast.bob, token="t", scopes=frozenset({Scope.MONITORS_READ, Scope.MONITORS_WRITE}))
    await stored_secrets.put(cast.bob, "KEY", "k-123456")
    for value in ("k-123456", "{{secret.KEY}}"):
        with pytest.raises(Forbidden):
            await monitors.create(token, Draft("A", "api", {"ask": {"url": "https://a.example/", "headers": [["X-Api-Key", value]]}}))
    named = Draft("A", "api", {"ask": {"url": "https://a.example/", "headers": [["X-Api-Key", "{{secret.KEY}}"]]}})
    made = await monitors.create(cast.bob, named)
    assert (await monitors.patch(token, made.id, {"name": "B"})).draft.name == "B"
    elsewhere = {"ask": {**made.draft.check["ask"], "url": "https://thief.example/"}}
    with pytest.raises(Forbidden):
        await monitors.patch(token, made.id, {"check": elsewhere})
    assert await faults(cast.bob, Draft("A", "api", {"ask": {"url": "https://a.example/{{secret.GONE}}"}})) == {"check"}


async def test_a_monitor_is_paused_resumed_deleted_and_restored_and_its_incident_ends(cast: Cast):
    made = await monitors.create(cast.bob, PAGE)
    kept = await row(made.id)
    async with db.transaction() as session:
        assert kept.id is not None
        session.add(Incident(workspace_id=kept.workspace_id, monitor_id=kept.id, severity="down", text="No answer.", opened_at=now()))
        await session.exec(update(Monitor).where(col(Monitor.id) == kept.id).values(standing="down", standing_since=now()))
    assert (read := await monitors.get(cast.alice, made.id)).status == "down"
    assert read.incident
    assert read.incident.text == "No answer."
    assert await monitors.pause(cast.bob, [made.id]) == 1
    assert await monitors.pause(cast.bob, [made.id]) == 0
    assert ((read := await monitors.get(cast.alice, made.id)).status, read.incident, read.standing) == ("paused", None, "pending")
    with pytest.raises(Conflict):
        await monitors.check_now(cast.bob, made.id)
    assert await monitors.resume(cast.bob, [made.id]) == 1
    await monitors.check_now(cast.bob, made.id)
    await monitors.delete(cast.bob, [made.id])
    with pytest.raises(NotFound):
        await monitors.get(cast.alice, made.id)
    assert await monitors.purge() == 0
    await monitors.restore(cast.bob, [made.id])
    await monitors.delete(cast.bob, [made.id])
    async with db.transaction() as session:
        await session.exec(update(Monitor).values(deleted_at=now() - timedelta(minutes=61)))
    with pytest.raises(NotFound):
        await monitors.restore(cast.bob, [made.id])
    assert await monitors.purge() == 1
    async with db.reading() as session:
        assert (await session.exec(select(Incident))).all() == []
        did = [(event.actor_name, event.action) for event in (await session.exec(select(AuditEvent).order_by(col(AuditEvent.id)))).all()]
    words = ("added", "paused", "resumed", "deleted", "restored", "deleted")
    assert did == [("Bob", f"monitor.{word}") for word in words]


async def test_a_heartbeat_has_an_address_that_viewers_do_not_see(cast: Cast):
    beat = await monitors.create(cast.bob, replace(monitors.defaults("heartbeat"), name="Backup"))
    async with db.reading() as session:
        key = (await session.exec(select(Heartbeat.key))).one()
    assert beat.heartbeat_url.endswith(f"/ping/{key}")
    assert (await monitors.get(replace(cast.bob, role=Role.VIEWER), beat.id)).heartbeat_url == ""
    with pytest.raises(Conflict):
        await monitors.check_now(cast.bob, beat.id)
    copy = await monitors.get(cast.bob, await monitors.clone(cast.bob, beat.id))
    assert copy.heartbeat_url not in ("", beat.heartbeat_url)


async def test_monitors_depend_on_each_other_in_no_ring(cast: Cast):
    first = await monitors.create(cast.bob, PAGE)
    second = await monitors.create(cast.bob, replace(PAGE, name="API", parent_id=first.id))
    assert second.parent == "Shop"
    for parent_id in (first.id, second.id):
        with pytest.raises(Invalid) as caught:
            await monitors.patch(cast.bob, first.id, {"parent_id": parent_id})
        assert caught.value.field == "parent_id"
    with pytest.raises(Invalid):
        await monitors.bulk(cast.bob, [first.id], BulkChange(parent_id=second.id))


async def test_several_are_changed_at_once_or_none_is(cast: Cast):
    made = [(await monitors.create(cast.bob, replace(PAGE, name=name, tags=("old", "kept"), timeout_s=8))).id for name in "ab"]
    site_id = await sites.create(cast.bob, "Shop", "https://shop.example/")
    group_id = await groups.create(cast.bob, "Checkout")
    change = BulkChange(
        interval_s=20, down=3, down_of=4, add_tags=("new", "KEPT"), remove_tags=("OLD",), group_id=group_id, site_id=site_id
    )
    assert await monitors.bulk(cast.bob, made, change) == 2
    for public_id in made:
        detail = await monitors.get(cast.bob, public_id)
        assert (detail.draft.interval_s, detail.draft.down, detail.draft.down_of) == (20, 3, 4)
        assert (set(detail.draft.tags), detail.site, detail.group) == ({"kept", "new"}, "Shop", "Checkout")
    await monitors.patch(cast.bob, made[1], {"interval_s": 60, "timeout_s": 30})
    with pytest.raises(Invalid) as caught:
        await monitors.bulk(cast.bob, made, BulkChange(interval_s=10))
    assert (caught.value.field, caught.value.message[:3]) == ("timeout_s", "b: ")
    assert (await monitors.get(cast.bob, made[0])).draft.interval_s == 20
    assert await monitors.bulk(cast.bob, made, BulkChange(group_id="", site_id="")) == 2
    assert (await monitors.get(cast.bob, made[0])).group == ""
    with pytest.raises(Limited):
        await monitors.bulk(cast.bob, ["x" * 16] * 501, BulkChange())


async def test_a_workspace_has_so_many_monitors_at_most(cast: Cast, configure: pytest.MonkeyPatch):
    configure.setattr(monitors, "AT_MOST", 1)
    made = await monitors.create(cast.bob, PAGE)
    for refused in (monitors.create(cast.bob, PAGE), monitors.clone(cast.bob, made.id)):
        with pytest.raises(Limited):
            await refused
    await monitors.delete(cast.bob, [made.id])
    await monitors.create(cast.bob, PAGE)
    with pytest.raises(Limited):
        await monitors.restore(cast.bob, [made.id])


async def answer(result: Any) -> tuple[type[SeamwatchError], str]:
    with pytest.raises(SeamwatchError) as caught:
        await result
    return type(caught.value), str(caught.value)


async def test_a_stranger_reaches_nothing_and_is_told_as_of_what_does_not_exist(cast: Cast):
    made = await monitors.create(cast.bob, PAGE)
    for call in (
        lambda public_id: monitors.get(cast.charlie, public_id),
        lambda public_id: monitors.change(cast.charlie, public_id, PAGE),
        lambda public_id: monitors.patch(cast.charlie, public_id, {"name": "mine"}),
        lambda public_id: monitors.clone(cast.charlie, public_id),
        lambda public_id: monitors.pause(cast.charlie, [public_id]),
        lambda public_id: monitors.resume(cast.charlie, [public_id]),
        lambda public_id: monitors.delete(cast.charlie, [public_id]),
        lambda public_id: monitors.restore(cast.charlie, [public_id]),
        lambda public_id: monitors.bulk(cast.charlie, [public_id], BulkChange(interval_s=20)),
        lambda public_id: monitors.check_now(cast.charlie, public_id),
        lambda public_id: monitor_baselines.accept(cast.charlie, public_id),
        lambda public_id: monitor_baselines.can_accept(cast.charlie, public_id),
        lambda public_id: monitors.create(cast.charlie, replace(PAGE, parent_id=public_id)),
    ):
        assert await answer(call(made.id)) == await answer(call("x" * 16)) == await answer(call({"a": 1}))
    viewer = await add_actor("Dave", Role.VIEWER)
    assert (await answer(monitors.create(viewer, PAGE)))[0] is Forbidden
    assert (await answer(monitors.get(None, made.id)))[0] is Unauthenticated
    assert (await monitors.get(cast.alice, made.id)).draft.name == "Shop"


async def test_a_socket_is_not_held_open_for_longer_than_its_check_may_take(cast: Cast):
    held = Draft("Feed", "websocket", {"url": "wss://shop.example/", "hold_s": 10}, timeout_s=10)
    assert await faults(cast.bob, held) == {"check.hold_s"}
    made = await monitors.create(cast.bob, replace(held, timeout_s=11))
    with pytest.raises(Invalid, match=r"^Feed: To be held open for 10 s"):
        await monitors.bulk(cast.bob, [made.id], BulkChange(timeout_s=5))
