"""The two shells: the app's (side nav, sticky bar, bottom bar on phones) and the public pages' (top bar only)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import reflex as rx
from reflex.style import color_mode, set_color_mode
from reflex.vars import NumberVar, ObjectVar
from reflex_components_core.core.banner import has_connection_errors

from app.components.button import button, link_button
from app.components.icons import IconName, brand, glyph, icon
from app.components.native_form import NativeForm
from app.components.new_workspace import new_workspace
from app.state.new_workspace import NewWorkspaceState
from app.state.session import SessionState, WorkspaceView
from app.state.trouble import TroubleState


@dataclass(frozen=True, slots=True)
class NavItem:
    word: str
    href: str
    icon: IconName
    count: NumberVar[int] | None = None
    bad: str = ""  # stands behind a count that is bad news: "open"


# Status pages slot in after the incidents.
NAV = (
    NavItem("Overview", "/overview", "grid"),
    NavItem("Sites", "/sites", "layers", SessionState.sites),
    NavItem("Monitors", "/monitors", "activity", SessionState.monitors),
    NavItem("Incidents", "/incidents", "bell", SessionState.open_incidents, "open"),
    NavItem("Scans", "/scans", "search"),
    NavItem("CORS lab", "/cors", "flask"),
)
_AT_THE_BOTTOM = 4  # of them; the others are under "More"
SETTINGS = NavItem("Settings", "/settings/profile", "sliders")
PUBLIC_NAV = (NavItem("Scan", "/", "search"), NavItem("CORS lab", "/cors", "flask"), NavItem("Findings", "/findings", "list"))


_ACCOUNT, _WORKSPACES, _EVERYWHERE = "user-menu", "workspace-menu", "everywhere"


@dataclass(frozen=True, slots=True)
class Crumb:
    word: Any  # text or a var
    href: str | rx.Var[str] = ""  # "" for the last one, the page itself


def opens(popover_id: str) -> dict[str, Any]:
    """Return the attributes of a button that opens a popover: by the browser, before any script has run."""
    return {"popoverTarget": popover_id}


def closes(popover_id: str) -> dict[str, Any]:
    return {"popoverTarget": popover_id, "popoverTargetAction": "hide"}


def popover(*content: Any, popover_id: str, **props: Any) -> rx.Component:
    """Return what a button with `opens` shows: above everything, closed by Escape and by a click beside it, focus given back.

    A menu is a landmark named by `aria_label`, for it stands outside of the page's others; a question has a role of its own.
    """
    element = rx.el.div if "role" in props else rx.el.nav
    return element(*content, id=popover_id, custom_attrs={"popover": "auto"}, **props)


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
    return rx.el.li(rx.el.a(icon(item.icon), item.word, _count(item), href=item.href, class_name="nav", **attrs))


def _count(item: NavItem) -> Any:
    """Return how many there are; nothing while there are none."""
    if item.count is None:
        return None
    shown = rx.el.span(item.count, f" {item.bad}", class_name="n bad") if item.bad else rx.el.span(item.count, class_name="n")
    return rx.cond(item.count > 0, shown)


def _workspace_button(*, phone: bool = False) -> rx.Component:
    """Return the button with the workspace's name that opens the switcher."""
    return rx.cond(
        SessionState.signed_in,
        rx.el.button(
            rx.el.i(SessionState.workspace_initial, aria_hidden="true"),
            rx.el.span(SessionState.workspace, class_name="grow trunc", aria_hidden="true"),
            icon("down", small=True),
            type="button",
            aria_label=f"Workspace: {SessionState.workspace}",
            on_click=SessionState.look,
            custom_attrs=opens(_WORKSPACES),
            class_name="ws small" if phone else "ws",
        ),
    )


