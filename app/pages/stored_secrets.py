"""The named secrets of the workspace: put in once, never shown again."""

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button, swapped
from app.components.card import card, pad
from app.components.confirm import confirmation
from app.components.empty import empty
from app.components.field import text_field
from app.components.notice import notice
from app.components.panel_error import note, panel_error
from app.components.settings import settings_page
from app.components.skeleton import skeleton_rows
from app.components.table import head, pager, table
from app.state.stored_secrets import SecretView, StoredSecretsState


def page() -> rx.Component:
    return settings_page(
        rx.match(
            StoredSecretsState.view,
            (
                "error",
                card("Secrets", panel_error("The secrets could not be read.", StoredSecretsState.error, on_retry=StoredSecretsState.retry)),
            ),
            ("refused", note(StoredSecretsState.error, glyph_name="info")),
            ("loading", rx.el.section(skeleton_rows("Loading secrets", 5), class_name="card")),
            rx.fragment(rx.cond(StoredSecretsState.may_change, _form(), note(StoredSecretsState.why_not, glyph_name="info")), _secrets()),
        ),
        confirmation(
            "delete-secret",
            shown=StoredSecretsState.asked_id != "",
            question=rx.fragment("Delete ", StoredSecretsState.asked_name, "?"),
            consequence=rx.fragment(StoredSecretsState.asked_use, " Its value cannot be brought back."),
            verb="Delete secret",
            doing="Deleting…",
            busy=StoredSecretsState.deleting,
            on_keep=StoredSecretsState.keep,
            after="secrets-top",
            on_confirm=StoredSecretsState.delete,
        ),
        notice(),
        current="/settings/secrets",
        title="Secrets",
        heading=StoredSecretsState.heading,
        lead="Passwords and keys that monitors and channels use by name. A value is encrypted when it is stored and never shown again.",
    )


def _form() -> rx.Component:
    """A new secret, or a new value for one that is there."""
    name = text_field(
        "Name", "secret-name", error=StoredSecretsState.name_error, name="name", class_name="mono", placeholder="SMTP_PASSWORD",
        auto_complete="off", auto_capitalize="none", spell_check=False, max_length=64,
        hint="A letter, then letters, digits and underscores.",
    )  # fmt: skip
    # "new-password" is what keeps password managers from filling in a saved one; "off" alone is ignored for passwords.
    value = text_field(
        "Value", "secret-value", error=StoredSecretsState.value_error, name="value", type="password", auto_complete="new-password",
        spell_check=False, hint="Never shown again, not even to you.", key=f"value-{StoredSecretsState.replacing}",
        auto_focus=StoredSecretsState.replacing != "",
    )  # fmt: skip
    replacing = StoredSecretsState.replacing != ""
    return card(
        rx.cond(replacing, rx.fragment("Replace ", StoredSecretsState.replacing), "Add a secret"),
        pad(
            rx.cond(StoredSecretsState.form_error != "", note(StoredSecretsState.form_error, role="alert")),
            rx.el.form(
                rx.cond(replacing, rx.fragment(), name),
                value,
                rx.el.div(
                    button(
                        swapped(StoredSecretsState.saving, rx.cond(replacing, "Replace value", "Add secret"), "Storing…"), kind="pri",
                        type="submit", disabled=StoredSecretsState.saving, aria_busy=StoredSecretsState.saving,
                    ),
                    rx.cond(replacing, button("Cancel", kind="ghost", on_click=StoredSecretsState.add_instead)),
                    class_name="row at-fields",
                ),
                on_submit=StoredSecretsState.save,
                key=f"secret-{StoredSecretsState.filled}",
                auto_complete="off",
                custom_attrs={"noValidate": True},
                class_name="fields-row",
            ),
            class_name="stack",
        ),
    )  # fmt: skip


def _secrets() -> rx.Component:
    columns = head("Name", ("Added", "desk"), ("Replaced", "desk"), ("Last used", "desk"), ("Actions", "vh"))
    listed = rx.fragment(
        table(columns, rx.el.tbody(rx.foreach(StoredSecretsState.rows, _row)), label="Secrets", class_name="rows2"),
        rx.cond(
            StoredSecretsState.pages > 1,
            pager(
                StoredSecretsState.page,
                StoredSecretsState.pages,
                StoredSecretsState.total_words,
                on_previous=StoredSecretsState.turn(-1),
                on_next=StoredSecretsState.turn(1),
            ),
        ),
    )
    how = "Add one above; monitors and channels then use it by its name, and nobody needs to know its value."
    return card(
        rx.el.span("Stored", id="secrets-top", tab_index=-1),
        rx.cond(StoredSecretsState.view == "empty", empty("No secrets yet", how), listed),
        aside=rx.cond(StoredSecretsState.view == "empty", "", StoredSecretsState.total_words),
    )


def _time(shown: rx.Var[str], at: rx.Var[str], none: str) -> rx.Component:
    return rx.cond(shown != "", rx.el.time(shown, date_time=at), none)


def _row(row: ObjectVar[SecretView]) -> rx.Component:
    replaced, used = _time(row.replaced, row.replaced_at, "never"), _time(row.used, row.used_at, "never")
    acts = rx.el.div(
        button(
            icon_name="rotate", kind="ghost", size="sm", on_click=StoredSecretsState.replace(row.id),
            aria_label=f"Replace the value of {row.name}", title="Replace value",
        ),
        button(
            icon_name="trash", kind="ghost", size="sm", on_click=StoredSecretsState.ask(row.id), aria_label=f"Delete {row.name}",
            title="Delete",
        ),
        class_name="row acts",
    )  # fmt: skip
    return rx.el.tr(
        rx.el.td(
            rx.el.code(row.name, class_name="any"),
            rx.el.div(
                rx.el.div("Added ", rx.el.time(row.added, date_time=row.added_at), rx.cond(row.by != "", f" by {row.by}", "")),
                rx.cond(row.replaced != "", rx.el.div("Replaced ", replaced)),
                rx.el.div("Used: ", used),
                class_name="phone under s f",
            ),
        ),
        rx.el.td(rx.el.time(row.added, date_time=row.added_at), rx.cond(row.by != "", rx.el.span(" by ", row.by)), class_name="desk s f"),
        rx.el.td(replaced, class_name="desk s f nw"),
        rx.el.td(used, class_name="desk s f nw"),
        rx.el.td(rx.cond(StoredSecretsState.may_change, acts), class_name="num act-col"),
        key=row.id,
    )
