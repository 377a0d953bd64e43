"""Quote exchanges as evidence: request line, header lines and status line as they went over the wire, secrets hashed."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from app.core.exchange import Exchange, Headers
from app.core.findings import Evidence
from app.core.redact import redact_header, redact_text, redact_url

MAX_LINE_CHARS = 600
# What a preflight or a CORS request says of itself, and what the answer says to it.
ASKED = ("origin", "access-control-request-method", "access-control-request-headers")
ALLOWED = (
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
)


def status_line(exchange: Exchange) -> str:
    """Return "404 Not Found", with the phrase the server sent, or the standard's over HTTP/2."""
    phrase = exchange.reason
    if not phrase and exchange.status in HTTPStatus._value2member_map_:
        phrase = HTTPStatus(exchange.status).phrase
    return f"{exchange.status} {phrase}".strip()


def quote_exchange(
    exchange: Exchange,
    *,
    request: Iterable[str] = (),
    answer: Iterable[str] = (),
    faulty: Mapping[str, str] | None = None,
    note: str = "",
) -> tuple[Evidence, ...]:
    """Return the exchange as evidence, one line each: request line, named request headers, status line, named answer headers.

    Args:
        request: names of request headers to quote, in this order; those not sent are left out.
        answer: the same for the answer; "*body" quotes the start of a textual body.
        faulty: by header name, or "*status", "*url", "*body": the part of the line to underline.
        note: what the exchange shows; it stands at the status line.
    """
    marks = faulty or {}
    lines = [Evidence(f"{exchange.method} {redact_url(exchange.url)}", marks.get("*url", ""), exchange.id)]
    lines += _header_lines(exchange, exchange.request_headers, request, marks)
    if exchange.response is None:
        return (*lines, Evidence(exchange.failure_text or "no answer", "", exchange.id, note))
    lines.append(Evidence(status_line(exchange), marks.get("*status", ""), exchange.id, note))
    wanted = list(answer)
    lines += _header_lines(exchange, exchange.response.headers, [name for name in wanted if name != "*body"], marks)
    if "*body" in wanted and exchange.body:
        text = " ".join(redact_text(exchange.text()[:2000]).split())
        lines.append(Evidence(_cut(text, 160), _within(marks.get("*body", ""), _cut(text, 160)), exchange.id))
    return tuple(lines)


def _header_lines(exchange: Exchange, headers: Headers, names: Iterable[str], marks: Mapping[str, str]) -> list[Evidence]:
    lines: list[Evidence] = []
    for wanted in names:
        for name, value in headers:
            if name.lower() == wanted:
                text = f"{wanted}: {_cut(redact_header(name, value.strip()), MAX_LINE_CHARS)}"
                lines.append(Evidence(text, _within(marks.get(wanted, ""), text), exchange.id))
    return lines


def _within(part: str, text: str) -> str:
    return part if part in text else ""


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
