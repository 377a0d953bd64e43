"""The words of `python -m app scan`."""

import pytest

from app.commands.scanning import Ask, _resolved, make_request
from app.core.urls import InvalidTarget


def test_a_call_is_relative_to_the_api_else_to_the_pages_origin():
    request = make_request(Ask("http://127.0.0.1:5101/shop", None, ("PUT /api/items/1", "/plain")))
    assert [(call.method, call.url) for call in request.calls] == [
        ("PUT", "http://127.0.0.1:5101/api/items/1"),
        ("GET", "http://127.0.0.1:5101/plain"),
    ]
    request = make_request(Ask("http://127.0.0.1:5101", "http://127.0.0.1:5102/api", ("patch /api/items/1",)))
    assert [(call.method, call.url) for call in request.calls] == [("patch", "http://127.0.0.1:5102/api/items/1")]
    request = make_request(Ask("http://127.0.0.1:5101", "http://127.0.0.1:5102/api", ("items/1",)))
    assert request.calls[0].url == "http://127.0.0.1:5102/api/items/1"


def test_a_call_may_name_a_whole_address():
    request = make_request(Ask("http://127.0.0.1:5101", None, ("DELETE http://127.0.0.1:9000/x",)))
    assert request.calls[0].url == "http://127.0.0.1:9000/x"


def test_headers_and_credentials_go_with_every_call():
    request = make_request(Ask("http://127.0.0.1:5101", None, ("/a", "/b"), ("X-Api-Key: demo",), "include"))
    assert {(call.headers, call.credentials) for call in request.calls} == {((("X-Api-Key", "demo"),), "include")}


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (Ask("not a url at all"), "spaces"),
        (Ask(""), "address"),
        (Ask("ftp://127.0.0.1/"), "http"),
        (Ask("http://127.0.0.1", "two words"), "--api"),
        (Ask("http://127.0.0.1", None, ("PUT /two words",)), "--call"),
        (Ask("http://127.0.0.1", None, ("P(T /items",)), "--call"),
        (Ask("http://127.0.0.1", None, (), ("no colon",)), "--header"),
        (Ask("http://127.0.0.1", None, ("/items",), ("X-Key: a\tb\x01",)), "--header"),
        (Ask("http://127.0.0.1", None, (), (), "sometimes"), "--credentials"),
    ],
)
def test_words_that_cannot_be_used_are_refused_in_words(ask, says):
    with pytest.raises(InvalidTarget, match=says):
        make_request(ask)


@pytest.mark.parametrize("entry", ["a", "a:80", "a:80:", "a:x:127.0.0.1", "a:80:nonsense"])
def test_a_resolve_entry_names_host_port_and_address(entry):
    with pytest.raises(InvalidTarget, match="--resolve"):
        _resolved((entry,))


def test_a_resolve_entry_may_be_ipv6():
    assert _resolved(("app.example:443:[::1]",)) == {"app.example:443": "::1"}
