"""A form drawn from its description (`app.state.form_view`): cards, blocks of fields, lists whose rows come and go."""

from dataclasses import dataclass
from typing import Any

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button
from app.components.field import error_line
from app.components.icons import icon
from app.state.form_view import BlockView, CardView, FieldView, RowView
from app.state.monitor_parts import OPTIONS

_TYPED_MS = 400
_PLAIN: dict[str, Any] = {"auto_complete": "off", "auto_capitalize": "none", "spell_check": False}
VAULT = "vault"  # id of the list of secrets that fields offer


@dataclass(frozen=True, slots=True)
class Handlers:
    """What the form's controls do; each takes the path of its row, list or field."""

    add: Any
    remove: Any
    up: Any
    steer: Any  # (path, value)
    pick: Any  # (path, name of a secret)
    secrets: Any  # names in the vault
    find: Any  # (text): offers what it finds in a choice of monitors
    lists: dict[str, Any]  # lists of choices that come from the workspace


def form_cards(cards: Any, handlers: Handlers) -> rx.Component:
    """Return the cards. `cards` holds a list of `CardView`."""
    return rx.fragment(
        rx.el.datalist(rx.foreach(handlers.secrets, lambda name: rx.el.option(value="{{secret." + name + "}}")), id=VAULT),
        rx.foreach(cards, lambda card: _card(card, handlers)),
    )


def _card(card: ObjectVar[CardView], handlers: Handlers) -> rx.Component:
    tools = rx.fragment(
        rx.cond(card.up, button("Move up", kind="ghost", size="sm", on_click=handlers.up(card.path), aria_label=f"Move {card.title} up")),
        rx.cond(
            card.removable,
            button("Remove", kind="ghost", size="sm", on_click=handlers.remove(card.path), aria_label=f"Remove {card.title}"),
        ),
    )
    return rx.fragment(
        rx.el.section(
            rx.el.header(rx.el.h2(card.title), rx.el.span(class_name="grow"), tools),
            rx.cond(card.error != "", rx.el.div(error_line(card.error, f"{card.key}-error"), class_name="pad blamed")),
            rx.el.div(
                rx.foreach(card.blocks.to(list[BlockView]), lambda block: _block(block, handlers)),
                class_name="pad stack fields",
            ),
            rx.cond(
                card.folded.to(list).length() > 0,
                rx.el.details(
                    rx.el.summary(icon("right", small=True, class_name="turns"), "Advanced"),
                    rx.el.div(
                        rx.foreach(card.folded.to(list[BlockView]), lambda block: _block(block, handlers)), class_name="stack fields"
                    ),
                    open=card.opened,
                    class_name="fold more",
                ),
            ),
            aria_label=card.title,
            class_name="card",
        ),
        rx.cond(
            card.add != "",
            rx.el.div(
                button(card.add, icon_name="plus", on_click=handlers.add(card.list_path), id=f"add-{card.list_path}"), class_name="row"
            ),
        ),
        key=card.key,  # of the outermost: a card that moves keeps what was typed in it
    )


def _block(block: ObjectVar[BlockView], handlers: Handlers) -> rx.Component:
    fields = rx.el.div(
        rx.cond(block.title != "", rx.el.h3(block.title, class_name="wide")),
        rx.foreach(block.fields.to(list[FieldView]), lambda one: _field(one, handlers)),
        class_name=f"frow {block.look}",
    )
    rows = rx.el.fieldset(
        rx.el.legend(block.title, class_name="l"),
        rx.cond(
            block.rows.to(list).length() > 0,
            rx.el.div(rx.foreach(block.rows.to(list[RowView]), lambda row: _row(row, handlers)), class_name="frows"),
            rx.el.p(block.hint, class_name="hint none"),
        ),
        error_line(block.error, f"{block.key}-error"),
        rx.cond(
            block.full,
            None,
            button(block.add, kind="ghost", size="sm", icon_name="plus", on_click=handlers.add(block.path), id=f"add-{block.path}"),
        ),
    )
    return rx.el.div(rx.cond(block.path != "", rows, fields), key=block.key)


def _row(row: ObjectVar[RowView], handlers: Handlers) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.foreach(row.fields.to(list[FieldView]), lambda one: _field(one, handlers)),
            class_name="frow",
        ),
        rx.el.div(
            rx.cond(
                row.up,
                button(icon_name="up", kind="ghost", on_click=handlers.up(row.path), aria_label=f"Move {row.said} up"),
            ),
            button(icon_name="x", kind="ghost", on_click=handlers.remove(row.path), aria_label=f"Remove {row.said}"),
            class_name="row acts",
        ),
        rx.el.div(error_line(row.error, f"{row.path}-error"), class_name="wide"),
        role="group",
        aria_label=row.said,
        key=row.key,
    )


# One field.


def _field(one: ObjectVar[FieldView], handlers: Handlers) -> rx.Component:
    made = rx.match(
        one.look,
        ("check", _check(one)),
        ("choice", _labelled(one, _control(one, _choice(one, handlers), "select"))),
        ("area", _labelled(one, _control(one, _area(one)))),
        ("secret", _labelled(one, _secret(one, handlers))),
        ("span", _labelled(one, _span(one))),
        ("found", _labelled(one, _found(one, handlers))),
        ("live", _labelled(one, _control(one, _text(one, on_blur=_live(one, handlers))))),
        _labelled(one, _control(one, _text(one))),
    )
    return rx.el.div(made, class_name=f"field {one.classes}", key=one.key)


