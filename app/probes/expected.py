"""Whether what came back over a socket is what a check expects: judged, limited and worded as assertions on HTTP answers are."""

import asyncio

from app.core.assertions import Answer, Assertion, Finding, Operator, Subject, check, takes_long
from app.core.checks import Expected, Message
from app.core.exchange import Exchange, Purpose

# Reading more as JSON takes milliseconds, in which no other check would run.
THREAD_BYTES = 50_000
_OPERATORS = {Expected.TEXT: Operator.CONTAINS, Expected.REGEX: Operator.MATCHES}


async def look(message: Message, received: bytes) -> Finding:
    """Judge what came in answer to a message that expects something; in a thread where that may take long."""
    if message.how is Expected.JSON:
        assertion = Assertion(Subject.JSON, Operator.EXISTS, target=message.expect)
    else:
        assertion = Assertion(Subject.BODY, _OPERATORS[message.how], message.expect)
    answer = Answer(Exchange(1, Purpose.ENDPOINT, "", "", body=received))
    if message.how is Expected.JSON and (len(received) > THREAD_BYTES or takes_long(message.expect)):
        return await asyncio.to_thread(check, assertion, answer)
    return check(assertion, answer)


def words(message: Message) -> str:
    """What is expected, for a sentence."""
    shown = message.expect if len(message.expect) <= 80 else f"{message.expect[:80]}…"
    return {Expected.TEXT: f"“{shown}”", Expected.REGEX: f"a match of {shown}", Expected.JSON: f"something at {shown}"}[message.how]
