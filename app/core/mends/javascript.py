"""Mends in the frontend itself: the faulty call as it is written, with the fault put right."""

import re
from urllib.parse import urlsplit, urlunsplit

from app.core.findings import Framework, Mend
from app.core.mends import MendFacts, mend
from app.core.mends.literals import MOVED, answered_path, called_path, literal, moved_origin, secure_origin

_METHOD = re.compile(r"""(\bmethod["']?\s*:\s*["'`])([A-Za-z]+)(["'`])""")
THE_CALL = "in place of the call"


def _javascript(code: str, note: str, place: str = THE_CALL) -> Mend:
    return Mend(Framework.JAVASCRIPT, place, code, language="javascript", note=note)


def _written(facts: MendFacts) -> str:
    """Return the faulty call as the source has it, or "" when it was cut short or a secret in it was hashed."""
    code = facts.code
    whole = all(code.count(left) == code.count(right) for left, right in ("()", "[]", "{}"))
    return code if whole and "sha256:" not in code and "…" not in code else ""


def _rewritten(facts: MendFacts, old: str, new: str, instead: str) -> str:
    """Return the faulty call with `old` replaced, or a call of `instead` when the source is not known well enough."""
    # The old address may be the beginning of a longer one, which is not meant: "/api/items" in "/api/items/1".
    end = r"(?![\w/-])" if not old.endswith("/") else ""
    code, found = re.subn(re.escape(old) + end, lambda _: new, _written(facts)) if old else ("", 0)
    return code if found else f"fetch({literal(instead)})"


@mend("COR-07", Framework.JAVASCRIPT)
def write_methods_in_capitals(facts: MendFacts) -> Mend | None:
    """Only DELETE, GET, HEAD, OPTIONS, POST and PUT are put into capitals by fetch(): `patch` matches no allow-list."""
    written = _written(facts)
    code = _METHOD.sub(lambda found: found[1] + found[2].upper() + found[3], written)
    if code == written:
        return None
    return _javascript(code, "fetch() sends `patch` as it is written, and method names are compared with their case.")


def _slash(facts: MendFacts, note: str) -> Mend:
    answered = answered_path(facts)
    origin = facts.api_origin if facts.api_origin != facts.page_origin else ""
    return _javascript(_rewritten(facts, called_path(facts), answered, origin + answered), note)


@mend("COR-05", Framework.JAVASCRIPT)
def call_the_final_path(facts: MendFacts) -> Mend:
    if moved := moved_origin(facts):
        origin, path = _origin_and_path(facts.url)
        return _javascript(_replaced(facts, origin, moved, moved + path), MOVED)
    return _slash(facts, "This is the path that the server answers. A preflight follows no redirect.")


@mend("API-04", Framework.JAVASCRIPT)
def call_the_answered_path(facts: MendFacts) -> Mend:
    return _slash(facts, "This is the path that the server answers: no round trip lost, and a POST stays a POST.")


def _origin_and_path(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", urlunsplit(("", "", parts.path, parts.query, ""))


@mend("DEP-01", Framework.JAVASCRIPT)
def call_a_relative_url(facts: MendFacts) -> Mend:
    origin, path = _origin_and_path(facts.url)
    return _javascript(
        _replaced(facts, origin, "", path or "/api/"),
        "A relative URL goes to the page's own host, where the server must pass the API on (nginx mend). "
        "For an API on another host, set its public address when you build: `import.meta.env.VITE_API_URL` in Vite.",
    )


@mend("DEP-02", Framework.JAVASCRIPT)
def call_https(facts: MendFacts) -> Mend:
    origin, path = _origin_and_path(facts.url)
    secure = secure_origin(facts)
    return _javascript(
        _replaced(facts, origin, secure, secure + path),
        "An https page may not call http:// at all; the call is blocked before any redirect to https.",
    )


def _replaced(facts: MendFacts, origin: str, new: str, instead: str) -> str:
    written = _written(facts)
    return written.replace(origin, new) if origin and origin in written else f"fetch({literal(instead)})"
