"""From a browser's console text back to the rule: what a developer pastes, read for Chromium, Firefox and Safari.

Chromium's texts are recorded from version 156 (`app.core.cors_console`), Firefox's are those of its CORS error pages
(https://developer.mozilla.org/docs/Web/HTTP/CORS/Errors), Safari's those of WebKit's console.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConsoleMatch:
    """One message that was recognised."""

    rule: str  # "P5"; for the CORS check of a preflight "PC1" to "PC3"
    browser: str  # "Chromium", "Firefox", "Safari"
    advice: str  # one sentence: what to do
    url: str = ""
    origin: str = ""
    header: str = ""  # header the message names, as written
    method: str = ""
    value: str = ""  # offending value the message quotes
    text: str = ""  # the part of the pasted text that was recognised


MAX_ADDRESS_CHARS = 4000
_ADVICE = {
    "C1": "Send Access-Control-Allow-Origin with the page's origin; look at the server's own error first, a crash often loses the header.",
    "C2": "Send Access-Control-Allow-Origin once, with exactly the page's origin: no path, no list, no second header from a proxy.",
    "C3": "With credentials, name the origin instead of * and send Access-Control-Allow-Credentials: true.",
    "PC1": "Answer OPTIONS with Access-Control-Allow-Origin too: the preflight never reaches a handler that adds it.",
    "PC2": "Answer OPTIONS with exactly the page's origin in Access-Control-Allow-Origin, once.",
    "PC3": "Answer OPTIONS with the page's origin and Access-Control-Allow-Credentials: true.",
    "P0": "Call the URL that the redirect leads to, often the one with the trailing slash or with https.",
    "P1": "Let the server answer OPTIONS with 200 or 204, before authentication.",
    "P2": "Write the list as names parted by commas, without quotes, spaces or semicolons between them.",
    "P3": "Add the method to Access-Control-Allow-Methods; upper and lower case count.",
    "P4": "Add Authorization to Access-Control-Allow-Headers by name.",
    "P5": "Add the header to Access-Control-Allow-Headers.",
    "M0": "Move the service to a port that browsers allow.",
    "M2": "Use mode cors for another origin, or call the page's own origin.",
    "M3": "Use redirect: follow with mode no-cors.",
    "M4": "Call an http or https address.",
    "D1": "Allow redirects, or call the URL that the redirect leads to.",
    "D2": "Send a Location that is a valid URL, once.",
    "D3": "Redirect to http or https only.",
    "D4": "Break the redirect loop.",
    "D5": "Leave user name and password out of the redirect target.",
    "C4": "Do not answer with 407: only a proxy may.",
    "R1": "Send Cross-Origin-Resource-Policy: cross-origin, or use CORS instead of mode no-cors.",
    "T1": "Serve the API over https too.",
    "T2": "Call a public address, or ask for the local network permission from a page on https.",
    "Q1": "Use a method that scripts may send.",
    "Q2": "Use mode cors: no-cors allows GET, HEAD and POST only.",
    "Q3": "Leave user name and password out of the URL; send an Authorization header instead.",
    "Q4": "Correct the header's name or value.",
    "Q5": "Send the body with POST, PUT or PATCH, or put the data into the query.",
}

_ORIGIN = "Access-Control-Allow-Origin"
_CREDENTIALS = "Access-Control-Allow-Credentials"
_METHODS = "Access-Control-Allow-Methods"
_HEADERS = "Access-Control-Allow-Headers"

_PREFIX = re.compile(
    r"Access to [\w ]{1,40}? at '(?P<url>[^']*)' (?:\(redirected from '[^']*'\) )?from origin '(?P<origin>[^']*)' "
    r"has been blocked by CORS policy: (?P<preflight>Response to preflight request doesn't pass access control check: )?"
)
_SAME_ORIGIN_MODE = r'Request mode is "same-origin" but the URL\'s origin is not same as the request origin (?P<origin>\S+)\.'
_INSECURE = r"was loaded over HTTPS, but (?:requested|attempted to connect to) an? insecure [^']*'(?P<url>[^']*)'"
# What follows the prefix: rule (without PC), fixed header name, pattern.
_CHROMIUM_CORS = tuple(
    (rule, header, re.compile(pattern))
    for rule, header, pattern in (
        ("C1", _ORIGIN, r"No 'Access-Control-Allow-Origin' header is present on the requested resource"),
        ("C2", _ORIGIN, r"The 'Access-Control-Allow-Origin' header contains multiple values '(?P<value>[^\n]*?)', but only one is allowed"),
        ("C2", _ORIGIN, r"The 'Access-Control-Allow-Origin' header contains the invalid value '(?P<value>[^\n]*?)'\."),
        (
            "C2",
            _ORIGIN,
            r"The 'Access-Control-Allow-Origin' header has a value '(?P<value>[^\n]*?)' that is not equal to the supplied origin",
        ),
        ("C3", _ORIGIN, r"The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '(?P<value>\*)'"),
        (
            "C3",
            _CREDENTIALS,
            r"The value of the 'Access-Control-Allow-Credentials' header in the response is '(?P<value>[^\n]*?)' which must",
        ),
        ("P0", "", r"Redirect is not allowed for a preflight request"),
        ("P1", "", r"It does not have HTTP ok status"),
        ("P2", "", r"Cannot parse (?P<header>Access-Control-Allow-(?:Methods|Headers)) response header field in preflight response"),
        ("P3", _METHODS, r"Method (?P<method>\S+) is not allowed by Access-Control-Allow-Methods in preflight response"),
        ("P5", "", r"Request header field (?P<header>\S+) is not allowed by Access-Control-Allow-Headers in preflight response"),
        ("D5", "", r"Redirect location '[^']*' contains a username and password"),
        ("D3", "", r"Cross origin requests are only supported for protocol schemes"),
        ("M2", "", r"Cross origin requests are not allowed when using 'same-origin' fetch mode"),
        ("T2", "", r"The request client is not a secure context and the resource is in more-private address space `(?P<value>\w+)`"),
        ("T2", "", r"Permission was denied for this request to access the `(?P<value>\w+)` address space"),
    )
)
_FIREFOX = re.compile(
    r"Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at (?P<url>\S+?)\. "
    r"\(?Reason: (?P<reason>[^\n]*)"
)
_FIREFOX_REASONS = tuple(
    (rule, header, re.compile(pattern))
    for rule, header, pattern in (
        ("C1", _ORIGIN, r"CORS header .Access-Control-Allow-Origin. missing"),
        ("C2", _ORIGIN, r"CORS header .Access-Control-Allow-Origin. does not match .(?P<value>[^’'\n]*)"),
        ("C2", _ORIGIN, r"Multiple CORS header .Access-Control-Allow-Origin. not allowed"),
        ("C3", _ORIGIN, r"Credential is not supported if the CORS header .Access-Control-Allow-Origin. is .\*"),
        ("C3", _CREDENTIALS, r"expected .true. in CORS header .Access-Control-Allow-Credentials"),
        ("P0", "", r"CORS preflight .*redirect|CORS request external redirect not allowed"),
        ("P1", "", r"CORS preflight response did not succeed|CORS preflight channel did not succeed"),
        ("P2", "", r"invalid token .(?P<value>[^’'\n]*). in CORS header .(?P<header>Access-Control-Allow-(?:Headers|Methods))"),
        ("P3", _METHODS, r"Did not find method in CORS header"),
        ("P5", "", r"header .(?P<header>[^’'\n]+). is not allowed according to header .Access-Control-Allow-Headers"),
        ("P5", "", r"missing token .(?P<header>[^’'\n]+). in CORS header .Access-Control-Allow-Headers"),
        ("M4", "", r"CORS request not http"),
    )
)
_SAFARI = tuple(
    (rule, header, re.compile(pattern))
    for rule, header, pattern in (
        ("C1", _ORIGIN, r"Origin (?P<origin>\S+) is not allowed by Access-Control-Allow-Origin"),
        ("C2", _ORIGIN, r"Access-Control-Allow-Origin cannot contain more than one origin"),
        ("C3", _ORIGIN, r"Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true"),
        ("C3", _CREDENTIALS, r"Credentials flag is true, but Access-Control-Allow-Credentials is not \"true\""),
        ("P0", "", r"Preflight response is not successful\. Status code: 3\d\d"),
        ("P1", "", r"Preflight response is not successful"),
        ("P3", _METHODS, r"Method (?P<method>\S+) is not allowed by Access-Control-Allow-Methods(?! in preflight)"),
        ("P5", "", r"Request header field (?P<header>\S+) is not allowed by Access-Control-Allow-Headers(?! in preflight)"),
    )
)
_CHROMIUM_OTHER = tuple(
    (rule, re.compile(pattern))
    for rule, pattern in (
        ("M2", r"Fetch API cannot load (?P<url>\S+)\. " + _SAME_ORIGIN_MODE),
        ("M2", r"Unsafe attempt to load URL (?P<url>\S+) from frame with URL \S+\. Domains, protocols and ports must match"),
        ("M3", r"Fetch API cannot load (?P<url>\S+)\. Request mode is \"no-cors\" but the redirect mode is not \"follow\""),
        ("M4", r"Fetch API cannot load (?P<url>\S+)\. URL scheme \"(?P<value>[^\"]+)\" is not supported"),
        ("T1", r"Mixed Content: The page at '(?P<origin>[^']*)' " + _INSECURE),
        ("Q3", r"Failed to parse URL from (?P<url>\S*)"),
        ("Q3", r"Request cannot be constructed from a URL that includes credentials: (?P<url>\S+)"),
        ("Q1", r"'(?P<method>[^'\n]*)' is not a valid HTTP method"),
        ("Q1", r"'(?P<method>[^'\n]*)' HTTP method is unsupported"),
        ("Q1", r"Failed to read the 'method' property from 'RequestInit': String contains non ISO-8859-1 code point"),
        ("Q2", r"'(?P<method>[^'\n]*)' is unsupported in no-cors mode"),
        ("Q4", r"Failed to read the 'headers' property from 'RequestInit': String contains non ISO-8859-1 code point"),
        ("Q4", r"Failed to execute 'fetch' on 'Window': Invalid (?:name|value)"),
        ("Q5", r"Request with GET/HEAD method cannot have body"),
    )
)  # fmt: skip
# Told after the address, or without one: "GET http://… net::ERR_FAILED".
_CHROMIUM_NET = tuple(
    (rule, re.compile(pattern))
    for rule, pattern in (
        ("M0", r"net::ERR_UNSAFE_PORT"),
        ("D2", r"net::ERR_(?:INVALID_REDIRECT|RESPONSE_HEADERS_MULTIPLE_LOCATION)"),
        ("D3", r"net::ERR_UNSAFE_REDIRECT"),
        ("D4", r"net::ERR_TOO_MANY_REDIRECTS"),
        ("C4", r"net::ERR_UNEXPECTED_PROXY_AUTH"),
        ("R1", r"net::ERR_BLOCKED_BY_RESPONSE\.(?P<value>NotSameOrigin|NotSameSite)"),
        ("D1", r"net::ERR_FAILED 30[12378]\b"),
    )
)
_ADDRESS = re.compile(r"https?://\S+")


def explain_console(text: str) -> tuple[ConsoleMatch, ...]:
    """Return every message in the text that names a rule, in order of appearance; an empty tuple when there is none."""
    clean = text.replace("\r\n", "\n")
    found = [*_chromium_cors(clean), *_firefox(clean)]
    if not any(match.browser == "Firefox" for _, match in found):
        found += [entry for entry in _safari(clean) if not any(_overlaps(entry, other) for other in found)]
    for rule, pattern in _CHROMIUM_OTHER:
        found += [(hit.start(), _match(rule, "Chromium", hit)) for hit in pattern.finditer(clean)]
    found += _chromium_net(clean)
    found.sort(key=lambda entry: entry[0])
    return tuple(match for _, match in found)


def _overlaps(entry: tuple[int, ConsoleMatch], other: tuple[int, ConsoleMatch]) -> bool:
    return other[0] <= entry[0] < other[0] + len(other[1].text)


def _match(rule: str, browser: str, hit: re.Match[str], header: str = "", **known: str) -> ConsoleMatch:
    groups = {name: value for name, value in hit.groupdict().items() if value is not None and name in _FIELDS}
    fields = {"header": header, "text": hit[0], **known, **groups}
    if rule == "P5" and fields["header"].lower() == "authorization":
        rule = "P4"
    return ConsoleMatch(rule=rule, browser=browser, advice=_ADVICE[rule], **fields)


_FIELDS = frozenset({"url", "origin", "header", "method", "value"})


def _chromium_cors(text: str) -> list[tuple[int, ConsoleMatch]]:
    found = []
    for prefix in _PREFIX.finditer(text):
        for rule, header, pattern in _CHROMIUM_CORS:
            hit = pattern.match(text, prefix.end())
            if hit is None:
                continue
            said = f"P{rule}" if prefix["preflight"] and rule.startswith("C") else rule
            known = {"url": prefix["url"], "origin": prefix["origin"], "text": text[prefix.start() : hit.end()]}
            found.append((prefix.start(), _match(said, "Chromium", hit, header, **known)))
            break
    return found


def _chromium_net(text: str) -> list[tuple[int, ConsoleMatch]]:
    """Find the errors first, then the address before each: trying every address first takes the square of the text's length."""
    found = []
    for rule, pattern in _CHROMIUM_NET:
        for hit in pattern.finditer(text):
            start = hit.start()
            before = text[max(0, start - MAX_ADDRESS_CHARS - 1) : start - 1] if text[start - 1 : start] == " " else ""
            word = before.rsplit(None, 1)[-1] if before and not before[-1].isspace() else ""
            address = _ADDRESS.search(word)
            url = address[0] if address else ""
            start -= len(url) + 1 if url else 0
            found.append((start, _match(rule, "Chromium", hit, url=url, text=text[start : hit.end()])))
    return found


def _firefox(text: str) -> list[tuple[int, ConsoleMatch]]:
    found = []
    for blocked in _FIREFOX.finditer(text):
        for rule, header, pattern in _FIREFOX_REASONS:
            hit = pattern.search(blocked["reason"])
            if hit is not None:
                found.append((blocked.start(), _match(rule, "Firefox", hit, header, url=blocked["url"], text=blocked[0])))
                break
    return found


def _safari(text: str) -> list[tuple[int, ConsoleMatch]]:
    found = []
    for rule, header, pattern in _SAFARI:
        for hit in pattern.finditer(text):
            if any(start <= hit.start() < start + len(match.text) for start, match in found):
                continue
            after = text[hit.start() : hit.end() + MAX_ADDRESS_CHARS]
            url = re.search(r"(?:cannot load|Failed to load resource:?) (https?://\S+?)(?: due to|$)", after, re.MULTILINE)
            found.append((hit.start(), _match(rule, "Safari", hit, header, url=url[1] if url else "")))
    return found
