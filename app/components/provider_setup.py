"""For the operator: which redirect URI to register with a provider, and which variables to set, each ready to be copied."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import reflex as rx
from reflex.vars import ArrayVar

from app.components.code import code_block
from app.components.icons import icon
from app.components.marks import mark


@dataclass(frozen=True, slots=True)
class Guide:
    key: str  # as in the redirect URI
    kind: str
    name: str
    where: str  # address of the page on which an application is registered; "" where it depends
    steps: str  # what to choose there, and what the field for the redirect URI is called there
    variables: str


GUIDES = (
    Guide(
        "google",
        "google",
        "Google",
        "https://console.cloud.google.com/auth/clients",
        "Create a client of the type “Web application”. Under “Authorized redirect URIs”, add:",
        "SEAMWATCH_GOOGLE_CLIENT_ID=\nSEAMWATCH_GOOGLE_CLIENT_SECRET=",
    ),
    Guide(
        "github",
        "github",
        "GitHub",
        "https://github.com/settings/applications/new",
        "Register an OAuth app, under your account or your organisation. As “Authorization callback URL”, set:",
        "SEAMWATCH_GITHUB_CLIENT_ID=\nSEAMWATCH_GITHUB_CLIENT_SECRET=",
    ),
    Guide(
        "keycloak",
        "oidc",
        "Keycloak, Entra, Authentik, GitLab or any OpenID provider",
        "",
        "Register a confidential client with the authorization code flow. Choose a key of letters and digits in place of KEYCLOAK; "
        "in small letters it ends the redirect URI:",
        "SEAMWATCH_OIDC_KEYCLOAK_ISSUER=https://id.example.com/realms/main\nSEAMWATCH_OIDC_KEYCLOAK_CLIENT_ID=\n"
        "SEAMWATCH_OIDC_KEYCLOAK_CLIENT_SECRET=\nSEAMWATCH_OIDC_KEYCLOAK_NAME=Keycloak",
    ),
)
_JOIN = "SEAMWATCH_JOIN_DOMAINS=example.com\nSEAMWATCH_JOIN_GITHUB_ORGS=\nSEAMWATCH_JOIN_ROLE=viewer"


def provider_setup(callback: rx.Var[str], configured: ArrayVar[Sequence[str]] | None = None) -> rx.Component:
    """Return the guides, folded.

    Args:
        callback: what every redirect URI of this installation begins with.
        configured: keys of providers that need no guide any more. There can be many of OpenID, so theirs stays.
    """

    def shown(guide: Guide) -> rx.Component:
        made = _guide(guide, callback)
        return made if configured is None or guide.kind == "oidc" else rx.cond(configured.contains(guide.key), None, made)

    return rx.el.div(
        *map(shown, GUIDES),
        _fold(
            icon("users", class_name="mark"),
            "Who may join",
            rx.el.p("Invited people always may. These let people join without an invitation:", class_name="s m"),
            code_block(text=_JOIN, key="setup-join", label="Variables for joining"),
            rx.el.p(
                "Whoever has a verified e-mail address of these domains, or belongs to these GitHub organisations, becomes a member of "
                "the first workspace with this role.",
                class_name="s m",
            ),
        ),
        class_name="folds",
    )


def _fold(picture: Any, title: str, *content: Any) -> rx.Component:
    return rx.el.details(
        rx.el.summary(picture, rx.el.span(title, class_name="grow"), icon("right", small=True, class_name="turns")),
        rx.el.div(*content, class_name="stack tight"),
        class_name="fold",
    )


def _guide(guide: Guide, callback: rx.Var[str]) -> rx.Component:
    where: list[Any] = []
    if guide.where:
        where = [
            " ",
            rx.el.a(guide.where.removeprefix("https://"), href=guide.where, target="_blank", rel="noreferrer", class_name="any"),
            ".",
        ]
    return _fold(
        mark(rx.Var.create(guide.kind)),
        guide.name,
        rx.el.ol(
            rx.el.li(
                rx.el.b("Register Seamwatch with the provider", *where if guide.where else "."),
                rx.el.p(guide.steps, class_name="s m"),
                code_block(text=f"{callback}{guide.key}", key=f"setup-{guide.key}-uri", label=f"Redirect URI for {guide.name}"),
            ),
            rx.el.li(
                rx.el.b("Set what the provider gave you, in the environment or in the file .env:"),
                code_block(text=guide.variables, key=f"setup-{guide.key}-env", label=f"Variables for {guide.name}"),
            ),
            rx.el.li(rx.el.b("Start Seamwatch again."), rx.el.p("A button for it then stands on this page.", class_name="s m")),
            class_name="steps",
        ),
    )
