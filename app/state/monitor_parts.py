"""Parts of forms that several kinds of monitors share: one request, one `fetch()`, assertions, messages; and what can be chosen in them."""

from typing import Any

from app.core.ask import METHODS
from app.core.assertions import ALLOWED, Operator, Subject
from app.core.checks import CaptureFrom, Expected
from app.state.form_fields import Field, Part, Rows, Shape

# What can be chosen, by name. "sites", "groups", "parents" come from the workspace.
_OPERATORS = {
    Operator.IS: "is",
    Operator.IS_NOT: "is not",
    Operator.CONTAINS: "contains",
    Operator.CONTAINS_NOT: "does not contain",
    Operator.MATCHES: "matches",
    Operator.BELOW: "is below",
    Operator.ABOVE: "is above",
    Operator.EXISTS: "is there",
    Operator.EXISTS_NOT: "is not there",
}
OPTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "methods": tuple((method, method) for method in METHODS),
    "auth": (
        ("", "None"), ("basic", "User and password"), ("bearer", "Bearer token"), ("client_credentials", "OAuth 2 client credentials"),
        ("mtls", "Client certificate (mTLS)"),
    ),
    "subjects": (
        (Subject.STATUS, "Status"), (Subject.HEADER, "Header"), (Subject.BODY, "Body text"), (Subject.JSON, "JSON value"),
        (Subject.SCHEMA, "JSON Schema"), (Subject.SELECTOR, "Element"), (Subject.TITLE, "Title"), (Subject.WEIGHT, "Weight"),
        (Subject.LATENCY, "Latency"), (Subject.CERTIFICATE, "Certificate"),
    ),
    **{f"operators-{subject}": tuple((one.value, _OPERATORS[one]) for one in allowed) for subject, allowed in ALLOWED.items()},
    "failing": (("", "else down"), ("on", "else degraded")),
    "sources": (
        (CaptureFrom.HEADER, "Header"), (CaptureFrom.JSON, "JSON value"), (CaptureFrom.COOKIE, "Cookie"),
        (CaptureFrom.HTML, "HTML element"), (CaptureFrom.REGEX, "Pattern"),
    ),
    "verdicts": (("on", "Allowed: the page needs this call"), ("", "Blocked: no page may make it")),
    "credentials": (("same-origin", "same-origin"), ("include", "include"), ("omit", "omit")),
    "modes": (("cors", "cors"), ("no-cors", "no-cors"), ("same-origin", "same-origin")),
    "redirects": (("follow", "follow"), ("manual", "manual"), ("error", "error")),
    "bodies": (
        ("", "none"), ("text", "text"), ("urlencoded", "form, URL-encoded"), ("multipart", "form, multipart"), ("blob", "Blob"),
        ("bytes", "bytes"),
    ),
    "expected": ((Expected.TEXT, "contains"), (Expected.REGEX, "matches"), (Expected.JSON, "JSONPath finds")),
    "tri": (("yes", "must be set"), ("no", "must not be set"), ("", "either")),
    "same_site": (("", "either"), ("lax", "Lax"), ("strict", "Strict"), ("none", "None")),
    "records": tuple((one, one) for one in ("A", "AAAA", "CAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT")),
    "engines": (("postgresql", "PostgreSQL"), ("mysql", "MySQL or MariaDB"), ("redis", "Redis or Valkey"), ("mongodb", "MongoDB")),
    "rhythms": (("period", "after each period"), ("cron", "by cron expression")),
    "severities": tuple((one, one) for one in ("critical", "high", "medium", "low", "info")),
    "units": (("1", "seconds"), ("60", "minutes"), ("3600", "hours"), ("86400", "days")),
}  # fmt: skip

_TARGETS = (
    Field("target", "Header name", when=(("subject", ("header",)),), placeholder="content-type", bare=True),
    Field("target", "JSONPath", when=(("subject", ("json",)),), placeholder="$.items[0].id", bare=True),
    Field("target", "CSS selector", when=(("subject", ("selector",)),), placeholder="main h1", bare=True),
)
_COMPARED = tuple(one.value for one in Operator if one not in (Operator.EXISTS, Operator.EXISTS_NOT))
_VALUES = {
    "status": "200-299, 304",
    "header": "text/html",
    "body": "Welcome",
    "json": "42",
    "selector": "Invoices",
    "title": "Overview",
    "weight": "bytes, as 500000",
    "latency": "milliseconds, as 800",
    "certificate": "days, as 14",
}


def assertions(path: str, start: tuple[Any, ...]) -> Rows:
    """Return the editor of assertions. What warns makes the monitor degraded, not down."""
    values = tuple(
        Field("value", "Value", Shape.RAW, when=(("subject", (subject,)), ("operator", _COMPARED)), placeholder=example, bare=True)
        for subject, example in _VALUES.items()
    )
    schema = Field("value", "JSON Schema", Shape.AREA, when=(("subject", ("schema",)),), placeholder='{"type": "object"}', bare=True)
    return Rows(
        path, "Assertions", "assertion",
        (
            Field("subject", "Looked at", Shape.CHOICE, "status", options="subjects", steers=True, width="m", bare=True),
            *_TARGETS,
            Field(
                "operator", "Comparison", Shape.CHOICE, "is", steers=True, width="m", bare=True,
                options_by=("subject", {subject.value: f"operators-{subject}" for subject in ALLOWED}),
            ),
            *values, schema,
            Field("warns", "When it fails", Shape.FLAG, False, options="failing", width="s", bare=True),
        ),
        hint="None: any answer counts as up.", start=start, fresh={"subject": "status", "operator": "is", "value": "200"}, ordered=True,
    )  # fmt: skip


