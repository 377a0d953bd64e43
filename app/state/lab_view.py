"""A judged case as the lab's page shows it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from urllib.parse import urlsplit

from app.core.lab import Change, Judgement, LabCase
from app.core.verdict import Missing, Outcome, Step, Verdict
from app.state.report_view import MendView, Piece, StepView, mend_views, path_steps, prose
from app.state.shown import counted

_NOWHERE = frozenset({"build", "cross_origin", "mixed_content", "preflight_needed"})
# A server that allows the page by name cannot help here: the browser no longer says which page it is.
_LOST = "Better: call `{url}` directly. A redirect between two foreign origins makes the browser hide the page's origin."


@dataclass(frozen=True, slots=True)
class HeaderRow:
    id: int
    name: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """The two answers of one URL. The texts fill the fields once; what is typed stays in the browser and in the state's own copy."""

    id: int
    hop: str  # the URL, when a redirect led here; "" for the call's own
    asks: str  # "OPTIONS /api/items"
    sends: str  # "PUT /api/items"
    preflight: str
    actual: str
    has_preflight: bool  # whether the browser asks before the request
    wanted: str  # "preflight" or "actual": what the verdict waits for; "" for nothing
    preflight_error: str = ""
    actual_error: str = ""


@dataclass(frozen=True, slots=True)
class ChangeView:
    """Lines of one answer that must change."""

    said: list[Piece]
    removed: list[str]
    added: list[str]


@dataclass(frozen=True, slots=True)
class VerdictView:
    look: str = "unknown"  # "ok", "stop", "unknown"
    headline: str = ""
    said: list[Piece] = field(default_factory=list)
    rule: str = ""
    summary: str = ""  # "5 passed, stops at step 6 of 9"
    steps: list[StepView] = field(default_factory=list)
    changes: list[ChangeView] = field(default_factory=list)
    allowed_after: bool = False
    advice: list[Piece] = field(default_factory=list)
    mends: list[MendView] = field(default_factory=list)
    console: str = ""
    standard: list[Piece] = field(default_factory=list)
    exposed: list[str] = field(default_factory=list)
    reads: str = ""  # what a script sees of the answer


@dataclass(frozen=True, slots=True)
class MatchView:
    """One message that was found in a pasted console text."""

    id: int
    rule: str
    browser: str
    text: str
    title: str
    advice: list[Piece]
    fills: bool  # a case can be made of it


def verdict_view(judgement: Judgement) -> VerdictView:
    if judgement.missing:
        return _missing_view(judgement.missing)
    verdict = judgement.verdict
    assert verdict is not None
    stop = next((step for step in verdict.path if step.outcome is Outcome.STOP), None)
    lost = _lost_at(verdict, stop)
    look, headline, said = ("ok", *_allowed(verdict)) if verdict.allowed else ("stop", *_blocked(stop))
    return VerdictView(
        look=look,
        headline=headline,
        said=prose(said),
        rule=stop.rule if stop else verdict.rule,
        summary=_summary(verdict.path),
        steps=path_steps(verdict.path),
        changes=_changes(judgement.changes),
        allowed_after=judgement.allowed_after,
        advice=prose(_LOST.format(url=lost) if lost else judgement.advice),
        mends=[] if lost else mend_views(judgement.mends),
        console=verdict.console,
        standard=prose(_standard(verdict)),
        exposed=list(verdict.exposed),
        reads=_reads(verdict),
    )


def _lost_at(verdict: Verdict, stop: Step | None) -> str:
    """Return the URL that is called with `Origin: null` because of redirects, when that is what stops the call; else ""."""
    lost = any(step.rule == "D7" for step in verdict.path)
    return stop.url if lost and stop and stop.key in ("preflight_origin", "answer_origin") else ""


def title_of(view: VerdictView) -> str:
    word = {"ok": "Allowed", "stop": f"Blocked at {view.rule}"}.get(view.look, "")
    return f"{word} · CORS lab · Seamwatch" if word else "CORS lab · Seamwatch"


