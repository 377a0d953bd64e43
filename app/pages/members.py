"""The members of the workspace, and the invitations to it."""

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button, swapped
from app.components.card import card, pad
from app.components.confirm import confirmation
from app.components.empty import empty
from app.components.field import select_field, text_field
from app.components.icons import glyph, icon
from app.components.notice import notice
from app.components.panel_error import note, panel_error
from app.components.settings import settings_page
from app.components.shown_once import shown_once
from app.components.skeleton import skeleton_rows
from app.components.table import head, pager, table
from app.components.toast import toast
from app.state.members import InvitationView, MembersState, MemberView
from app.state.roles import GIVEN, ROLE_MEANS, ROLE_WORDS

_DAYS = [("1", "1 day"), ("3", "3 days"), ("7", "7 days"), ("30", "30 days")]


def page() -> rx.Component:
    return settings_page(
        rx.match(
            MembersState.view,
            ("list", rx.fragment(rx.cond(MembersState.may_manage, _invite(), note(MembersState.why_not, glyph_name="info")), _members())),
            ("error", panel_error("The members could not be read.", MembersState.error, on_retry=MembersState.retry)),
            rx.el.section(skeleton_rows("Loading members", 5), class_name="card"),
        ),
        rx.cond(MembersState.may_manage & (MembersState.view == "list"), _invitations()),
        confirmation(
            "remove-member",
            shown=MembersState.asked_id != "",
            question=rx.fragment("Remove ", MembersState.asked_name, "?"),
            consequence="They lose this workspace at once, in every open tab, and their personal tokens for it end. "
            "What they made stays. To come back they need a new invitation.",
            keep="Keep member",
            verb="Remove member",
            doing="Removing…",
            busy=MembersState.removing,
            on_keep=MembersState.keep,
            after="members-top",
            on_confirm=MembersState.remove,
        ),
        toast(MembersState.changed, on_close=MembersState.close_changed, undo=MembersState.undo),
        notice(),
        current="/settings/members",
        title="Members",
        heading=MembersState.heading,
        lead="Who sees this workspace, and what each may do in it.",
    )


def _invite() -> rx.Component:
    roles = [(role, ROLE_WORDS[role]) for role in reversed(GIVEN)]
    form = rx.el.form(
        select_field("Role", "invite-role", roles, error=MembersState.role_error, name="role"),
        text_field(
            "For whom", "invite-note", error=MembersState.note_error, name="note", placeholder="Bob, from the API team", max_length=120,
            auto_complete="off", hint="A note for you; it is shown in the list below.",
        ),
        select_field("Works for", "invite-days", _DAYS, error=MembersState.days_error, name="days", default_value="7"),
        rx.el.div(
            button(
                swapped(MembersState.inviting, "Make a link", "Making…"), kind="pri", type="submit", disabled=MembersState.inviting,
                aria_busy=MembersState.inviting,
            ),
            class_name="at-fields",
        ),
        on_submit=MembersState.invite,
        key=f"invite-{MembersState.filled}",
        custom_attrs={"noValidate": True},
        class_name="fields-row invite",
    )  # fmt: skip
    made = shown_once(
        "Send this link now",
        MembersState.link,
        name="invitation link",
        warning=rx.fragment(MembersState.link_words, " Whoever opens it first joins. It is not shown again; revoke it if it went astray."),
        on_stored=MembersState.stored,
        stored="I have sent it",
    )
    may = rx.el.ul(
        *(rx.el.li(rx.el.b(ROLE_WORDS[role]), " may ", ROLE_MEANS[role], ".") for role in reversed(ROLE_MEANS)), class_name="means"
    )
    return card(
        rx.el.span("Invite", id="invite-top", tab_index=-1),
        pad(
            rx.cond(
                MembersState.link != "",
                made,
                rx.fragment(rx.cond(MembersState.form_error != "", note(MembersState.form_error, role="alert")), form),
            ),
            rx.el.details(rx.el.summary(icon("right", small=True), "What each role may do", class_name="s link-like"), may),
            class_name="stack",
        ),
    )  # fmt: skip


def _members() -> rx.Component:
    columns = head(
        "Member",
        ("Role", "role-col"),
        ("Joined", "desk"),
        ("Last seen", "desk"),
        rx.cond(MembersState.may_manage, rx.el.th("Second factor", scope="col", class_name="desk"), rx.fragment()),
        rx.cond(MembersState.may_manage, rx.el.th(rx.el.span("Actions", class_name="vh"), scope="col"), rx.fragment()),
    )
    alone = rx.cond(
        MembersState.may_manage & (MembersState.total == 1),
        empty("You are alone here", "Make a link above and send it to who should join."),
    )
    return card(
        rx.el.span("Members", id="members-top", tab_index=-1),
        table(columns, rx.el.tbody(rx.foreach(MembersState.rows, _member)), label="Members", class_name="rows2"),
        alone,
        rx.cond(
            MembersState.pages > 1,
            pager(
                MembersState.page,
                MembersState.pages,
                MembersState.total_words,
                on_previous=MembersState.turn(-1),
                on_next=MembersState.turn(1),
            ),
        ),
        aside=MembersState.total,
    )


