"""A report as its page shows it: rows of plain texts, cut and worded. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.core.findings import Evidence, Finding, Framework, Mend
from app.core.report import CallReport, Report, RequestReport
from app.core.verdict import Look, Outcome, Step
from app.state.shown import pieces, without_scheme

FRAMEWORK_WORDS = {
    Framework.FLASK: "Flask",
    Framework.DJANGO: "Django",
    Framework.FASTAPI: "FastAPI",
    Framework.NGINX: "nginx",
    Framework.JAVASCRIPT: "JavaScript",
}
# A framework is recognised by any of these names of technologies.
_NAMES = {
    Framework.FLASK: {"flask"},
    Framework.DJANGO: {"django", "drf"},
    Framework.FASTAPI: {"fastapi"},
    Framework.NGINX: {"nginx"},
    Framework.JAVASCRIPT: set[str](),
}
_MARKS = {
    Outcome.PASS: ("pass", "ok", "Passed"),
    Outcome.STOP: ("stop", "stop", "Stops here"),
    Outcome.NOT_REACHED: ("not", "not", "Not reached"),
}
_MAX_MARKS = 9


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: `look` is "" for prose, "code", "hl" for what is faulty, "none" where there is nothing."""

    look: str
    text: str


def prose(text: str) -> list[Piece]:
    """Split a sentence at its backticks."""
    return [Piece("code" if code else "", part) for code, part in pieces(text)]


def marked(text: str, faulty: str) -> list[Piece]:
    """Split a text around the first occurrence of its faulty part."""
    if not faulty or faulty not in text:
        return [Piece("", text)]
    before, _, after = text.partition(faulty)
    return [piece for piece in (Piece("", before), Piece("hl", faulty), Piece("", after)) if piece.text]


@dataclass(frozen=True, slots=True)
class LookView:
    name: str
    value: list[Piece]


@dataclass(frozen=True, slots=True)
class StepView:
    kind: str  # class: "pass", "stop", "not"
    glyph: str
    said: str  # for readers
    title: str
    rule: str
    detail: list[Piece]
    looks: list[LookView]
    hop: str  # heading before the step: the URL after a redirect; "" for none
    key: str  # changes with the outcome


