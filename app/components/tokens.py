"""Names of the design tokens that Python needs to know. Their values stand in assets/tokens.css, and nowhere else."""

from typing import Literal, get_args

SeverityName = Literal["critical", "high", "medium", "low", "info"]
StatusName = Literal["ok", "degraded", "down", "unknown", "paused", "not", "stop"]
ColourName = Literal[
    "page", "surface", "sunken", "raised", "line", "line-strong", "line-control", "text", "text-2", "text-3", "accent", "focus"
]

SEVERITIES: tuple[SeverityName, ...] = get_args(SeverityName)
SEVERITY_WORDS: dict[str, str] = {name: name.capitalize() for name in SEVERITIES}
STATUS_WORDS: dict[str, str] = {"ok": "OK", "degraded": "Degraded", "down": "Down", "unknown": "Unknown", "paused": "Paused"}

STYLESHEETS = ["/tokens.css", "/theme.css", "/pages.css", "/report.css", "/lab.css"]
ICONS_URL = "/icons.svg"


def colour(name: ColourName) -> str:
    """Return the CSS value of a colour token, for SVG attributes: "var(--line-strong)"."""
    return f"var(--{name})"


def mark(name: SeverityName | Literal["ok", "degraded", "down", "unknown", "paused"]) -> str:
    """Return the CSS value of a status's or severity's mark colour (3:1 on every surface)."""
    return f"var(--{name}-mark)"
