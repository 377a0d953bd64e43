"""Names of the design tokens that Python needs to know. Their values stand in assets/tokens.css, and nowhere else."""

from typing import Literal, get_args

SeverityName = Literal["critical", "high", "medium", "low", "info"]

SEVERITIES: tuple[SeverityName, ...] = get_args(SeverityName)
SEVERITY_WORDS: dict[str, str] = {name: name.capitalize() for name in SEVERITIES}

STYLESHEETS = [
    "/tokens.css",
    "/theme.css",
    "/pages.css",
    "/report.css",
    "/lab.css",
    "/settings.css",
    "/workspace.css",
    "/overview.css",
    "/monitor.css",
    "/watching.css",
]
ICONS_URL = "/icons.svg"
