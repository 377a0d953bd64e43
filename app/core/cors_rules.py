"""The rules of the CORS engine by number, told for people: what a browser checks, what it says, and where that is written.

The numbers are those of verdict paths, findings and case files. Console texts are Chromium's, shortened to the part that tells.
"""

from dataclasses import dataclass

FETCH = "https://fetch.spec.whatwg.org/"
COOKIES = "https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis"


@dataclass(frozen=True, slots=True)
class Rule:
    number: str  # "P5"
    title: str
    text: str  # one to three sentences; backticks mark code
    source: str  # address of the section that says so
    console: str = ""  # what Chromium writes; "" where nothing is blocked or nothing is written


@dataclass(frozen=True, slots=True)
class RuleGroup:
    key: str  # anchor: "preflight"
    title: str
    text: str
    rules: tuple[Rule, ...]


_MAIN = FETCH + "#concept-main-fetch"
_SAFE = FETCH + "#cors-safelisted-request-header"
_CHECK = FETCH + "#concept-cors-check"
_PREFLIGHT = FETCH + "#cors-preflight-fetch-0"
_REDIRECT = FETCH + "#concept-http-redirect-fetch"

GROUPS: tuple[RuleGroup, ...] = (
    RuleGroup(
        "building",
        "Building the request",
        "What `fetch()` refuses or changes before anything is sent.",
        (
            Rule(
                "Q1",
                "The method must be a token that scripts may use",
                "`CONNECT`, `TRACE` and `TRACK` are refused in any case. Only `DELETE`, `GET`, `HEAD`, `OPTIONS`, `POST` "
                "and `PUT` are turned into capitals: `patch` goes out as `patch`, and servers compare it letter by "
                "letter.",
                FETCH + "#concept-method",
                "'CONNECT' HTTP method is unsupported.",
            ),
            Rule(
                "Q2",
                "Mode no-cors knows three methods",
                "In mode `no-cors` only `GET`, `HEAD` and `POST` can be sent. Headers that a form could not send are left "
                "out without a word.",
                FETCH + "#dom-request",
                "'PUT' is unsupported in no-cors mode.",
            ),
            Rule(
                "Q3",
                "The URL must be one, without a password",
                "A URL that cannot be parsed is refused, and so is one with a user name or password in it.",
                FETCH + "#dom-request",
                "Request cannot be constructed from a URL that includes credentials",
            ),
            Rule(
                "Q4",
                "Header names are tokens, values have no line breaks",
                "A name with a space or a letter outside ASCII is refused. So is a value with a line break or with "
                "characters beyond Latin-1, such as “…”.",
                FETCH + "#concept-header-name",
                "Failed to execute 'fetch' on 'Window': Invalid name",
            ),
            Rule(
                "Q5",
                "GET and HEAD carry no body",
                "A body given with `GET` or `HEAD` is an error.",
                FETCH + "#dom-request",
                "Request with GET/HEAD method cannot have body.",
            ),
            Rule(
                "Q6",
                "Some headers belong to the browser",
                "`Cookie`, `Host`, `Origin`, `Referer`, everything that begins with `Sec-` or `Proxy-` and their like are "
                "left out without a word. They are never part of a preflight.",
                FETCH + "#forbidden-request-header",
            ),
            Rule(
                "Q7",
                "Repeated headers are one header",
                "Values of the same name are joined with a comma first. Every later rule sees the joined value.",
                FETCH + "#concept-header-list-combine",
            ),
            Rule(
                "Q8",
                "The body chooses a Content-Type",
                "A string is sent as `text/plain`, `URLSearchParams` as a form, `FormData` as multipart. `JSON.stringify` "
                "gives a string: without a Content-Type of its own the server does not see JSON.",
                FETCH + "#concept-bodyinit-extract",
            ),
        ),
    ),
    RuleGroup(
        "branch",
        "Which way the request goes",
        "Same origin, cross-origin, or not at all.",
        (
            Rule(
                "M0",
                "Some ports are closed",
                "Ports of other protocols, 6000 or 6667 for instance, cannot be fetched from.",
                FETCH + "#port-blocking",
                "net::ERR_UNSAFE_PORT",
            ),
            Rule(
                "M1",
                "Same origin: no CORS",
                "Scheme, host and port of page and target are equal. Then CORS does not apply. A call that once left its "
                "origin stays a CORS call, even when a redirect brings it home.",
                _MAIN,
            ),
            Rule(
                "M2",
                "Mode same-origin stays at home",
                "A call with mode `same-origin` to another origin is refused.",
                _MAIN,
                'Request mode is "same-origin" but the URL\'s origin is not same as the request origin',
            ),
            Rule(
                "M3",
                "Mode no-cors is sent and hidden",
                "The request goes out, and the script sees nothing of the answer. It works with `redirect: follow` only.",
                _MAIN,
                'Request mode is "no-cors" but the redirect mode is not "follow".',
            ),
            Rule(
                "M4",
                "Only http and https cross origins",
                "Other schemes cannot be called from another origin.",
                _MAIN,
                "Cross origin requests are only supported for protocol schemes: http, https",
            ),
            Rule(
                "M5",
                "Cross-origin: CORS, with a preflight where needed",
                "The answer needs CORS headers. A preflight goes first when the method is not `GET`, `HEAD` or `POST`, or "
                "when a header is not safelisted.",
                _MAIN,
            ),
        ),
    ),
    RuleGroup(
        "safelist",
        "Headers that need no preflight",
        "A header is safe when a plain HTML form could cause it. All others make the browser ask first.",
        (
            Rule(
                "S1",
                "At most 128 bytes",
                "A longer value is not safe, whatever the name.",
                _SAFE,
            ),
            Rule(
                "S2",
                "Accept without special characters",
                'Control characters and any of `"():<>?@[\\]{}` make `Accept` unsafe.',
                _SAFE,
            ),
            Rule(
                "S3",
                "Languages in plain letters",
                "`Accept-Language` and `Content-Language` may hold letters, digits and `*,-.;=` and spaces. `en_US` with "
                "its underscore is unsafe.",
                _SAFE,
            ),
            Rule(
                "S4",
                "Three content types",
                "`application/x-www-form-urlencoded`, `multipart/form-data` and `text/plain` are safe. `application/json` "
                "is not, so every JSON call has a preflight.",
                _SAFE,
            ),
            Rule(
                "S5",
                "Simple ranges",
                "`Range` is safe as `bytes=0-` or `bytes=0-99`, in small letters and without spaces.",
                _SAFE,
            ),
            Rule(
                "S6",
                "Everything else is unsafe",
                "`Authorization`, `Cache-Control`, `If-None-Match`, `traceparent` and every `X-…` need a preflight.",
                FETCH + "#cors-unsafe-request-header-names",
            ),
            Rule(
                "S7",
                "Together at most 1024 bytes",
                "When safe values add up to more, all of them become unsafe.",
                FETCH + "#cors-unsafe-request-header-names",
            ),
            Rule(
                "S8",
                "Chromium's own safe names",
                "Chromium also takes `Save-Data: on`, `DPR`, `Width`, `RTT`, `ECT` and a few more with plain values. The "
                "standard does not.",
                _SAFE,
            ),
            Rule(
                "S9",
                "Chromium's limit for ranges",
                "A number above 2⁶³−1 in `Range` is not safe in Chromium.",
                _SAFE,
            ),
        ),
    ),
    RuleGroup(
        "check",
        "The CORS check",
        "Every cross-origin answer goes through it: the preflight's, the request's, and every redirect's. Rules "
        "PC1 to PC3 are the same three, at the preflight.",
        (
            Rule(
                "C1",
                "There is an Access-Control-Allow-Origin",
                "Without the header the answer is closed to the script. Errors made by a proxy or by a crash often lack it.",
                _CHECK,
                "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
            ),
            Rule(
                "C2",
                "It names exactly this origin",
                "The value must equal the page's origin byte for byte, or be `*` without credentials. No path, no "
                "trailing slash, no list, no pattern. Two headers fail always, even when both are right.",
                _CHECK,
                "The 'Access-Control-Allow-Origin' header has a value '…' that is not equal to the supplied origin.",
            ),
            Rule(
                "C3",
                "Credentials need more",
                "With `credentials: include` a `*` does not count, and `Access-Control-Allow-Credentials` must be exactly "
                "`true`, in small letters, once.",
                _CHECK,
                "must not be the wildcard '*' when the request's credentials mode is 'include'.",
            ),
            Rule(
                "C4",
                "The status does not matter",
                "An error page with the headers can be read; one without them looks like a CORS error. Only 407 is "
                "refused in any case: it belongs to proxies.",
                _CHECK,
                "net::ERR_UNEXPECTED_PROXY_AUTH",
            ),
            Rule(
                "PC1",
                "The preflight's answer has the header",
                "As C1. Often `OPTIONS` never reaches the code that adds the headers.",
                _CHECK,
                "Response to preflight request doesn't pass access control check: No 'Access-Control-Allow-Origin' header is present",
            ),
            Rule(
                "PC2",
                "The preflight's answer names this origin",
                "As C2.",
                _CHECK,
                "Response to preflight request doesn't pass access control check: The 'Access-Control-Allow-Origin' header has a value '…'",
            ),
            Rule(
                "PC3",
                "The preflight's answer allows credentials",
                "As C3, with the credentials mode of the request that is to follow, although the preflight itself carries no cookie.",
                _CHECK,
                "Response to preflight request doesn't pass access control check: The value of the "
                "'Access-Control-Allow-Credentials' header",
            ),
        ),
    ),
    RuleGroup(
        "preflight",
        "The preflight",
        "`OPTIONS` with the method and the header names that are to follow. Checked in this order.",
        (
            Rule(
                "P0",
                "It is not redirected",
                "A redirect of `OPTIONS` is never followed. The usual causes are a missing slash at the end of the path "
                "and http turned into https.",
                _PREFLIGHT,
                "Redirect is not allowed for a preflight request.",
            ),
            Rule(
                "P1",
                "Its status is 200 to 299",
                "401, 403, 404, 405 and 304 fail. A preflight carries no cookie and no token, so a server that asks it to "
                "sign in can never be called.",
                _PREFLIGHT,
                "It does not have HTTP ok status.",
            ),
            Rule(
                "P2",
                "Its lists are lists",
                "`Access-Control-Allow-Methods` and `-Headers` are names parted by commas. One entry with a space, a "
                "semicolon or quotes spoils the whole answer.",
                FETCH + "#http-new-header-syntax",
                "Cannot parse Access-Control-Allow-Headers response header field in preflight response.",
            ),
            Rule(
                "P3",
                "The method is listed",
                "Capitals count. `GET`, `HEAD` and `POST` need no listing, and `*` covers all methods when there are no "
                "credentials. The `Allow` header plays no part.",
                _PREFLIGHT,
                "Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.",
            ),
            Rule(
                "P4",
                "Authorization is listed by name",
                "By the standard `*` does not cover it. Today's browsers let it pass, and may stop doing so.",
                _PREFLIGHT,
                "Request header field authorization is not allowed by Access-Control-Allow-Headers in preflight response.",
            ),
            Rule(
                "P5",
                "Every other header is listed",
                "Capitals do not count here. `*` covers all without credentials; with them it is a header of that name. "
                "There are no patterns such as `X-*`.",
                _PREFLIGHT,
                "Request header field x-workspace-id is not allowed by Access-Control-Allow-Headers in preflight response.",
            ),
            Rule(
                "P6",
                "Passing proves nothing for the answer",
                "The CORS check runs again on the answer to the request itself.",
                _MAIN,
            ),
            Rule(
                "P7",
                "Browsers remember it",
                "For `Access-Control-Max-Age` seconds, 5 without the header, at most 7200 in Chromium. It is kept per URL "
                "with its query, so ids in the path ask anew.",
                FETCH + "#cors-preflight-cache",
            ),
        ),
    ),
    RuleGroup(
        "reading",
        "Reading the answer",
        "",
        (
            Rule(
                "X1",
                "Few headers are readable",
                "A script reads `Cache-Control`, `Content-Language`, `Content-Length`, `Content-Type`, `Expires`, "
                "`Last-Modified` and `Pragma`. Others must be in `Access-Control-Expose-Headers`; `*` works there without "
                "credentials. `Set-Cookie` is never readable.",
                FETCH + "#cors-safelisted-response-header-name",
            ),
        ),
    ),
    RuleGroup(
        "cookies",
        "Cookies",
        "A second gate, apart from the CORS headers: a call can be allowed and still travel without its session.",
        (
            Rule(
                "K1",
                "Across origins cookies need include",
                "With `same-origin`, the default, no cookie is sent to another origin, and none that it sets is kept.",
                FETCH + "#concept-request-credentials-mode",
            ),
            Rule(
                "K2",
                "Same site is wider than same origin",
                "Another port or a sibling subdomain is the same site: `SameSite=Lax` and `Strict` cookies travel. "
                "`localhost` and `127.0.0.1` are different sites.",
                COOKIES,
            ),
            Rule(
                "K3",
                "Across sites only SameSite=None",
                "The cookie must be `SameSite=None; Secure`, and the browser must accept cookies of third parties. `http` "
                "and `https` of one host are different sites.",
                COOKIES,
            ),
            Rule(
                "K4",
                "None needs Secure, Secure needs https",
                "`SameSite=None` without `Secure` is thrown away, and so is `Secure` over plain http, except on localhost.",
                COOKIES,
            ),
            Rule(
                "K5",
                "Partitioned cookies",
                "With `Partitioned` a cookie works across sites even where third parties are blocked, once per site around it.",
                "https://developer.mozilla.org/docs/Web/Privacy/Guides/Privacy_sandbox/Partitioned_cookies",
            ),
            Rule(
                "K6",
                "Third parties by default",
                "Chrome accepts their cookies except in private windows; Safari and Firefox block or part them.",
                COOKIES,
            ),
            Rule(
                "K7",
                "Preflights carry none",
                "No cookie, no token. A server that wants to know who asks must let `OPTIONS` pass.",
                _PREFLIGHT,
            ),
            Rule(
                "K8",
                "WebSockets carry cookies without CORS",
                "Any page may open a socket, and the cookies travel by the rules above. The server must look at `Origin` itself.",
                "https://websockets.spec.whatwg.org/#concept-websocket-establish",
            ),
            Rule(
                "K9",
                "Origin is sent with every write",
                "Also to the own origin, on everything but `GET` and `HEAD`. Servers compare it against forged forms.",
                FETCH + "#origin-header",
            ),
        ),
    ),
    RuleGroup(
        "redirects",
        "Redirects",
        "",
        (
            Rule(
                "D1",
                "The redirect itself is checked first",
                "A redirect without CORS headers is the error, not its target. Then the redirect mode decides: `error` "
                "fails, `manual` stops there.",
                _REDIRECT,
            ),
            Rule(
                "D2",
                "Location must be a URL",
                "Without one, the redirect is the answer. One that cannot be parsed is an error.",
                _REDIRECT,
                "net::ERR_INVALID_REDIRECT",
            ),
            Rule(
                "D3",
                "Redirects lead to http or https",
                "Any other scheme is refused.",
                _REDIRECT,
                "net::ERR_UNSAFE_REDIRECT",
            ),
            Rule(
                "D4",
                "At most 20",
                "Then the browser gives up.",
                _REDIRECT,
                "net::ERR_TOO_MANY_REDIRECTS",
            ),
            Rule(
                "D5",
                "No password in the target",
                "A target with a user name or password is refused across origins.",
                _REDIRECT,
                "Redirect location '…' contains a username and password, which is disallowed for cross-origin requests.",
            ),
            Rule(
                "D6",
                "Chromium refuses passwords everywhere",
                "In every mode, and on the same origin too. The standard allows that.",
                _REDIRECT,
            ),
            Rule(
                "D7",
                "Two foreign hops lose the origin",
                "When one foreign origin redirects to another, the browser sends `Origin: null` from there on. Only `*` "
                "or `null` can allow that.",
                _REDIRECT,
            ),
            Rule(
                "D8",
                "Each hop has its own preflight",
                "A call that needs a preflight asks again at the new URL.",
                _REDIRECT,
            ),
            Rule(
                "D9",
                "Some redirects change the method",
                "301 and 302 turn `POST` into `GET`, 303 everything but `HEAD`. Body and Content headers go with it. 307 and 308 keep all.",
                _REDIRECT,
            ),
            Rule(
                "D10",
                "Authorization stays behind",
                "It is removed when the origin changes, also from http to https.",
                _REDIRECT,
            ),
        ),
    ),
    RuleGroup(
        "around",
        "Gates around CORS",
        "",
        (
            Rule(
                "R1",
                "Cross-Origin-Resource-Policy",
                "It keeps answers of mode `no-cors` from other origins or sites. CORS calls ignore it.",
                FETCH + "#cross-origin-resource-policy-header",
                "net::ERR_BLOCKED_BY_RESPONSE.NotSameOrigin",
            ),
            Rule(
                "R2",
                "Cross-Origin-Embedder-Policy",
                "A page with `require-corp` loads foreign resources only with CORS or a policy that says `cross-origin`.",
                "https://html.spec.whatwg.org/multipage/browsers.html#coep",
            ),
            Rule(
                "R3",
                "Opaque responses of the wrong type",
                "JSON, HTML or SVG as a foreign script, and anything but an image as a foreign image, is blocked.",
                FETCH + "#orb",
            ),
            Rule(
                "T1",
                "Mixed content",
                "A page on https cannot call http, except on loopback addresses.",
                "https://w3c.github.io/webappsec-mixed-content/",
                "Mixed Content: The page at 'https://…' was loaded over HTTPS, but requested an insecure resource",
            ),
            Rule(
                "T2",
                "The local network",
                "A public page needs https and a permission to call a local or loopback address.",
                "https://wicg.github.io/local-network-access/",
                "Permission was denied for this request to access the `local` address space.",
            ),
            Rule(
                "T3",
                "Content-Security-Policy",
                "`connect-src` is looked at before all of this, and again at each redirect.",
                "https://w3c.github.io/webappsec-csp/#directive-connect-src",
            ),
            Rule(
                "T4",
                "Strict-Transport-Security",
                "It may turn http into https before anything is checked.",
                "https://www.rfc-editor.org/rfc/rfc6797",
            ),
            Rule(
                "T5",
                "Scripts and fonts",
                "Module scripts, fonts and elements with `crossorigin` are CORS requests. On another origin they need the header.",
                "https://html.spec.whatwg.org/multipage/urls-and-fetching.html#cors-settings-attributes",
            ),
        ),
    ),
)
BY_NUMBER = {rule.number: rule for group in GROUPS for rule in group.rules}


def title_of_rule(number: str) -> str:
    """Return a rule's title, or "" for a number that is none."""
    rule = BY_NUMBER.get(number)
    return rule.title if rule else ""
