from datetime import UTC, datetime

import pytest

from app.core.exchange import Exchange, Head, Purpose
from app.core.pacing import retry_after_s

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def answer(status: int, *values: str) -> Exchange:
    headers = tuple(("Retry-After", value) for value in values)
    return Exchange(id=1, purpose=Purpose.PAGE, method="GET", url="https://a.example/", response=Head(status, headers))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30),
        ("Sunday, 22-Nov-26 12:00:30 GMT", 30),  # obsolete, RFC 850
        ("Sun Nov 22 12:00:30 2026", 30),  # obsolete, asctime
        ("Sun, 22 Nov 2026 13:00:30 +0100", 30),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),  # past
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str, seconds: float):
    assert retry_after_s(answer(429, value), NOW) == seconds
    assert retry_after_s(answer(503, value), NOW) == seconds


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "²", "Sun, 99 Nov 2026 99:00:00 GMT"])
def test_unreadable_retry_after_asks_for_no_certain_time(value: str):
    assert retry_after_s(answer(429, value), NOW) is None


def test_retry_after_counts_only_where_the_server_asks_to_slow_down():
    assert retry_after_s(answer(200, "120"), NOW) is None
    assert retry_after_s(answer(429), NOW) is None
    assert retry_after_s(Exchange(id=1, purpose=Purpose.PAGE, method="GET", url="https://a.example/"), NOW) is None


def test_absurdly_long_retry_after_is_a_long_pause_and_no_error():
    assert (retry_after_s(answer(429, "9" * 9000), NOW) or 0) > 1e9
