"""What pages may know of this installation."""

import json
from dataclasses import dataclass

from app.settings import settings


@dataclass(frozen=True, slots=True)
class DemoTarget:
    """One of the example applications that `bash bin/run --demo` starts."""

    name: str
    page_url: str
    api_url: str
    description: str


@dataclass(frozen=True, slots=True)
class Facts:
    public_url: str
    backend_url: str  # stands before /auth/… and /download/… in links; "" means the page's own origin
    demo: tuple[DemoTarget, ...]


def facts() -> Facts:
    return Facts(
        settings().public_url,
        "" if settings().backend_url == settings().public_url else settings().backend_url,
        _demo(),
    )


def _demo() -> tuple[DemoTarget, ...]:
    """Return the running examples, as `examples/demo.py --list` wrote them; none when there is no such file."""
    try:
        listed = json.loads((settings().data_dir / "demo.json").read_text("utf-8"))
        return tuple(
            DemoTarget(entry["name"], entry["page_url"], entry.get("api_url") or "", entry.get("description") or "") for entry in listed
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()
