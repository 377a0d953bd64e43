"""What is kept of a failed check for people to look at: its assertions and exchanges, cut to a bound, as JSON."""

import json
from dataclasses import dataclass, replace

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from app.core.assertions import Finding
from app.core.checked import Checked
from app.core.exchange import Exchange, Headers
from app.core.redact import redact_headers

MAX_EXCHANGES = 12
MAX_BODY_BYTES = 4_000
_MAX_HEADERS, _MAX_VALUE_CHARS = 60, 500
_MAX_URL_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class KeptDetail:
    findings: tuple[Finding, ...] = ()
    exchanges: tuple[Exchange, ...] = ()  # of many the last; bodies are cut, and bytes that are no text replaced
    facts: tuple[tuple[str, str], ...] = ()


_JSON = TypeAdapter(KeptDetail)


def write(checked: Checked) -> str:
    """Return the JSON of what stands behind a result. Its secrets are masked already; what the target itself says of cookies is not."""
    exchanges = tuple(map(_cut, checked.exchanges[-MAX_EXCHANGES:]))
    kept = KeptDetail(checked.findings, exchanges, checked.facts)
    try:
        return _JSON.dump_json(kept).decode()
    except PydanticSerializationError:  # half a surrogate pair, which a target may escape in its JSON and UTF-8 cannot hold
        return json.dumps(_JSON.dump_python(kept, mode="json"), ensure_ascii=False).encode("utf-8", "replace").decode()


def read(text: str) -> KeptDetail:
    """Read what `write` wrote; what an older version wrote and nobody understands any more is empty."""
    try:
        return _JSON.validate_json(text)
    except ValidationError:
        return KeptDetail()


def _cut(exchange: Exchange) -> Exchange:
    response = exchange.response
    return replace(
        exchange,
        url=exchange.url[:_MAX_URL_CHARS],
        request_headers=_cut_headers(exchange.request_headers),
        response=replace(response, headers=_cut_headers(response.headers)) if response else None,
        body=exchange.body[:MAX_BODY_BYTES].decode(errors="replace").encode(),
        truncated=exchange.truncated or len(exchange.body) > MAX_BODY_BYTES,
    )


def _cut_headers(headers: Headers) -> Headers:
    return tuple((name, value[:_MAX_VALUE_CHARS]) for name, value in redact_headers(headers[:_MAX_HEADERS]))
