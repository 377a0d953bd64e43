"""A report written for people (text, html) and for programs (json, sarif, junit): pure functions from report to text."""

from app.core.report import Report


def render(report: Report, name: str, *, color: bool = False) -> str:
    """Return the report in one format: "text", "json", "html", "sarif", "junit".

    Args:
        color: for text: use the terminal's colours.
    """
    if name == "json":
        from app.core.report_json import dump

        return dump(report, indent=2)
    if name == "sarif":
        from app.commands.formats.sarif import as_sarif

        return as_sarif(report)
    if name == "junit":
        from app.commands.formats.junit import as_junit

        return as_junit(report)
    if name == "html":
        from app.commands.formats.html import as_html

        return as_html(report)
    from app.commands.formats.text import as_text

    return as_text(report, color=color)
