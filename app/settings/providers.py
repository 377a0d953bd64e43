"""The identity providers that an operator set: Google, GitHub, and any OpenID provider by its issuer."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from app.core.urls import is_loopback_host

GOOGLE_ISSUER = "https://accounts.google.com"
GITHUB_URL, GITHUB_API = "https://github.com", "https://api.github.com"
_OIDC = re.compile(r"SEAMWATCH_OIDC_([A-Z0-9]{1,24})_ISSUER")
Kind = Literal["google", "github", "oidc"]


@dataclass(frozen=True, slots=True)
class Provider:
    """One way to sign in. `key` stands in addresses ("/auth/login/github") and in rows."""

    key: str  # "google", "github", or what the operator chose: "keycloak"
    kind: Kind
    label: str  # what its button says: "Google"
    client_id: str
    client_secret: str = field(repr=False)
    issuer: str  # half of an identity. GitHub has none of its own, so its web address stands in
    scope: str
    api_url: str = ""  # GitHub's; others have none


def read(get: Callable[[str], str], names: Iterable[str], origin: Callable[[str, str], str]) -> tuple[Provider, ...]:
    """Return the configured providers, Google and GitHub first.

    Args:
        get: returns a setting by its name without the prefix, "" when it is missing.
        names: every variable that is set, with prefix.
        origin: checks and serializes an origin, or raises for the named setting.

    Raises:
        ValueError: with (name, problem), for one that is half set.
    """
    found: list[Provider] = []
    if pair := _pair(get, "GOOGLE"):
        # Another issuer only for tests and for compatible stand-ins.
        issuer = get("GOOGLE_ISSUER").rstrip("/") or GOOGLE_ISSUER
        _check_issuer("GOOGLE_ISSUER", issuer)
        found.append(Provider("google", "google", "Google", *pair, issuer, "openid email profile"))
    if pair := _pair(get, "GITHUB"):
        web = origin("GITHUB_URL", get("GITHUB_URL") or GITHUB_URL)
        # GitHub Enterprise Server serves its API below the same host.
        api = get("GITHUB_API_URL").rstrip("/") or (GITHUB_API if web == GITHUB_URL else f"{web}/api/v3")
        scope = "read:user user:email" + (" read:org" if get("JOIN_GITHUB_ORGS") else "")
        found.append(Provider("github", "github", get("GITHUB_NAME") or "GitHub", *pair, web, scope, api))
    for key in sorted({match[1] for name in names if (match := _OIDC.fullmatch(name))}):
        if not (issuer := get(f"OIDC_{key}_ISSUER")):
            continue
        if key in ("GOOGLE", "GITHUB"):
            raise ValueError(f"OIDC_{key}_ISSUER", f"'{key}' has settings of its own: SEAMWATCH_{key}_CLIENT_ID.")
        _check_issuer(f"OIDC_{key}_ISSUER", issuer)
        pair = _pair(get, f"OIDC_{key}")
        if pair is None:
            raise ValueError(f"OIDC_{key}_CLIENT_ID", "missing, though an issuer is set.")
        label = get(f"OIDC_{key}_NAME") or key.capitalize()
        found.append(Provider(key.lower(), "oidc", label, *pair, issuer, _scope(get(f"OIDC_{key}_SCOPE"))))
    return tuple(found)


def _check_issuer(name: str, issuer: str) -> None:
    """Raise for an issuer whose answers could be changed on the way: http:// is for this machine only."""
    parts = urlsplit(issuer)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback_host(parts.hostname or "")):
        raise ValueError(name, f"'{issuer}' is not an https:// address.")
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(
            name, f"'{issuer}' is not an issuer. Write it as its discovery document does, like https://id.example.com/realms/main."
        )


def _scope(text: str) -> str:
    """Return the scopes to ask for. Without "openid" there would be no ID token, and nothing to tell people by."""
    words = text.replace(",", " ").split() or ["openid", "email", "profile"]
    return " ".join(words if "openid" in words else ["openid", *words])


def _pair(get: Callable[[str], str], prefix: str) -> tuple[str, str] | None:
    client_id, secret = get(f"{prefix}_CLIENT_ID"), get(f"{prefix}_CLIENT_SECRET")
    if bool(client_id) != bool(secret):
        missing = "CLIENT_SECRET" if client_id else "CLIENT_ID"
        raise ValueError(f"{prefix}_{missing}", "missing: client id and secret come in pairs.")
    return (client_id, secret) if client_id else None
