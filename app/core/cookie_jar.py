"""A cookie jar: what a visitor's browser keeps between the steps of a flow. Judged by `app.core.cookies`, as top-level visits."""

from dataclasses import replace

from app.core import cookies
from app.core.cookies import Cookie, Stored
from app.core.exchange import Headers, header_values

MAX_COOKIES = 200  # RFC 6265, 6.1: at least 50 a domain; a flow visits few
MAX_HEADER_CHARS = 16_000


class Jar:
    """The cookies of one visit. Times are seconds since the epoch and given by the caller."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str, bool], Cookie] = {}

    def take(self, headers: Headers, url: str, now: float) -> None:
        """Keep what a response sets; what a browser refuses is left out, what has expired goes."""
        for line in header_values(headers, "set-cookie"):
            judged = cookies.stored(line, response_url=url, now=now)
            if not isinstance(judged, Stored):
                continue
            cookie = judged.cookie
            key = (cookie.name, cookie.domain, cookie.path, cookie.host_only)
            if judged.removes:
                self._cookies.pop(key, None)
                continue
            before = self._cookies.get(key)
            # RFC 6265, 5.3: a cookie that is set anew keeps its age, by which cookies are ordered.
            self._cookies[key] = replace(cookie, created_at=before.created_at) if before else cookie
            if len(self._cookies) > MAX_COOKIES:
                del self._cookies[next(iter(self._cookies))]

    def header(self, url: str, now: float) -> str:
        """Return the value of the Cookie header for a request: longer paths first, then older cookies (RFC 6265, 5.4); "" for none."""
        fit = [
            cookie for cookie in self._cookies.values() if cookies.travels(cookie, url, page_url=None, now=now, kind="navigation").allowed
        ]
        fit.sort(key=lambda cookie: (-len(cookie.path), cookie.created_at))
        pairs: list[str] = []
        room = MAX_HEADER_CHARS
        for cookie in fit:
            pair = f"{cookie.name}={cookie.value}" if cookie.name else cookie.value
            room -= len(pair) + 2
            if room < 0:
                break
            pairs.append(pair)
        return "; ".join(pairs)

    def value(self, name: str) -> str | None:
        """Return the value of the cookie of this name that was set last; None when there is none."""
        return next((cookie.value for cookie in reversed(self._cookies.values()) if cookie.name == name), None)

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(cookie.value for cookie in self._cookies.values())
