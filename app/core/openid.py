"""What an OpenID provider, or an OAuth authorization server, publishes about itself: its metadata and its keys, judged.

Sources: OpenID Connect Discovery 1.0, sections 3 and 4; RFC 8414, sections 2 and 3; RFC 7517 and RFC 7518; OpenID Connect Core 1.0, 10.1.
"""

import base64
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from app.core.urls import host_of, is_loopback_host

MAX_KEYS = 100
MAX_MEMBER_CHARS = 6_000  # RSA with 32,768 bits; reading larger numbers takes time
MIN_RSA_BITS = 2048  # RFC 7518, 3.3
# Algorithm → (key type, curve; "" for RSA), RFC 7518, 3.1, and RFC 8037. Symmetric ones are no use to those who only read the keys.
ALGORITHMS: dict[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", ())),
    "ES256": ("EC", ("P-256",)),
    "ES384": ("EC", ("P-384",)),
    "ES512": ("EC", ("P-521",)),
    "ES256K": ("EC", ("secp256k1",)),
    "EdDSA": ("OKP", ("Ed25519", "Ed448")),
}
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
_ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "jwks_uri",
    "end_session_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "registration_endpoint",
)
OPENID, OAUTH = "openid-configuration", "oauth-authorization-server"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, as a sentence. One that only warns breaks no sign-in by itself."""

    text: str
    warns: bool = False


def addresses(issuer: str) -> tuple[tuple[str, str], ...]:
    """Return where an issuer's metadata stands, as (which, address), in the order to ask."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    origin = f"{parts.scheme}://{parts.netloc}"
    # Discovery appends to the issuer's path, RFC 8414 puts its own before it.
    return (OPENID, f"{origin}{path}/.well-known/{OPENID}"), (OAUTH, f"{origin}/.well-known/{OAUTH}{path}")


def metadata_problems(document: Mapping[str, Any], issuer: str, which: str, algorithms: Sequence[str]) -> Iterator[Problem]:
    """Judge the metadata that was found for an issuer.

    Args:
        which: OPENID or OAUTH: what is required differs.
        algorithms: those that the clients count on.
    """
    named = document.get("issuer")
    if named != issuer:
        shown = f"“{named[:200]}”" if isinstance(named, str) else "missing"
        slash = ": the slash at the end counts" if isinstance(named, str) and named.rstrip("/") == issuer.rstrip("/") else ""
        yield Problem(f"The issuer in it is {shown}, not “{issuer}”{slash}. Clients refuse its tokens.")
    parts = urlsplit(issuer)
    if parts.query or parts.fragment:
        yield Problem("The issuer has a query or a fragment, which is not allowed.")
    loopback = is_loopback_host(host_of(issuer))
    if parts.scheme != "https" and not loopback:
        yield Problem("The issuer is not https, so whoever stands between can exchange its keys.", warns=True)
    for name in _ENDPOINTS:
        yield from _endpoint(name, document.get(name), parts.scheme, loopback)
    required = ["authorization_endpoint", "response_types_supported"]
    if _listed(document, "response_types_supported") - {"token", "id_token", "id_token token", "token id_token"}:
        required.append("token_endpoint")  # all but the implicit flow use it
    if which == OPENID:
        required += ["jwks_uri", "id_token_signing_alg_values_supported", "subject_types_supported"]
    for name in required:
        if name not in document:
            yield Problem(f"{name} is missing.", warns=name in ("subject_types_supported", "response_types_supported"))
    signing = _listed(document, "id_token_signing_alg_values_supported")
    if signing:
        if missing := [name for name in algorithms if name not in signing]:
            yield Problem(f"id_token_signing_alg_values_supported does not list {', '.join(missing)}.")
        if "none" in signing:
            yield Problem("id_token_signing_alg_values_supported lists none: some clients then take tokens that nobody signed.", warns=True)


def _endpoint(name: str, value: object, scheme: str, loopback: bool) -> Iterator[Problem]:
    if value is None:
        return
    if not isinstance(value, str) or len(value) > 4_000:
        yield Problem(f"{name} is not an address.")
        return
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
    except ValueError:
        parts, host = None, ""
    if parts is None or parts.scheme not in ("http", "https") or not host:
        yield Problem(f"{name} is not an absolute address: “{value[:200]}”.")
    elif parts.scheme == "http" and (scheme == "https" or not (loopback or is_loopback_host(host))):
        yield Problem(
            f"{name} is http, not https: “{value[:200]}”. The provider does not know its public address.", warns=scheme != "https"
        )


