"""Dialogs; and confirmation, for what cannot be undone: a question with the object's name, what goes with it, the verb on the button.

A dialog is the browser's own modal dialog: it makes the rest of the page inert, closes on Esc, and gives the focus back to where it was.
The focus starts on the first control in it, which in a question is the safe button, or the field in which a name must be typed.
"""

from dataclasses import dataclass
from typing import Any

import reflex as rx
from reflex_base.utils.imports import ImportDict
from reflex_components_core.el.elements.base import BaseHTML

from app.components.button import button, swapped
from app.components.field import text_field


class Dialog(BaseHTML):
    """A `<dialog>` that is modal while `shown`. `rx.el.dialog` could only open it as part of the page, which traps nothing."""

    tag = "dialog"

    shown: rx.Var[bool]
    after: rx.Var[str]
    on_close: rx.EventHandler[rx.event.no_args_event_spec]  # closed by Esc, or by us

    def _exclude_props(self) -> list[str]:
        return ["shown", "after"]

    def add_imports(self) -> ImportDict:
        return {"react": "useEffect"}

    def add_hooks(self) -> list[str | rx.Var]:
        # There is no attribute for "modal", only the method. Closing gives the focus back, unless what had it went with what was done.
        closed = (
            "box.close(); const at = document.activeElement; "
            f"if (at === document.body || box.contains(at)) document.getElementById({self.after!s})?.focus();"
        )
        follow = f"if ({self.shown!s}) {{ if (!box.open) box.showModal(); }} else if (box.open) {{ {closed} }}"
        return [f"useEffect(() => {{ const box = {self.get_ref()}.current; if (!box) return; {follow} }}, [{self.shown!s}]);"]


def dialog(dialog_id: str, head: Any, *content: Any, shown: rx.Var[bool], on_close: Any, after: str = "main") -> rx.Component:
    """Return a modal dialog under a heading, for what is no question; put it anywhere on the page.

    Args:
        dialog_id: unique on the page.
        head: the heading, which is its name, too.
        content: what a user fills in is to be mounted with each opening (`rx.cond(shown, form)`), so that nothing typed earlier is left.
        shown, on_close, after: as for `confirmation`, whose `on_keep` is `on_close`.
    """
    return Dialog.create(
        rx.el.div(rx.el.h2(head, id=f"{dialog_id}-head", class_name="any"), *content, class_name="asked"),
        id=dialog_id,
        shown=shown,
        after=after,
        on_close=on_close,
        aria_labelledby=f"{dialog_id}-head",
        class_name="dialog",
    )


@dataclass(frozen=True, slots=True)
class TypedName:
    """The field in which a name is typed before the worst can be done. It is submitted as `field_id`."""

    label: Any
    field_id: str
    error: rx.Var[str]


def confirmation(
    dialog_id: str,
    *,
    shown: rx.Var[bool],
    question: Any,
    consequence: Any,
    verb: str,
    doing: str,
    busy: rx.Var[bool],
    on_keep: Any,
    on_confirm: Any,
    after: str,
    keep: str = "Keep it",
    extra: Any = None,
    typed: TypedName | None = None,
) -> rx.Component:
    """Return the dialog; put it anywhere on the page.

    Args:
        dialog_id: unique on the page.
        shown: open while true.
        question: "Delete SMTP_PASSWORD?"
        consequence: what goes with it, and that it cannot be undone.
        verb: on the button that does it: "Delete secret".
        doing: on that button while it is being done: "Deleting…".
        busy: while true.
        on_keep: closes it; also called on Esc.
        on_confirm: does it. With `typed` it takes the form's data.
        after: id of what takes the focus when the button that opened the dialog is gone: the list's heading, with `tab_index=-1`. So
            that it finds it gone, the state takes the row out of the list and closes the dialog in one go.
        keep: on the safe button.
        extra: between the consequence and the buttons: a way to save what would be lost, an error.
        typed: asks for a name first.
    """
    keep_button = button(keep, on_click=on_keep)
    do_it: dict[str, Any] = {"type": "submit"} if typed else {"on_click": on_confirm}
    confirm_button = button(swapped(busy, verb, doing), kind="danger", disabled=busy, aria_busy=busy, **do_it)
    inner = [
        rx.el.h2(question, id=f"{dialog_id}-question", class_name="any"),
        rx.el.div(consequence, id=f"{dialog_id}-consequence", class_name="m"),
        extra,
    ]
    buttons = rx.el.div(keep_button, confirm_button, class_name="row wrap choices")
    if typed is None:
        content = rx.el.div(*inner, buttons, class_name="asked")
    else:
        plain = {"auto_complete": "off", "auto_capitalize": "none", "spell_check": False}
        field = text_field(typed.label, typed.field_id, error=typed.error, **plain)
        # Mounted with each opening, so that nothing typed earlier is left in it.
        form = rx.el.form(field, buttons, on_submit=on_confirm, custom_attrs={"noValidate": True}, class_name="stack")
        content = rx.el.div(*inner, rx.cond(shown, form), class_name="asked")
    return Dialog.create(
        content,
        id=dialog_id,
        shown=shown,
        after=after,
        on_close=on_keep,
        role="alertdialog",
        aria_labelledby=f"{dialog_id}-question",
        aria_describedby=f"{dialog_id}-consequence",
        class_name="dialog",
    )
