"""What is kept of a failed check can be read again, and is bounded."""

from app.core import kept_detail
from app.core.assertions import Assertion, Finding, Operator, Subject
from app.core.checked import Checked
from app.core.exchange import Exchange, Head, Purpose, Timing
from app.core.incident import Outcome


def checked(body: bytes, count: int = 1) -> Checked:
    headers = (("Content-Type", "text/html"), ("Set-Cookie", "session=0123456789abcdef; Path=/"))
    exchanges = tuple(
        Exchange(
            number, Purpose.ENDPOINT, "GET", "https://shop.example/", response=Head(500, headers), body=body, timing=Timing(total_ms=3.5)
        )
        for number in range(count)
    )
    finding = Finding(Assertion(Subject.STATUS, Operator.IS, "200-299"), False, "500")
    return Checked(Outcome.DOWN, findings=(finding,), exchanges=exchanges, facts=(("certificate ends", "2027-01-04"),))


def test_what_was_written_is_read_again():
    made = checked(b"<p>Sorry</p>")
    kept = kept_detail.read(kept_detail.write(made))
    assert (kept.findings, kept.facts) == (made.findings, made.facts)
    (exchange,) = kept.exchanges
    assert (exchange.body, exchange.status, exchange.timing.total_ms) == (b"<p>Sorry</p>", 500, 3.5)


def test_cookies_of_the_target_are_not_kept_as_they_are():
    assert "0123456789abcdef" not in kept_detail.write(checked(b""))


def test_it_is_bounded_whatever_the_target_sends():
    text = kept_detail.write(checked(b"\xff\x00" * 1_000_000, 50))
    assert len(text) < 500_000
    kept = kept_detail.read(text)
    assert (len(kept.exchanges), kept.exchanges[-1].id, kept.exchanges[0].truncated) == (kept_detail.MAX_EXCHANGES, 49, True)


def test_what_nobody_understands_any_more_is_empty():
    assert kept_detail.read("{}") == kept_detail.read("nonsense") == kept_detail.KeptDetail()


def test_half_a_surrogate_pair_that_the_target_escaped_loses_nothing_else():
    assert kept_detail.read(kept_detail.write(Checked(Outcome.DOWN, facts=(("a", "\ud800"), ("b", "ü"))))).facts == (("a", "?"), ("b", "ü"))