def _missing_view(missing: Missing) -> VerdictView:
    what = "preflight" if missing.kind == "preflight" else "request"
    method = "OPTIONS" if missing.kind == "preflight" else missing.method
    return VerdictView(
        headline="Not decided yet.",
        said=prose(f"Write what the server answers to the {what}: `{method} {missing.url}`"),
        advice=prose("The verdict waits for one more answer. Write it above, or ask the server."),
    )


def _allowed(verdict: Verdict) -> tuple[str, str]:
    if verdict.type == "opaque":
        return "Sent, but unreadable.", "Mode `no-cors` sends the request and hides the whole answer from the script."
    if verdict.type == "opaqueredirect":
        return "Stopped at the redirect.", "With `redirect: manual` the call resolves and the script sees nothing of the answer."
    if not verdict.allowed_standard:
        return "Allowed by browsers.", "The Fetch standard would block it."
    where = "The page and the server have the same origin." if verdict.type == "basic" else "The script may read the answer."
    return "Allowed.", where


def _blocked(stop: Step | None) -> tuple[str, str]:
    if stop is None:
        return "Blocked.", ""
    if stop.key == "redirect":
        headline = "Blocked at a redirect."
    elif stop.key in _NOWHERE:
        headline = "Blocked before anything is sent."
    else:
        headline = "Blocked at the preflight." if stop.key.startswith("preflight") else "Blocked at the answer."
        headline = headline.replace(".", " after the redirect.") if stop.hop else headline
    return headline, stop.detail or f"{stop.title}."


def _summary(path: Sequence[Step]) -> str:
    passed = sum(step.outcome is Outcome.PASS for step in path)
    stop = next((number for number, step in enumerate(path, start=1) if step.outcome is Outcome.STOP), 0)
    if stop:
        return f"{counted(stop - 1, 'step')} passed, stops at step {stop} of {len(path)}" if stop > 1 else f"stops at step 1 of {len(path)}"
    return f"{counted(passed, 'step')} passed"


def _changes(changes: Iterable[Change]) -> list[ChangeView]:
    views = []
    for (where, url), group in groupby(changes, key=lambda change: (change.where, change.url)):
        lines = list(group)
        said = f"The answer to the {'preflight' if where == 'preflight' else 'request'} of `{path_of(url)}`:"
        views.append(ChangeView(prose(said), [line.before for line in lines if line.before], [line.after for line in lines if line.after]))
    return views


def _standard(verdict: Verdict) -> str:
    if verdict.allowed == verdict.allowed_standard:
        return "The Fetch standard gives the same verdict, at the same rule."
    does = "allows" if verdict.allowed_standard else "blocks"
    at = f" at {verdict.standard_rule}" if verdict.standard_rule else ""
    why = " It does not let `*` cover `Authorization`; browsers still do." if verdict.standard_rule == "P4" else ""
    return f"The Fetch standard {does} this call{at}.{why}"


def _reads(verdict: Verdict) -> str:
    if not verdict.allowed:
        return ""
    if verdict.type in ("opaque", "opaqueredirect"):
        return "Nothing: neither status nor headers nor body."
    if verdict.type == "basic":
        return "Status, body and every header except Set-Cookie."
    return "Status and body. Of the headers these, others need Access-Control-Expose-Headers:"


def path_of(url: str) -> str:
    """Return path and query of a URL, or the text itself where there are none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "") if parts.netloc else url


def visited(judgement: Judgement) -> dict[str, set[str]]:
    """Return the URLs that the browser gets to, in order, with the kinds of requests it sends there."""
    sent: dict[str, set[str]] = {}
    if judgement.verdict:
        for request in judgement.verdict.requests:
            sent.setdefault(request.url, set()).add(request.kind)
        for step in judgement.verdict.path:
            if step.url:
                sent.setdefault(step.url.split("#")[0], set())
    if judgement.missing:
        sent.setdefault(judgement.missing.url, set()).add(judgement.missing.kind)
    return sent


def cleaned(case: LabCase) -> LabCase:
    """Return the case with placeholders a browser takes: a report hides secret values behind "…", which no header may hold."""
    headers = tuple((name, value.replace("…", "secret")) for name, value in case.headers)
    return LabCase(
        case.origin, case.url, case.method, headers, case.body, case.body_type, case.credentials, case.mode, case.redirect, case.answers
    )
