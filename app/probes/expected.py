"""Whether what came back over a socket is what a check expects: judged, limited and worded as assertions on HTTP answers are."""

from app.core.assertions import Answer, Assertion, Finding, Operator, Subject, check
from app.core.checks import Expected, Message
from app.core.exchange import Exchange, Purpose

_OPERATORS = {Expected.TEXT: Operator.CONTAINS, Expected.REGEX: Operator.MATCHES}


def look(message: Message, received: bytes) -> Finding:
    """Judge what came in answer to a message that expects something."""
    if message.how is Expected.JSON:
        assertion = Assertion(Subject.JSON, Operator.EXISTS, target=message.expect)
    else:
        assertion = Assertion(Subject.BODY, _OPERATORS[message.how], message.expect)
    return check(assertion, Answer(Exchange(1, Purpose.ENDPOINT, "", "", body=received)))


def words(message: Message) -> str:
    """What is expected, for a sentence."""
    shown = message.expect if len(message.expect) <= 80 else f"{message.expect[:80]}…"
    return {Expected.TEXT: f"“{shown}”", Expected.REGEX: f"a match of {shown}", Expected.JSON: f"something at {shown}"}[message.how]
