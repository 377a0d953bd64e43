"""The dialog in which a workspace is made."""

import reflex as rx

from app.components.button import button
from app.components.confirm import dialog
from app.components.field import text_field
from app.components.native_form import NativeForm
from app.state.new_workspace import NewWorkspaceState
from app.state.session import SessionState

_S = NewWorkspaceState


def new_workspace() -> rx.Component:
    """Return the dialog, shut until `NewWorkspaceState.ask`. Put it once on a page."""
    form = rx.el.form(
        text_field(
            "Name",
            "workspace-name",
            error=_S.error,
            hint="A team, a customer or a product. You can change it later.",
            auto_complete="off",
            auto_focus=True,
        ),
        rx.el.div(
            button("Cancel", on_click=_S.close),
            button("Make workspace", kind="pri", type="submit", busy=_S.busy, busy_text="Making…"),
            class_name="row wrap choices",
        ),
        on_submit=_S.create,
        custom_attrs={"noValidate": True},
        class_name="stack",
    )
    made = rx.el.div(
        rx.el.p("You own it, and are its only member so far.", class_name="m"),
        rx.el.div(
            button("Stay here", on_click=_S.close),
            NativeForm.create(
                rx.el.input(type="hidden", name="id", value=_S.made_id),
                rx.el.input(type="hidden", name="next", value="/settings/members"),
                rx.el.button("Go there", type="submit", class_name="btn pri", auto_focus=True),
                action=f"{SessionState.backend}/auth/workspace",
                method="post",
            ),
            class_name="row wrap choices",
        ),
    )
    is_made = _S.made_id != ""
    head = rx.cond(is_made, f"{_S.made_name} is made", "New workspace")
    return dialog("new-workspace", head, rx.cond(_S.shown, rx.cond(is_made, made, form)), shown=_S.shown, on_close=_S.close)
