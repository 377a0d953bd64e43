"""My account: my name, linked identities, passkeys and recovery codes."""

import reflex as rx
from reflex.vars import ObjectVar

from app.components.button import button, link_button
from app.components.card import card, pad
from app.components.code import code_block
from app.components.confirm import confirmation
from app.components.empty import empty
from app.components.field import text_field
from app.components.icons import glyph, icon
from app.components.marks import mark
from app.components.native_form import NativeForm
from app.components.notice import notice
from app.components.panel_error import panel_error
from app.components.provider_setup import provider_setup
from app.components.settings import settings_page
from app.components.skeleton import skeleton_rows
from app.state.profile import PATH, IdentityView, LinkableView, PasskeyView, ProfileState

_S = ProfileState
_FACTOR = (
    "Once you have a passkey, every sign-in by a provider asks for it as well: a second factor, so that a stolen Google or GitHub "
    "account alone does not open yours."
)


def page() -> rx.Component:
    return settings_page(
        rx.match(
            _S.view,
            ("ready", rx.fragment(_about(), _identities(), _passkeys(), _codes())),
            ("error", card("Profile", panel_error("Your account could not be read.", _S.error, on_retry=_S.retry))),
            rx.el.div(skeleton_rows("Loading your account", 6), class_name="card"),
        ),
        *_questions(),
        notice(),
        current=PATH,
        title="Profile",
        heading="Your account",
        lead="Your name, and the ways in which you sign in.",
    )


def entrance() -> rx.Component:
    """/settings, which leads on to the profile."""
    return settings_page(rx.el.div(skeleton_rows("Loading your account", 6), class_name="card"), current=PATH, title="Profile")


def _top(title: str, top_id: str) -> rx.Component:
    """Return a heading that can be given the focus, when what had it is gone."""
    return rx.el.span(title, id=top_id, tab_index=-1)


def _about() -> rx.Component:
    name = rx.el.form(
        text_field(
            "Name",
            "name",
            error=_S.name_error,
            hint="Members of your workspaces see it.",
            default_value=_S.name,
            key=f"name-{_S.filled}",
            auto_complete="name",
            max_length=400,
        ),
        button("Save", type="submit", busy=_S.renaming, busy_text="Saving…"),
        on_submit=_S.rename,
        custom_attrs={"noValidate": True},
        class_name="inline-form",
    )
    email = rx.el.div(
        rx.el.span("E-mail", class_name="l"),
        rx.cond(
            _S.email != "",
            rx.fragment(rx.el.p(_S.email, class_name="any"), rx.el.p("From your provider. It cannot be changed here.", class_name="hint")),
            rx.el.p("None. It comes from a provider, once one is linked.", class_name="s f"),
        ),
    )
    return card("About you", pad(name, email, class_name="stack"))


# Linked identities.


def _identities() -> rx.Component:
    link = rx.cond(
        _S.linkable.length() > 0,
        rx.el.footer(
            rx.el.span("Link another:", class_name="nw"),
            rx.el.ul(rx.foreach(_S.linkable, _linkable), class_name="row wrap"),
            class_name="wrap",
        ),
    )
    listed = rx.cond(
        _S.identities.length() > 0,
        rx.el.ul(rx.foreach(_S.identities, _identity), class_name="ways-in"),
        rx.cond(
            _S.linkable.length() > 0,
            rx.el.p("None is linked yet. You signed in by a link or a passkey.", class_name="s m lone"),
            pad(
                rx.el.p("No provider is configured on this Seamwatch. Whoever runs it can set one up:", class_name="s m"),
                provider_setup(_S.callback),
                class_name="stack tight",
            ),
        ),
    )
    return card(_top("Providers you sign in with", "providers-top"), listed, link)


def _identity(row: ObjectVar[IdentityView]) -> rx.Component:
    last_used = rx.el.time(row.used, date_time=row.used_at, title=row.used_when)
    return rx.el.li(
        mark(row.kind),
        rx.el.div(
            rx.el.div(rx.el.b(row.provider), rx.el.span(row.label, class_name="m any"), class_name="row wrap names"),
            rx.el.div(
                rx.el.span("linked ", rx.el.time(row.linked, date_time=row.linked_at)),
                rx.cond(row.used != "", rx.el.span("last used ", last_used)),
                rx.cond(row.why_not != "", rx.el.span(row.why_not, id=f"why-{row.id}")),
                class_name="bits s m",
            ),
            class_name="grow",
        ),
        button(
            "Unlink",
            size="sm",
            on_click=_S.ask_unlink(row.id),
            disabled=row.why_not != "",
            aria_label=f"Unlink {row.provider} {row.label}",
            aria_describedby=rx.cond(row.why_not != "", f"why-{row.id}", ""),
        ),
        key=row.id,
    )


def _linkable(way: ObjectVar[LinkableView]) -> rx.Component:
    return rx.el.li(
        NativeForm.create(
            rx.el.button(mark(way.kind), f"Link {way.label}", type="submit", class_name="btn"), action=way.action, method="post"
        ),
        key=way.key,
    )


# Passkeys and recovery codes.


def _passkeys() -> rx.Component:
    add = link_button("Add a passkey", href=_S.add_href, icon_name="plus", size="sm", server=True)
    return card(
        _top("Passkeys", "passkeys-top"),
        rx.cond(
            _S.passkeys.length() > 0,
            rx.el.ul(rx.foreach(_S.passkeys, _passkey), class_name="ways-in"),
            empty(
                "No passkey yet",
                "A passkey is kept by your device and opened with your fingerprint, face or PIN. It cannot be guessed or phished.",
                link_button("Add a passkey", href=_S.add_href, icon_name="plus", kind="pri", server=True),
            ),
        ),
        rx.el.footer(rx.el.p(_FACTOR)),
        tools=(rx.cond(_S.passkeys.length() > 0, add),),
        aside=rx.cond(_S.passkeys.length() > 0, _S.passkeys.length().to_string(), ""),
        id="passkeys",
    )


