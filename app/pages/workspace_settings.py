"""The workspace that one looks at: its settings, its export, handing it over, leaving and deleting it."""

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button, link_button, swapped
from app.components.card import card, pad
from app.components.confirm import TypedName, confirmation
from app.components.field import error_line, text_field
from app.components.icons import glyph
from app.components.notice import notice
from app.components.panel_error import note, panel_error
from app.components.settings import settings_page
from app.components.skeleton import skeleton_rows
from app.state.workspace_settings import Candidate, WorkspaceSettingsState


def page() -> rx.Component:
    return settings_page(
        rx.match(
            WorkspaceSettingsState.view,
            ("ready", rx.fragment(_general(), _second_factor(), _export(), _ownership(), _end())),
            (
                "error",
                panel_error("The workspace could not be read.", WorkspaceSettingsState.error, on_retry=WorkspaceSettingsState.retry),
            ),
            rx.el.section(skeleton_rows("Loading the workspace", 5), class_name="card"),
        ),
        _transfer_question(),
        _leave_question(),
        _delete_question(),
        notice(),
        current="/settings/workspace",
        title="Workspace",
        heading=rx.cond(WorkspaceSettingsState.view == "ready", WorkspaceSettingsState.name, "Workspace"),
        lead="What its members share: scans, secrets, tokens and the audit log.",
    )


def _facts() -> rx.Component:
    members = rx.el.a(WorkspaceSettingsState.members_words, href="/settings/members")
    made = rx.el.time(WorkspaceSettingsState.made, date_time=WorkspaceSettingsState.made_at)
    return rx.el.dl(
        rx.el.div(rx.el.dt("Your role"), rx.el.dd(WorkspaceSettingsState.role_word)),
        rx.el.div(rx.el.dt("Members"), rx.el.dd(members)),
        rx.el.div(rx.el.dt("Made"), rx.el.dd(made)),
        class_name="known",
    )


def _general() -> rx.Component:
    form = rx.el.form(
        rx.el.div(
            text_field(
                "Name", "workspace-name", error=WorkspaceSettingsState.name_error, name="name", default_value=WorkspaceSettingsState.name,
                max_length=120, auto_complete="off",
            ),
            text_field(
                "Keep the audit log for (days)", "workspace-days", error=WorkspaceSettingsState.days_error, name="audit_days",
                default_value=WorkspaceSettingsState.audit_days, input_mode="numeric", auto_complete="off",
                hint="30 to 3650, or 0 for ever. Older lines are removed for good.",
            ),
            class_name="fields-row",
        ),
        rx.el.div(
            button(
                swapped(WorkspaceSettingsState.saving, "Save", "Saving…"), kind="pri", type="submit",
                disabled=WorkspaceSettingsState.saving, aria_busy=WorkspaceSettingsState.saving,
            ),
            class_name="row",
        ),
        on_submit=WorkspaceSettingsState.save,
        key=f"workspace-{WorkspaceSettingsState.filled}",
        custom_attrs={"noValidate": True},
        class_name="stack",
    )  # fmt: skip
    seen = rx.fragment(
        rx.el.dl(
            rx.el.div(rx.el.dt("Name"), rx.el.dd(WorkspaceSettingsState.name, class_name="any")),
            rx.el.div(rx.el.dt("Audit log"), rx.el.dd(WorkspaceSettingsState.kept_words)),
            class_name="known",
        ),
        rx.el.p(WorkspaceSettingsState.why_not_change, class_name="s m"),
    )
    return card(
        "General",
        pad(
            _facts(),
            rx.cond(WorkspaceSettingsState.form_error != "", note(WorkspaceSettingsState.form_error, role="alert")),
            rx.cond(WorkspaceSettingsState.may_change, form, seen),
            class_name="stack",
        ),
    )


def _second_factor() -> rx.Component:
    on = WorkspaceSettingsState.second_factor
    state = rx.cond(
        on,
        rx.el.span(glyph("ok"), "Asked for", class_name="st c-ok"),
        rx.el.span(glyph("unknown"), "Not asked for", class_name="st c-unknown"),
    )
    locked = ~on & ~WorkspaceSettingsState.you_showed
    switch = button(
        swapped(WorkspaceSettingsState.switching, rx.cond(on, "Stop asking for it", "Ask for it"), "Saving…"),
        on_click=WorkspaceSettingsState.require_second_factor(~on),
        disabled=WorkspaceSettingsState.switching | locked,
        aria_busy=WorkspaceSettingsState.switching,
        aria_describedby=rx.cond(locked, "factor-why-not", "factor-what"),
    )
    why_not = rx.el.p(
        "You signed in without one, so you would lock yourself out. ",
        rx.el.a("Add a passkey", href="/settings/profile"),
        " and sign in with it first.",
        id="factor-why-not",
        class_name="s m",
    )
    return card(
        "Second factor for those who manage",
        pad(
            rx.el.p(
                "Owners and admins then need a passkey to invite, change or remove members, to make or revoke workspace tokens, and to "
                "change, export, transfer or delete this workspace. Until they have added one they are refused there, with a word on "
                "how to add it; they still do all that an editor may. Nobody is signed out.",
                id="factor-what",
                class_name="m prose",
            ),
            rx.cond(
                WorkspaceSettingsState.may_change,
                rx.fragment(rx.el.div(switch, class_name="row"), rx.cond(locked, why_not)),
                rx.el.p(WorkspaceSettingsState.why_not_factor, class_name="s m"),
            ),
            error_line(WorkspaceSettingsState.factor_error, "factor-error"),
            class_name="stack tight",
        ),
        tools=(state,),
    )


