"""Mends are made from a stranger's values and pasted by people: whatever those values are, the code stays code."""

import ast
import re

import pytest
import tree_sitter_javascript
from flask import Flask
from tree_sitter import Language, Parser

from app.core.findings import Framework, Mend
from app.core.mends import MendFacts, mends_for, registry
from app.core.mends.literals import answered_path, api_prefix, assets_prefix, guarded_prefix, unknown_prefix
from tests.mends.cases import CASES

HOSTILE = """"'`$host;{}\\\n#*/<x>%"""
ORDINARY = MendFacts(
    page_origin="https://app.example",
    api_origin="https://api.example",
    methods=("GET", "PUT"),
    headers=("authorization", "x-api-key"),
    credentials=True,
    path="/api/items",
    socket_path="/ws/chat",
    cookie="sid",
    url="http://localhost:8000/api/items",
    code='fetch("http://localhost:8000/api/items", { method: "put" })',
)
STRANGE = MendFacts(
    page_origin=f"https://app.example{HOSTILE}",
    api_origin=f"https://api.example{HOSTILE}",
    methods=("GET", HOSTILE),
    headers=("x-ok", HOSTILE),
    credentials=True,
    path=f"/api/{HOSTILE}",
    api_prefix=f"/{HOSTILE}/",
    socket_path=f"/ws{HOSTILE}",
    cookie=HOSTILE,
    url=f"http://localhost:8000/{HOSTILE}",
    code="",
    location=f"/{HOSTILE}",
    upstream=f"http://{HOSTILE}",
)


def made(facts: MendFacts) -> list[Mend]:
    return [mend for maker in registry().values() if (mend := maker(facts)) is not None]


def test_every_mend_is_executed_by_a_case() -> None:
    assert {(case.code, case.framework) for case in CASES} == {(code, str(framework)) for code, framework in registry()}


def test_every_finding_has_a_mend_in_all_four_frameworks() -> None:
    for code in {code for code, _ in registry()}:
        frameworks = [mend.framework for mend in mends_for(code, ORDINARY)]
        assert frameworks[:4] == [Framework.FLASK, Framework.DJANGO, Framework.FASTAPI, Framework.NGINX]


def test_recognised_frameworks_come_first_and_once() -> None:
    frameworks = [mend.framework for mend in mends_for("COR-01", ORDINARY, [Framework.NGINX, Framework.DJANGO])]
    assert frameworks == [Framework.NGINX, Framework.DJANGO, Framework.FLASK, Framework.FASTAPI]


@pytest.mark.parametrize("facts", [ORDINARY, STRANGE, MendFacts()], ids=["ordinary", "strange", "empty"])
def test_python_and_javascript_parse_whatever_the_values(facts: MendFacts) -> None:
    parser = Parser(Language(tree_sitter_javascript.language()))
    for mend in made(facts):
        if mend.language == "python":
            ast.parse(mend.code)
        elif mend.language == "javascript":
            assert not parser.parse(mend.code.encode()).root_node.has_error


NGINX_VARIABLES = {"$uri", "$scheme", "$http_host", "$http_upgrade", "$proxy_add_x_forwarded_for", "$request_method"}
DEPENDENT = ("Access-Control-Allow-Credentials", "Access-Control-Allow-Headers")  # there when the frontend uses them


def directives(code: str) -> list[str]:
    """Return the names of the nginx directives, in order."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'', "text", re.sub(r"(?m)^\s*#.*$", "", code))
    found = [part.split() for part in re.split(r"[;{}]", bare) if part.split()]
    return [words[0] for words in found if not set(words) & set(DEPENDENT)]


@pytest.mark.parametrize("facts", [STRANGE, MendFacts()], ids=["strange", "empty"])
def test_values_add_no_directive_and_no_variable_to_nginx(facts: MendFacts) -> None:
    for (code, framework), maker in registry().items():
        if framework is Framework.NGINX:
            ordinary, other = maker(ORDINARY), maker(facts)
            assert ordinary is not None
            assert other is not None
            assert directives(other.code) == directives(ordinary.code), code
            assert set(re.findall(r"\$\w+", other.code)) <= NGINX_VARIABLES


def test_shell_commands_are_one_line_without_foreign_signs() -> None:
    for mend in made(STRANGE):
        if mend.language == "shell":
            assert re.fullmatch(r"[\w .:/-]+", mend.code)


@pytest.mark.parametrize(
    ("path", "location", "answered"),
    [
        ("/api/items", "", "/api/items/"),
        ("/api/items/", "", "/api/items"),
        ("/api/items", "https://api.example/api/items/", "/api/items/"),
        ("/api/items", "/elsewhere", "/api/items/"),
        ("", "", "/api"),
    ],
)
def test_the_answered_path_is_the_other_slash(path: str, location: str, answered: str) -> None:
    assert answered_path(MendFacts(path=path, location=location)) == answered


def test_prefixes_have_a_slash_at_both_ends_and_never_cover_the_page() -> None:
    assert api_prefix(MendFacts(api_prefix="/")) == "/api/"
    assert api_prefix(MendFacts(api_prefix="v1")) == "/v1/"
    assert unknown_prefix(MendFacts(api_prefix="/api/", path="/v2/")) == "/v2/"
    assert unknown_prefix(MendFacts(path="/")) == "/api/"
    assert guarded_prefix(MendFacts(path="/me")) == "/me"
    assert guarded_prefix(MendFacts(path="/api/me")) == "/api/"
    assert assets_prefix(MendFacts(path="/static/js/")) == "/static/"
    assert assets_prefix(MendFacts(path="/")) == "/assets/"


@pytest.mark.parametrize("origin", ["https://app.example", "http://[::1]:3000"])
def test_flask_lets_in_the_origin_and_no_other(origin: str) -> None:
    made = registry()["COR-01", Framework.FLASK](MendFacts(page_origin=origin))
    assert made is not None
    app = Flask("shop")
    exec(made.code, {"app": app})
    allowed = [
        asked
        for asked in (origin, f"{origin}1", f"{origin}.invalid", "http://:3000")
        if "Access-Control-Allow-Origin" in app.test_client().get("/", headers={"Origin": asked}).headers
    ]
    assert allowed == [origin]


def test_a_mend_for_the_null_origin_warns() -> None:
    notes = [mend.note for mend in mends_for("COR-01", MendFacts(page_origin="null"))]
    assert all("development server" in note for note in notes)


def test_a_method_in_capitals_needs_no_mend_in_javascript() -> None:
    frameworks = [mend.framework for mend in mends_for("COR-07", MendFacts(code='fetch("/x", { method: "PATCH" })'))]
    assert Framework.JAVASCRIPT not in frameworks
