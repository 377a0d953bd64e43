"""Keeps secrets and floods out of the log, whichever library writes it.

Reflex logs an event that it cannot place (an old tab after an update sends such) with the headers of its socket, cookie included;
servers log addresses, and a stack's last line quotes what it was about.
"""

import logging
import re
from collections.abc import Callable

MAX_CHARS = 4000
_HIDDEN = "(hidden)"
_OPEN = r"(?!\(hidden\))"  # what is hidden is left as it is: a message may be cleaned twice
_HEADERS = r"(?:set-)?cookie|(?:proxy-)?authorization|x-api-key|x-auth-token|x-csrf-?token|x-xsrf-token"
# Parameters of sign-in and of tokens (RFC 6749, 7009, 7636, 8693; OpenID Connect Core), and what our own links carry.
# The ends of names: "token" stands for access_token, "secret" for client_secret.
_SURE = r"token|token_hint|secret|assertion|code_verifier|nonce|passw(?:or)?d|api_?key|signature"
_SHORT = "code|state|key|sig"  # words of every day, so only in URLs and forms
_VALUE = r"[^&\s'\"<>#%;,)]+(?:%(?!26)[^&\s'\"<>#%;,)]*)*"  # of a parameter; in an encoded address "%26" ends it

_Change = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]
_CHANGES: tuple[_Change, ...] = (
    # {'cookie': 'a=1'}, ("authorization", "Bearer x"), (b'cookie', b'a=1'): as Python and JSON write pairs.
    (
        re.compile(rf"(?P<name>(?:{_HEADERS}|{_SURE})['\"]\s*[:,]\s*)b?(?P<q>['\"]){_OPEN}(?:\\.|(?!(?P=q))[^\\])*(?P=q)", re.I),
        rf"\g<name>'{_HIDDEN}'",
    ),
    # Authorization: Bearer x, to the end of the line: as HTTP writes them.
    (re.compile(rf"(?P<name>(?:{_HEADERS})\s*:\s*+){_OPEN}[^\r\n]+", re.I), rf"\g<name>{_HIDDEN}"),
    (re.compile(r"(?P<name>\b(?:Bearer|Basic)\s+)(?=[^\s'\",)]*[0-9A-Z._=+/-])[^\s'\",)]{6,}"), rf"\g<name>{_HIDDEN}"),
    (re.compile(r"(?P<name>\b(?:__Host-)?seam=)[\w-]{20,}"), rf"\g<name>{_HIDDEN}"),
    (re.compile(r"(?P<name>\bseam_[a-z]{2,6}_)[\w-]{8,}"), rf"\g<name>{_HIDDEN}"),
    # A JWT, whole or without its signature.
    (re.compile(r"\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?"), _HIDDEN),
    # A Fernet text: version 0x80 and a time, in base64url.
    (re.compile(r"\bgAAAAA[\w-]{20,}={0,2}"), _HIDDEN),
    # ?token=…, &code=…, "state=…" at the beginning of a form, and the same within an encoded address.
    (re.compile(rf"(?P<name>(?:[?&;]|%3F|%26|^|(?<=['\"]))(?:{_SHORT})(?:=|%3D)){_OPEN}{_VALUE}", re.I | re.M), rf"\g<name>{_HIDDEN}"),
    (re.compile(rf"(?P<name>(?:{_SURE})(?:=|%3D)){_OPEN}{_VALUE}", re.I), rf"\g<name>{_HIDDEN}"),
    # https://user:password@host; and redis://:password@host
    (re.compile(r"(?P<name>\b[a-z][a-z0-9+.-]{1,20}://[^\s/?#:@'\"]*:)[^\s/?#'\"]+(?=@)", re.I), rf"\g<name>{_HIDDEN}"),
    # A recovery code.
    (re.compile(r"\b(?=[0-9A-Z-]*\d)[0-9A-HJKMNP-TV-Z]{5}(?:-[0-9A-HJKMNP-TV-Z]{5}){2}\b"), _HIDDEN),
    # 256 random bits in base64url, whatever they are for: a session, a link, a key of the vault. Three kinds of characters, so no word.
    (re.compile(r"(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*[0-9])[\w-]{43}(?:=|(?![\w=-]))"), _HIDDEN),
)  # fmt: skip


def clean(text: str) -> str:
    """Return a log message without cookies, credentials and tokens, cut where it is too long."""
    if len(text) > 4 * MAX_CHARS:
        text = text[: 4 * MAX_CHARS]  # before the patterns, which need not read what is not kept
    for pattern, stand_in in _CHANGES:
        text = pattern.sub(stand_in, text)
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]} … (cut)"


def _clean_stack(text: str) -> str:
    """Return a stack trace without secrets: each line by itself, and the last lines kept, which say what went wrong."""
    lines = text.splitlines()
    if len(lines) > 200:
        lines = [*lines[:60], "  … (cut)", *lines[-120:]]
    return "\n".join(map(clean, lines))


class CleanRecord(logging.LogRecord):
    """A record whose message and stack are clean, before any handler sees them."""

    def __init__(self, *arguments: object, **more: object) -> None:
        super().__init__(*arguments, **more)  # type: ignore[arg-type]
        if self.exc_info:
            # Formatters take what stands here already.
            self.exc_text = _clean_stack(_FORMATTER.formatException(self.exc_info))

    def getMessage(self) -> str:  # noqa: N802  the standard library's name
        return clean(super().getMessage())


_FORMATTER = logging.Formatter()


def install() -> None:
    """Make every record of this process a clean one. More than once does no harm."""
    logging.setLogRecordFactory(CleanRecord)
