"""Pasted console texts find their rule. Chromium's texts are recorded; the round trip over all vectors is in test_cors.py."""

import pytest

from app.core.console import explain_console

AT = "Access to fetch at 'https://api.example/x' from origin 'https://app.example' has been blocked by CORS policy: "
PREFLIGHT = "Response to preflight request doesn't pass access control check: "
FIREFOX = "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at https://api.example/x. (Reason: "


@pytest.mark.parametrize(
    ("text", "rule", "speaker", "captured"),
    [
        (AT + "No 'Access-Control-Allow-Origin' header is present on the requested resource.", "C1", "Chromium", {}),
        (AT + PREFLIGHT + "No 'Access-Control-Allow-Origin' header is present on the requested resource.", "PC1", "Chromium", {}),
        (
            AT.replace("fetch", "XMLHttpRequest")
            + PREFLIGHT
            + "The value of the 'Access-Control-Allow-Credentials' header in the response "
            "is '' which must be 'true' when the request's credentials mode is 'include'.",
            "PC3",
            "Chromium",
            {"header": "Access-Control-Allow-Credentials", "value": ""},
        ),
        (
            AT + "The 'Access-Control-Allow-Origin' header has a value 'https://x.example' that is not equal to the supplied origin.",
            "C2",
            "Chromium",
            {"value": "https://x.example"},
        ),
        (AT + "Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.", "P3", "Chromium", {"method": "PUT"}),
        (
            AT + "Request header field authorization is not allowed by Access-Control-Allow-Headers in preflight response.",
            "P4",
            "Chromium",
            {"header": "authorization"},
        ),
        (
            AT + "Request header field x-a is not allowed by Access-Control-Allow-Headers in preflight response.",
            "P5",
            "Chromium",
            {"header": "x-a", "url": "https://api.example/x", "origin": "https://app.example"},
        ),
        (AT + "Permission was denied for this request to access the `loopback` address space.", "T2", "Chromium", {"value": "loopback"}),
        (
            (
                "Mixed Content: The page at 'https://app.example/' was loaded over HTTPS, but requested an insecure resource "
                "'http://api.example/x'. This request has been blocked; the content must be served over HTTPS."
            ),
            "T1",
            "Chromium",
            {"url": "http://api.example/x"},
        ),
        (
            "GET https://api.example/x net::ERR_BLOCKED_BY_RESPONSE.NotSameOrigin 200 (OK)",
            "R1",
            "Chromium",
            {"url": "https://api.example/x"},
        ),
        (
            FIREFOX + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 200.",
            "C1",
            "Firefox",
            {"url": "https://api.example/x"},
        ),
        (
            FIREFOX + "CORS header ‘Access-Control-Allow-Origin’ does not match ‘https://x.example’).",
            "C2",
            "Firefox",
            {"value": "https://x.example"},
        ),
        (FIREFOX + "CORS preflight response did not succeed). Status code: 404.", "P1", "Firefox", {}),
        (
            FIREFOX + "header ‘x-a’ is not allowed according to header ‘Access-Control-Allow-Headers’ from CORS preflight response).",
            "P5",
            "Firefox",
            {"header": "x-a"},
        ),
        (
            FIREFOX + "missing token ‘authorization’ in CORS header ‘Access-Control-Allow-Headers’ from CORS preflight channel).",
            "P4",
            "Firefox",
            {"header": "authorization"},
        ),
        (FIREFOX + "Did not find method in CORS header ‘Access-Control-Allow-Methods’).", "P3", "Firefox", {}),
        (FIREFOX + "expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’).", "C3", "Firefox", {}),
        (FIREFOX + "Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed).", "C2", "Firefox", {}),
        (
            FIREFOX + "Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’).",
            "C3",
            "Firefox",
            {},
        ),
        (
            (
                "Origin https://app.example is not allowed by Access-Control-Allow-Origin. Status code: 200\n"
                "Fetch API cannot load https://api.example/x due to access control checks."
            ),
            "C1",
            "Safari",
            {"origin": "https://app.example", "url": "https://api.example/x"},
        ),
        ("Request header field X-A is not allowed by Access-Control-Allow-Headers.", "P5", "Safari", {"header": "X-A"}),
        ("Method PUT is not allowed by Access-Control-Allow-Methods.", "P3", "Safari", {"method": "PUT"}),
        ("Preflight response is not successful. Status code: 404", "P1", "Safari", {}),
        ("Preflight response is not successful. Status code: 302", "P0", "Safari", {}),
        ("Uncaught TypeError: Failed to execute 'fetch' on 'Window': Request with GET/HEAD method cannot have body.", "Q5", "Chromium", {}),
    ],
)
def test_a_message_finds_its_rule(text: str, rule: str, speaker: str, captured: dict[str, str]):
    (match,) = explain_console(f"some noise\n{text}\nmore noise")
    assert (match.rule, match.browser) == (rule, speaker)
    assert match.advice.endswith(".")
    for name, value in captured.items():
        assert getattr(match, name) == value


def test_several_messages_come_in_their_order():
    missing = "No 'Access-Control-Allow-Origin' header is present on the requested resource."
    text = f"{AT}It does not matter\n{AT}{PREFLIGHT}It does not have HTTP ok status.\n{AT}{missing}"
    assert [match.rule for match in explain_console(text)] == ["P1", "C1"]


@pytest.mark.parametrize(
    "text",
    ["", "TypeError: Failed to fetch", "ReferenceError: x is not defined", "GET https://a.example/ 404 (Not Found)", "net::ERR_FAILED"],
)
def test_anything_else_finds_nothing(text: str):
    assert explain_console(text) == ()


@pytest.mark.parametrize(
    ("text", "url", "recognised"),
    [
        ("GET http://a.example/x net::ERR_UNSAFE_PORT", "http://a.example/x", "http://a.example/x net::ERR_UNSAFE_PORT"),
        ("(index):5\tGEThttps://a.example/x net::ERR_FAILED 302 (Found)", "https://a.example/x", "https://a.example/x net::ERR_FAILED 302"),
        ("http://a.example/x  net::ERR_UNSAFE_PORT", "", "net::ERR_UNSAFE_PORT"),
        ("net::ERR_UNSAFE_REDIRECT", "", "net::ERR_UNSAFE_REDIRECT"),
    ],
)
def test_address_before_an_error_of_the_network_is_found(text: str, url: str, recognised: str):
    (match,) = explain_console(text)
    assert (match.url, match.text) == (url, recognised)
