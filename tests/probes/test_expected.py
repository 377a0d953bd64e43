"""Where what came back is judged: what may take long holds nothing else up."""

import threading

import pytest

from app.core.checks import Expected, Message
from app.probes import expected


@pytest.mark.parametrize(
    ("path", "body", "aside"),
    [("$.a", b'{"a": 1}', False), ("$..a..b", b'{"a": {"b": 1}}', True), ("$.a", b'{"a": "%s"}' % (b"x" * 60_000), True)],
)
async def test_a_json_path_that_may_take_long_is_followed_in_a_thread(monkeypatch: pytest.MonkeyPatch, path: str, body: bytes, aside: bool):
    threads: list[threading.Thread] = []
    judge = expected.check
    monkeypatch.setattr(expected, "check", lambda *given: (threads.append(threading.current_thread()), judge(*given))[1])
    found = await expected.look(Message(expect=path, how=Expected.JSON), body)
    assert (found.held, [thread is threading.main_thread() for thread in threads]) == (True, [not aside])
