"""How values are written for people."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.state import shown

MOMENT = datetime(2026, 11, 2, 8, 4, tzinfo=UTC)


def test_times_are_utc_whatever_zone_they_come_in():
    assert shown.when(MOMENT.astimezone(timezone(timedelta(hours=9)))) == "2 Nov 2026, 08:04 UTC"
    assert shown.iso(MOMENT.astimezone(timezone(timedelta(hours=-5)))) == "2026-11-02T08:04:00Z"


@pytest.mark.parametrize(("duration_s", "words"), [(0, "0.0 s"), (0.94, "0.9 s"), (12.4, "12 s"), (125, "2 min 5 s")])
def test_durations_lose_digits_as_they_grow(duration_s: float, words: str):
    assert shown.seconds(duration_s) == words


def test_one_is_not_many():
    assert [shown.counted(number, "request") for number in (0, 1, 2)] == ["0 requests", "1 request", "2 requests"]


def test_addresses_survive_the_way_through_form_and_sign_in():
    path = shown.new_scan_path("http://127.0.0.1:8000/a?b=c&d", "http://127.0.0.1:9000")
    assert path == "/scans/new?url=http%3A%2F%2F127.0.0.1%3A8000%2Fa%3Fb%3Dc%26d&api=http%3A%2F%2F127.0.0.1%3A9000"
    assert shown.sign_in_path("/scans/new?url=a") == "/sign-in?next=%2Fscans%2Fnew%3Furl%3Da"
    assert shown.new_scan_path() == "/scans/new"