def _workspace_entry(row: ObjectVar[WorkspaceView], here: str) -> rx.Component:
    """Return a workspace as a form of its own: the answer is a full load, which opens a socket that looks at it."""
    words = (
        rx.el.i(row.initial, aria_hidden="true"),
        rx.el.span(rx.el.span(row.name, class_name="trunc"), rx.el.span(row.role_words, class_name="s f"), class_name="grow two-lines"),
        rx.cond(row.current, icon("check", small=True, class_name="end-mark")),
    )
    return rx.el.li(
        NativeForm.create(
            rx.el.input(type="hidden", name="id", value=row.id),
            rx.el.input(type="hidden", name="next", value=here),
            rx.el.button(*words, type="submit", aria_current=rx.cond(row.current, "true", "false"), class_name="nav tall"),
            action=f"{SessionState.backend}/auth/workspace",
            method="post",
        ),
        key=row.id,
    )


def _workspace_menu(here: str) -> rx.Component:
    more = rx.el.div("and ", SessionState.more_workspaces, " more", class_name="s f menu-head")
    return popover(
        rx.el.div("Workspaces", id="workspace-menu-head", class_name="s f menu-head"),
        rx.el.ul(rx.foreach(SessionState.workspaces, lambda row: _workspace_entry(row, here)), aria_labelledby="workspace-menu-head"),
        rx.cond(SessionState.more_workspaces > 0, more),
        rx.el.div(
            rx.el.a(icon("sliders"), "Workspace settings", href="/settings/workspace", class_name="nav"),
            rx.cond(
                SessionState.may_create,
                rx.el.button(
                    icon("plus"),
                    "New workspace…",
                    type="button",
                    on_click=NewWorkspaceState.ask,
                    custom_attrs=closes(_WORKSPACES),
                    class_name="nav",
                ),
            ),
            class_name="menu-part",
        ),
        popover_id=_WORKSPACES,
        aria_label="Workspaces",
        class_name="menu at-top",
    )


def _user_menu() -> rx.Component:
    """The menu of the account, opened by the browser's own popover: no script. On phones it holds the places that do not fit below."""
    more = (*NAV[_AT_THE_BOTTOM:], SETTINGS)
    return popover(
        rx.el.div(
            rx.el.b(SessionState.name),
            rx.el.div(SessionState.role_words, " in ", SessionState.workspace, class_name="s f any"),
            class_name="who",
        ),
        rx.el.ul(
            *(rx.el.li(rx.el.a(icon(item.icon), item.word, href=item.href, class_name="nav")) for item in more), class_name="more-places"
        ),
        rx.el.a(icon("user"), "Profile", href="/settings/profile", class_name="nav"),
        rx.el.a(icon("window"), "Sessions", href="/settings/sessions", class_name="nav"),
        rx.el.div(
            sign_out_form(icon("out"), class_name="nav"),
            sign_out_everywhere_button(icon("out"), "Sign out everywhere…", class_name="nav"),
            class_name="menu-part",
        ),
        popover_id=_ACCOUNT,
        aria_label="Account",
        class_name="menu",
    )


def sign_out_form(*content: Any, class_name: str) -> rx.Component:
    """Return the button that signs this browser out."""
    words = rx.el.button(*content, "Sign out", type="submit", class_name=class_name)
    return NativeForm.create(words, action=f"{SessionState.backend}/auth/logout", method="post")


def sign_out_everywhere_button(*content: Any, class_name: str) -> rx.Component:
    """Return the button that opens the shell's question."""
    return rx.el.button(*content, type="button", custom_attrs=opens(_EVERYWHERE), class_name=class_name)


def _sign_out_everywhere() -> rx.Component:
    """The question before the sign-out everywhere. It needs no socket: a lost device is urgent."""
    return popover(
        rx.el.div(
            rx.el.h2("Sign out everywhere?", id="everywhere-question"),
            rx.el.div(
                "Every browser in which you are signed in is signed out at once, this one too. API tokens go on.",
                id="everywhere-consequence",
                class_name="m",
            ),
            rx.el.div(
                rx.el.button("Stay signed in", type="button", class_name="btn", custom_attrs={**closes(_EVERYWHERE), "autofocus": ""}),
                NativeForm.create(
                    rx.el.button("Sign out everywhere", type="submit", class_name="btn danger"),
                    action=f"{SessionState.backend}/auth/logout-everywhere",
                    method="post",
                ),
                class_name="row wrap choices",
            ),
            class_name="asked",
        ),
        popover_id=_EVERYWHERE,
        role="alertdialog",
        aria_labelledby="everywhere-question",
        aria_describedby="everywhere-consequence",
        class_name="dialog",
    )


