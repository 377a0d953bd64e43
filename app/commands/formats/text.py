"""The report for a terminal: the verdict first, then findings with evidence and mends, calls, architecture."""

import io
from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from app.core.findings import Finding
from app.core.report import CallReport, Report
from app.core.verdict import Outcome

WIDTH = 110
STYLES = {"critical": "bold magenta", "high": "bold red", "medium": "yellow", "low": "cyan", "info": "dim"}
MARKS = {Outcome.PASS: "✓", Outcome.STOP: "✗", Outcome.NOT_REACHED: "·"}


def as_text(report: Report, *, color: bool = False) -> str:
    """Return the report for a terminal 110 columns wide."""
    out = io.StringIO()
    console = Console(file=out, width=WIDTH, force_terminal=color, color_system="standard" if color else None, highlight=False, emoji=False)
    site = report.site
    console.print(Text(_plain(site.sentence), style="bold"))
    if site.detail:
        console.print(Text(_plain(site.detail)))
    console.print(
        Text(f"{site.final_url} · {len(report.requests)} requests · {site.duration_ms / 1000:.1f} s · {site.scanned_at}", style="dim")
    )
    for note in site.notes:
        console.print(Text(f"Note: {note}", style="yellow"))
    _architecture(console, report)
    for finding in report.findings:
        _finding(console, finding, report)
    _calls(console, report.calls)
    # Padding fills each line to the full width.
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _plain(text: str) -> str:
    return text.replace("`", "")


def _architecture(console: Console, report: Report) -> None:
    architecture = report.architecture
    console.print()
    console.print(Text.assemble(("Architecture  ", "bold"), f"{architecture.kind}, {architecture.joining}"))
    for technology in report.technologies:
        name = f"{technology.name} {technology.version}".strip()
        console.print(Text(f"  {name:<22} {technology.certainty:<7} {technology.origin}{technology.prefix}", style="dim"))
    for line in architecture.evidence:
        console.print(Padding(Text(f"- {_plain(line)}", style="dim"), (0, 0, 0, 2)))


def _finding(console: Console, finding: Finding, report: Report) -> None:
    console.print()
    style = STYLES[finding.severity]
    console.print(
        Text.assemble((f"{finding.severity.value.upper():<9}", style), (f"{finding.code}  ", "bold"), (_plain(finding.title), "bold"))
    )
    about = [finding.seam.value, finding.certainty.value, finding.hits]
    console.print(Text(f"         {' · '.join(part for part in about if part)}", style="dim"))
    console.print(Padding(Text(_plain(finding.explanation)), (0, 0, 0, 9)))
    last: int | None = None
    for piece in finding.evidence:
        if piece.exchange and piece.exchange != last:
            console.print(Padding(Text(f"Request {piece.exchange}", style="dim"), (0, 0, 0, 9)))
        last = piece.exchange
        text = Text(piece.text)
        if piece.faulty and piece.faulty in piece.text:
            start = piece.text.index(piece.faulty)
            text.stylize("red underline", start, start + len(piece.faulty))
        console.print(Padding(text, (0, 0, 0, 11)))
    if finding.console:
        console.print(Padding(Text(f"Console: {finding.console}", style="dim"), (0, 0, 0, 9)))
    path = next((call for call in report.calls if call.id in finding.calls and call.path), None)
    if path:
        _path(console, path)
    if finding.mends:
        mend = finding.mends[0]
        more = ", ".join(other.framework.value for other in finding.mends[1:])
        console.print(Padding(Text.assemble((f"Mend for {mend.framework.value}", "bold green"), f"  {mend.place}"), (0, 0, 0, 9)))
        if mend.install:
            console.print(Padding(Text(f"pip install {mend.install}", style="dim"), (0, 0, 0, 11)))
        console.print(Padding(Text(mend.code, style="green", no_wrap=True, overflow="ignore"), (0, 0, 0, 11)))
        if mend.note:
            console.print(Padding(Text(mend.note, style="dim"), (0, 0, 0, 11)))
        if more:
            console.print(Padding(Text(f"Also for: {more} (--format html or json).", style="dim"), (0, 0, 0, 9)))


def _path(console: Console, call: CallReport) -> None:
    console.print(Padding(Text.assemble(("Verdict path  ", "bold"), f"{call.method} {call.url}"), (0, 0, 0, 9)))
    for step in call.path:
        looks = "; ".join(f"{look.name}: {look.value}" for look in step.looks)
        style = {"stop": "red", "not_reached": "dim"}.get(step.outcome.value, "")
        line = f"{MARKS[step.outcome]} {step.title} [{step.rule}]" + (f"  {looks}" if looks else "")
        console.print(Padding(Text(line, style=style), (0, 0, 0, 11)))


def _calls(console: Console, calls: Iterable[CallReport]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("Call", "Credentials", "Verdict", "Status"):
        table.add_column(name, overflow="fold")
    for call in calls:
        verdict = "unknown" if call.allowed is None else "allowed" if call.allowed else f"blocked at {call.rule}"
        inferred = ", inferred" if call.certainty.value == "inferred" else ""
        style = "red" if call.allowed is False else "dim" if call.allowed is None else ""
        table.add_row(Text(f"{call.method} {call.url}"), call.credentials, Text(verdict + inferred, style=style), str(call.status or "–"))
    if table.row_count:
        console.print()
        console.print(table)
