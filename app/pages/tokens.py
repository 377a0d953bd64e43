"""Tokens for programs: one's own, and the workspace's."""

from typing import Any

import reflex as rx
from reflex.vars import ArrayVar, NumberVar, ObjectVar

from app.components.button import button, swapped
from app.components.card import card, pad
from app.components.code import code_block
from app.components.confirm import confirmation
from app.components.empty import empty
from app.components.field import error_line, select_field, text_field
from app.components.icons import glyph, icon
from app.components.notice import notice
from app.components.panel_error import note, panel_error
from app.components.settings import settings_page
from app.components.shown_once import shown_once
from app.components.skeleton import skeleton_rows
from app.components.table import head, pager, table
from app.state.roles import GIVEN, ROLE_WORDS
from app.state.tokens import DAYS, DAYS_CHOSEN, PERSONAL, ROLE_CHOSEN, SCOPES, WORKSPACE, TokensState, TokenView


def page() -> rx.Component:
    return settings_page(
        rx.match(
            TokensState.view,
            ("list", rx.fragment(_make(), _mine(), _workspace())),
            ("error", panel_error("The tokens could not be read.", TokensState.error, on_retry=TokensState.retry)),
            rx.el.section(skeleton_rows("Loading tokens", 5), class_name="card"),
        ),
        confirmation(
            "revoke-token",
            shown=TokensState.asked_id != "",
            question=rx.fragment("Revoke ", TokensState.asked_name, "?"),
            consequence=rx.fragment(
                TokensState.asked_used, " Programs that hold it are refused at once. It cannot be brought back; a new one can be made."
            ),
            verb="Revoke token",
            doing="Revoking…",
            busy=TokensState.revoking,
            on_keep=TokensState.keep,
            after="tokens-top",
            on_confirm=TokensState.revoke,
        ),
        notice(),
        current="/settings/tokens",
        title="Tokens",
        heading=TokensState.heading,
        lead="For programs that use the API. A token opens only what its scopes and its role both allow, in this workspace alone.",
    )


def _make() -> rx.Component:
    form = rx.el.form(
        rx.el.div(
            text_field(
                "Name", "token-name", error=TokensState.name_error, name="name", placeholder="CI of the shop", max_length=80,
                auto_complete="off",
            ),
            rx.cond(TokensState.may_manage, _kind()),
            rx.cond(
                TokensState.kind == WORKSPACE,
                select_field(
                    "Role", "token-role", [(role, ROLE_WORDS[role]) for role in reversed(GIVEN)], error=TokensState.role_error, name="role",
                    default_value=ROLE_CHOSEN, on_change=TokensState.choose_role,
                ),
            ),
            select_field(
                "Ends after", "token-days", [(str(days), f"{days} days") for days in DAYS], error=TokensState.days_error, name="days",
                default_value=str(DAYS_CHOSEN),
            ),
            class_name="fields-row",
        ),
        rx.el.fieldset(
            rx.el.legend("What it may do", class_name="l"),
            rx.el.div(*(_group(name, scopes) for name, scopes in SCOPES), class_name="scopes"),
            error_line(TokensState.scopes_error, "token-scopes-error"),
            aria_describedby=rx.cond(TokensState.scopes_error != "", "token-scopes-error", ""),
        ),
        rx.el.div(
            button(
                swapped(TokensState.making, "Make token", "Making…"), kind="pri", type="submit", disabled=TokensState.making,
                aria_busy=TokensState.making,
            ),
            class_name="row",
        ),
        on_submit=TokensState.make,
        key=f"token-{TokensState.filled}",
        custom_attrs={"noValidate": True},
        class_name="stack",
    )  # fmt: skip
    made = shown_once(
        rx.fragment("Copy the token ", TokensState.secret_name, " now"),
        TokensState.secret,
        name="token",
        warning="It is not shown again, and nobody can read it anywhere. If it is lost, revoke it and make another.",
        on_stored=TokensState.stored,
        more=rx.el.div(
            rx.el.p("Try it:", class_name="s m"),
            code_block(text=TokensState.curl, key="once-curl", label="Command"),
            class_name="stack tight",
        ),
    )
    return card(
        rx.el.span("Make a token", id="make-top", tab_index=-1),
        pad(
            rx.cond(
                TokensState.secret != "",
                made,
                rx.fragment(rx.cond(TokensState.form_error != "", note(TokensState.form_error, role="alert")), form),
            ),
            class_name="stack",
        ),
    )


def _kind() -> rx.Component:
    kinds = [(PERSONAL, "You, with your role"), (WORKSPACE, "The workspace, with a role of its own")]
    return select_field("Acts as", "token-kind", kinds, name="kind", default_value=PERSONAL, on_change=TokensState.choose_kind)


def _group(name: str, scopes: tuple[tuple[str, str], ...]) -> rx.Component:
    """The scopes of one noun; those that open nothing to the role are left out."""
    offered = TokensState.offered.to(ArrayVar[list[str]])
    shown: Any = None
    for scope, _ in scopes:
        shown = offered.contains(scope) if shown is None else shown | offered.contains(scope)
    boxes = [rx.cond(offered.contains(scope), _scope(scope, words)) for scope, words in scopes]
    group_id = "scopes-" + name.lower().replace(" ", "-")
    return rx.cond(
        shown,
        rx.el.div(rx.el.b(name, id=group_id, class_name="s"), *boxes, role="group", aria_labelledby=group_id, class_name="scope-group"),
    )


