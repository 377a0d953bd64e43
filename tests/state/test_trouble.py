"""An exception that no handler foresaw."""

import logging

import pytest

from app.state.trouble import TroubleState, on_exception


def test_what_a_handler_did_not_foresee_is_logged_and_told_without_its_reason(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.ERROR):
        told = on_exception(RuntimeError("/home/alice/secret"))
    assert "/home/alice/secret" in caplog.text
    assert told.handler.state is TroubleState or "trouble_state" in str(told.handler.state)
    assert told.args == ()
