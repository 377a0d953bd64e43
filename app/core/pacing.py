"""How long a target asks us to stay away."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from app.core.exchange import Exchange

SLOW_DOWN = frozenset({429, 503})


def retry_after_s(exchange: Exchange, now: datetime) -> float | None:
    """Return the seconds to wait before the next request to this host; None when the answer asks for no pause.

    A 429 or 503 without a readable Retry-After asks for no certain time and also gives None. A date in the past gives 0.

    Args:
        now: aware.

    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    if exchange.status not in SLOW_DOWN or exchange.response is None:
        return None
    values = exchange.response.values("retry-after")
    if not values:
        return None
    text = values[0]
    if text.isascii() and text.isdigit():
        # Longer than any Python float of seconds is useful; also keeps int() away from absurd lengths.
        return float(text[:12])
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:  # "-0000": UTC by RFC 5322
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())
