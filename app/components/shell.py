"""The two shells: the app's (side nav, sticky bar, bottom bar on phones) and the public pages' (top bar only)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import reflex as rx
from reflex.style import color_mode, set_color_mode
from reflex_components_core.core.banner import has_connection_errors
from reflex_components_core.el.elements.base import BaseHTML

from app.components.button import button, link_button
from app.components.icons import IconName, brand, glyph, icon
from app.state.session import SessionState
from app.state.trouble import TroubleState


@dataclass(frozen=True, slots=True)
class NavItem:
    word: str
    href: str
    icon: IconName


# Later pages slot in here, in this order: Overview, Sites, Monitors, Incidents, Status pages, CORS lab.
NAV = (NavItem("Scans", "/scans", "layers"), NavItem("CORS lab", "/cors", "flask"))
PUBLIC_NAV = (NavItem("Scan", "/", "search"), NavItem("CORS lab", "/cors", "flask"), NavItem("Findings", "/findings", "list"))


@dataclass(frozen=True, slots=True)
class Crumb:
    word: Any  # text or a var
    href: str | rx.Var[str] = ""  # "" for the last one, the page itself


class NativeForm(BaseHTML):
    """A form that the browser itself posts: `rx.el.form` without `on_submit` would swallow it."""

    tag = "form"

    action: rx.Var[str]
    method: rx.Var[str]


def _by_theme(light: str, dark: str, system: str) -> rx.Var[str]:
    """Return one of three texts by the theme chosen; without a choice it is the system's."""
    return cast("rx.Var[str]", rx.match(color_mode, ("light", light), ("dark", dark), system))


def theme_button() -> rx.Component:
    """Return the button that cycles system, light, dark. It works without the server."""
    return rx.el.button(
        icon(_by_theme("sun", "moon", "contrast")),
        type="button",
        aria_label=_by_theme("Theme: light", "Theme: dark", "Theme: system"),
        title=_by_theme("Theme: light", "Theme: dark", "Theme: system"),
        on_click=set_color_mode(cast("Any", _by_theme("dark", "system", "light"))),
        class_name="btn ghost sq",
    )


def _current(here: bool) -> dict[str, Any]:
    return {"aria_current": "page"} if here else {}


def _nav_link(item: NavItem, current: str) -> rx.Component:
    attrs = _current(item.href == current)
    return rx.el.li(rx.el.a(icon(item.icon), item.word, href=item.href, class_name="nav", **attrs))


def _user_menu() -> rx.Component:
    """The menu of the account, opened by the browser's own popover: no script."""
    return rx.el.div(
        rx.el.div(rx.el.b(SessionState.name), rx.el.div(SessionState.workspace, class_name="s f"), class_name="who"),
        NativeForm.create(rx.el.button(icon("out"), "Sign out", type="submit", class_name="nav"), action="/auth/logout", method="post"),
        id="user-menu",
        custom_attrs={"popover": "auto"},
        class_name="menu",
    )


def _account(*, class_name: str, phone: bool = False) -> rx.Component:
    words = rx.el.span(rx.cond(SessionState.signed_in, SessionState.name, "Account"), class_name="trunc")
    return rx.cond(
        SessionState.signed_in,
        rx.el.button(
            *((icon("user"), "Account") if phone else (rx.el.span(SessionState.initials, class_name="av", aria_hidden="true"), words)),
            type="button",
            custom_attrs={"popoverTarget": "user-menu"},
            class_name=class_name,
        ),
        rx.el.a(icon("user"), "Sign in", href="/sign-in", class_name=class_name),
    )


def _side(current: str) -> rx.Component:
    return rx.el.nav(
        rx.el.a(brand(), href="/", class_name="brand"),
        rx.cond(
            SessionState.signed_in,
            rx.el.div(
                rx.el.i(SessionState.workspace_initial, aria_hidden="true"),
                rx.el.span(SessionState.workspace, class_name="grow trunc"),
                class_name="ws",
                title="Workspace",
            ),
        ),
        rx.el.ul(*(_nav_link(item, current) for item in NAV)),
        rx.el.div(_account(class_name="nav"), class_name="end"),
        aria_label="Main",
        class_name="side",
    )


