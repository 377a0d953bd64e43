"""The frame of every page under Settings: the app's shell, the breadcrumb, and the places at the left (on phones: in a row)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import reflex as rx

from app.components.icons import IconName, icon
from app.components.shell import SETTINGS, Crumb, app_shell, favicon
from app.state.session import SessionState


@dataclass(frozen=True, slots=True)
class Place:
    word: str
    href: str
    icon: IconName


YOURS = (Place("Profile", "/settings/profile", "user"), Place("Sessions", "/settings/sessions", "window"))
WORKSPACE = (
    Place("Workspace", "/settings/workspace", "layers"),
    Place("Members", "/settings/members", "users"),
    Place("Tokens", "/settings/tokens", "terminal"),
    Place("Secrets", "/settings/secrets", "key"),
    Place("Audit log", "/settings/audit", "list"),
    Place("Maintenance", "/maintenance", "window"),
    Place("Engine", "/settings/engine", "activity"),
)


def settings_page(
    *content: Any, current: str, title: str, heading: Any = None, lead: Any = None, actions: Sequence[Any] = ()
) -> rx.Component:
    """Return a page of the settings, with its only h1.

    Args:
        content: cards and notes, below each other.
        current: `href` of its place: "/settings/profile".
        title: the place's word in the breadcrumb: "Profile".
        heading: the h1; without it, `title`.
        lead: one sentence below the h1.
        actions: at the right of the top bar, as in `app_shell`.
    """
    head: list[rx.Component] = [rx.el.h1(heading if heading is not None else title)]
    if lead is not None:
        head.append(rx.el.p(lead, class_name="m"))
    return app_shell(
        favicon(),
        rx.el.div(
            _places(current),
            rx.el.div(rx.el.div(*head, class_name="head"), *content, class_name="stack"),
            class_name="settings",
        ),
        current=SETTINGS.href,
        here=current,
        crumbs=[Crumb(SETTINGS.word, SETTINGS.href), Crumb(title)],
        actions=actions,
    )


def _places(current: str) -> rx.Component:
    return rx.el.nav(
        _group("settings-yours", "Your account", YOURS, current),
        _group("settings-workspace", rx.cond(SessionState.workspace != "", SessionState.workspace, "Workspace"), WORKSPACE, current),
        aria_label="Settings",
        class_name="places",
    )


def _group(group_id: str, word: Any, places: Sequence[Place], current: str) -> rx.Component:
    return rx.fragment(
        rx.el.span(word, id=group_id, class_name="s f trunc"),
        rx.el.ul(*(_link(place, current) for place in places), aria_labelledby=group_id),
    )


def _link(place: Place, current: str) -> rx.Component:
    attrs: dict[str, Any] = {"aria_current": "page"} if place.href == current else {}
    return rx.el.li(rx.el.a(icon(place.icon), place.word, href=place.href, class_name="nav", **attrs))