def headers(path: str, *, advanced: bool = False) -> Rows:
    return Rows(
        path, "Headers", "header",
        (
            Field("0", "Name", placeholder="accept", width="m", bare=True),
            Field("1", "Value", Shape.RAW, placeholder="application/json, or {{secret.NAME}}", bare=True),
        ),
        hint="None but what every client sends.", fresh=["", ""], pair=True, skips=True, advanced=advanced,
    )  # fmt: skip


UP = {"subject": "status", "operator": "is", "value": "200-299"}


def _auth(at: str, *, advanced: bool) -> Part:
    def only(kind: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return ((f"{at}auth.type", (kind,)),)

    stored = "What is typed here moves to the vault; the monitor keeps its name alone."
    return Part(
        (
            Field(f"{at}auth.type", "Sign-in", Shape.CHOICE, "", options="auth", steers=True, switch=True, width="m"),
            Field(f"{at}auth.user", "User", when=only("basic"), width="m"),
            Field(f"{at}auth.password", "Password", Shape.SECRET, when=only("basic"), hint=stored, width="m"),
            Field(f"{at}auth.token", "Token", Shape.SECRET, when=only("bearer"), hint=stored),
            Field(f"{at}auth.token_url", "Where tokens are given", Shape.ADDRESS, when=only("client_credentials")),
            Field(f"{at}auth.client_id", "Client id", when=only("client_credentials"), width="m"),
            Field(f"{at}auth.client_secret", "Client secret", Shape.SECRET, when=only("client_credentials"), hint=stored, width="m"),
            Field(f"{at}auth.scope", "Scope", when=only("client_credentials"), width="m"),
            Field(f"{at}auth.certificate", "Certificate (PEM)", Shape.AREA, when=only("mtls")),
            Field(f"{at}auth.key", "Its key (PEM)", Shape.SECRET_AREA, when=only("mtls"), hint=stored),
        ),
        advanced=advanced,
    )


def request(
    at: str, *, methods: bool, full: bool, start: tuple[Any, ...] = (UP,), url_label: str = "Address", checked: bool = True
) -> tuple[Part | Rows, ...]:
    """Return the parts of one HTTP request.

    Args:
        at: where it stands: "ask.".
        methods: whether the method is chosen beside the address; else it is GET.
        full: whether headers, sign-in and body stand open; else they are folded.
        start: assertions of a new form.
        url_label: label of the address.
        checked: whether assertions are asked for.
    """
    url = Field(f"{at}url", url_label, Shape.ADDRESS, placeholder="https://app.example.com/")
    method = Field(f"{at}method", "Method", Shape.CHOICE, "GET", options="methods", width="s")
    body = Field(f"{at}body", "Body", Shape.AREA, None, placeholder='{"name": "…"}', empty=None)
    flags = (
        Field(f"{at}follow_redirects", "Follow redirects", Shape.CHECK, True),
        Field(f"{at}verify_tls", "Refuse certificates that are not valid", Shape.CHECK, True),
        Field(f"{at}new_connection", "Connect anew each time, as a new visitor does", Shape.CHECK, True),
    )
    return (
        Part((method, url) if methods else (url,)),
        *((assertions(f"{at}assertions", start),) if checked and not full else ()),
        headers(f"{at}headers", advanced=not full),
        _auth(at, advanced=not full),
        Part((body,) if methods else (method, body), advanced=not full),
        *((assertions(f"{at}assertions", start),) if checked and full else ()),
        Part(flags, advanced=True),
    )


def call_parts(at: str) -> tuple[Part | Rows, ...]:
    """Return the parts of one `fetch()`: its origin, and what a script says of it."""
    return (
        Part(_call_fields(at)[:3]),
        headers(f"{at}headers"),
        Part(_call_fields(at)[3:]),
    )


def _call_fields(at: str) -> tuple[Field, ...]:
    return (
        Field(f"{at}origin", "Page's origin", Shape.ADDRESS, placeholder="https://app.example.com", hint="Scheme, host and port only."),
        Field(f"{at}method", "Method", Shape.CHOICE, "GET", options="methods", width="s"),
        Field(f"{at}url", "Address that is called", Shape.ADDRESS, placeholder="https://api.example.com/items"),
        Field(f"{at}credentials", "Credentials", Shape.CHOICE, "same-origin", options="credentials", width="m"),
        Field(f"{at}mode", "Mode", Shape.CHOICE, "cors", options="modes", width="m"),
        Field(f"{at}redirect", "Redirects", Shape.CHOICE, "follow", options="redirects", width="m"),
        Field(f"{at}body.kind", "Body", Shape.CHOICE, "", options="bodies", steers=True, switch=True, width="m"),
        Field(f"{at}body.type", "Blob's type", when=((f"{at}body.kind", ("blob",)),), placeholder="application/json", width="m"),
    )


def calls(path: str, title: str, hint: str) -> Rows:
    fields = (
        *_call_fields("")[:4],
        Field("headers", "Headers, one a line", Shape.PAIRS, placeholder="X-Requested-With: fetch"),
        *_call_fields("")[4:],
    )
    return Rows(path, title, "call", fields, hint=hint, most=10)


MESSAGE = (
    Field("send", "Send", Shape.AREA, placeholder='{"type": "ping"}', bare=True),
    Field("how", "How", Shape.CHOICE, "text", options="expected", width="m", bare=True),
    Field("expect", "What comes back", Shape.RAW, placeholder="pong", bare=True),
)
ORIGINS = (
    Field(
        "origin", "Page's origin", placeholder="https://app.example.com", hint="Of the page that opens it. Empty: none is sent.", width="m"
    ),
    Field(
        "foreign_origin", "Origin that must be refused", placeholder="https://seamwatch.invalid",
        hint="Empty: whoever else may connect is not asked.", width="m",
    ),
)  # fmt: skip
