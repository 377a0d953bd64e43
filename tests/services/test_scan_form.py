"""What a person enters for a scan: what it is made into, and what is said of what cannot be used."""

import pytest

from app.core.inventory import SourceKind
from app.services.errors import Invalid
from app.services.scan_form import CallForm, ScanForm, parse_call, parse_headers, to_request


def invalid(form: ScanForm) -> dict[str, str]:
    with pytest.raises(Invalid) as raised:
        to_request(form)
    assert raised.value.errors[0].field == raised.value.field
    return {error.field: error.message for error in raised.value.errors}


def test_addresses_are_normalised():
    request = to_request(ScanForm(" localhost:5000 ", "https://API.example"))
    assert (request.page_url, request.api_url) == ("http://localhost:5000/", "https://api.example/")


def test_an_api_left_empty_is_none():
    assert to_request(ScanForm("https://app.example", "  ")).api_url is None


@pytest.mark.parametrize(
    ("api", "path", "url"),
    [
        ("", "/api/items/1", "https://app.example/api/items/1"),
        ("https://api.example/v2", "/items", "https://api.example/items"),
        ("https://api.example/v2", "items", "https://api.example/v2/items"),
        ("https://api.example", "https://other.example/x", "https://other.example/x"),
        ("", "//cdn.example/x", "https://cdn.example/x"),
    ],
)
def test_a_path_is_relative_to_the_api_else_to_the_page(api: str, path: str, url: str):
    (call,) = to_request(ScanForm("https://app.example/shop/", api, (CallForm("PUT", path),))).calls
    assert call.url == url
    assert (call.method, call.source.kind) == ("PUT", SourceKind.USER)


def test_every_field_at_fault_is_named():
    bad = CallForm("GE T", "", (("na me", "x"), ("X-Ok", "a\nb")), "always", "json")
    errors = invalid(ScanForm("ftp://app.example", "two words", (CallForm("GET", "/fine"), bad)))
    assert {"page_url", "api_url", "calls.1.method", "calls.1.url", "calls.1.headers", "calls.1.credentials", "calls.1.body"} <= set(errors)
    assert not any(field.startswith("calls.0") for field in errors)


def test_nothing_entered_is_answered_with_an_example():
    assert "https://app.example" in invalid(ScanForm(""))["page_url"]


def test_too_many_calls_are_refused():
    assert "At most 20" in invalid(ScanForm("https://app.example", calls=(CallForm("GET", "/x"),) * 21))["calls"]


def test_headers_are_read_line_by_line():
    assert parse_headers("X-Requested-With: fetch\n\n  Accept:application/json\nX-Empty:") == (
        ("X-Requested-With", "fetch"),
        ("Accept", "application/json"),
        ("X-Empty", ""),
    )
    with pytest.raises(Invalid, match="“no colon here” is not a header"):
        parse_headers("A: b\nno colon here")


def test_a_call_of_the_command_line_is_read():
    assert parse_call("PUT /api/items/1") == CallForm("PUT", "/api/items/1")
    assert parse_call("/api/items") == CallForm("GET", "/api/items")
    with pytest.raises(Invalid, match="is not a call"):
        parse_call("PUT /a b")
