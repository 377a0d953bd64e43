"""Values that a step of a flow takes from its answer, for later steps."""

from app.core.assertions import PATTERN_TIMEOUT_S, Unlooked, all_at, element_at, json_of, pattern, plain
from app.core.checks import Capture, CaptureFrom
from app.core.exchange import Exchange, header_values

MAX_CHARS = 8_000  # what fits into a header


class NotCaptured(ValueError):
    """The value is not there; the text says what was looked for."""


def captured(capture: Capture, exchange: Exchange, cookie: str | None) -> str:
    """Return the value that a capture takes from an answer.

    Args:
        cookie: the value of the cookie that `capture.path` names; None when none is kept.

    Raises:
        NotCaptured: it is not there, is empty, or is too long.
    """
    try:
        value = _find(capture, exchange, cookie)
    except Unlooked as error:
        raise NotCaptured(f"{capture.name} cannot be captured: {error}.") from None
    except TimeoutError:
        raise NotCaptured(f"{capture.name} cannot be captured: the pattern took more than {PATTERN_TIMEOUT_S:g} s.") from None
    if not value:
        raise NotCaptured(f"{capture.name} cannot be captured: {_sought(capture)}.")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise NotCaptured(f"{capture.name} cannot be captured: it holds half a character, which cannot be sent.")
    if len(value) > MAX_CHARS:
        raise NotCaptured(f"{capture.name} cannot be captured: it has more than {MAX_CHARS} characters.")
    return value


def _find(capture: Capture, exchange: Exchange, cookie: str | None) -> str:
    match capture.source:
        case CaptureFrom.HEADER:
            headers = header_values(exchange.response.headers, capture.path) if exchange.response else []
            return headers[-1] if headers else ""
        case CaptureFrom.JSON:
            values = all_at(json_of(exchange), capture.path)  # of several places, the first
            return "" if not values or values[0] is None else plain(values[0])
        case CaptureFrom.COOKIE:
            return cookie or ""
        case CaptureFrom.HTML:
            node = element_at(exchange, capture.path)
            if node is None:
                return ""
            attributes = node.attributes
            return attributes.get("value") or attributes.get("content") or node.text(strip=True)
        case CaptureFrom.REGEX:
            found = pattern(capture.path).search(exchange.text(), timeout=PATTERN_TIMEOUT_S)
            return (found[1 if found.re.groups else 0] or "") if found else ""


def _sought(capture: Capture) -> str:
    shown = capture.path if len(capture.path) <= 100 else f"{capture.path[:99]}…"
    return {
        CaptureFrom.HEADER: f"the answer has no header {shown}",
        CaptureFrom.JSON: f"the body has nothing at {shown}",
        CaptureFrom.COOKIE: f"no answer has set a cookie {shown}",
        CaptureFrom.HTML: f"nothing on the page matches {shown}, or it is empty",
        CaptureFrom.REGEX: f"the pattern {shown} is not found",
    }[capture.source]