def _role(row: ObjectVar[MemberView]) -> rx.Component:
    choice = rx.el.select(
        *(rx.el.option(ROLE_WORDS[role], value=role) for role in GIVEN),
        value=row.role,
        on_change=lambda role: MembersState.change_role(row.id, role),
        aria_label=f"Role of {row.name}",
    )
    return rx.cond(row.may_change, rx.el.div(choice, class_name="in select"), rx.el.span(row.role_word, class_name="fixed-role"))


def _factor(row: ObjectVar[MemberView], *, headed: bool) -> rx.Component:
    """Whether they have a second factor; without a column's head above it, it says of what it speaks."""
    has, none = ("Has one", "None") if headed else ("Second factor", "No second factor")
    without = rx.cond(row.factor == "no", rx.el.span(glyph("not"), none, class_name="st f"))
    return rx.cond(row.factor == "yes", rx.el.span(glyph("ok"), has, class_name="st c-ok"), without)


def _seen(row: ObjectVar[MemberView]) -> rx.Component:
    return rx.cond(row.seen != "", rx.el.time(row.seen, date_time=row.seen_at), "never")


def _member(row: ObjectVar[MemberView]) -> rx.Component:
    under = rx.el.div(
        rx.el.div("Seen ", _seen(row), class_name="s f"),
        rx.cond(row.factor != "", rx.el.div(_factor(row, headed=False))),
        class_name="phone under",
    )
    remove = button(
        icon_name="trash", kind="ghost", size="sm", on_click=MembersState.ask(row.id), aria_label=f"Remove {row.name}", title="Remove"
    )
    return rx.el.tr(
        rx.el.td(
            rx.el.b(row.name, class_name="any"),
            rx.cond(row.you, rx.el.span("you", class_name="tag")),
            rx.cond(row.email != "", rx.el.div(row.email, class_name="s f any")),
            under,
        ),
        rx.el.td(_role(row), class_name="role-col"),
        rx.el.td(rx.el.time(row.joined, date_time=row.joined_at), class_name="desk s f nw"),
        rx.el.td(_seen(row), class_name="desk s f nw"),
        rx.cond(MembersState.may_manage, rx.el.td(_factor(row, headed=True), class_name="desk")),
        rx.cond(MembersState.may_manage, rx.el.td(rx.cond(row.may_change, remove), class_name="num act-col")),
        key=row.id,
    )


def _invitations() -> rx.Component:
    columns = head("For", ("Role", "desk"), ("State", "desk"), ("Made", "desk"), ("Until", "desk"), ("Actions", "vh"))
    return card(
        "Invitations",
        rx.cond(
            MembersState.invitations.length() > 0,
            table(columns, rx.el.tbody(rx.foreach(MembersState.invitations, _invitation)), label="Invitations", class_name="rows2"),
            empty("No invitations", "Choose a role above and make a link. It works once, for whoever opens it first."),
        ),
        aside=MembersState.open_words,
    )


def _invitation(row: ObjectVar[InvitationView]) -> rx.Component:
    state = rx.match(
        row.state,
        ("open", rx.el.span(glyph("info"), row.state_words, class_name="st")),
        ("used", rx.el.span(glyph("ok"), row.state_words, class_name="st c-ok")),
        rx.el.span(glyph("not"), row.state_words, class_name="st f"),
    )
    whom = rx.cond(row.note != "", rx.el.b(row.note, class_name="any"), rx.el.span("No note", class_name="f"))
    revoke = button("Revoke", size="sm", on_click=MembersState.revoke(row.id), aria_label=f"Revoke the invitation {row.note}")
    return rx.el.tr(
        rx.el.td(
            whom,
            rx.el.div("by ", row.by, class_name="s f any"),
            rx.el.div(rx.el.div(row.role_word, ", until ", row.until, class_name="s f"), rx.el.div(state), class_name="phone under"),
        ),
        rx.el.td(row.role_word, class_name="desk"),
        rx.el.td(state, class_name="desk"),
        rx.el.td(rx.el.time(row.made, date_time=row.made_at), class_name="desk s f nw"),
        rx.el.td(rx.el.time(row.until, date_time=row.until_at), class_name="desk s f nw"),
        rx.el.td(rx.cond(row.state == "open", revoke), class_name="num act-col"),
        key=row.id,
    )
