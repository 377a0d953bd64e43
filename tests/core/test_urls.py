"""URLs as browsers read them. Cases after https://url.spec.whatwg.org and https://publicsuffix.org/list/."""

import pytest

from app.core import urls


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("https://App.Example:443/a/../b#top", "https://app.example/b"),
        ("app.example", "https://app.example/"),
        (" app.example/path?q=1 ", "https://app.example/path?q=1"),
        ("localhost:3000", "http://localhost:3000/"),
        ("localhost", "http://localhost/"),
        ("127.0.0.1:8000/docs", "http://127.0.0.1:8000/docs"),
        ("app.example:8080", "http://app.example:8080/"),
        ("app.example:443", "https://app.example/"),
        ("192.168.1.4", "http://192.168.1.4/"),
        ("printer.local", "http://printer.local/"),
        ("host.docker.internal:5173", "http://host.docker.internal:5173/"),
        ("[::1]:3000", "http://[::1]:3000/"),
        ("::1", "http://[::1]/"),
        ("//app.example/x", "https://app.example/x"),
        ("http:\\\\app.example\\x", "http://app.example/x"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("HTTP://0x7f.1/", "http://127.0.0.1/"),
        ("backend:8000", "http://backend:8000/"),
    ],
)
def test_what_a_person_types_becomes_an_absolute_url(typed: str, url: str):
    assert urls.parse_target(typed) == url


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("", "address"),
        ("hello world", "spaces"),
        ("ftp://app.example", "http and https"),
        ("mailto:alice@app.example", "user name"),
        ("javascript:alert(1)", "http and https"),
        ("wss://app.example/ws", "page"),
        ("https://alice:secret@app.example", "user name"),
        ("alice:secret@app.example", "user name"),
        ("/login", "path"),
        ("http://[::1", "not an address"),
        ("http://a b", "spaces"),
        ("https://", "not an address"),
        ("http://app.example:99999", "not an address"),
        ("x" * 9000, "longer"),
        ("http://...", "no host name"),
        ("http://127.0.0.1:0/", "0 is not a port"),
        ("localhost:00", "0 is not a port"),
    ],
)
def test_what_is_no_target_is_refused_with_a_sentence(typed: str, word: str):
    with pytest.raises(urls.InvalidTarget, match=word):
        urls.parse_target(typed)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.example:443/x", "https://api.example"),
        ("http://api.example:8080/x?y#z", "http://api.example:8080"),
        ("http://[0:0::1]:80/", "http://[::1]"),
        ("data:text/plain,x", "null"),
        ("file:///etc/hosts", "null"),
        ("about:blank", "null"),
        ("not a url", "null"),
        ("http://user:pass@h/", "http://h"),
    ],
)
def test_origin_is_serialized(url: str, origin: str):
    assert urls.origin_of(url) == origin


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("https://app.example.co.uk", "https://api.example.co.uk:8443", True),
        ("https://a.co.uk", "https://b.co.uk", False),
        ("http://app.example", "https://app.example", False),
        ("http://localhost:3000", "http://localhost:8000", True),
        ("http://localhost:3000", "http://127.0.0.1:8000", False),
        ("http://127.0.0.1:1", "http://127.0.0.1:2", True),
        ("http://127.0.0.1", "http://127.0.0.2", False),
        ("https://alice.github.io", "https://bob.github.io", False),
        ("http://app.test", "http://api.app.test", True),
        ("http://app.test", "http://api.test", False),
        ("https://app.example", "wss://ws.app.example", True),
        ("https://app.example.org", "wss://ws.example.org", True),
        ("null", "null", False),
        ("http://[::1]:3000", "http://[::1]:8000", True),
    ],
)
def test_sites_are_schemeful_and_follow_the_public_suffix_list(a: str, b: str, same: bool):
    assert urls.same_site(a, b) is same


@pytest.mark.parametrize(
    ("host", "loopback", "private"),
    [
        ("localhost", True, True),
        ("app.localhost", True, True),
        ("127.8.9.1", True, True),
        ("[::1]", True, True),
        ("::ffff:127.0.0.1", True, True),
        ("10.0.0.8", False, True),
        ("172.31.0.1", False, True),
        ("172.32.0.1", False, False),
        ("169.254.169.254", False, True),
        ("100.64.0.1", False, True),
        ("fd00::1", False, True),
        ("[fe80::1]", False, True),
        ("0.0.0.0", False, True),
        ("printer.local", False, True),
        ("host.docker.internal", False, True),
        ("backend", False, True),
        ("app.example", False, False),
        ("8.8.8.8", False, False),
        ("localhost.example", False, False),
    ],
)
def test_hosts_are_known_as_loopback_or_private(host: str, loopback: bool, private: bool):
    assert urls.is_loopback_host(host) is loopback
    assert urls.is_private_host(host) is private


def test_a_relative_location_is_resolved_as_browsers_do():
    base = "http://api.test/v1/items"
    assert urls.resolve("../x", base) == "http://api.test/x"
    assert urls.resolve("//cdn.test\\y", base) == "http://cdn.test/y"
    assert urls.resolve("http:z", base) == "http://api.test/v1/z"
    assert urls.resolve("//[bad/", base) is None
    assert urls.resolve("/\ud800", base) == "http://api.test/%EF%BF%BD"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/scans", "/scans"),
        ("/scans/new?url=https%3A%2F%2Fapp.example", "/scans/new?url=https%3A%2F%2Fapp.example"),
        ("", ""),
        ("scans", ""),
        ("https://evil.example/", ""),
        ("//evil.example/", ""),
        ("/\\evil.example", ""),
        ("/a\nb", ""),
        ("/a b", ""),
        ("/a\\b", ""),
        ("/" + "a" * 5000, ""),
    ],
)
def test_only_paths_of_this_site_can_be_gone_on_to(text: str, path: str):
    assert urls.local_path(text) == path
