"""Buttons and links that look like buttons: verb first; a disabled one has its reason beside it."""

from typing import Any, Literal

import reflex as rx

from app.components.icons import IconName, icon

Kind = Literal["", "pri", "ghost", "danger", "text"]
Size = Literal["", "sm", "big"]


def _classes(kind: str, size: str, square: bool, extra: str) -> str:
    return " ".join(part for part in ("btn", kind, size, "sq" if square else "", extra) if part)


def swapped(busy: rx.Var[bool], words: Any, busy_words: Any) -> rx.Component:
    """Return the words of a button and what it says while busy, in one place, so that its width is that of the longer."""
    return rx.el.span(
        rx.el.span(words, class_name=rx.cond(busy, "hid", "")),
        rx.el.span(busy_words, class_name=rx.cond(busy, "", "hid")),
        class_name="swap",
    )


def button(
    *content: Any,
    kind: Kind = "",
    size: Size = "",
    icon_name: IconName | None = None,
    busy: rx.Var[bool] | None = None,
    busy_text: str = "",
    class_name: str = "",
    **props: Any,
) -> rx.Component:
    """Return a button.

    Args:
        content: the words.
        kind: "" outlined, "pri" filled (one a page), "ghost", "danger", "text" (looks like a link).
        size: "" 32 px (40 on touch), "sm" 26, "big" 44.
        icon_name: stands before the words; without words the button is square and needs `aria_label`.
        busy: while true, the button says `busy_text` and takes no click.
        busy_text: "Scanning…".
        class_name: further classes ("desk": not on phones).
        props: go to the element.
    """
    inner: list[Any] = [icon(icon_name, small=size != "big")] if icon_name else []
    if busy is None:
        inner.extend(content)
    else:
        inner.append(swapped(busy, content[0], busy_text))
        props.setdefault("disabled", busy)
        props["aria_busy"] = busy
    props.setdefault("type", "button")
    return rx.el.button(*inner, class_name=_classes(kind, size, not content, class_name), **props)


def link_button(
    *content: Any,
    href: str | rx.Var[str],
    kind: Kind = "",
    size: Size = "",
    icon_name: IconName | None = None,
    class_name: str = "",
    server: bool = False,
    **props: Any,
) -> rx.Component:
    """Return a link that looks like a button. `server`: the address is a route of the server (download, /auth), not a page."""
    inner: list[Any] = [icon(icon_name, small=size != "big")] if icon_name else []
    if server:
        props["reload_document"] = True
    return rx.el.a(*inner, *content, href=href, class_name=_classes(kind, size, not content, class_name), **props)
