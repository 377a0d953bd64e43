"""Sites made of hand-written answers: what real frameworks send, gathered and judged as a scan does it.

The answers are copied from Flask 3.1 with flask-cors 6, Django 5.2 with DRF and django-cors-headers 4.9, FastAPI 0.165 with
Starlette 1.10, and nginx 1.22.
"""

from collections.abc import Iterable
from dataclasses import replace
from textwrap import dedent

from app.core.cors import judge
from app.core.examined import Examined
from app.core.exchange import Exchange, Failure, Head, Headers, Purpose
from app.core.findings import Certainty, Finding
from app.core.inventory import Call, Inventory, OAuthStart, SocketUse, Source, SourceKind, UrlLiteral
from app.core.observation import JudgedCall, Observation, ScanRequest
from app.core.report import Architecture, Technology
from app.core.rules import run_checks
from app.core.urls import origin_of
from app.core.verdict import Answer, Body, FetchCall, Verdict

PAGE = "https://app.example"
API = "https://api.example"
IN_SCRIPT = Source(SourceKind.SCRIPT, 2, 'fetch("/api/items")')
RANDOM = "5f2c91d07ab3"
SHELL = """200 OK
content-type: text/html
server: nginx/1.22.1

<!doctype html><html><head><script type="module" crossorigin src="/assets/index-B7x1k2Qp.js"></script></head>
<body><div id="root"></div></body></html>"""
FLASK_404 = """404 NOT FOUND
server: Werkzeug/3.1.9 Python/3.11.2
content-type: text/html; charset=utf-8

<!doctype html>
<html lang=en>
<title>404 Not Found</title>
<h1>Not Found</h1>
<p>The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.</p>"""
FASTAPI_404 = """404 Not Found
server: uvicorn
content-type: application/json

{"detail":"Not Found"}"""
DJANGO_404 = """404 Not Found
content-type: text/html; charset=utf-8
x-frame-options: DENY

<!doctype html>
<html lang="en">
<head>
  <title>Not Found</title>
</head>
<body>
  <h1>Not Found</h1><p>The requested resource was not found on this server.</p>
</body>
</html>"""
JSON_200 = """200 OK
content-type: application/json

[]"""


def read_answer(text: str) -> tuple[Head, str, bytes]:
    """Read "200 OK", header lines, an empty line and a body into head, reason phrase and body."""
    block, _, body = dedent(text).strip("\n").partition("\n\n")
    first, *lines = block.split("\n")
    status, _, reason = first.partition(" ")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    return Head(int(status), headers), reason, body.encode()


