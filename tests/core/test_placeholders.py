"""Placeholders: replaced once and as they stand, and masked wherever their values come out."""

import pytest

from app.core.exchange import Exchange, Head, Purpose
from app.core.placeholders import HIDDEN, Unfilled, filled, masked, names_in

EXCHANGE = Exchange(
    1,
    Purpose.ENDPOINT,
    "GET",
    "https://a.example/?token={{secret.KEY}}",
    (("Authorization", "Bearer {{ secret.KEY }}"), ("X-CSRF", "{{csrf}}")),
    Head(200, (("set-cookie", "s=hunter22"),)),
    body=b'{"you sent": "hunter22 \xff"}',
)


def test_names_are_found_wherever_they_stand():
    assert names_in(EXCHANGE) == {"secret.KEY", "csrf"}
    assert names_in({"a": ["{{one}}", ("{{two}}", "{{secret.three}}")]}) == {"one", "two", "secret.three"}


@pytest.mark.parametrize(
    "text", ["{{}}", "{{ a b }}", "{{1}}", "{{a.b}}", "{{secret.}}", "{a}", "{{'x'}}", "{{a()}}", "{{" + "a" * 65 + "}}"]
)
def test_what_is_no_name_stays_as_it_is(text: str):
    assert names_in(text) == frozenset()
    assert filled(text, {}) == text


def test_every_placeholder_is_replaced_by_its_value():
    made = filled(EXCHANGE, {"secret.KEY": "hunter22", "csrf": "abc"})
    assert made.url == "https://a.example/?token=hunter22"
    assert made.request_headers == (("Authorization", "Bearer hunter22"), ("X-CSRF", "abc"))


def test_a_value_is_not_looked_into():
    assert filled("{{a}}", {"a": "{{secret.KEY}}", "secret.KEY": "hunter22"}) == "{{secret.KEY}}"


@pytest.mark.parametrize(("text", "words"), [("{{secret.GONE}}", "no secret named GONE"), ("{{csrf}}", "No earlier step captures csrf")])
def test_a_name_without_a_value_is_told(text: str, words: str):
    with pytest.raises(Unfilled, match=words):
        filled((text,), {})


def test_secrets_are_masked_in_addresses_headers_and_bodies():
    made = masked(filled(EXCHANGE, {"secret.KEY": "hunter22", "csrf": "abc"}), ["hunter22"])
    assert "hunter22" not in repr(made) + repr(made.body)
    assert made.url == f"https://a.example/?token={HIDDEN}"
    assert made.body == f'{{"you sent": "{HIDDEN} '.encode() + b'\xff"}'
    assert made.response == Head(200, (("set-cookie", f"s={HIDDEN}"),))
    assert made.purpose is Purpose.ENDPOINT


def test_of_two_secrets_the_longer_one_is_masked_first():
    assert masked("password123 password", ["password", "password123"]) == f"{HIDDEN} {HIDDEN}"


@pytest.mark.parametrize("secrets", [[], [""], ["abc"]])
def test_what_is_too_short_to_be_told_apart_is_left(secrets: list[str]):
    assert masked("abc", secrets) == "abc"