def _bottom_bar(current: str) -> rx.Component:
    """At most five places; what does not fit goes under the account."""
    links = [rx.el.li(rx.el.a(icon(item.icon), item.word, href=item.href, **_current(item.href == current))) for item in NAV]
    return rx.el.nav(rx.el.ul(*links, rx.el.li(_account(class_name="", phone=True))), aria_label="Main, at the bottom", class_name="bar")


def _breadcrumb(crumbs: Sequence[Crumb]) -> rx.Component:
    items = []
    for place, crumb in enumerate(crumbs):
        last = place == len(crumbs) - 1
        inner = rx.el.b(crumb.word, class_name="trunc", aria_current="page") if last else rx.el.a(crumb.word, href=crumb.href)
        items.append(rx.el.li(inner))
    return rx.el.nav(rx.el.ol(*items), aria_label="Breadcrumb", class_name="crumb grow")


def _skip() -> rx.Component:
    return rx.el.a("Skip to content", href="#main", reload_document=True, class_name="skip")


def app_shell(*content: Any, current: str, crumbs: Sequence[Crumb], actions: Sequence[Any] = ()) -> rx.Component:
    """Return a page of the app.

    Args:
        content: the page; it holds the only h1.
        current: `href` of the nav item this page belongs to.
        crumbs: where it stands, the page itself last (without href).
        actions: at the right of the top bar: at most two buttons and one primary; give "desk" to what phones need not see.
    """
    return rx.fragment(
        _skip(),
        rx.el.div(
            _side(current),
            rx.el.div(
                rx.el.header(_breadcrumb(crumbs), *actions, theme_button(), class_name="top"),
                rx.el.main(*content, id="main", tab_index=-1),
                min_width="0",
            ),
            _bottom_bar(current),
            _user_menu(),
            class_name="app",
        ),
    )


def public_shell(*content: Any, current: str = "", foot: Any = None, main_class: str = "") -> rx.Component:
    """Return a page that needs no sign-in; `current` is the `href` of its place in the top bar."""
    return rx.fragment(
        _skip(),
        rx.el.header(
            rx.el.a(brand(), href="/", class_name="brand"),
            rx.el.nav(rx.el.ul(*(_nav_text(item, current) for item in PUBLIC_NAV)), aria_label="Main", class_name="desk"),
            rx.el.span(class_name="grow"),
            theme_button(),
            rx.cond(SessionState.signed_in, link_button("Your scans", href="/scans"), link_button("Sign in", href="/sign-in")),
            class_name="top",
        ),
        rx.el.main(*content, id="main", tab_index=-1, class_name=main_class),
        foot,
    )


def _nav_text(item: NavItem, current: str) -> rx.Component:
    attrs = _current(item.href == current)
    return rx.el.li(rx.el.a(item.word, href=item.href, class_name="nav", **attrs))


def connection_note() -> rx.Component:
    """Return what every page shows while the server cannot be reached."""
    return rx.cond(
        has_connection_errors,
        rx.el.div(
            glyph("unknown"),
            rx.el.div(rx.el.b("Connection lost, trying again."), rx.el.div("What you see may have changed meanwhile."), class_name="grow"),
            role="status",
            class_name="note lost appear",
        ),
    )


def trouble_note() -> rx.Component:
    """Return what every page shows when a handler failed."""
    shown = rx.el.div(
        glyph("down"), rx.el.span(TroubleState.said, class_name="grow"),
        button(icon_name="x", kind="ghost", size="sm", aria_label="Close", on_click=TroubleState.close),
        class_name="toast appear",
    )  # fmt: skip
    return rx.el.div(rx.cond(TroubleState.said != "", shown), class_name="toasts", aria_live="assertive")


def favicon(name: str | rx.Var[str] = "favicon") -> rx.Component:
    """Return the page's icon, grey while the server cannot be reached.

    Args:
        name: "favicon", or with the state of the page: "favicon-medium", "favicon-high", "favicon-scan-1" to "favicon-scan-3".
    """
    return rx.el.link(rel="icon", type="image/svg+xml", href=rx.cond(has_connection_errors, "/favicon-offline.svg", f"/{name}.svg"))
