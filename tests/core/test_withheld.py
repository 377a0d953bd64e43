"""What of a request is kept back, and that it is found again wherever a server puts it."""

import html
import json
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

import pytest

from app.core.inventory import Call
from app.core.observation import ScanRequest
from app.core.withheld import Withheld, without_secrets

SECRET = 's3cret/va"lue+&='
REQUEST = ScanRequest(
    f"http://app.test/?token={quote(SECRET, safe='')}",
    "http://api.test/v1?page=2",
    (
        Call(
            "GET", "http://api.test/x", (("Authorization", "Bearer abc.def-123"), ("Accept", "text/html"), ("X-Tenant-Token", "tenant-one"))
        ),
        Call("GET", "http://api.test/y?api_key=k3y-of-mine", (("Cookie", "session=c00kie-value; theme=dark-mode"), ("X-Api-Key", "tiny"))),
    ),
)


def test_what_may_be_shown_keeps_names_and_harmless_values():
    shown = without_secrets(REQUEST)
    assert shown.page_url.startswith("http://app.test/?token=sha256:")
    assert shown.api_url == "http://api.test/v1?page=2"
    assert shown.calls[0].headers == (("Authorization", "…"), ("Accept", "text/html"), ("X-Tenant-Token", "…"))
    assert shown.calls[1].headers == (("Cookie", "…"), ("X-Api-Key", "…"))
    assert "k3y-of-mine" not in repr(shown)
    assert without_secrets(shown).calls[0].headers == shown.calls[0].headers


def test_what_holds_no_secret_is_as_it_was():
    request = ScanRequest("http://app.test/?page=2", None, (Call("PUT", "http://app.test/x", (("X-Requested-With", "fetch"),)),))
    assert without_secrets(request) == request
    assert Withheld.of(request) == Withheld()


@pytest.mark.parametrize("value", [SECRET, "Bearer abc.def-123", "abc.def-123", "tenant-one", "k3y-of-mine", "c00kie-value", "dark-mode"])
def test_a_value_is_hidden_in_every_form_in_which_it_may_come_back(value: str):
    withheld = Withheld.of(REQUEST)
    for form in (value, quote(value, safe=""), quote(value), html.escape(value), json.dumps(value)[1:-1]):
        hidden = withheld.hide(f"before {form} after")
        assert form not in hidden
        assert hidden.startswith("before ")
        assert hidden.endswith(" after")
        assert "sha256:" in hidden


def test_a_value_too_short_to_be_told_from_chance_is_left():
    assert Withheld.of(REQUEST).hide("tiny text/html") == "tiny text/html"


class Kind(StrEnum):
    TENANT = "tenant-one"


@dataclass(frozen=True, slots=True)
class Inner:
    text: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Outer:
    number: int
    nothing: None
    inner: tuple[Inner, ...]
    pairs: tuple[tuple[str, str], ...]


def test_all_texts_of_a_value_are_cleaned_and_nothing_else_is_touched():
    value = Outer(5, None, (Inner("my tenant-one!", Kind.TENANT),), (("X", "k3y-of-mine"),))
    hidden = Withheld.of(REQUEST).hide_all(value)
    assert "tenant-one" not in hidden.inner[0].text
    assert hidden.inner[0].kind is Kind.TENANT
    assert "k3y" not in hidden.pairs[0][1]
    assert (hidden.number, hidden.nothing) == (5, None)
    assert Withheld().hide_all(value) is value


def test_only_what_stands_in_a_text_is_looked_for_further():
    withheld = Withheld.of(REQUEST)
    assert withheld.within("nothing of it").forms == ()
    assert {form for form, _ in withheld.within(json.dumps({"echo": SECRET})).forms} >= {SECRET}
