"""What the log holds."""

import logging
from collections.abc import Iterator

import pytest

from app.walls import log

SECRET = "hQ3vXzsW0vJ7c2yQm1uVb8eTn4rK6pLd9aZxYwUtSgE"


@pytest.fixture(autouse=True)
def clean_records() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    log.install()
    yield
    logging.setLogRecordFactory(before)


@pytest.mark.parametrize(
    "message",
    [
        f"for Event(name='x', router_data={{'headers': {{'host': 'localhost', 'cookie': 'a=1; seam={SECRET}', 'upgrade': 'websocket'}}}})",
        f'{{"Cookie": "it\'s={SECRET}", "accept": "*/*"}}',
        f"[('authorization', 'Bearer {SECRET}')]",
        f"got __Host-seam={SECRET}; path=/",
        "%s seam=" + SECRET,
    ],
)
def test_no_cookie_and_no_credential_is_logged_by_anybody(caplog: pytest.LogCaptureFixture, message: str):
    logging.getLogger("some.library").error(message, *(["x"] if "%s" in message else []))
    assert SECRET not in caplog.text
    assert len(caplog.text) < log.MAX_CHARS
    assert "(hidden)" in caplog.text


def test_what_stands_beside_a_secret_is_logged(caplog: pytest.LogCaptureFixture):
    logging.getLogger("some.library").error("no handler for %r: {'cookie': 'a=1', 'host': 'localhost'}", "x.y")
    assert "no handler for 'x.y': {'cookie': '(hidden)', 'host': 'localhost'}" in caplog.text


def test_a_message_of_any_length_is_cut(caplog: pytest.LogCaptureFixture):
    logging.getLogger("some.library").error("[" * 200_000)
    assert len(caplog.records[0].getMessage()) < log.MAX_CHARS + 20
