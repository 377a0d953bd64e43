"""The findings that a scan can have, told for people: what each means, by which rule, and its mends at an example's address."""

from dataclasses import dataclass

from app.core.findings import Mend, SeamKind, Severity
from app.core.mends import MendFacts, mends_for


@dataclass(frozen=True, slots=True)
class Entry:
    code: str
    severity: Severity  # the usual one; a scan lowers or raises it by what it sees
    seam: SeamKind
    title: str
    text: str  # what happens and why; backticks mark code
    rules: tuple[str, ...] = ()


# The mends of the catalogue are filled with this site; those of a report with the site that was scanned.
EXAMPLE = MendFacts(
    page_origin="https://app.example", api_origin="https://api.example", methods=("GET", "POST", "PUT"),
    headers=("authorization", "content-type"), credentials=True, path="/api/items", socket_path="/ws/items", cookie="session",
    url="http://localhost:8000/api/items", code='fetch("http://localhost:8000/api/items")', location="/login?next=/api/items",
)  # fmt: skip
ENTRIES = (
    Entry(
        "COR-01",
        Severity.HIGH,
        SeamKind.CORS,
        "The API sends no CORS headers to the page",
        "Page and API have different origins, and the answer does not say that the page may read it. The request arrives; the script "
        "gets an error.",
        ("C1", "PC1"),
    ),
    Entry(
        "COR-02",
        Severity.HIGH,
        SeamKind.CORS,
        "The wildcard * where calls carry credentials",
        "Calls with `credentials: include` refuse `*`, whether or not there is a cookie. The answer has to name the page's origin and to "
        "send `Access-Control-Allow-Credentials: true`.",
        ("C3", "PC3"),
    ),
    Entry(
        "COR-05",
        Severity.HIGH,
        SeamKind.CORS,
        "The preflight is redirected",
        "Browsers never follow a redirect of `OPTIONS`. Mostly the path lacks a slash at its end, or http is turned into https.",
        ("P0",),
    ),
    Entry(
        "COR-06",
        Severity.HIGH,
        SeamKind.CORS,
        "A request header is not allowed",
        "The frontend sets a header that needs a preflight, `Authorization` or one of its own, and the server's list does not have it. The "
        "call never leaves.",
        ("P4", "P5"),
    ),
    Entry(
        "COR-07",
        Severity.HIGH,
        SeamKind.CORS,
        "A method is not allowed",
        "`PUT`, `PATCH` and `DELETE` have to be in the server's list, in capitals. A frontend that writes `patch` in "
        "small letters fails in "
        "every case.",
        ("P3",),
    ),
    Entry(
        "COR-08",
        Severity.HIGH,
        SeamKind.CORS,
        "Two Access-Control-Allow-Origin headers",
        "Application and proxy both add it. Browsers join the two values, and the result equals no origin, even when both were right.",
        ("C2",),
    ),
    Entry(
        "COR-09",
        Severity.HIGH,
        SeamKind.CORS,
        "The allowed origin is misspelt",
        "A slash at the end, `www`, http for https, or another port: the value has to equal the page's origin byte for byte.",
        ("C2",),
    ),
    Entry(
        "COR-11",
        Severity.CRITICAL,
        SeamKind.CORS,
        "Every origin is allowed, with credentials",
        "The API repeats whatever `Origin` it is asked with and allows credentials. Any website can then read what "
        "belongs to a visitor who "
        "is signed in.",
    ),
    Entry(
        "API-01",
        Severity.HIGH,
        SeamKind.API,
        "Unknown API paths are answered with the page",
        "The fallback of a single-page application also catches `/api/`. A misspelt call gets status 200 and HTML, and fails with "
        "“Unexpected token '<'”.",
    ),
    Entry(
        "API-03",
        Severity.HIGH,
        SeamKind.API,
        "The API redirects to a login page",
        "A script cannot sign in there: it follows the redirect, gets HTML with status 200, or a CORS error. It needs a 401.",
    ),
    Entry(
        "API-04",
        Severity.HIGH,
        SeamKind.API,
        "The API redirects to add or drop a slash",
        "Each call takes two round trips, and 301 or 302 turn a `POST` into a `GET` and drop its body.",
        ("D9",),
    ),
    Entry(
        "API-05",
        Severity.HIGH,
        SeamKind.API,
        "The API's links say http behind https",
        "The proxy ends TLS and does not tell the application. Redirects and links then lead to http, which a page on https may not call.",
        ("T1",),
    ),
    Entry(
        "WS-01",
        Severity.HIGH,
        SeamKind.WEBSOCKET,
        "The WebSocket does not open",
        "`Upgrade` and `Connection` are valid for one hop only. A proxy that does not pass them on, or a server without "
        "WebSockets, answers 400 "
        "or 404 instead of 101.",
        ("K8",),
    ),
    Entry(
        "SES-01",
        Severity.HIGH,
        SeamKind.SESSION,
        "The session cookie does not travel",
        "Page and API are different sites, and the cookie is not `SameSite=None; Secure`. The sign-in works, and the "
        "next call is anonymous.",
        ("K3", "K4"),
    ),
    Entry(
        "DEP-01",
        Severity.CRITICAL,
        SeamKind.DELIVERY,
        "The bundle calls a development host",
        "An address such as `http://localhost:8000` was built into the scripts. It works on the developer's machine, and nowhere else.",
        ("T2",),
    ),
    Entry(
        "DEP-02",
        Severity.HIGH,
        SeamKind.DELIVERY,
        "A page on https calls http",
        "Browsers block it before anything is sent. The address has to begin with https, or to be relative.",
        ("T1",),
    ),
    Entry(
        "CAC-02",
        Severity.HIGH,
        SeamKind.DELIVERY,
        "Missing scripts are answered with the page",
        "After a new release old pages ask for scripts that are gone. HTML with status 200 in their place breaks the "
        "page, and caches keep it.",
    ),
)


def example_mends(code: str) -> tuple[Mend, ...]:
    """Return the mends of one finding at the example's addresses."""
    return mends_for(code, EXAMPLE)
