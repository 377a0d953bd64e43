"""Where I am signed in."""

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button
from app.components.card import card
from app.components.confirm import confirmation
from app.components.icons import icon
from app.components.notice import notice
from app.components.panel_error import panel_error
from app.components.settings import settings_page
from app.components.shell import sign_out_everywhere_button, sign_out_form
from app.components.skeleton import skeleton_rows
from app.state.my_sessions import PATH, MySessionsState, SessionView

_S = MySessionsState


def page() -> rx.Component:
    return settings_page(
        card(
            rx.el.span("Sessions", id="sessions-top", tab_index=-1),
            rx.match(
                _S.view,
                ("list", _list()),
                ("error", panel_error("Your sessions could not be read.", _S.error, on_retry=_S.retry)),
                skeleton_rows("Loading your sessions", 3),
            ),
            tools=(
                rx.cond((_S.view == "list") & (_S.others > 0), button("Sign out all others", size="sm", kind="danger", on_click=_S.ask)),
            ),
        ),
        card(
            "A device is lost, or you are not sure?",
            rx.el.div(
                rx.el.p(
                    "Signing out everywhere ends every session at once, this one too. Open tabs are emptied within seconds. "
                    "API tokens go on; revoke them under Tokens.",
                    class_name="s m grow",
                ),
                sign_out_everywhere_button("Sign out everywhere…", class_name="btn danger"),
                class_name="pad row wrap sp lines",
            ),
        ),
        confirmation(
            "end-others",
            shown=_S.asked,
            question=f"Sign out {_S.others_words}?",
            consequence="Their open tabs are emptied at once. This browser stays signed in. This cannot be undone.",
            verb="Sign out all others",
            doing="Signing out…",
            keep="Keep them",
            busy=_S.busy,
            after="sessions-top",
            on_keep=_S.keep,
            on_confirm=_S.end_others,
        ),
        notice(),
        current=PATH,
        title="Sessions",
        heading="Where you are signed in",
        lead="Each browser in which you signed in has a session. It lasts 14 days, unless it is ended here.",
    )


def _list() -> rx.Component:
    return rx.fragment(
        rx.el.ul(rx.foreach(_S.rows, _row), class_name="ways-in"),
        rx.cond(
            _S.others == 0,
            rx.el.p("You are signed in nowhere else.", class_name="s f lone"),
        ),
    )


def _row(row: ObjectVar[SessionView]) -> rx.Component:
    seen = rx.el.time(row.seen, date_time=row.seen_at, title=row.seen_when)
    return rx.el.li(
        icon(row.icon, class_name="kind"),
        rx.el.div(
            rx.el.div(
                rx.el.b(row.device, class_name="any"),
                rx.cond(row.this, rx.el.span("This browser", class_name="tag here")),
                class_name="row wrap names",
            ),
            rx.el.div(
                rx.el.span(rx.cond(row.active, rx.el.span(seen, class_name="live now"), seen)),
                rx.cond(row.address != "", rx.el.span(row.address, class_name="mono any")),
                rx.el.span(row.how),
                rx.el.span("since ", rx.el.time(row.since, date_time=row.since_at)),
                class_name="bits s m",
            ),
            class_name="grow",
        ),
        rx.cond(
            row.this,
            sign_out_form(class_name="btn sm"),
            button(
                "Sign out",
                size="sm",
                on_click=_S.end(row.id),
                busy=_S.ending == row.id,
                busy_text="Ending…",
                aria_label=f"Sign out {row.device}, {row.seen}",
            ),
        ),
        key=row.id,
    )