def _listed(document: Mapping[str, Any], name: str) -> set[str]:
    value = document.get(name)
    return {item for item in value if isinstance(item, str)} if isinstance(value, list) else set()


@dataclass(frozen=True, slots=True)
class Key:
    """One published key, as far as it can be used to verify signatures."""

    kid: str
    kind: str  # "RSA 2048", "EC P-256"
    algorithms: frozenset[str]  # that it can verify


def keys_of(document: Mapping[str, Any]) -> tuple[tuple[Key, ...], tuple[Problem, ...]]:
    """Read a JWK Set: the keys that can verify signatures, and what is wrong with the set.

    Keys of types that nobody knows are passed over, as RFC 7517, 5, wants it.
    """
    listed = document.get("keys")
    if not isinstance(listed, list):
        return (), (Problem("The key set has no list of keys."),)
    keys: list[Key] = []
    problems: list[Problem] = []
    for value in listed[:MAX_KEYS]:
        entry = cast(Mapping[str, Any], value) if isinstance(value, dict) else {}
        named = f"The key {entry['kid'][:60]}" if isinstance(entry.get("kid"), str) and entry["kid"] else "A key without kid"
        if any(member in entry for member in _PRIVATE):
            what = "a secret" if entry.get("kty") == "oct" else "its private half"
            problems.append(Problem(f"{named} is published with {what}: whoever reads it can sign tokens. Replace it."))
            continue
        if not _verifies(entry):
            continue
        try:
            keys.append(_read(entry))
        except _Unusable as error:
            problems.append(Problem(f"{named} cannot be used: {error}.", warns=True))
    kids = Counter((key.kid, key.kind) for key in keys if key.kid)
    problems += [Problem(f"Two keys have the kid {kid[:60]}.", warns=True) for (kid, _), count in kids.items() if count > 1]
    if len(keys) > 1 and any(not key.kid for key in keys):
        problems.append(Problem("There are several keys, and not each has a kid: clients cannot tell which one signed.", warns=True))
    return tuple(keys), tuple(problems)


class _Unusable(ValueError):
    """Why a key cannot verify anything."""


def _verifies(entry: Mapping[str, Any]) -> bool:
    operations = entry.get("key_ops")
    return (
        entry.get("kty") in ("RSA", "EC", "OKP")
        and entry.get("use", "sig") == "sig"
        and (not isinstance(operations, list) or "verify" in operations)
        and entry.get("crv") not in ("X25519", "X448")
    )


def _read(entry: Mapping[str, Any]) -> Key:
    kty = entry["kty"]
    members = {
        name: entry.get(name) for name in {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x")}[kty]
    }
    if any(not isinstance(value, str) or len(value) > MAX_MEMBER_CHARS for value in members.values()):
        raise _Unusable(f"an {kty} key has {', '.join(name for name in members if name != 'kty')}, as text")
    bits = _bits(members["n"]) if kty == "RSA" else 0
    if kty == "RSA" and bits < MIN_RSA_BITS:
        raise _Unusable(f"it has {bits} bits, fewer than {MIN_RSA_BITS}")
    try:
        # Reading the public half lets the numbers be looked at: whether a point is on its curve, say.
        cast(Any, JWKRegistry.import_key(cast(dict[str, Any], members))).public_key  # noqa: B018
    except (JoseError, ValueError, KeyError, TypeError, OverflowError):
        raise _Unusable("its numbers make no key") from None
    curve = str(members.get("crv") or "")
    fit = {name for name, (kind, curves) in ALGORITHMS.items() if kind == kty and (not curves or curve in curves)}
    if isinstance(entry.get("alg"), str):
        fit &= {entry["alg"]} if entry["alg"] not in ("Ed25519", "Ed448") else {"EdDSA"}
    return Key(entry["kid"] if isinstance(entry.get("kid"), str) else "", f"{kty} {curve or bits}", frozenset(fit))


def _bits(number: Any) -> int:
    """Return how long a number in base64url is. Raises _Unusable for what is none."""
    try:
        return int.from_bytes(base64.b64decode(f"{number}{'=' * (-len(number) % 4)}", b"-_", validate=True)).bit_length()
    except ValueError:
        raise _Unusable("its numbers make no key") from None
