"""The dialogs in which groups of monitors are renamed, moved and deleted."""

from typing import Any, cast

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button
from app.components.confirm import confirmation, dialog
from app.components.field import text_field
from app.components.panel_error import note
from app.state.grouping import GroupingState, GroupLine
from app.state.overview_view import Choice

_S = GroupingState


def edit_groups() -> rx.Component:
    """Return the button that opens the list of all groups, also of those in which no monitor stands."""
    return button(icon_name="layers", aria_label="Edit groups", title="Edit groups", on_click=_S.open_list)


def group_dialogs() -> tuple[rx.Component, ...]:
    """Return the dialogs, shut; put them once on a page."""
    delete = confirmation(
        "group-delete",
        shown=_S.asked == "delete",
        question=rx.fragment("Delete the group ", _S.name, "?"),
        consequence=rx.fragment(_S.goes, " Nothing is checked less."),
        verb="Delete group",
        doing="Deleting…",
        busy=rx.Var.create(False),
        on_keep=_S.keep,
        on_confirm=_S.delete,
        after="main",
    )
    return _list(), _form(), delete


def _line(one: ObjectVar[GroupLine]) -> rx.Component:
    inner = rx.el.span(one.path, class_name="any grow"), rx.el.span(one.monitors, class_name="s f nw")
    return rx.el.li(rx.el.button(*inner, type="button", on_click=_S.edit(one.id)), key=one.id)


def _list() -> rx.Component:
    lines = rx.el.ul(rx.foreach(_S.lines, lambda one: _line(cast("ObjectVar[GroupLine]", one))), class_name="group-list")
    nothing = rx.el.p("There are none yet. Choose monitors, then Change, to put them into a new group.", class_name="m")
    return dialog(
        "groups",
        "Groups",
        rx.cond(_S.lines.length() > 0, lines, nothing),
        rx.el.div(button("Close", on_click=_S.leave("list")), class_name="row wrap choices"),
        shown=_S.asked == "list",
        on_close=_S.leave("list"),
    )


def _place(one: ObjectVar[Choice]) -> rx.Component:
    return rx.el.option(one.words, value=one.value, key=one.value)


def _form() -> rx.Component:
    plain: dict[str, Any] = {"auto_complete": "off", "spell_check": False, "auto_focus": True}
    within = rx.el.div(
        rx.el.label("Stands in", html_for="group-parent", class_name="l"),
        rx.el.div(
            rx.el.select(
                rx.el.option("No group", value=""),
                rx.foreach(_S.places, lambda one: _place(cast("ObjectVar[Choice]", one))),
                id="group-parent",
                name="parent",
                default_value=_S.parent_id,
            ),
            class_name="in",
        ),
        class_name="field",
    )
    form = rx.el.form(
        text_field("Name", "group-name", name="name", error=_S.name_error, default_value=_S.name, max_length=120, **plain),
        rx.cond(_S.places.length() > 0, within),
        rx.cond(_S.error != "", note(_S.error, role="alert")),
        rx.el.div(
            button("Delete…", kind="danger", on_click=_S.ask_delete),
            rx.el.span(class_name="grow"),
            button("Cancel", on_click=_S.leave("edit")),
            button("Save", kind="pri", type="submit"),
            class_name="row wrap choices",
        ),
        on_submit=_S.save,
        custom_attrs={"noValidate": True},
        class_name="stack spaced",
    )
    shown = _S.asked == "edit"
    return dialog("group", "Change the group", rx.cond(shown, form), shown=shown, on_close=_S.leave("edit"))
