"""A User-Agent in words."""

import pytest

from app.services.devices import words

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "said"),
    [
        (f"Mozilla/5.0 (X11; Linux x86_64) {_WEBKIT} Chrome/148.0.0.0 Safari/537.36", "Chrome on Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/148.0.0.0 Safari/537.36 Edg/148.0.0.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on macOS"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT} Chrome/148.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.9.1", "curl"),
        ("Mozilla/5.0", "Unknown device"),
        ("", "Unknown device"),
        ("\x00<script>", "Unknown device"),
    ],
)
def test_a_user_agent_is_said_in_words(user_agent: str, said: str):
    assert words(user_agent) == said
