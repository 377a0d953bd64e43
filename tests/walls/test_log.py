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
        f"Authorization: Bearer {SECRET}",
        f"POST / HTTP/1.1\r\nHost: x\r\nCookie: a=1; b={SECRET}\r\nAccept: */*",
        f"sent X-Api-Key: {SECRET}",
        f"headers=[(b'cookie', b'a={SECRET}'), (b'host', b'x')]",
        f"Bearer {SECRET}",
        f"Basic {SECRET}==",
        f"made seam_pat_{SECRET}0a1b2c3d for ci",
        f"made seam_wst_{SECRET}0a1b2c3d",
        f"refresh seam_rt_{SECRET}",
        f"token eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.{SECRET}",
        f"eyJhbGciOiJFUzI1NiJ9.{SECRET}",
        f"GET /auth/owner?token={SECRET} HTTP/1.1",
        f"GET /auth/callback/google?code={SECRET}&state={SECRET}&scope=openid",
        f"GET /sign-in?next=%2Fauth%2Fowner%3Ftoken%3D{SECRET}%26x%3D1",
        f"body: 'grant_type=refresh_token&refresh_token={SECRET}&client_secret={SECRET}'",
        f"body: 'code={SECRET}&redirect_uri=x'",
        f"state={SECRET}",
        f"code_verifier={SECRET}; password={SECRET}",
        f"{{'client_secret': '{SECRET}', 'id_token': '{SECRET}'}}",
        f'{{"access_token":"{SECRET}","expires_in":600}}',
        f"cannot reach redis://:{SECRET}@127.0.0.1:6379/0",
        f"postgresql+asyncpg://seam:{SECRET}@db/seamwatch refused",
        f"https://user:p%40{SECRET}@app.test/x",
        f"sealed gAAAAABn{SECRET}==",
        f"the secret is {SECRET}",
        f"({SECRET}=)",
        "code 7H3K9-QWERT-2M4NP is used hidden?".replace("7H3K9-QWERT-2M4NP", f"7H3K9-QWERT-2M4NP {SECRET}"),
        "%s seam=" + SECRET,
    ],
)
def test_no_cookie_and_no_credential_is_logged_by_anybody(caplog: pytest.LogCaptureFixture, message: str):
    logging.getLogger("some.library").error(message, *(["x"] if "%s" in message else []))
    assert SECRET not in caplog.text
    assert len(caplog.text) < log.MAX_CHARS
    assert "(hidden)" in caplog.text
    once = caplog.records[0].getMessage()
    assert log.clean(once) == once, "what is clean stays as it is"


def test_a_recovery_code_is_not_logged(caplog: pytest.LogCaptureFixture):
    logging.getLogger("some.library").error("code 7H3K9-QWERT-2M4NP was typed")
    assert "code (hidden) was typed" in caplog.text


@pytest.mark.parametrize(
    "message",
    [
        "GET /api/v1/scans?page=2&status=done 200 in 12 ms",
        "scan 4Yz0-_aB3kQ9xW1r had lost its worker",
        "exit code=1, state=ready, key=value",
        "No route to https://app.test:8443/a@b",
        "basic authentication is asked for; Bearer tokens too",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "app.services.vault_rotation.test_of_a_long_name_that_is_no_secret",
        "{'host': 'localhost', 'accept': '*/*', 'state': 'ready'}",
        "at 2026-11-22T16:25:57+00:00 10.0.0.1:443 -> [::1]:80",
    ],
)
def test_what_is_no_secret_is_logged_as_it_is(caplog: pytest.LogCaptureFixture, message: str):
    logging.getLogger("some.library").error(message)
    assert caplog.records[0].getMessage() == message


def test_no_secret_in_a_stack_is_logged(caplog: pytest.LogCaptureFixture):
    try:
        raise ValueError(f"cannot open https://app.test/?token={SECRET}\nAuthorization: Bearer {SECRET}")
    except ValueError:
        logging.getLogger("some.library").exception("it broke")
    assert SECRET not in caplog.text
    assert "ValueError: cannot open https://app.test/?token=(hidden)" in caplog.text
    assert "test_no_secret_in_a_stack_is_logged" in caplog.text


def test_a_stack_of_any_depth_ends_with_what_went_wrong(caplog: pytest.LogCaptureFixture):
    def deeper(levels: int) -> None:
        if levels:
            return deeper(levels - 1) if levels % 2 else deeper_too(levels - 1)
        raise ValueError("the reason")

    def deeper_too(levels: int) -> None:
        deeper(levels)

    try:
        deeper(300)
    except ValueError:
        logging.getLogger("some.library").exception("it broke")
    assert "ValueError: the reason" in caplog.text
    assert len(caplog.text.splitlines()) < 250


@pytest.mark.parametrize(
    "flood", ["=", "?token=", "a:", "://", "Bearer ", "%3F", "'cookie': '", '"', "eyJ", "A1a", "cookie: ", "\\", "http://a:", "x_"]
)
def test_the_cleaning_of_any_text_ends(flood: str):
    assert len(log.clean(flood * (4 * log.MAX_CHARS // len(flood)))) < log.MAX_CHARS + 20


def test_what_stands_beside_a_secret_is_logged(caplog: pytest.LogCaptureFixture):
    logging.getLogger("some.library").error("no handler for %r: {'cookie': 'a=1', 'host': 'localhost'}", "x.y")
    assert "no handler for 'x.y': {'cookie': '(hidden)', 'host': 'localhost'}" in caplog.text


def test_a_message_of_any_length_is_cut(caplog: pytest.LogCaptureFixture):
    logging.getLogger("some.library").error("[" * 200_000)
    assert len(caplog.records[0].getMessage()) < log.MAX_CHARS + 20