def _account(*, class_name: str, phone: bool = False) -> rx.Component:
    words = rx.el.span(rx.cond(SessionState.signed_in, SessionState.name, "Account"), class_name="trunc")
    return rx.cond(
        SessionState.signed_in,
        rx.el.button(
            *((icon("more"), "More") if phone else (rx.el.span(SessionState.initials, class_name="av", aria_hidden="true"), words)),
            type="button",
            custom_attrs=opens(_ACCOUNT),
            class_name=class_name,
        ),
        rx.el.a(icon("user"), "Sign in", href="/sign-in", class_name=class_name),
    )


def _side(current: str) -> rx.Component:
    return rx.el.nav(
        rx.el.a(brand(), href="/", class_name="brand"),
        _workspace_button(),
        rx.el.ul(*(_nav_link(item, current) for item in NAV)),
        rx.el.div(
            rx.cond(SessionState.signed_in, rx.el.ul(_nav_link(SETTINGS, current))),
            _account(class_name="nav"),
            class_name="end",
        ),
        aria_label="Main",
        class_name="side",
    )


def _bottom_bar(current: str) -> rx.Component:
    """Five places; what does not fit goes into the last one's menu."""

    def place(item: NavItem) -> rx.Component:
        dot = (
            rx.cond(item.count > 0, rx.el.span(item.count, class_name="badge", aria_hidden="true"))
            if item.bad and item.count is not None
            else None
        )
        return rx.el.li(
            rx.el.a(rx.el.span(icon(item.icon), dot, class_name="at"), item.word, href=item.href, **_current(item.href == current))
        )

    return rx.el.nav(
        rx.el.ul(*map(place, NAV[:_AT_THE_BOTTOM]), rx.el.li(_account(class_name="", phone=True))),
        aria_label="Main, at the bottom",
        class_name="bar",
    )


def _breadcrumb(crumbs: Sequence[Crumb]) -> rx.Component:
    items = []
    for place, crumb in enumerate(crumbs):
        last = place == len(crumbs) - 1
        inner = rx.el.b(crumb.word, class_name="trunc", aria_current="page") if last else rx.el.a(crumb.word, href=crumb.href)
        items.append(rx.el.li(inner))
    return rx.el.nav(rx.el.ol(*items), aria_label="Breadcrumb", class_name="crumb grow")


def _skip() -> rx.Component:
    return rx.el.a("Skip to content", href="#main", reload_document=True, class_name="skip")


def app_shell(*content: Any, current: str, crumbs: Sequence[Crumb], actions: Sequence[Any] = (), here: str = "") -> rx.Component:
    """Return a page of the app.

    Args:
        content: the page; it holds the only h1.
        current: `href` of the nav item this page belongs to.
        crumbs: where it stands, the page itself last (without href).
        actions: at the right of the top bar: at most two buttons and one primary; give "desk" to what phones need not see.
        here: the page's address, for whoever switches the workspace on it; without it, `current`.
    """
    return rx.fragment(
        _skip(),
        rx.el.div(
            _side(current),
            rx.el.div(
                rx.el.header(_workspace_button(phone=True), _breadcrumb(crumbs), *actions, theme_button(), class_name="top"),
                rx.el.main(*content, id="main", tab_index=-1),
                min_width="0",
            ),
            _bottom_bar(current),
            _workspace_menu(here or current),
            _user_menu(),
            _sign_out_everywhere(),
            new_workspace(),
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
            rx.cond(SessionState.signed_in, link_button("Overview", href="/overview"), link_button("Sign in", href="/sign-in")),
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