class Site:
    """A site under examination. `says` writes down what it answers, `calls` lets the page's script call it."""

    def __init__(self, page: str = PAGE, shell: str = SHELL):
        self.page = page
        self.exchanges: list[Exchange] = []
        self.judged: list[JudgedCall] = []
        self.technologies: list[Technology] = []
        self.sockets: list[SocketUse] = []
        self.literals: list[UrlLiteral] = []
        self.forms: list[Call] = []
        self.oauth_starts: list[OAuthStart] = []
        self.scripts: tuple[str, ...] = (f"{page}/assets/index-B7x1k2Qp.js",)
        self._answers: dict[tuple[str, str], str] = {}
        self.saw(Purpose.PAGE, f"{page}/", shell)
        self.saw(Purpose.SCRIPT, self.scripts[0], "200 OK\ncontent-type: text/javascript\n\n")

    def saw(self, purpose: Purpose, url: str, answer: str | None, *, method: str = "GET", sent: Headers = ()) -> Exchange:
        """Record one exchange; an answer of None is a timeout."""
        number = len(self.exchanges) + 1
        if answer is None:
            exchange = Exchange(number, purpose, method, url, sent, failure=Failure.TIMEOUT, failure_text="No answer within 8 s.")
        else:
            head, reason, body = read_answer(answer)
            exchange = Exchange(number, purpose, method, url, sent, head, reason, "1.1", body)
        self.exchanges.append(exchange)
        return exchange

    def says(self, request: str, answer: str) -> None:
        """Fix the answer to "OPTIONS <url>" (preflights) or "GET <url>" (the call itself, or the GET in its place)."""
        method, _, url = request.partition(" ")
        self._answers["preflight" if method == "OPTIONS" else "actual", url] = answer

    def calls(
        self,
        method: str,
        url: str,
        headers: Iterable[str] = (),
        *,
        credentials: str = "same-origin",
        body: str | None = None,
        template: str = "",
        source: Source = IN_SCRIPT,
    ) -> str:
        """Let the page's script make a call, ask for the answers as a scan does, and return the judged call's id."""
        values = {"content-type": "application/json"}
        sent = tuple((name, values.get(name.lower(), "x")) for name in headers)
        call = Call(method, url, sent, body, credentials, template=template, source=source)
        fetch = FetchCall(self.page, url, method, sent, Body(body) if body else None, credentials)
        answers: dict[str, Answer] = {}
        used: list[int] = []
        certainty, verdict = Certainty.OBSERVED, None
        for _ in range(6):
            outcome = judge(fetch, answers)
            if isinstance(outcome, Verdict):
                verdict = outcome
                break
            text = self._answers.get((outcome.kind, outcome.url))
            safe = outcome.kind == "preflight" or outcome.method in ("GET", "HEAD")
            if not safe:
                certainty = Certainty.INFERRED
            how = "OPTIONS" if outcome.kind == "preflight" else outcome.method if safe else "GET"
            purpose = Purpose.PREFLIGHT if outcome.kind == "preflight" else Purpose.ACTUAL
            exchange = self.saw(purpose, outcome.url, text, method=how, sent=outcome.headers)
            used.append(exchange.id)
            if exchange.response is None:
                certainty = Certainty.UNKNOWN
                break
            before = answers.get(outcome.url, Answer())
            answers[outcome.url] = replace(before, **{outcome.kind: exchange.response})
        name = f"call-{len(self.judged) + 1}"
        self.judged.append(JudgedCall(name, call, fetch, verdict, certainty, "", tuple(used)))
        return name

    def runs(self, name: str, origin: str = API, category: str = "framework", prefix: str = "/") -> None:
        """Say that a technology was recognised on an origin."""
        self.technologies.append(Technology(name, category, origin, prefix, 0.9, "yes"))

    def examined(self) -> Examined:
        calls = tuple(judged.call for judged in self.judged)
        origins = dict.fromkeys(origin_of(call.url) for call in calls)
        bases = dict.fromkeys(f"{origin_of(call.url)}/{call.url.split('/', 3)[3].split('/')[0]}/" for call in calls)
        inventory = Inventory(
            f"{self.page}/", self.page, self.scripts, calls=calls, sockets=tuple(self.sockets), literals=tuple(self.literals),
            oauth_starts=tuple(self.oauth_starts), forms=tuple(self.forms), api_origins=tuple(origins), api_bases=tuple(bases),
        )  # fmt: skip
        observation = Observation(ScanRequest(f"{self.page}/"), tuple(self.exchanges), tuple(self.judged))
        joining = "separate origins" if any(origin != self.page for origin in origins) else "same origin"
        return Examined(observation, inventory, tuple(self.technologies), Architecture("decoupled", joining, 0.9, ()))

    def findings(self) -> dict[str, Finding]:
        """Return the findings by code; each code may come once in these small sites."""
        found = run_checks(self.examined())
        by_code = {finding.code: finding for finding in found}
        assert len(by_code) == len(found), [finding.title for finding in found]
        return by_code


def quoted(finding: Finding) -> list[str]:
    """Return the lines of a finding's evidence."""
    return [piece.text for piece in finding.evidence]


def underlined(finding: Finding) -> list[str]:
    """Return what is underlined in a finding's evidence."""
    return [piece.faulty for piece in finding.evidence if piece.faulty]
