"""The shapes of a CORS verdict: what goes into the engine (`app.core.cors`) and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from app.core.exchange import Head, Headers


@dataclass(frozen=True, slots=True)
class Body:
    kind: str  # "text", "urlencoded", "multipart", "blob", "bytes"
    type: str = ""  # a blob's MIME type


@dataclass(frozen=True, slots=True)
class FetchCall:
    """One `fetch()` as a script makes it; nothing is normalised yet."""

    origin: str  # serialized, or "null" (sandboxed iframe, data:, file:)
    url: str
    method: str = "GET"
    headers: Headers = ()
    body: Body | None = None
    credentials: str = "same-origin"  # "omit", "same-origin", "include"
    mode: str = "cors"  # "cors", "no-cors", "same-origin"
    redirect: str = "follow"  # "follow", "manual", "error"
    top_level: str = ""  # serialized origin of the page around, when the call is made in a frame


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says at one URL. None means that nobody asked yet."""

    preflight: Head | None = None
    actual: Head | None = None


# By absolute URL without fragment.
Answers: TypeAlias = Mapping[str, Answer]


class Outcome(StrEnum):
    PASS = "pass"
    STOP = "stop"
    NOT_REACHED = "not_reached"


@dataclass(frozen=True, slots=True)
class Look:
    """One thing that a step looked at: `access-control-allow-headers: authorization, content-type`."""

    name: str  # "access-control-allow-origin", "origin", "status", "asked", "allowed", "missing"
    value: str
    faulty: str = ""  # the part of `value` to underline


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the path a browser takes for a call."""

    # "build", "cross_origin", "mixed_content", "preflight_needed", "preflight_origin", "preflight_credentials", "preflight_status",
    # "preflight_method", "preflight_headers", "answer_origin", "answer_credentials", "answer_readable", "redirect", "cookie"
    key: str
    title: str  # "Preflight: a header is refused"
    rule: str  # "P5"
    outcome: Outcome
    detail: str = ""  # one sentence; for a step not reached, what would happen
    looks: tuple[Look, ...] = ()
    hop: int = 0  # 0 for the first URL, 1 after the first redirect, …
    url: str = ""  # URL of the hop


@dataclass(frozen=True, slots=True)
class SentRequest:
    """One request that reaches the server, in order."""

    kind: str  # "preflight", "actual"
    url: str
    method: str  # the real method: "OPTIONS" for a preflight is implied, so a preflight names the method it asks for
    origin: str | None  # Origin header; None when none is sent
    acrh: str | None = None  # Access-Control-Request-Headers; None when absent or not a preflight
    authorization: bool = False
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    allowed: bool  # fetch() resolves in Chromium
    allowed_standard: bool  # by the letter of the Fetch standard
    rule: str  # the rule that decided: "P4"
    type: str  # "basic", "cors", "opaque", "opaqueredirect"; "" when blocked
    preflight: bool  # whether any preflight is sent
    acrh: str | None  # of the first preflight
    credentialed: bool  # credentials mode is include
    exposed: tuple[str, ...]  # response headers that the script may read, lower case, sorted
    requests: tuple[SentRequest, ...]
    console: str  # the text a developer sees; "" when allowed
    path: tuple[Step, ...]
    standard_rule: str = ""  # where the standard's verdict is decided, when it differs


@dataclass(frozen=True, slots=True)
class Missing:
    """The engine needs one more answer: send this, add it to the answers, judge again."""

    kind: str  # "preflight", "actual"
    url: str
    method: str  # for a preflight, the method it asks for (send OPTIONS)
    headers: Headers  # complete CORS-relevant request headers: Origin, Access-Control-Request-*, and for actual the script's own
