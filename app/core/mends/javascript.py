"""Mends in the frontend itself, where the call is written."""

import re
from urllib.parse import urlsplit, urlunsplit

from app.core.findings import Framework, Mend
from app.core.mends import MendFacts, mend
from app.core.mends.literals import answered_path, called_path, literal, secure_origin

_METHOD = re.compile(r"""(\bmethod["']?\s*:\s*["'`])([A-Za-z]+)(["'`])""")
THE_CALL = "where the call is made"


def _javascript(code: str, note: str, place: str = THE_CALL) -> Mend:
    return Mend(Framework.JAVASCRIPT, place, code, language="javascript", note=note)


def _rewritten(facts: MendFacts, old: str, new: str) -> str:
    """Return the faulty line with the address replaced, or a line that calls the new one when the line is not known."""
    # The old address may be the beginning of a longer one, which is not meant: "/api/items" in "/api/items/1".
    end = r"(?![\w/-])" if not old.endswith("/") else ""
    pattern = re.compile(re.escape(old) + end)
    if old and pattern.search(facts.code):
        return pattern.sub(lambda _: new, facts.code)
    return f"const response = await fetch({literal(new)});"


@mend("COR-07", Framework.JAVASCRIPT)
def write_methods_in_capitals(facts: MendFacts) -> Mend | None:
    """Only DELETE, GET, HEAD, OPTIONS, POST and PUT are put into capitals by fetch(): `patch` matches no allow-list."""
    code = _METHOD.sub(lambda found: found[1] + found[2].upper() + found[3], facts.code)
    if code == facts.code:
        return None
    return _javascript(code, "fetch() sends `patch` as it is written, and method names are compared with their case.")


def _slash(facts: MendFacts, note: str) -> Mend:
    called, answered = called_path(facts), answered_path(facts)
    known = _rewritten(facts, called, answered)
    if facts.code and called in facts.code:
        return _javascript(known, note)
    origin = facts.api_origin if facts.api_origin != facts.page_origin else ""
    return _javascript(f"const response = await fetch({literal(origin + answered)});", note)


@mend("COR-05", Framework.JAVASCRIPT)
def call_the_final_path(facts: MendFacts) -> Mend:
    target = urlsplit(facts.location)
    if target.netloc and f"{target.scheme}://{target.netloc}" != facts.api_origin:
        final = urlunsplit((target.scheme, target.netloc, target.path, "", ""))
        return _javascript(_rewritten(facts, facts.url, final), "This is where the redirect leads. A preflight follows none.")
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
    code = facts.code.replace(origin, "") if origin in facts.code else f"const response = await fetch({literal(path or '/api/')});"
    return _javascript(
        code,
        "A relative URL goes to the page's own host, where the server must pass the API on (nginx mend). "
        "For an API on another host, set its public address when you build: `import.meta.env.VITE_API_URL` in Vite.",
    )


@mend("DEP-02", Framework.JAVASCRIPT)
def call_https(facts: MendFacts) -> Mend:
    origin, path = _origin_and_path(facts.url)
    secure = secure_origin(facts)
    code = facts.code.replace(origin, secure) if origin in facts.code else f"const response = await fetch({literal(secure + path)});"
    return _javascript(code, "An https page may not call http:// at all; the call is blocked before any redirect to https.")
