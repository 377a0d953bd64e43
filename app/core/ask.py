"""One HTTP request that a check sends: where, what, as whom, and what must hold of the answer.

Texts may hold placeholders (`app.core.placeholders`); addresses are checked again when these are filled in.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import Field

from app.core import placeholders
from app.core.assertions import Assertion, Operator, Subject
from app.core.exchange import Headers

MAX_ASSERTIONS, MAX_BODY_CHARS = 30, 100_000
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")  # RFC 9110, 5.6.2
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_.:-]*[A-Za-z0-9_])?|\[?[0-9A-Fa-f:.]+\]?")
_UP = (Assertion(Subject.STATUS, Operator.IS, "200-299"),)


def check_address(text: str, schemes: tuple[str, ...] = ("http", "https")) -> None:
    """Raise ValueError unless this is an absolute address; a placeholder may stand for any part of it but the scheme."""
    bare = placeholders.filled(text, _Anything())
    try:
        parts = urlsplit(bare)
        usable = parts.scheme.lower() in schemes and parts.hostname and "@" not in parts.netloc and (parts.port or 1)
    except ValueError:
        usable = False
    if not usable or len(text) > 4000 or any(character.isspace() for character in bare):
        raise ValueError(
            f"Write an absolute address that starts with {' or '.join(f'{scheme}://' for scheme in schemes)}, without a password."
        )


class _Anything(dict[str, str]):
    """Stands for values that are not known yet."""

    def __contains__(self, _name: object) -> bool:
        return True

    def __missing__(self, _name: str) -> str:
        return "1"  # which can be a host, a port and a part of a path


def check_host(text: str) -> None:
    """Raise ValueError unless this is a host name or an IP address."""
    if not _HOST.fullmatch(text):
        raise ValueError("Write a host name or an IP address.")


def check_headers(headers: Headers) -> None:
    """Raise ValueError for what could not stand in a request."""
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"“{name[:60]}” is not the name of a header.")
        if any(character in value for character in "\r\n\0") or len(value) > 8000:
            raise ValueError(f"The value of {name} has a line break, or is too long.")


# How a request says who it is. Secrets stand in these as placeholders; as they are they would be readable in the configuration.


@dataclass(frozen=True, slots=True)
class Basic:
    user: str
    password: str
    type: Literal["basic"] = "basic"


@dataclass(frozen=True, slots=True)
class Bearer:
    token: str
    type: Literal["bearer"] = "bearer"


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth 2.0 client credentials (RFC 6749, 4.4): a token is fetched first, and kept until it ends."""

    token_url: str
    client_id: str
    client_secret: str
    scope: str = ""
    type: Literal["client_credentials"] = "client_credentials"

    def __post_init__(self) -> None:
        check_address(self.token_url)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """Mutual TLS. Both are PEM texts."""

    certificate: str
    key: str
    type: Literal["mtls"] = "mtls"


Auth: TypeAlias = Annotated[Basic | Bearer | ClientCredentials | ClientCertificate, Field(discriminator="type")]


@dataclass(frozen=True, slots=True)
class Ask:
    """One HTTP request and what must hold of its answer."""

    url: str
    method: str = "GET"
    headers: Headers = ()
    body: str | None = None
    auth: Auth | None = None
    follow_redirects: bool = True
    verify_tls: bool = True
    new_connection: bool = True  # whether to connect anew, which sees what a new visitor sees, or to reuse
    assertions: tuple[Assertion, ...] = _UP

    def __post_init__(self) -> None:
        check_address(self.url)
        check_headers(self.headers)
        if self.method not in METHODS:
            raise ValueError(f"The method is one of {', '.join(METHODS)}.")
        if self.body is not None and len(self.body) > MAX_BODY_CHARS:
            raise ValueError(f"The body has more than {MAX_BODY_CHARS} characters.")
        if len(self.assertions) > MAX_ASSERTIONS:
            raise ValueError(f"There are more than {MAX_ASSERTIONS} assertions.")