def _export_link() -> rx.Component:
    return link_button("Download the export", href=WorkspaceSettingsState.export_url, icon_name="dl", server=True, download=True)


def _export() -> rx.Component:
    return card(
        "Export",
        pad(
            rx.el.p(
                "A zip of JSON files: the workspace, its members, invitations, scans with their reports, and the audit log. "
                "Secrets are listed by name, tokens without their text.",
                class_name="m prose",
            ),
            rx.cond(
                WorkspaceSettingsState.may_export,
                rx.el.div(_export_link(), class_name="row"),
                rx.el.p(WorkspaceSettingsState.why_not_export, class_name="s m"),
            ),
            class_name="stack tight",
        ),
    )


def _candidate(one: ObjectVar[Candidate]) -> rx.Component:
    return rx.el.option(one.words, value=one.id, key=one.id)


def _ownership() -> rx.Component:
    error = WorkspaceSettingsState.transfer_error
    choice = rx.el.select(
        rx.el.option("Choose a member", value=""),
        rx.foreach(WorkspaceSettingsState.candidates, _candidate),
        id="transfer-member",
        name="member",
        aria_invalid=rx.cond(error != "", "true", "false"),
        aria_describedby=rx.cond(error != "", "transfer-member-error", ""),
    )
    form = rx.el.form(
        rx.el.div(
            rx.el.label("New owner", html_for="transfer-member", class_name="l"),
            rx.el.div(choice, class_name=rx.cond(error != "", "in select bad", "in select")),
            error_line(error, "transfer-member-error"),
            class_name="field",
        ),
        rx.el.div(button("Transfer…", type="submit"), class_name="at-fields"),
        on_submit=WorkspaceSettingsState.ask_transfer,
        custom_attrs={"noValidate": True},
        class_name="fields-row",
    )
    alone = rx.el.p("You are its only member. ", rx.el.a("Invite somebody", href="/settings/members"), " first.", class_name="s m")
    return rx.cond(
        WorkspaceSettingsState.you_own,
        card(
            "Transfer",
            pad(
                rx.el.p("The new owner may do everything here. You stay as an admin.", class_name="m"),
                rx.cond(WorkspaceSettingsState.candidates.length() > 0, form, alone),
                class_name="stack tight",
            ),
        ),
    )


def _end() -> rx.Component:
    leave = rx.el.div(
        rx.el.div(
            rx.el.b("Leave"),
            rx.el.p(
                rx.cond(
                    WorkspaceSettingsState.you_own,
                    "You own this workspace: transfer it first.",
                    "Your personal tokens for it end. What you made stays.",
                ),
                class_name="s m",
            ),
            class_name="grow",
        ),
        rx.cond(~WorkspaceSettingsState.you_own, button("Leave workspace", kind="danger", on_click=WorkspaceSettingsState.ask("leave"))),
        class_name="row sp wrap end-line",
    )
    delete = rx.el.div(
        rx.el.div(
            rx.el.b("Delete"),
            rx.el.p(
                rx.cond(
                    WorkspaceSettingsState.you_own, "Everything in it goes, for every member, and cannot be brought back.",
                    WorkspaceSettingsState.why_not_own,
                ),
                class_name="s m",
            ),
            class_name="grow",
        ),
        rx.cond(WorkspaceSettingsState.you_own, button("Delete workspace", kind="danger", on_click=WorkspaceSettingsState.ask("delete"))),
        class_name="row sp wrap end-line",
    )  # fmt: skip
    return card("Leave or delete", leave, delete)


def _transfer_question() -> rx.Component:
    return confirmation(
        "transfer-workspace",
        shown=WorkspaceSettingsState.asked == "transfer",
        question=rx.fragment("Transfer ", WorkspaceSettingsState.name, " to ", WorkspaceSettingsState.chosen_name, "?"),
        consequence="They become its owner and you an admin. Only they can give it back.",
        keep="Stay owner",
        verb="Transfer workspace",
        doing="Transferring…",
        busy=WorkspaceSettingsState.busy,
        on_keep=WorkspaceSettingsState.keep,
        after="main",
        on_confirm=WorkspaceSettingsState.transfer,
    )


def _leave_question() -> rx.Component:
    return confirmation(
        "leave-workspace",
        shown=WorkspaceSettingsState.asked == "leave",
        question=rx.fragment("Leave ", WorkspaceSettingsState.name, "?"),
        consequence="You lose sight of it in every tab, and your personal tokens for it end. To come back you need an invitation.",
        keep="Stay",
        verb="Leave workspace",
        doing="Leaving…",
        busy=WorkspaceSettingsState.busy,
        on_keep=WorkspaceSettingsState.keep,
        after="main",
        on_confirm=WorkspaceSettingsState.leave,
    )


def _delete_question() -> rx.Component:
    return confirmation(
        "delete-workspace",
        shown=WorkspaceSettingsState.asked == "delete",
        question=rx.fragment("Delete ", WorkspaceSettingsState.name, "?"),
        consequence=rx.fragment(
            "Its scans, secrets, tokens, invitations and audit log go too, and its members (",
            WorkspaceSettingsState.members_words,
            ") lose it. This cannot be undone.",
        ),
        extra=rx.el.div(_export_link(), class_name="row"),
        keep="Keep it",
        verb="Delete workspace",
        doing="Deleting…",
        busy=WorkspaceSettingsState.busy,
        on_keep=WorkspaceSettingsState.keep,
        after="main",
        on_confirm=WorkspaceSettingsState.delete,
        typed=TypedName(
            rx.fragment("Type ", rx.el.b(WorkspaceSettingsState.name, class_name="any"), " to delete it"),
            "typed_name",
            WorkspaceSettingsState.typed_error,
        ),
    )
