# ruff: noqa: E501 - tables
"""Random fetch() calls with random answers, in the vectors' format: mostly sensible, then bent in a few places."""

import random
from typing import Any

PAGE = "http://app.test"
ORIGINS = (PAGE, "http://app.test:8080", "http://api.app.test", "http://api.test", "http://cdn.other.test")
METHODS = ("GET", "GET", "GET", "POST", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
ODD_METHODS = (
    "get", "Get", "post", "put", "Delete", "patch", "Patch", "options", "head", "query", "QUERY", "Egg", "PROPFIND", "x-y", "GETX",
    "TRACE", "trace", "Connect", "TRACK", "GE T", "", "G(T", "M'", "SÉ",
)  # fmt: skip
LONG = "a" * 128
REQUEST_HEADERS = (
    ("X-Custom", "1"), ("X-Custom", ""), ("x-custom", "a, b"), ("X-A", "1"), ("X-B", "2"), ("X-Requested-With", "XMLHttpRequest"),
    ("Authorization", "Bearer x"), ("authorization", ""), ("Authorization", "Basic eDp5"), ("Content-Type", "application/json"),
    ("Content-Type", "text/plain"), ("content-type", "TEXT/Plain"), ("Content-Type", "text/plain;charset=utf-8"),
    ("Content-Type", 'text/plain;charset="utf-8"'), ("Content-Type", "multipart/form-data"), ("Content-Type", "text/plain ;x=y"),
    ("Content-Type", "application/x-www-form-urlencoded"), ("Content-Type", ""), ("Content-Type", "text/plain x"),
    ("Content-Type", "text/plain, text/plain"), ("Content-Type", "text/plain,"), ("Content-Type", ";text/plain"),
    ("Content-Type", "text/plain\t;x"), ("Content-Type", "text/plain;x=\u00e9"), ("Content-Type", "text"), ("Content-Type", "*/*"),
    ("Content-Type", "text/plain;" + "b" * 117), ("Content-Type", "text/plain;" + "b" * 118), ("Content-Type", "text /plain"),
    ("Content-Type", "text/ plain"), ("Content-Type", "/"), ("Content-Type", " text/plain "), ("Content-Type", "text/plain\x01"),
    ("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8, text/plain"), ("Content-Type", "text/html"),
    ("Accept", "application/json"), ("Accept", "*/*"), ("Accept", LONG), ("Accept", LONG + "a"), ("Accept", ""), ("Accept", "a:b"),
    ("Accept", "text/html;q=0.9"), ("Accept", 'a"b'), ("Accept", "a\tb"), ("Accept", "\u00e9"), ("Accept", "a\x7fb"), ("Accept", "a{b"),
    ("accept", "a@b"), ("Accept", "(x)"), ("Accept", "[1]"), ("Accept", "a\\b"), ("Accept", "a?b"), ("Accept", "a<b"), ("Accept", "=a,b"),
    ("Accept-Language", "en-US,en;q=0.5"), ("Accept-Language", "en_US"), ("Accept-Language", ""), ("Accept-Language", "\u00e9"),
    ("Accept-Language", "*"), ("Content-Language", "de"), ("Content-Language", "de/at"), ("Content-Language", "de-AT, fr"),
    ("Range", "bytes=0-"), ("Range", "bytes=0-10"), ("Range", "bytes=10-0"), ("Range", "bytes=-5"), ("Range", "bytes=0-1,2-3"),
    ("Range", "Bytes=0-1"), ("Range", "bytes = 0-1"), ("Range", "bytes=0 -1"), ("Range", "bytes=0-10,"), ("Range", "bytes=00-01"),
    ("Range", "bytes=0--1"), ("Range", "bytes=+0-+1"), ("Range", "bytes=9223372036854775807-"), ("Range", "bytes=9223372036854775808-"),
    ("Range", "bytes=0-99999999999999999999"), ("Range", "bytes="), ("Range", "bytes=-"), ("Range", ""), ("Range", "bytes=5-5"),
    ("range", "bytes=a-b"), ("Range", "bytes=0-1;x"), ("Range", "bytes=-0"),
    ("Cookie", "a=b"), ("Origin", "http://evil.test"), ("Host", "x"), ("Sec-Foo", "1"), ("Proxy-Foo", "1"), ("DNT", "1"), ("Date", "x"),
    ("Referer", "x"), ("Set-Cookie", "a=b"), ("Cookie2", "x"), ("TE", "trailers"), ("Trailer", "x"), ("Via", "x"), ("Upgrade", "x"),
    ("Accept-Charset", "utf-8"), ("Accept-Encoding", "gzip"), ("Connection", "close"), ("Content-Length", "5"), ("Expect", "x"),
    ("Keep-Alive", "x"), ("Transfer-Encoding", "chunked"), ("Access-Control-Request-Method", "PUT"), ("Sec-", "1"), ("Proxy-", "1"),
    ("Access-Control-Request-Headers", "x"), ("Access-Control-Request-Foo", "x"), ("Access-Control-Request-Private-Network", "true"),
    ("Access-Control-Request-Local-Network", "true"), ("Access-Control-Allow-Origin", "*"),
    ("X-HTTP-Method-Override", "PUT"), ("X-HTTP-Method-Override", "TRACE"), ("X-Method-Override", "GET, trace"),
    ("X-HTTP-Method", "connect,x"), ("X-HTTP-Method", '"TRACE"'), ("X-HTTP-Method", "TRACEX"), ("X-Method-Override", ""),
    ("User-Agent", "me"), ("User-Agent", "u" * 200), ("User-Agent", "\u00e9(x)"), ("Save-Data", "on"), ("Save-Data", "ON"), ("Save-Data", "off"), ("Save-Data", ""), ("DPR", "2.0"), ("DPR", "x"),
    ("DPR", ""), ("DPR", "1e3"), ("DPR", "-1"), ("DPR", "+1"), ("DPR", ".5"), ("DPR", "5."), ("DPR", "1,5"), ("DPR", "inf"), ("DPR", "nan"),
    ("DPR", "1e999"), ("DPR", "0x10"), ("DPR", "1 "), ("Device-Memory", "8"), ("Device-Memory", "eight"), ("Downlink", "1.5"),
    ("Downlink", "1.5.5"), ("Width", "100"), ("Width", "1.5"), ("Width", "-3"), ("Width", "+3"), ("Width", "99999999999"), ("Width", ""),
    ("Viewport-Width", "320"), ("Viewport-Width", "wide"), ("RTT", "50"), ("RTT", "5.0"), ("ECT", "4g"), ("ECT", "4G"), ("ECT", "5g"),
    ("ECT", "slow-2g"), ("ECT", ""), ("Intervention", "<x>"), ("Intervention", ""), ("Lang", "en"), ("Sec-CH-DPR", "1"), ("Purpose", "x"),
    ("Upgrade-Insecure-Requests", "1"), ("If-None-Match", '"x"'), ("If-Modified-Since", "x"), ("If-Range", "x"), ("Cache-Control", "no-cache"),
    ("Pragma", "no-cache"), ("traceparent", "00-x"), ("Priority", "u=1"), ("Last-Event-ID", "1"), ("Content-Encoding", "gzip"),
    ("Content-Location", "/x"), ("Content-Disposition", "x"), ("Forwarded", "x"), ("X-Forwarded-For", "1.2.3.4"), ("Early-Data", "1"),
    ("Accept-CH", "DPR"), ("Critical-CH", "DPR"), ("Sec", "1"), ("Proxy", "1"), ("Link", "x"), ("Warning", "x"), ("From", "x"),
    ("Want-Digest", "x"), ("If-Match", "x"), ("Max-Forwards", "1"), ("NEL", "x"), ("Device-Memory", "0.25"), ("Service-Worker", "script"),
    ("Service-Worker-Navigation-Preload", "true"), ("Ping-To", "x"), ("Last-Modified", "x"), ("Age", "1"), ("Idempotency-Key", "x"),
)  # fmt: skip
BAD_HEADERS = (
    ("X Y", "1"),
    ("", "1"),
    ("X:", "1"),
    ("X-\u00e9", "1"),
    ("X-N", "a\nb"),
    ("X-Z", "a\x00b"),
    ("X-U", "\u20ac"),
    ("X-T", "\t1 \n"),
)
BODIES = (
    {"kind": "text"}, {"kind": "urlencoded"}, {"kind": "multipart"}, {"kind": "bytes"}, {"kind": "blob", "type": ""},
    {"kind": "blob", "type": "application/json"}, {"kind": "blob", "type": "text/plain"}, {"kind": "blob", "type": "Text/Plain;X=Y"},
    {"kind": "blob", "type": "text/\u00e9"}, {"kind": "blob", "type": "x"}, {"kind": "blob", "type": "text/plain x"},
)  # fmt: skip
STATUSES = (200, 200, 200, 200, 201, 202, 203, 204, 205, 206, 226, 299, 300, 304, 305, 306, 310, 400, 401, 403, 404, 405, 406, 407, 409, 410,
            415, 416, 418, 421, 422, 425, 428, 429, 451, 499, 500, 501, 502, 503, 504, 511, 599)  # fmt: skip
REDIRECTS = (301, 302, 303, 307, 308)
PREFLIGHT_STATUSES = (
    200,
    204,
    204,
    204,
    200,
    201,
    205,
    206,
    299,
    300,
    301,
    302,
    303,
    304,
    307,
    308,
    400,
    401,
    403,
    404,
    405,
    421,
    500,
    502,
)
ORIGIN_VALUES = (
    "http://app.test/", "http://APP.test", "https://app.test", "http://app.test:80", "app.test", "http://*.test", "*.app.test",
    "http://app.test, http://api.test", "http://app.test http://api.test", '"*"', "'http://app.test'", "", "NULL", "Null", "**", "* ", "*,*",
    "*, *", "http://app.test,", "http://app.test\u00e9", "null, null", "any", "http://app.test:8080", "http://api.app.test", "undefined",
    "http://app.test:", "HTTP://app.test", "http://app.test.", "file://", "data:x", "http://", "http://app.test#", "(null)", "\u00a0*",
    "http:app.test", "http:///app.test", "//app.test", "[object Object]", "true", "http://app.test;", "http://app.test:99999", "http://%61pp.test",
)  # fmt: skip
CREDENTIAL_VALUES = ("true", "true", "true", "True", "TRUE", "1", "", "false", "true, true", " true\t", '"true"', "true;", "yes")
METHOD_LISTS = (
    "GET", "GET, POST, PUT, DELETE, PATCH, OPTIONS, HEAD", "put", "*", "", ",", " , PUT ,, ", "PUT DELETE", "PUT; DELETE", '"PUT"', "[PUT]",
    "PUT,DELETE", "PUT,\tDELETE", "patch, Patch, query, Egg, x-y", "GET\u00e9", "PUT, *", "**", "'PUT'", "PUT, (x)", "DELETE", "PATCH, PUT",
    "GET, HEAD, POST", "PUT,,", "PUT , , DELETE", "P\u00a0UT", "!#$%&'*+.^_`|~", "PUT=1", "PUT/DELETE", "QUERY, PROPFIND, GETX, OPTIONS",
)  # fmt: skip
HEADER_LISTS = (
    "*", "X-Custom", "x-custom, content-type, authorization", "X-Custom, X-A, X-B, Content-Type, Authorization, X-Requested-With, Range, Accept",
    "", ",", "x-custom content-type", "X-*", '"x-custom"', "authorization", "content-type", "*, authorization", "*, Authorization, X-Custom",
    "Content-Type; X-Custom", "x-custom,,x-a", "X-CUSTOM", "*,*", "accept, accept-language, content-language, content-type, range",
    "x-a\u00e9", "x-custom\t, content-type", "[x-custom]", "(all)", "x-custom,", "x-http-method-override, x-method-override, x-http-method",
    "dpr, width, rtt, ect, downlink, device-memory, viewport-width, save-data",
)  # fmt: skip
EXPOSE_LISTS = ("*", "X-Total-Count", "x-total-count, etag", "", "*, X-Total-Count", "X Y", "Set-Cookie", "Date", "*,*", "etag,,link", '"*"',
                "X-Total-Count, X Y", "Server, Location", "Content-Disposition", "\u00e9", "set-cookie2, x-y", "ETAG", "x-nothing")  # fmt: skip
ANSWER_HEADERS = (
    ("X-Total-Count", "5"), ("ETag", '"x"'), ("Link", "<x>"), ("Set-Cookie", "a=b"), ("Set-Cookie2", "a=b"), ("Last-Modified", "x"),
    ("Expires", "0"), ("Pragma", "no-cache"), ("Content-Language", "de"), ("Retry-After", "1"), ("Vary", "Origin"), ("Location", "/c/x/y"),
    ("Content-Disposition", "attachment"), ("X-Y", ""), ("X-Request-ID", "1"), ("X-Request-ID", "2"),
    ("Content-Type", "application/json"), ("Cache-Control", "max-age=60"), ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-site"), ("Cross-Origin-Resource-Policy", "cross-origin"), ("Allow", "GET, PUT"),
    ("X-Content-Type-Options", "nosniff"), ("Timing-Allow-Origin", "*"), ("Access-Control-Max-Age", "600"), ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Resource-Policy", "Same-Origin"), ("Cross-Origin-Resource-Policy", "same-site, same-site"), ("Server", "x"), ("Date", "x"),
    ("Refresh", "0"), ("Proxy-Authenticate", "x"), ("Authorization", "x"), ("Accept-Ranges", "bytes"), ("Content-Range", "bytes 0-1/2"),
)  # fmt: skip
LOCATIONS = (
    "", "//[bad/", "http://", "data:text/plain,x", "ftp://api.test/", "http://u:p@{host}{path}", "http://u@{host}{path}", "//u:p@{host}{path}",
    "http://:@{host}{path}", "mailto:x", "javascript:1", "http://api.test:6000/x", "http://api.test:99999/", "about:blank", "blob:x", "http:{path}",
    "//{host}{path}", "{path}", " {url} ", "{url}#frag", "{url}?q=a b", "HTTP://{host}{path}", "\\\\{host}{path}", "{url}?\u00e9",
    "http:\\\\{host}{path}", "http://{upper}{path}", "{path}?x=%zz", "?q", "#f", ".", "http://{host}:80{path}", "http://api.test:0/", "file:///x",
    "http://api test/", "ws://{host}{path}", "http:///{host}{path}", "{path}/../1", "http://%61pi.test{path}", "/c/{id}/\u20ac", "http://api.test:6667/",
)  # fmt: skip


class Maker:
    """Makes cases from one seed; the same seed gives the same cases."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.count = 0

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def case(self) -> dict[str, Any]:
        """Return one case without `observed`."""
        pick = self.random.choice
        case_id = f"s{self.seed}-{self.count}"
        self.count += 1
        origin = "null" if self.chance(0.12) else PAGE
        mode = self.random.choices(("cors", "no-cors", "same-origin"), (0.84, 0.12, 0.04) if origin == PAGE else (0.7, 0.27, 0.03))[0]
        method = pick(ODD_METHODS) if self.chance(0.15) else pick(METHODS)
        if mode == "no-cors" and self.chance(0.8):
            method = pick(("GET", "POST", "post", "HEAD"))
        headers = [list(pick(REQUEST_HEADERS)) for _ in range(self.random.choices((0, 1, 2, 3, 6), (0.4, 0.3, 0.17, 0.1, 0.03))[0])]
        if headers and self.chance(0.1):
            headers.append(list(pick(headers)))
        if self.chance(0.02):
            headers.append(list(pick(BAD_HEADERS)))
        body = None
        if self.chance(0.5 if method.upper() not in ("GET", "HEAD") else 0.02):
            body = dict(pick(BODIES))
        credentials = self.random.choices(("same-origin", "omit", "include"), (0.5, 0.15, 0.35))[0]
        redirect = self.random.choices(("follow", "manual", "error"), (0.86, 0.08, 0.06))[0]
        hops = self.random.choices((1, 2, 3, 4, 6), (0.55, 0.22, 0.13, 0.07, 0.03))[0]
        if self.chance(0.004):
            hops = pick((20, 21, 22))
        origins = [pick(ORIGINS) if self.chance(0.75) else PAGE for _ in range(hops)]
        urls = [f"{host}/c/{case_id}/{index}" for index, host in enumerate(origins)]
        good = self.chance(0.55)
        sent = {name.lower() for name, _ in headers} | ({"content-type"} if body else set())
        context = {"origin": origin, "method": method, "names": sent, "credentials": credentials, "good": good, "origins": origins}
        responses = {}
        for index, url in enumerate(urls):
            following = urls[index + 1] if index + 1 < hops else None
            if following is not None and self.chance(0.04):
                following = pick(urls)  # a loop, or a hop skipped
            responses[url] = {"preflight": self._preflight(context, index), "actual": self._actual(context, index, following, case_id)}
        request = {
            "origin": origin, "url": urls[0], "method": method, "headers": headers, "body": body,
            "credentials": credentials, "mode": mode, "redirect": redirect,
        }  # fmt: skip
        if self.chance(0.01):
            request["url"] = pick((urls[0] + "#f", urls[0].replace("http://", "HTTP://"), urls[0] + "?a=b#c", urls[0].replace("//", "//u:p@", 1),
                                   "http://api.test:6000/", "http://[bad/", "ftp://api.test/", "http://api.test:25/x"))  # fmt: skip
        return {"id": case_id, "seed": self.seed, "request": request, "responses": responses}

    def _origin_headers(self, context: dict[str, Any], index: int) -> list[list[str]]:
        pick, origin = self.random.choice, context["origin"]
        tainted = origin == "null" or any(
            context["origins"][hop] != context["origins"][hop + 1] and context["origins"][hop] != origin for hop in range(index)
        )
        right = "null" if tainted else origin
        if self.chance(0.93 if context["good"] else 0.55):
            value = right if context["credentials"] == "include" or self.chance(0.5) else "*"
        elif self.chance(0.3):
            return []
        elif self.chance(0.4):
            value = pick(("*", origin, "null"))
        else:
            value = pick(ORIGIN_VALUES)
        found = [[pick(("Access-Control-Allow-Origin", "access-control-allow-origin")), value]]
        if self.chance(0.02):
            found.append(["Access-Control-Allow-Origin", pick((value, "*", "", origin))])
        return found

    def _credential_headers(self, context: dict[str, Any]) -> list[list[str]]:
        likely = context["credentials"] == "include"
        if not self.chance(0.92 if likely else 0.2):
            return []
        value = "true" if self.chance(0.85) else self.random.choice(CREDENTIAL_VALUES)
        found = [["Access-Control-Allow-Credentials", value]]
        return found * 2 if self.chance(0.01) else found

    def _list(self, name: str, good: str, lists: tuple[str, ...], share: float) -> list[list[str]]:
        if self.chance(share):
            value = good
        elif self.chance(0.2):
            return []
        else:
            value = self.random.choice(lists)
        found = [[name, value]]
        if self.chance(0.05):
            found.append([name, self.random.choice(lists)])
        return found

    def _preflight(self, context: dict[str, Any], index: int) -> dict[str, Any]:
        good = context["good"]
        status = 204 if self.chance(0.93 if good else 0.7) else self.random.choice(PREFLIGHT_STATUSES)
        headers = self._origin_headers(context, index) + self._credential_headers(context)
        methods = context["method"] if context["method"].isascii() else "PUT"
        if methods.upper() in ("DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"):
            methods = methods.upper()
        headers += self._list("Access-Control-Allow-Methods", methods, METHOD_LISTS, 0.8 if good else 0.4)
        headers += self._list("Access-Control-Allow-Headers", ", ".join(sorted(context["names"])), HEADER_LISTS, 0.75 if good else 0.3)
        if self.chance(0.1):
            headers.append(["Access-Control-Max-Age", self.random.choice(("0", "-1", "600", "x", "", "5", "1e3", " 10", "10, 20", "+5"))])
        if status in (301, 302, 303, 307, 308) and self.chance(0.8):
            headers.append(["Location", self.random.choice(("/c/x/y", "", "//[bad/", "http://api.test/"))])
        self.random.shuffle(headers)
        return {"status": status, "headers": headers}

    def _actual(self, context: dict[str, Any], index: int, following: str | None, case_id: str) -> dict[str, Any]:
        pick = self.random.choice
        headers = self._origin_headers(context, index) + self._credential_headers(context)
        headers += [list(pick(ANSWER_HEADERS)) for _ in range(self.random.choices((0, 1, 2, 4), (0.4, 0.3, 0.2, 0.1))[0])]
        if self.chance(0.4):
            headers += [["Access-Control-Expose-Headers", pick(EXPOSE_LISTS)]] * self.random.choices((1, 2), (0.95, 0.05))[0]
        if following is None:
            status = 200 if self.chance(0.5) else pick(STATUSES)
            if self.chance(0.06):
                status = pick(REDIRECTS)
                if self.chance(0.7):
                    headers.append(["Location", self._odd_location(f"{pick(ORIGINS)}/c/{case_id}/end", case_id)])
        else:
            status = pick(REDIRECTS) if self.chance(0.97) else pick(STATUSES)
            location = following if self.chance(0.9) else self._odd_location(following, case_id)
            headers.append([pick(("Location", "location")), location])
            if self.chance(0.01):
                headers.append(["Location", pick((location, "", "/c/x/y"))])
        self.random.shuffle(headers)
        return {"status": status, "headers": headers}

    def _odd_location(self, url: str, case_id: str) -> str:
        host, _, path = url.removeprefix("http://").partition("/")
        filled = self.random.choice(LOCATIONS)
        for name, value in (("url", url), ("host", host), ("path", "/" + path), ("upper", host.upper()), ("id", case_id)):
            filled = filled.replace("{" + name + "}", value)
        return filled
