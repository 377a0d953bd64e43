"""The bar over a list in which monitors are chosen, and the two dialogs that it opens."""

from typing import Any, cast

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button
from app.components.confirm import confirmation, dialog
from app.components.field import select_field, text_field
from app.components.panel_error import note
from app.state.bulk import DOWN_AFTER, INTERVALS, UP_AFTER, BulkState
from app.state.overview_view import Choice

_S = BulkState
_AS_IT_IS = ("", "As it is")


def bulk_bar() -> rx.Component:
    """Return what stands in the place of the filter while monitors are chosen."""
    return rx.el.header(
        rx.el.span(_S.chosen_words, class_name="b", role="status"),
        rx.el.span(class_name="grow"),
        button("Pause", on_click=_S.pause),
        button("Resume", on_click=_S.resume),
        button("Change…", on_click=_S.ask_change),
        button("Delete…", kind="danger", on_click=_S.ask_delete),
        button("Clear", kind="ghost", on_click=_S.clear),
        class_name="flt bulk",
    )


def bulk_dialogs() -> tuple[rx.Component, rx.Component]:
    """Return the two dialogs, shut; put them once on a page."""
    delete = confirmation(
        "bulk-delete",
        shown=_S.asked == "delete",
        question=rx.fragment("Delete ", _S.chosen.length(), rx.cond(_S.chosen.length() == 1, " monitor?", " monitors?")),
        consequence="They are checked no more, and open incidents of theirs are closed. Within an hour they can be restored with all they "
        "recorded; after that it is gone.",
        verb="Delete",
        doing="Deleting…",
        busy=_S.busy,
        on_keep=_S.keep,
        on_confirm=_S.delete,
        after="main",
        keep="Keep them",
    )
    return delete, _change()


def _group(one: ObjectVar[Choice]) -> rx.Component:
    return rx.el.option(one.words, value=one.value, key=one.value)


def _group_field() -> rx.Component:
    return rx.el.div(
        rx.el.label("Group", html_for="bulk-group", class_name="l"),
        rx.el.div(
            rx.el.select(
                rx.el.option("As it is", value=""),
                rx.el.option("No group", value="none"),
                rx.foreach(_S.groups, lambda one: _group(cast("ObjectVar[Choice]", one))),
                id="bulk-group",
                name="group",
            ),
            class_name="in",
        ),
        class_name="field",
    )


def _change() -> rx.Component:
    def select(label: str, name: str, options: tuple[tuple[str, str], ...]) -> rx.Component:
        return select_field(label, f"bulk-{name}", [_AS_IT_IS, *options], name=name)

    words: dict[str, Any] = {"auto_complete": "off", "spell_check": False}
    form = rx.el.form(
        select("Interval", "interval", INTERVALS),
        rx.el.div(select("Down after", "down", DOWN_AFTER), select("Up again after", "up", UP_AFTER), class_name="two-fields"),
        rx.el.div(
            _group_field(),
            text_field("Or a new group", "bulk-new-group", name="new_group", placeholder="Shop / Checkout", **words),
            class_name="two-fields",
        ),
        text_field("Add tags", "bulk-add", name="add_tags", hint="Parted by commas.", **words),
        text_field("Remove tags", "bulk-remove", name="remove_tags", **words),
        rx.cond(_S.error != "", note(_S.error, role="alert")),
        rx.el.div(
            button("Cancel", on_click=_S.keep),
            button("Change", kind="pri", type="submit", busy=_S.busy, busy_text="Changing…"),
            class_name="row wrap choices",
        ),
        on_submit=_S.change,
        custom_attrs={"noValidate": True},
        class_name="stack",
    )
    shown, head = _S.asked == "change", rx.fragment("Change ", _S.chosen_words.replace(" chosen", ""))
    return dialog("bulk-change", head, rx.cond(shown, form), shown=shown, on_close=_S.keep)
