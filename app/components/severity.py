"""Severity of findings: glyph and word, always both; counts of a list of findings."""

from typing import Any

import reflex as rx
from reflex.vars import NumberVar

from app.components.icons import GlyphName, glyph
from app.components.tokens import SEVERITIES, SEVERITY_WORDS


def severity(name: GlyphName | rx.Var[str], *, soft: bool = False) -> rx.Component:
    """Return one severity. A var must hold one of `SEVERITIES`."""
    word = rx.match(name, *SEVERITY_WORDS.items(), "") if isinstance(name, rx.Var) else SEVERITY_WORDS[name]
    return rx.el.span(glyph(name), word, class_name=f"sev c-{name}{' soft' if soft else ''}")


def severity_count(name: GlyphName, count: int | NumberVar[int]) -> rx.Component:
    """Return "▲ 2 high"."""
    return rx.el.span(glyph(name), count, f" {name}", class_name=f"sev c-{name}")


def severity_counts(**counts: Any) -> rx.Component:
    """Return the counts that are not zero, worst first; "No findings" with a green check when all are.

    Args:
        counts: one var per severity: critical=…, high=…, medium=…, low=…, info=….
    """
    nothing = None
    for name in SEVERITIES:
        zero = counts[name] == 0
        nothing = zero if nothing is None else nothing & zero
    shown = [rx.cond(counts[name] > 0, severity_count(name, counts[name])) for name in SEVERITIES]
    none = rx.el.span(glyph("ok"), "No findings", class_name="st c-ok")
    return rx.el.span(rx.cond(nothing, none, rx.fragment(*shown)), class_name="row wrap counts")
