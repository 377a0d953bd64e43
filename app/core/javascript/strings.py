"""What the text of a script says without its structure: URLs, login addresses, storage keys, headers that are read, secrets to hide."""

import re
from collections.abc import Iterator

from app.core.redact import redact_text
from app.core.urls import is_private_host, parse

MAX_LITERALS = 60
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|\r?\n|(.))", re.S)
_SINGLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
# All three quotes: minifiers write strings as templates too. A hole ends what is known of the URL.
_URL = re.compile(r"""(["'`])((?:https?|wss?)://[^"'`\\\s<>{}$]{1,300})(\$\{|["'`\\])""", re.I)
# A comment begins after a blank or a sign that ends something: not "*/*", "image/*" or "https://". Quotes before it must be closed.
_BLOCK_COMMENT = re.compile(r"(?:^|[\s;{}(),])/\*(?!.*\*/)", re.S)
_LINE_COMMENT = re.compile(r"(?:^|[\s;{}(),])//")
COMMENT_CHARS = 2_000  # looked back for the beginning of a comment
_OAUTH = re.compile(
    r"""(?:https?://[^"'`\s<>]{1,200}?)?/(?:[\w.-]+/){0,4}?(?:oauth2?|auth|login|accounts|social|connect|sso|signin)/"""
    r"""(?:[\w.-]+/){0,3}?(google|github|gitlab|facebook|microsoft|azure|twitter|apple|discord|linkedin|keycloak|okta|auth0|oidc)"""
    r"""(?:/(?:login|start|authorize|signin|begin|redirect))?/?(?=$|[?#])""", re.I)  # fmt: skip
_OAUTH_REVERSED = re.compile(
    r"""(?:https?://[^"'`\s<>]{1,200}?)?/(?:[\w.-]+/){0,3}?(google|github|gitlab|facebook|microsoft|discord|linkedin|auth0|okta)/"""
    r"""(?:login|auth|authorize|signin|start)/?(?=$|[?#])""", re.I)  # fmt: skip
_SPRING = re.compile(r"(?:https?://[^/]{1,200})?/(?:[\w.-]+/){0,3}?oauth2/authorization/([\w-]{2,30})/?(?=$|[?#])", re.I)
_PROVIDERS = (
    ("google", re.compile(r"https://accounts\.google\.com/o/oauth2/", re.I)),
    ("github", re.compile(r"https://github\.com/login/oauth/authorize", re.I)),
    ("microsoft", re.compile(r"https://login\.microsoftonline\.com/[^/]+/oauth2/", re.I)),
    ("gitlab", re.compile(r"https://gitlab\.com/oauth/authorize", re.I)),
    ("discord", re.compile(r"https://discord\.com/(?:api/)?oauth2/authorize", re.I)),
    ("facebook", re.compile(r"https://www\.facebook\.com/(?:v[\d.]+/)?dialog/oauth", re.I)),
)
_QUOTED_PATH = re.compile(r"""(["'`])((?:https?://[^"'`\s\\<>{}$]{3,200}|/)[^"'`\s\\<>{}$]{3,200})\1""")
_PRELOAD_MAP = re.compile(r"__vite__mapDeps.{0,300}?\[((?:\s*[\"'`][^\"'`\]]{1,200}[\"'`]\s*,?)+)\]", re.S)
_QUOTED = re.compile(r"""["'`]([^"'`]{1,200})["'`]""")
_BARE_SECRET = re.compile(r"""(["'`])(?:Bearer|Basic|Token|JWT)\s+[^"'`$]{4,}\1|(["'`])(?=[A-Za-z_\-+/=.]*\d)[A-Za-z0-9_\-+/=.]{24,}\2""")
_NOT_AN_API = re.compile(
    r"(?:^|\.)(?:w3\.org|react\.dev|reactjs\.org|vuejs\.org|svelte\.dev|angular\.dev|angular\.io|nextjs\.org|nuxt\.com|vite\.dev|vitejs\.dev|"
    r"github\.com|github\.io|githubusercontent\.com|npmjs\.com|mozilla\.org|schema\.org|mui\.com|ogp\.me|jquery\.com|jquery\.org|json-schema\.org|"
    r"developers\.google\.com|fonts\.googleapis\.com|fonts\.gstatic\.com|cdn\.jsdelivr\.net|unpkg\.com|cdnjs\.cloudflare\.com|stackoverflow\.com|"
    r"wikipedia\.org|webpack\.js\.org|babeljs\.io|redux\.js\.org|redux-toolkit\.js\.org|reactrouter\.com|tailwindcss\.com|radix-ui\.com|"
    r"momentjs\.com|lodash\.com|openjsf\.org|apache\.org|opensource\.org|creativecommons\.org|goo\.gl|bit\.ly|fb\.me|example\.com|a|b|n|x|y|host|url)$"
)
_API_PATH = re.compile(
    r"(?:^|/)(?:api|apis|graphql|rest|rpc|ws|wss|socket|sockets|socket\.io|auth|oauth2?|v\d+|events|stream)(?:/|$|\?)", re.I
)
_API_HOST = re.compile(r"(?:^|[.-])(?:api|backend|ws|socket|rest|gateway|graphql|auth|server)[.\d-]|ngrok|loca\.lt|trycloudflare", re.I)
# How routers fold slashes where they join paths.
_SLASHES = {r"\/+": r"/+", r"\/\/+": r"//+", r"\/{2,}": r"//+", r"[\\/]{2,}": r"[\\/]{2,}"}
_SAFE_PATTERN = re.compile(r"\^?(?:[A-Za-z:]|\\/|\(?[a-z]\)?\?){1,20}\$?")


