"""Card: one question and its answer."""

from typing import Any

import reflex as rx


def card(title: Any, *content: Any, tools: tuple[Any, ...] = (), aside: Any = None, **props: Any) -> rx.Component:
    """Return a card with its heading.

    Args:
        title: the h2.
        content: below the header; wrap text in `pad`.
        tools: at the right of the header.
        aside: a count or a few words after the heading, faint.
        props: go to the section (`id`).
    """
    header: list[Any] = [rx.el.h2(title)]
    if aside is not None:
        header.append(rx.el.span(aside, class_name="s f"))
    if tools:
        header += [rx.el.span(class_name="grow"), *tools]
    return rx.el.section(rx.el.header(*header), *content, class_name="card " + props.pop("class_name", ""), **props)


def pad(*content: Any, **props: Any) -> rx.Component:
    return rx.el.div(*content, class_name="pad " + props.pop("class_name", ""), **props)
