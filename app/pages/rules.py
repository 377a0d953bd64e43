"""The rules of the CORS engine, by number: what verdict paths and findings link to."""

import reflex as rx

from app.components.icons import icon
from app.components.shell import public_shell
from app.core.cors_rules import GROUPS, Rule, RuleGroup
from app.pages.marked import marked_text


def page() -> rx.Component:
    places = [rx.el.li(rx.el.a(group.title, href=f"#{group.key}", reload_document=True)) for group in GROUPS]
    return public_shell(
        rx.el.div(
            rx.el.h1("What a browser checks, rule by rule"),
            rx.el.p(
                "A call across origins passes these in order. Verdict paths and findings name them by number. ",
                "The console's texts are Chromium's. ",
                rx.el.a("Try one in the lab", href="/cors"),
                ".",
                class_name="m lead2",
            ),
            class_name="head",
        ),
        rx.el.nav(rx.el.ul(*places, class_name="row wrap s"), aria_label="Groups of rules"),
        *(_group(group) for group in GROUPS),
        current="/cors",
        main_class="stack rules",
    )


def _group(group: RuleGroup) -> rx.Component:
    return rx.el.section(
        rx.el.header(rx.el.h2(group.title), rx.el.p(marked_text(group.text), class_name="s f") if group.text else None),
        rx.el.ul(*(_rule(rule) for rule in group.rules)),
        id=group.key,
        class_name="card",
    )


def _rule(rule: Rule) -> rx.Component:
    return rx.el.li(
        rx.el.a(rule.number, href=f"#{rule.number}", reload_document=True, class_name="mono no", aria_label=f"Rule {rule.number}"),
        rx.el.div(
            rx.el.h3(rule.title),
            rx.el.p(marked_text(rule.text), class_name="m"),
            rx.el.p(rx.el.span("Console: ", class_name="f"), rx.el.code(rule.console), class_name="s any") if rule.console else None,
            rx.el.p(
                rx.el.a(
                    _named(rule.source), icon("external", small=True), href=rule.source, target="_blank", rel="noopener", class_name="src"
                ),
                class_name="s",
            ),
            class_name="grow",
        ),
        id=rule.number,
    )


def _named(source: str) -> str:
    """Return the name of a document by its address."""
    names = {
        "fetch.spec": "Fetch standard",
        "html.spec": "HTML standard",
        "websockets.spec": "WebSockets standard",
        "rfc6265": "Cookies, RFC 6265bis",
        "rfc6797": "RFC 6797",
        "csp": "Content Security Policy",
        "mixed": "Mixed Content",
        "local-network": "Local Network Access",
        "mozilla": "MDN",
    }
    return next((name for part, name in names.items() if part in source), source)
