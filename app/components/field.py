"""Form fields: label above, the sentence of an error below and tied to the input by `aria-describedby`."""

from typing import Any

import reflex as rx

from app.components.icons import IconName, glyph, icon


def error_line(error: rx.Var[str], error_id: str | rx.Var[str]) -> rx.Component:
    """Return the sentence under a field, or nothing while `error` is empty."""
    return rx.cond(error != "", rx.el.p(glyph("down"), rx.el.span(error), id=error_id, role="alert", class_name="err c-down"))


def _control(input_: rx.Component, error: rx.Var[str] | None, icon_name: IconName | None, classes: str) -> rx.Component:
    around = ("in " + classes).strip()
    parts = [icon(icon_name), input_] if icon_name else [input_]
    return rx.el.div(*parts, class_name=around if error is None else rx.cond(error != "", around + " bad", around))


def _described(field_id: Any, error: rx.Var[str] | None, hint: str) -> dict[str, Any]:
    hint_id = f"{field_id}-hint" if hint else ""
    if error is None:
        return {"aria_describedby": hint_id} if hint else {}
    return {
        "aria_invalid": rx.cond(error != "", "true", "false"),
        "aria_describedby": rx.cond(error != "", f"{field_id}-error", hint_id),
    }


def text_field(
    label: str,
    field_id: str | rx.Var[str],
    *,
    error: rx.Var[str] | None = None,
    hint: str = "",
    icon_name: IconName | None = None,
    class_name: str = "",
    hide_label: bool = False,
    **props: Any,
) -> rx.Component:
    """Return a labelled one-line field. It is uncontrolled: what is typed stays in the browser until the form is submitted.

    Args:
        label: what to type, shown above.
        field_id: id and name of the input, unless `name` is given.
        error: a sentence, or "" while all is well.
        hint: one line below.
        icon_name: inside the field, at the left.
        class_name: "big" (44 px), "mono".
        hide_label: keep the label for screen readers only, where a table head says the same.
        props: go to the input (`default_value`, `placeholder`, `on_change`, `type`, `key`, …).
    """
    props.setdefault("name", field_id)
    input_ = rx.el.input(id=field_id, **_described(field_id, error, hint), **props)
    return rx.el.div(
        rx.el.label(label, html_for=field_id, class_name="vh" if hide_label else "l"),
        _control(input_, error, icon_name, class_name),
        rx.el.p(hint, id=f"{field_id}-hint", class_name="hint") if hint else None,
        error_line(error, f"{field_id}-error") if error is not None else None,
        class_name="field",
    )


def text_area(
    label: str,
    field_id: str | rx.Var[str],
    *,
    error: rx.Var[str] | None = None,
    hint: str = "",
    class_name: str = "mono",
    hide_label: bool = False,
    **props: Any,
) -> rx.Component:
    """Return a labelled field of several lines, which grows with its text. As `text_field` otherwise."""
    props.setdefault("name", field_id)
    props.setdefault("spell_check", False)
    input_ = rx.el.textarea(id=field_id, **_described(field_id, error, hint), **props)
    return rx.el.div(
        rx.el.label(label, html_for=field_id, class_name="vh" if hide_label else "l"),
        _control(input_, error, None, class_name),
        rx.el.p(hint, id=f"{field_id}-hint", class_name="hint") if hint else None,
        error_line(error, f"{field_id}-error") if error is not None else None,
        class_name="field",
    )


def select_field(
    label: str,
    field_id: str | rx.Var[str],
    options: list[tuple[str, str]],
    *,
    error: rx.Var[str] | None = None,
    class_name: str = "",
    hide_label: bool = False,
    **props: Any,
) -> rx.Component:
    """Return a labelled choice (the browser's own). `options` are (value, words)."""
    props.setdefault("name", field_id)
    choices = [rx.el.option(words, value=value) for value, words in options]
    return rx.el.div(
        rx.el.label(label, html_for=field_id, class_name="vh" if hide_label else "l"),
        _control(
            rx.el.select(*choices, id=field_id, **_described(field_id, error, ""), **props), error, None, ("select " + class_name).strip()
        ),
        error_line(error, f"{field_id}-error") if error is not None else None,
        class_name="field",
    )


def checkbox(label: str, **props: Any) -> rx.Component:
    """Return a checkbox with its words."""
    return rx.el.label(rx.el.input(type="checkbox", **props), label, class_name="check")
