"""The Content Security Policy: only our own scripts run, and of inline scripts only those of the built pages, by their hash.

Nonces are not possible, since the pages are static files. Styles need 'unsafe-inline': the component libraries insert <style>.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<text>.*?)</script>", re.S | re.I)
_SRC = re.compile(r"\ssrc\s*=", re.I)


def inline_script_hashes(html: str) -> set[str]:
    """Return the CSP sources ('sha256-…') of a page's inline scripts."""
    texts = (found["text"] for found in _SCRIPT.finditer(html) if not _SRC.search(found["attributes"]))
    return {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts if text}


def policy(script_hashes: Iterable[str], origins: Iterable[str], *, https: bool) -> str:
    """Return the policy's text. `origins`: our own; older Safaris do not count a WebSocket to the same host as 'self'.

    Nothing of ours may be framed. A page that is made to be embedded elsewhere, as a status widget is, must not be one of the built
    pages, and needs its own policy with `frame-ancestors *`, no X-Frame-Options, no cookie read and no script: the guard would choose
    both by the path, in `hardened`.
    """
    sockets = sorted({origin.replace("http", "ws", 1) for origin in origins})
    return "; ".join(
        [
            "default-src 'self'",
            " ".join(["script-src 'self'", *sorted(script_hashes)]),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self' data:",
            " ".join(["connect-src 'self'", *sockets]),
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            *(["upgrade-insecure-requests"] if https else []),
        ]
    )


class BuiltPages:
    """The hashes of the pages that Reflex built, read when the build changes."""

    def __init__(self, build: Path) -> None:
        self._build = build
        self._read_at_ns = -1
        self._hashes: frozenset[str] = frozenset()

    def script_hashes(self) -> frozenset[str]:
        try:
            built_at_ns = (self._build / "index.html").stat().st_mtime_ns
        except OSError:
            return frozenset()  # not built yet, or the frontend is served elsewhere
        if built_at_ns != self._read_at_ns:
            pages = self._build.rglob("*.html")
            self._hashes = frozenset().union(*(inline_script_hashes(page.read_text("utf-8")) for page in pages))
            self._read_at_ns = built_at_ns
        return self._hashes
