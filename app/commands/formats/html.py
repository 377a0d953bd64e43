"""The report as one HTML file: no script, no request to anywhere, the same look as the page in the app."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from app.core.findings import Severity
from app.core.report import Report
from app.core.report_build import count_by_severity
from app.core.seam_map import draw

HERE = Path(__file__).parent
ASSETS = HERE.parents[2] / "assets"
STYLES = ("tokens.css", "theme.css", "report.css")
OUTCOME_WORDS = {"pass": "Passed", "stop": "Stops here", "not_reached": "Not reached"}


def as_html(report: Report) -> str:
    """Return a self-contained HTML document: readable from a file, in light and dark, at any width, without JavaScript."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["code"] = marked_code
    environment.filters["underline"] = underlined
    styles = "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in STYLES)
    icons = re.sub(r"<!--.*?-->", "", (ASSETS / "icons.svg").read_text(encoding="utf-8"), flags=re.S)
    return environment.get_template("report.html.j2").render(
        report=report,
        map=draw(report),
        counts=[(severity.value, count) for severity, count in count_by_severity(report.findings).items()],
        worst=min((finding.severity for finding in report.findings), key=lambda severity: severity.rank, default=None),
        serious=[finding.code for finding in report.findings if finding.severity.rank <= Severity.HIGH.rank],
        words=OUTCOME_WORDS,
        styles=Markup(styles),  # noqa: S704 – our own files
        icons=Markup(icons),  # noqa: S704 – our own file
    )


def marked_code(text: str) -> Markup:
    """Escape a text and turn its `backticked` parts into <code>."""
    parts = str(text).split("`")
    return Markup("").join(Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts))


def underlined(text: str, faulty: str) -> Markup:
    """Escape a text and mark the first occurrence of its faulty part."""
    if not faulty or faulty not in text:
        return escape(text)
    before, _, after = text.partition(faulty)
    return escape(before) + Markup('<span class="hl">{}</span>').format(faulty) + escape(after)
