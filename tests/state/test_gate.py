"""The gate before every event: who may send what, and what becomes of arguments that no page of ours sends."""

import contextlib
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import reflex as rx
from reflex_base.event import EventHandler
from reflex_base.event.context import EventContext

from app.app import app
from app.services import audit, rates, sessions
from app.services.errors import Limited
from app.state import gate
from app.state.compare import CompareState
from app.state.lab import LabState
from app.state.scan import ScanState
from app.state.scans import ScansState
from app.state.sign_in import SignInState
from app.state.trouble import TroubleState
from tests.conftest import Cast
from tests.product import HYDRATE, Product, Tab, full_name, policies, running

HANDLERS = Path(__file__).with_name("handlers.txt")
ROOT = "reflex___state____state"


@pytest_asyncio.fixture
async def product(database: Path) -> AsyncIterator[Product]:
    (of_app,) = [one for one in app._middlewares if isinstance(one, gate.Gate)]
    of_app._logged = 0
    async with running() as product:
        yield product
    await rates.close()


@pytest_asyncio.fixture
async def alices(cast: Cast) -> str:
    """Alice's cookie."""
    return f"seam={await sessions.create(cast.alice.user_id, cast.alice.workspace_id, 'owner_link')}"


def redirects(tab: Tab) -> list[str]:
    return [event["payload"]["path"] for event in tab.events if event["name"] == "_redirect"]


# Who may


def test_every_handler_is_in_the_table_with_its_policy():
    """`signed_in` says who may ask, not what a role may do: that is decided in services. `deny` are those of Reflex alone."""
    found = {f"{policy:9} {name.removeprefix(f'{ROOT}.')}" for name, policy in policies().items() if not name.endswith("setvar")}
    written = set(HANDLERS.read_text().splitlines())
    assert not found - written, f"add to {HANDLERS.name}: {sorted(found - written)}"
    assert not written - found, f"take out of {HANDLERS.name}: {sorted(written - found)}"


def test_nothing_of_ours_is_without_a_mark_and_setvar_is_nobodys():
    denied = {name for name, policy in policies().items() if policy == "deny"}
    assert {name.rpartition(".")[2] for name in denied} == {"setvar"}
    assert f"{ROOT}.setvar" in denied


def test_what_reflex_sends_of_itself_is_still_called_so():
    handlers = app._registration_context.event_handlers
    assert set(gate.FRAMEWORK) <= set(handlers)
    assert HYDRATE in gate.FRAMEWORK


def test_every_argument_says_its_type():
    handlers = app._registration_context.event_handlers
    silent = [
        f"{name}({parameter})"
        for name, policy in policies().items()
        if policy != "deny"
        for parameter in list(handlers[name].handler.get_parameters())[1:]
        if parameter not in handlers[name].handler._get_type_hints()
    ]
    assert silent == []


def test_every_background_handler_runs_once_a_tab():
    handlers = [one.handler for one in app._registration_context.event_handlers.values()]
    several = [handler.fn.__qualname__ for handler in handlers if handler.is_background and not handler.supersedes]
    assert several == []


async def test_the_signed_out_are_led_to_the_sign_in_and_back(product: Product):
    tab = await product.tab(path="/scans?page=2")
    await tab.idle()
    assert redirects(tab) == ["/sign-in?next=%2Fscans%3Fpage%3D2"]
    tab.send(full_name(ScansState.delete), {"scan_id": "x"}, path="/scans/abc#f1")
    await tab.until(lambda tab: len(redirects(tab)) == 2)
    assert redirects(tab)[1] == "/sign-in?next=%2Fscans%2Fabc"


async def test_the_signed_in_may(product: Product, alices: str):
    tab = await product.tab(alices, path="/scans")
    await tab.idle()
    assert tab.vars["scans_state.view"] == "empty"
    assert redirects(tab) == []


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        (f"{ROOT}.setvar", {"var_name": "is_hydrated", "value": False}),
        (f"{LabState.get_full_name()}.setvar", {"var_name": "origin", "value": "https://set.test"}),
        (f"{ROOT}.set_is_hydrated", {"value": False}),
        (full_name(TroubleState.tell), {}),
        (full_name(ScansState.watch), {}),
        (full_name(ScanState.follow), {}),
        (f"{ScansState.get_full_name()}._read", {}),
        (f"{ScansState.get_full_name()}.reset", {}),
        (f"{ScansState.get_full_name()}.__init__", {}),
        (f"{LabState.get_full_name()}.nothing", {}),
        ("", {}),
        ("_redirect", {"path": "https://evil.test"}),
    ],
)
async def test_what_no_client_may_send_does_nothing(product: Product, alices: str, name: str, payload: dict[str, Any]):
    tab = await product.tab(alices, path="/scans")
    await tab.idle()
    vars_before, updates = dict(tab.vars), tab.updates
    tab.send(name, payload)
    await tab.idle()
    assert (tab.vars, tab.updates, tab.events) == (vars_before, updates, [])