def _live(one: ObjectVar[FieldView], handlers: Handlers) -> Any:
    # When the field is left: a debounced event would be lost to that of the next field.
    return lambda typed: handlers.steer(one.path, typed)


def _labelled(one: ObjectVar[FieldView], control: Any) -> rx.Component:
    return rx.fragment(
        rx.el.label(one.label, html_for=one.path, class_name=rx.cond(one.bare, "vh", "l")),
        control,
        rx.cond(one.hint != "", rx.el.p(one.hint, id=f"{one.path}-hint", class_name="hint")),
        error_line(one.error, f"{one.path}-error"),
    )


def _control(one: ObjectVar[FieldView], control: Any, more: str = "") -> rx.Component:
    classes = f"in {more}".strip()
    return rx.el.div(control, class_name=rx.cond(one.error != "", f"{classes} bad", classes))


def _described(one: ObjectVar[FieldView]) -> dict[str, Any]:
    return {
        "id": one.path,
        "name": one.path,
        "aria_invalid": rx.cond(one.error != "", "true", "false"),
        "aria_describedby": rx.cond(one.error != "", f"{one.path}-error", rx.cond(one.hint != "", f"{one.path}-hint", "")),
    }


def _text(one: ObjectVar[FieldView], **more: Any) -> rx.Component:
    return rx.el.input(
        type="text",
        default_value=one.value,
        placeholder=one.placeholder,
        input_mode=one.mode,
        list=VAULT,
        **_described(one),
        **_PLAIN,
        **more,
    )


def _area(one: ObjectVar[FieldView]) -> rx.Component:
    return rx.el.textarea(default_value=one.value, placeholder=one.placeholder, rows="1", **_described(one), **_PLAIN)


def _secret(one: ObjectVar[FieldView], handlers: Handlers) -> rx.Component:
    """A password, or the name of a secret, picked from those of the vault."""
    field = rx.el.input(
        type=rx.cond(one.value != "", "text", "password"),
        default_value=one.value,
        placeholder="typed, or from the vault",
        **_described(one),
        **{**_PLAIN, "auto_complete": "new-password"},
    )
    pick = rx.el.select(
        rx.el.option("From the vault…", value=""),
        rx.foreach(handlers.secrets, lambda name: rx.el.option(name, value=name)),
        aria_label=f"{one.label} from the vault",
        value="",
        on_change=lambda name: handlers.pick(one.path, name),
    )
    picked = rx.cond(handlers.secrets.length() > 0, rx.el.div(pick, class_name="in select from-vault"))
    return rx.el.div(_control(one, field), picked, class_name="secret")


def _span(one: ObjectVar[FieldView]) -> rx.Component:
    """A number and its unit, in one frame."""
    number = rx.el.input(type="text", default_value=one.value, input_mode="decimal", **_described(one), **_PLAIN)
    units = [rx.el.option(words, value=value) for value, words in OPTIONS["units"]]
    unit = rx.el.select(*units, name=f"{one.path}~unit", default_value=one.unit, aria_label=f"Unit of {one.label}")
    return rx.el.div(_control(one, number), rx.el.div(unit, class_name="in select"), class_name="spanned")


def _found(one: ObjectVar[FieldView], handlers: Handlers) -> rx.Component:
    """A choice among more than a list can hold: what a search finds is offered."""
    search = rx.el.input(
        type="search",
        placeholder="search by name, address or tag",
        aria_label=f"Search: {one.label}",
        on_change=lambda typed: handlers.find(typed).debounce(_TYPED_MS),
        # It belongs to no form: Enter in it submits nothing.
        custom_attrs={"form": "none"},
        **_PLAIN,
    )
    return rx.el.div(
        rx.el.div(icon("search"), search, class_name="in"), _control(one, _choice(one, handlers), "select"), class_name="find-one"
    )


def _check(one: ObjectVar[FieldView]) -> rx.Component:
    box = rx.el.input(type="checkbox", default_checked=one.value != "", **_described(one))
    return rx.fragment(
        rx.el.label(box, one.label, class_name="check"),
        rx.cond(one.hint != "", rx.el.p(one.hint, id=f"{one.path}-hint", class_name="hint")),
        error_line(one.error, f"{one.path}-error"),
    )


def _choice(one: ObjectVar[FieldView], handlers: Handlers) -> rx.Component:
    """The browser's own choice. What a table lists is built in; what the workspace lists comes from the state."""
    cases: list[Any] = [
        (name, rx.fragment(*(rx.el.option(words, value=str(value)) for value, words in options))) for name, options in OPTIONS.items()
    ]
    cases += [(name, rx.foreach(items, lambda item: rx.el.option(item.words, value=item.value))) for name, items in handlers.lists.items()]
    return rx.el.select(
        rx.match(one.options, *cases, rx.fragment()),
        default_value=one.value,
        on_change=lambda value: handlers.steer(one.path, value),
        **_described(one),
    )