@dataclass(frozen=True, slots=True)
class MendView:
    framework: str
    word: str
    yours: bool  # recognised on the site
    first: bool
    place: list[Piece]
    code: str
    install: str
    note: list[Piece]


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding; what is below `open` is filled only while it is open."""

    id: str  # "COR-06", or "COR-06-2" for the second of a code: unique, stands in the URL's hash
    severity: str
    code: str
    title: list[Piece]
    seam: str
    hits: str
    certainty: str  # "" when observed
    open: bool = False
    explanation: list[Piece] = field(default_factory=list)
    evidence: list[list[Piece]] = field(default_factory=list)  # lines; an empty line parts two exchanges
    console: str = ""
    mends: list[MendView] = field(default_factory=list)
    call: str = ""  # "POST /api/invoices/": whose path is shown
    path: list[StepView] = field(default_factory=list)
    lab: str = ""  # address of the lab with this call
    others: str = ""  # "The other 2 calls"


@dataclass(frozen=True, slots=True)
class CallRow:
    id: str
    method: str
    path: str
    host: str  # "" where it goes without saying
    credentials: str
    marks: list[str]  # glyph names of the path
    marks_said: str
    glyph: str
    verdict: str
    standard: str  # where the standard's verdict differs
    status: str
    ms: str
    open: bool = False
    why: str = ""
    console: str = ""
    source: str = ""
    steps: list[StepView] = field(default_factory=list)
    lab: str = ""


@dataclass(frozen=True, slots=True)
class RequestRow:
    id: int
    method: str
    url: str
    purpose: str
    answer: str
    ms: str
    open: bool = False
    asked: str = ""  # request line and headers
    answered: str = ""  # status line, headers, excerpt


@dataclass(frozen=True, slots=True)
class TechnologyRow:
    part: str
    name: str
    where: str
    certainty: str
    evidence: str


def finding_ids(findings: Sequence[Finding]) -> list[str]:
    """Return an id per finding, unique within the report."""
    seen: dict[str, int] = {}
    ids = []
    for finding in findings:
        seen[finding.code] = seen.get(finding.code, 0) + 1
        ids.append(finding.code if seen[finding.code] == 1 else f"{finding.code}-{seen[finding.code]}")
    return ids


def closed_finding(row_id: str, finding: Finding) -> FindingRow:
    certainty = "" if finding.certainty.value == "observed" else finding.certainty.value
    return FindingRow(row_id, finding.severity.value, finding.code, prose(finding.title), finding.seam.value, finding.hits, certainty)


def open_finding(row_id: str, finding: Finding, report: Report, lab: str) -> FindingRow:
    """Return the row with its body. `lab` is the address of the lab with the shown call; "" for none."""
    call = shown_call(finding, report)
    count = len(finding.calls) - 1
    row = closed_finding(row_id, finding)
    return FindingRow(
        row.id, row.severity, row.code, row.title, row.seam, row.hits, row.certainty,
        open=True,
        explanation=prose(finding.explanation),
        evidence=evidence_lines(finding.evidence),
        console=finding.console,
        mends=mend_views(finding.mends, {technology.name for technology in report.technologies}),
        call=f"{call.method} {without_scheme(call.url)}" if call else "",
        path=path_steps(call.path) if call else [],
        lab=lab if call else "",
        others=f"The other {count} call{'' if count == 1 else 's'}" if call and count > 0 else "",
    )  # fmt: skip


def shown_call(finding: Finding, report: Report) -> CallReport | None:
    """Return the call whose verdict path stands beside a finding: the first that has one."""
    return next((call for wanted in finding.calls for call in report.calls if call.id == wanted and call.path), None)


def evidence_lines(evidence: Iterable[Evidence]) -> list[list[Piece]]:
    lines: list[list[Piece]] = []
    last: int | None = None
    for piece in evidence:
        if lines and piece.exchange != last:
            lines.append([Piece("", "")])
        last = piece.exchange
        lines += [marked(line, piece.faulty) for line in piece.text.splitlines() or [""]]
    return lines


def mend_views(mends: Sequence[Mend], recognised: Collection[str] = ()) -> list[MendView]:
    """Return the mends in their order; the first is the one shown. `recognised` are names of technologies."""
    mine = {name.lower() for name in recognised}
    return [
        MendView(
            mend.framework.value, FRAMEWORK_WORDS[mend.framework], bool(_NAMES[mend.framework] & mine), number == 0, prose(mend.place),
            mend.code, mend.install, prose(mend.note),
        )
        for number, mend in enumerate(mends)
    ]  # fmt: skip


def path_steps(path: Sequence[Step]) -> list[StepView]:
    steps, hop = [], 0
    for number, step in enumerate(path):
        kind, glyph, said = _MARKS[step.outcome]
        heading = step.url if step.hop != hop else ""
        hop = step.hop
        steps.append(
            StepView(
                kind,
                glyph,
                said,
                step.title,
                step.rule,
                prose(step.detail),
                [_look(look) for look in step.looks],
                heading,
                f"{number}-{step.hop}-{step.key}-{kind}",
            )
        )
    return steps


def _look(look: Look) -> LookView:
    return LookView(look.name, marked(look.value, look.faulty) if look.value else [Piece("none", "nothing")])


def common_host(report: Report) -> str:
    """Return the host that all calls go to, or "" when there are several."""
    hosts = {urlsplit(call.url).netloc for call in report.calls}
    return hosts.pop() if len(hosts) == 1 else ""


def call_row(call: CallReport, host: str, *, open_: bool = False, lab: str = "") -> CallRow:
    """Return one row. `host` is the one that need not be said: of all calls, or of the page."""
    parts = urlsplit(call.url)
    inferred = ", inferred" if call.certainty.value == "inferred" else ""
    glyph, verdict = (
        ("unknown", "Unknown")
        if call.allowed is None
        else ("ok", f"Allowed{inferred}")
        if call.allowed
        else ("stop", f"Blocked, {call.rule}{inferred}")
    )
    differs = call.allowed is not None and call.allowed != call.allowed_standard
    standard = f"The Fetch standard {'allows' if call.allowed_standard else 'blocks'} this." if differs else ""
    passed = sum(step.outcome is Outcome.PASS for step in call.path)
    return CallRow(
        id=call.id,
        method=call.method,
        path=call.template or (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        host="" if parts.netloc == host else parts.netloc,
        credentials=call.credentials,
        marks=[_MARKS[step.outcome][1] for step in call.path][:_MAX_MARKS],
        marks_said=f"{passed} of {len(call.path)} steps passed" if call.path else "not judged",
        glyph=glyph,
        verdict=verdict,
        standard=standard,
        status=str(call.status) if call.status else "–",
        ms=str(call.duration_ms) if call.duration_ms is not None else "–",
        open=open_,
        why=call.why if open_ else "",
        console=call.console if open_ else "",
        source=(call.source_excerpt or {"user": "Named by you."}.get(call.source, "")) if open_ else "",
        steps=path_steps(call.path) if open_ else [],
        lab=lab if open_ else "",
    )


def request_row(request: RequestReport, *, open_: bool = False) -> RequestRow:
    asked = "\n".join([f"{request.method} {request.url}", *(f"{name}: {value}" for name, value in request.request_headers)])
    if request.status:
        lines = [f"{request.status} {request.reason}".strip(), *(f"{name}: {value}" for name, value in request.response_headers)]
        answered = "\n".join(lines) + (f"\n\n{request.excerpt}" if request.excerpt else "")
    else:
        answered = request.failure
    return RequestRow(
        request.id,
        request.method,
        without_scheme(request.url),
        request.purpose.replace("_", " "),
        str(request.status) if request.status else "–",
        f"{request.duration_ms:.0f}",
        open_,
        asked if open_ else "",
        answered if open_ else "",
    )


def technology_rows(report: Report) -> list[TechnologyRow]:
    return [
        TechnologyRow(
            technology.category.capitalize(),
            f"{technology.name} {technology.version}".strip(),
            urlsplit(technology.origin).netloc + technology.prefix,
            {"yes": "certain"}.get(technology.certainty, technology.certainty),
            "; ".join(technology.evidence),
        )
        for technology in report.technologies
    ]