async def test_an_internal_handler_runs_when_ours_returns_it(product: Product, alices: str, monkeypatch: pytest.MonkeyPatch):
    async def fails(actor: object, page: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr("app.services.scans.list_", fails)
    tab = await product.tab(alices, path="/")
    tab.send(full_name(ScansState.load), path="/scans")
    await tab.until(lambda tab: tab.vars.get("trouble_state.said"))


async def test_handlers_learn_who_acts_and_from_where(product: Product, alices: str, cast: Cast, monkeypatch: pytest.MonkeyPatch):
    seen: list[tuple[str, str, bool]] = []

    async def listed(actor: object, page: object) -> None:
        acting = gate.ACTOR.get()
        seen.append((acting.name if acting else "", audit.ADDRESS.get(), EventContext.get().parent_txid is not None))
        raise RuntimeError

    monkeypatch.setattr("app.services.scans.list_", listed)
    tab = await product.tab(alices, path="/scans", address="203.0.113.9")
    await tab.idle()
    tab.send(full_name(ScansState.retry))
    await tab.idle()
    assert seen == [("Alice", "203.0.113.9", True), ("Alice", "203.0.113.9", False)]


async def test_an_event_cannot_bring_a_cookie_or_an_address_of_its_own(product: Product, alices: str):
    tab = await product.tab()
    made_up = {"headers": {"cookie": alices}, "cookie": alices, "ip": "203.0.113.9", "token": "x", "sid": "y", "pathname": "/scans"}
    tab.emit("event", {"name": full_name(ScansState.load), "payload": {}, "router_data": made_up})
    await tab.until(redirects)
    assert tab.vars["session_state.signed_in"] is False


# With what


GARBAGE: list[Any] = [None, True, 0, -1, 1.5, 10**30, "", "x", "\ud800", "a\0b", [], [1], {}, {"a": 1}, json.loads("[" * 14 + "]" * 14)]


def _told_apart(value: object) -> str:
    """Return a name for a case that is the same in every process of the suite."""
    return value.__name__ if callable(value) else ascii(value)[:60]


@pytest.mark.parametrize("value", GARBAGE, ids=ascii)
async def test_an_argument_of_another_type_never_reaches_the_handler(product: Product, value: Any, caplog: pytest.LogCaptureFixture):
    tab = await product.tab(path="/cors")
    tab.send(full_name(LabState.set_header_name), {"number": value, "text": "x"})
    tab.send(full_name(LabState.set_origin), {"text": value})
    tab.send(full_name(LabState.set_origin), value)
    await tab.idle()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "trouble_state.said" not in tab.vars or not tab.vars["trouble_state.said"]
    tab.send(full_name(LabState.set_origin), {"text": "https://still.test"})
    await tab.until(lambda tab: tab.vars.get("lab_state.origin") == "https://still.test")


# Like methods of a state, but of none: a state of a test would be one of the app.


async def plain(self: rx.State, text: str, number: int, *, on: bool = False):
    pass


async def form(self: rx.State, form: dict[str, Any]):
    pass


async def many(self: rx.State, ids: list[str], share: float, then: str | None = None):
    pass


def shape(function: Any) -> gate.Shape:
    return gate.Shape(EventHandler(fn=function))


def test_the_shape_takes_what_pages_send():
    shape(plain).check({"text": "", "number": 3})
    shape(plain).check({"text": "x", "number": 3, "on": True})
    shape(form).check({"form": {"url": "x", "rows": ["a"], "on": True}})
    shape(many).check({"ids": [], "share": 1})
    shape(many).check({"ids": ["a"], "share": 1.5, "then": None})


@pytest.mark.parametrize(
    ("handler", "payload"),
    [
        (plain, {}),
        (plain, {"text": "x"}),
        (plain, {"text": "x", "number": 3, "more": 1}),
        (plain, {"text": 3, "number": 3}),
        (plain, {"text": "x", "number": "three"}),
        (plain, {"text": "x", "number": True}),
        (plain, {"text": "x", "number": 3, "on": 1}),
        (plain, {"text": "x", "number": 2**60}),
        (form, {"form": [["a", "b"]]}),
        (form, {"form": None}),
        (form, {"form": {"a": float("nan")}}),
        (form, {"form": {"a": json.loads("[" * 50 + "]" * 50)}}),
        (form, {"form": {str(number): 0 for number in range(6000)}}),
        (many, {"ids": "abc", "share": 1.0}),
        (many, {"ids": [1], "share": 1.0}),
        (many, {"ids": [], "share": float("inf")}),
        (many, {"ids": [], "share": 1.0, "then": 3}),
    ],
    ids=_told_apart,
)
def test_the_shape_refuses_everything_else(handler: Any, payload: dict[str, Any]):
    with pytest.raises(gate.Malformed):
        shape(handler).check(payload)


@pytest.mark.parametrize(
    "message",
    [
        ["event"],
        ["ping", {}],
        ["event", None],
        ["event", "text"],
        ["event", []],
        ["event", {}],
        ["event", {"name": ["a"]}],
        ["event", {"name": {"a": 1}}],
        ["event", {"name": "x", "payload": []}],
        ["event", {"name": "x", "router_data": "y"}],
        ["event", {"name": HYDRATE, "router_data": {"pathname": [], "query": {"a": {}}, "asPath": 3}}],
        ["event", {"name": HYDRATE, "payload": {"vars": {"": 1, "a.b": {}, "x" * 100: "y"}, "hashes": [1]}}],
        ["event", {"name": HYDRATE, "payload": {"vars": {f"{ROOT}.is_hydrated": True}}}],
        ["event", {}, {}],
        ["connect", {}],
        ["disconnect"],
        ["disconnect", "client disconnect"],
        ["link_token_to_sid", "a", "b"],
        ["update", {}],
        [3, {}],
        [None],
        [["event"], {}],
        ["client_error", 3],
        ["client_error", {}, {}],
    ],
    ids=_told_apart,
)
async def test_a_malformed_message_harms_nothing(product: Product, message: list[Any], caplog: pytest.LogCaptureFixture):
    tab = await product.tab(path="/cors")
    tab.emit(*message)
    tab.send(full_name(LabState.set_origin), {"text": "https://still.test"})
    await tab.until(lambda tab: tab.vars.get("lab_state.origin") == "https://still.test")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_client_cannot_make_up_the_request_of_its_connection(product: Product, alices: str):
    """python-socketio hands a message named "connect" to the handler of connections: with it came any cookie, token and address."""
    victim = await product.tab(alices, path="/scans")
    scope = {"headers": [["cookie", alices]], "client": ["203.0.113.9", 1]}
    attacker = await product.tab(path="/cors")
    await attacker.idle()
    attacker.emit("connect", {"QUERY_STRING": f"token={await product.server_token(victim)}", "asgi.scope": scope})
    attacker.send(full_name(ScansState.load), path="/scans")
    await attacker.until(redirects)
    assert attacker.vars["session_state.signed_in"] is False


async def test_browser_storage_holds_texts_for_vars_that_live_there(product: Product):
    kept = f"{SignInState.get_full_name()}.pending_rx_state_"
    tab = await product.tab(stored={kept: {"a": 1}, "nowhere.x": "y", f"{CompareState.get_full_name()}.view": "z"})
    assert tab.vars["sign_in_state.pending"] == ""
    assert tab.vars["compare_state.view"] != "z"
    other = await product.tab(stored={kept: "1 /scans"})
    assert other.vars["sign_in_state.pending"] == "1 /scans"
    long = await product.tab(stored={kept: "x" * 5000})
    assert long.vars["sign_in_state.pending"] == ""


# How often


async def used_up(rate: rates.Rate, key: str) -> None:
    with contextlib.suppress(Limited):
        while True:
            await rates.hit(rate, key)


async def test_a_tab_that_sends_too_much_is_not_served_for_a_while(product: Product):
    tab, other = await product.tab(path="/cors"), await product.tab(path="/cors")
    first = await product.server_token(tab)
    await used_up(rates.Rate.TAB_EVENTS, first)
    for one in (tab, other):
        one.send(full_name(LabState.set_origin), {"text": "https://more.test"})
        await one.idle()
    assert tab.vars["lab_state.origin"] != "https://more.test"
    assert other.vars["lab_state.origin"] == "https://more.test"


async def test_the_tabs_of_one_account_are_counted_together(product: Product, alices: str, cast: Cast):
    tabs = [await product.tab(alices, path="/cors"), await product.tab(alices, path="/cors")]
    await used_up(rates.Rate.ACCOUNT_EVENTS, str(cast.alice.user_id))
    for tab in tabs:
        tab.send(full_name(LabState.set_origin), {"text": "https://more.test"})
        await tab.idle()
        assert tab.vars["lab_state.origin"] != "https://more.test"


async def test_a_report_of_an_error_is_one_line_of_the_log(product: Product, caplog: pytest.LogCaptureFixture):
    tab = await product.tab()
    info = "TypeError: x\nINFO forged line\r\n" + "y" * 10_000
    name = f"{ROOT}.reflex___state____frontend_event_exception_state.handle_frontend_exception"
    for _ in range(30):
        tab.send(name, {"info": info, "component_stack": ""})
    await tab.idle()
    reports = [record.getMessage() for record in caplog.records if "TypeError: x" in record.getMessage()]
    assert 0 < len(reports) <= 20
    assert all(len(report) < 3000 and "\nINFO forged" not in report for report in reports)


async def test_refusals_are_logged_without_what_was_sent_and_not_for_ever(product: Product, caplog: pytest.LogCaptureFixture):
    tab = await product.tab()
    for _ in range(60):
        tab.send(full_name(LabState.set_origin), {"text": {"secret": "hunter2"}})
    await tab.idle()
    said = [record.getMessage() for record in caplog.records if "refused the event" in record.getMessage()]
    assert 0 < len(said) <= 21
    assert "hunter2" not in caplog.text