def _scope(scope: str, words: str) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="checkbox", name=f"scope-{scope}"),
        rx.el.span(words, rx.el.code(scope, class_name="f")),
        class_name="check two-line",
    )


def _mine() -> rx.Component:
    how = "A personal token acts as you, with the role you have here at the time, and ends when you leave."
    pages = pager(
        TokensState.mine_page, TokensState.mine_pages, TokensState.mine_words, on_previous=TokensState.turn_mine(-1),
        on_next=TokensState.turn_mine(1),
    )  # fmt: skip
    return card(
        rx.el.span("Yours", id="tokens-top", tab_index=-1),
        _listed(TokensState.mine, TokensState.mine_pages, pages, "Your tokens", "No tokens of yours", how, shared=False),
        _ended(TokensState.mine_ended, "Your tokens that ended"),
        aside=TokensState.mine_words,
    )


def _workspace() -> rx.Component:
    how = "A workspace token has a role of its own and lives on when whoever made it leaves: for CI and deployments."
    pages = pager(
        TokensState.workspace_page, TokensState.workspace_pages, TokensState.workspace_words, on_previous=TokensState.turn_workspace(-1),
        on_next=TokensState.turn_workspace(1),
    )  # fmt: skip
    return rx.cond(
        TokensState.may_manage,
        card(
            "The workspace's",
            _listed(TokensState.workspace, TokensState.workspace_pages, pages, "Workspace tokens", "No workspace tokens", how, shared=True),
            _ended(TokensState.workspace_ended, "Workspace tokens that ended"),
            aside=TokensState.workspace_words,
        ),
        note(TokensState.why_not, glyph_name="info"),
    )


def _listed(
    rows: rx.Var[Any], pages: NumberVar[int], below: rx.Component, label: str, missing: str, how: str, *, shared: bool
) -> rx.Component:
    columns = head("Token", ("Scopes", "desk"), ("Last used", "desk"), ("Ends", "desk"), ("Actions", "vh"))
    listed = rows.to(ArrayVar[list[TokenView]])
    return rx.cond(
        listed.length() > 0,
        rx.fragment(
            table(columns, rx.el.tbody(rx.foreach(listed, lambda row: _row(row, shared=shared))), label=label, class_name="rows2"),
            rx.cond(pages > 1, below),
        ),
        empty(missing, how),
    )


def _ended(rows: rx.Var[Any], label: str) -> rx.Component:
    """Those of the last month that ended, folded."""
    ended = rows.to(ArrayVar[list[TokenView]])
    columns = head("Token", ("Scopes", "desk"), ("Last used", "desk"), ("Ended", "desk"))
    return rx.cond(
        ended.length() > 0,
        rx.el.details(
            rx.el.summary(icon("right", small=True), "Ended within 30 days: ", ended.length(), class_name="s link-like"),
            table(columns, rx.el.tbody(rx.foreach(ended, _ended_row)), label=label, class_name="rows2"),
            class_name="folded",
        ),
    )


def _used(row: ObjectVar[TokenView]) -> rx.Component:
    used = rx.fragment(
        rx.el.time(row.used, date_time=row.used_at), rx.cond(row.used_from != "", rx.el.div("from ", row.used_from, class_name="any"))
    )
    return rx.cond(row.used != "", used, "never")


def _ends(row: ObjectVar[TokenView]) -> rx.Component:
    return rx.cond(row.ends != "", rx.el.time(row.ends, date_time=row.ends_at), "never")


def _name(row: ObjectVar[TokenView], *, shared: bool) -> list[rx.Component]:
    made = rx.fragment("Made ", rx.el.time(row.made, date_time=row.made_at), rx.fragment(" by ", row.by) if shared else None)
    return [
        rx.el.b(row.name, class_name="any"),
        rx.cond(row.role_word != "", rx.el.span(row.role_word, class_name="tag")),
        rx.el.div(rx.el.code("…", row.hint), " · ", made, class_name="s f"),
    ]


def _row(row: ObjectVar[TokenView], *, shared: bool) -> rx.Component:
    under = rx.el.div(
        rx.el.div(rx.el.code(row.scopes, class_name="any")),
        rx.el.div("Used: ", rx.cond(row.used != "", f"{row.used} from {row.used_from}", "never")),
        rx.el.div("Ends: ", _ends(row)),
        class_name="phone under s f",
    )
    revoke = button("Revoke", size="sm", on_click=TokensState.ask(row.id), aria_label=f"Revoke {row.name}")
    return rx.el.tr(
        rx.el.td(*_name(row, shared=shared), under),
        rx.el.td(rx.el.code(row.scopes), class_name="desk s m scopes-col"),
        rx.el.td(_used(row), class_name="desk s f"),
        rx.el.td(_ends(row), class_name="desk s f nw"),
        rx.el.td(revoke, class_name="num act-col"),
        key=row.id,
    )


def _ended_row(row: ObjectVar[TokenView]) -> rx.Component:
    state = rx.cond(
        row.state == "revoked",
        rx.el.span(glyph("not"), "Revoked", class_name="st f"),
        rx.el.span(glyph("not"), "Expired ", rx.el.time(row.ends, date_time=row.ends_at), class_name="st f"),
    )
    return rx.el.tr(
        rx.el.td(*_name(row, shared=False), rx.el.div(state, class_name="phone under")),
        rx.el.td(rx.el.code(row.scopes), class_name="desk s f scopes-col"),
        rx.el.td(_used(row), class_name="desk s f"),
        rx.el.td(state, class_name="desk"),
        key=row.id,
    )