def _passkey(row: ObjectVar[PasskeyView]) -> rx.Component:
    last_used = rx.el.time(row.used, date_time=row.used_at, title=row.used_when)
    shown = rx.fragment(
        rx.el.div(
            rx.el.b(row.name, class_name="any"),
            rx.el.div(
                rx.el.span("added ", rx.el.time(row.made, date_time=row.made_at)),
                rx.cond(row.used != "", rx.el.span("last used ", last_used), rx.el.span("not used yet")),
                class_name="bits s m",
            ),
            class_name="grow",
        ),
        rx.el.div(
            button("Rename", size="sm", on_click=_S.edit_passkey(row.id), aria_label=f"Rename {row.name}"),
            button("Remove", size="sm", on_click=_S.ask_remove(row.id), aria_label=f"Remove {row.name}"),
            class_name="row",
        ),
    )
    edited = rx.el.form(
        text_field(
            "Name of the passkey",
            "passkey-name",
            error=_S.passkey_error,
            default_value=row.name,
            auto_focus=True,
            auto_complete="off",
        ),
        rx.el.div(
            button("Save", type="submit"),
            button("Cancel", kind="ghost", on_click=_S.edit_passkey("")),
            class_name="row",
        ),
        on_submit=_S.rename_passkey,
        custom_attrs={"noValidate": True},
        class_name="inline-form grow",
    )
    return rx.el.li(icon("passkey", class_name="mark"), rx.cond(_S.edited == row.id, edited, shown), key=row.id)


def _codes() -> rx.Component:
    """Only with a passkey: a code stands in for one that is lost."""
    state = rx.match(
        _S.codes_left,
        (0, rx.el.span(glyph("down"), "None left", class_name="st c-down")),
        (1, rx.el.span(glyph("degraded"), "1 of 10 left", class_name="st c-degraded")),
        (2, rx.el.span(glyph("degraded"), "2 of 10 left", class_name="st c-degraded")),
        rx.el.span(glyph("ok"), f"{_S.codes_left} of 10 left", class_name="st"),
    )
    make = rx.el.div(
        rx.el.div(
            state,
            rx.el.p("Each code signs you in once when no passkey is at hand. Keep them where your passkeys are not.", class_name="s m"),
            class_name="stack tight grow",
        ),
        button(
            rx.cond(_S.codes_left > 0, "Make new ones…", "Make recovery codes"),
            on_click=_S.ask_codes,
            disabled=_S.busy,
        ),
        class_name="row wrap sp lines",
    )
    return rx.cond(
        (_S.passkeys.length() > 0) | (_S.codes_text != ""),
        card("Recovery codes", pad(rx.cond(_S.codes_text != "", _shown_codes(), make)), id="codes"),
    )


def _shown_codes() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            glyph("degraded", class_name="g-l"),
            rx.el.div(
                rx.el.h3("Store these codes now", id="once-codes", tab_index=-1, on_mount=rx.set_focus("once-codes")),
                rx.el.p("They are shown only this once. Codes from before work no more.", class_name="s m"),
                class_name="grow",
            ),
            class_name="row once-head",
        ),
        code_block(
            rx.el.span(rx.foreach(_S.codes, lambda code: rx.el.span(code, "\n")), class_name="codes"),
            text=_S.codes_text,
            key="codes",
            label="Recovery codes",
        ),
        rx.el.div(
            button("I have stored them", kind="pri", on_click=_S.stored),
            button("Download as text", icon_name="dl", on_click=_S.download_codes),
            class_name="row wrap",
        ),
        aria_labelledby="once-codes",
        class_name="once appear",
    )


# What cannot be undone is asked first.


def _questions() -> tuple[rx.Component, ...]:
    return (
        confirmation(
            "unlink",
            shown=_S.unlink_id != "",
            question=f"Unlink {_S.unlink_words}?",
            consequence="It cannot be used to sign in here any more. You can link it again while you are signed in.",
            verb="Unlink",
            doing="Unlinking…",
            busy=_S.busy,
            after="providers-top",
            on_keep=_S.keep_linked,
            on_confirm=_S.unlink,
        ),
        confirmation(
            "remove-passkey",
            shown=_S.remove_id != "",
            question=f"Remove the passkey {_S.remove_name}?",
            consequence=rx.cond(
                _S.passkeys.length() == 1,
                "It is your last one: your recovery codes go too, and signing in asks for no second factor any more. "
                "This cannot be undone.",
                "It cannot be used to sign in here any more. This cannot be undone. "
                "Also delete it on the device or in the password manager that keeps it.",
            ),
            verb="Remove passkey",
            doing="Removing…",
            busy=_S.busy,
            after="passkeys-top",
            on_keep=_S.keep_passkey,
            on_confirm=_S.remove_passkey,
        ),
        confirmation(
            "new-codes",
            shown=_S.codes_asked,
            question="Make new recovery codes?",
            consequence=f"The {_S.codes_left} that are left work no more. This cannot be undone.",
            verb="Make new codes",
            doing="Making…",
            keep="Keep the old ones",
            busy=_S.busy,
            after="once-codes",
            on_keep=_S.keep_codes,
            on_confirm=_S.make_codes,
        ),
    )