def unescape(text: str) -> str:
    """Return the string that a JavaScript literal's inside stands for."""
    if "\\" not in text:
        return text

    def single(match: re.Match[str]) -> str:
        code = match[1] or match[2] or match[3]
        if code:
            number = int(code, 16)
            return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\ufffd"
        return _SINGLE.get(match[4], match[4]) if match[4] else ""

    return _ESCAPE.sub(single, text)


def replace_text(text: str, pattern: str, replacement: str) -> str | None:
    """Return `text.replace(pattern, replacement)`; `pattern` as written ("'a'" or "/^http/"). None for patterns that are not simple."""
    if not pattern.startswith("/"):
        return text.replace(unescape(pattern[1:-1]), replacement, 1)
    body, _, flags = pattern[1:].rpartition("/")
    if body in (r"\/$", r"\/+$", r"\/*$"):
        return text.rstrip("/") + replacement if text.endswith("/") else text
    if body in _SLASHES:
        return re.sub(_SLASHES[body], lambda _: replacement, text, count=0 if "g" in flags else 1)
    # Only patterns that cannot run away: letters, colons, slashes, single optional characters.
    if len(body) > 30 or not _SAFE_PATTERN.fullmatch(body):
        return None
    try:
        return re.sub(body, lambda _: replacement.replace("$1", ""), text, count=0 if "g" in flags else 1)
    except re.error:
        return None


def excerpt_of(text: str) -> str:
    """Return at most 200 characters of source on one line, with what looks like a secret replaced."""
    line = " ".join(text[:600].split())
    line = redact_text(_BARE_SECRET.sub(lambda match: f"{match[1] or match[2]}…{match[1] or match[2]}", line))
    return line if len(line) <= 200 else f"{line[:199]}…"


def is_api_literal(url: str) -> bool:
    """Whether an absolute URL in a script looks like the address of an API or a WebSocket, not like a link or a namespace.

    axios and Angular carry a bare "http://localhost", frameworks link to their documentation, SVG names w3.org: none of these is a call.
    """
    parsed = parse(url)
    if parsed is None or not parsed.hostname:
        return False
    host = parsed.hostname
    if _NOT_AN_API.search(host):
        return False
    if parsed.protocol in ("ws:", "wss:"):
        return True
    path = parsed.pathname.rstrip("/")
    if is_private_host(host):
        return bool(parsed.port or path)
    return bool(_API_HOST.search(host) or _API_PATH.search(parsed.pathname) or parsed.port)


def url_literals(source: str) -> Iterator[tuple[str, str]]:
    """Yield (url, excerpt) of absolute URLs that look like an API's, each once."""
    seen: set[str] = set()
    for match in _URL.finditer(source):
        url = match[2]
        if url not in seen and len(seen) < MAX_LITERALS and is_api_literal(url) and not _is_commented(source, match.start()):
            seen.add(url)
            yield url, excerpt_of(source[max(0, match.start() - 40) : match.end() + 80])


def _is_commented(source: str, position: int) -> bool:
    before = source[max(0, position - COMMENT_CHARS) : position]
    if _BLOCK_COMMENT.search(before) and "*/" in source[position : position + COMMENT_CHARS]:
        return True
    line = before.rpartition("\n")[2]
    comment = _LINE_COMMENT.search(line)
    return comment is not None and not any(line.count(quote, 0, comment.start()) % 2 for quote in "\"'`")


def oauth_provider(url: str) -> str | None:
    """Return the provider when a URL starts an OAuth login ("google"), "" when it does but does not say, else None."""
    for provider, pattern in _PROVIDERS:
        if pattern.match(url):
            return provider
    for pattern in (_SPRING, _OAUTH, _OAUTH_REVERSED):
        match = pattern.match(url)
        if match:
            return match[1].lower()
    return None


def oauth_starts(source: str) -> Iterator[tuple[str, str, str]]:
    """Yield (url as written, provider, excerpt) of login addresses in a script."""
    seen: set[str] = set()
    for match in _QUOTED_PATH.finditer(source):
        url = match[2]
        provider = oauth_provider(url)
        if provider is not None and "callback" not in url and url not in seen and len(seen) < 10:
            seen.add(url)
            yield url, provider, excerpt_of(source[max(0, match.start() - 60) : match.end() + 40])


def preloaded_chunks(source: str) -> tuple[str, ...]:
    """Return the files that Vite's `__vite__mapDeps` lists, as written ("assets/x-hash.js")."""
    match = _PRELOAD_MAP.search(source[:200_000])
    return tuple(dict.fromkeys(quoted[1] for quoted in _QUOTED.finditer(match[1]))) if match else ()
