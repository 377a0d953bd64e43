"""The registry of findings: one module per seam, each with the checks of that seam.

A check is a pure function from what was examined to its findings. It registers itself:

    @check("API-01")
    def spa_fallback_answers_api_paths(examined: Examined) -> Iterator[Finding]: ...

`run_checks` imports every module of this package, so a new file is enough for a new seam.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator

from app.core.examined import Examined
from app.core.findings import Finding

Check = Callable[[Examined], Iterator[Finding]]
_checks: dict[str, Check] = {}


def check(*codes: str) -> Callable[[Check], Check]:
    """Register a check under the codes it may report. One code belongs to exactly one check."""

    def register(function: Check) -> Check:
        for code in codes:
            if code in _checks:
                raise ValueError(f"{code} has two checks")
            _checks[code] = function
        return function

    return register


def registry() -> dict[str, Check]:
    """Return code → check of every module in this package."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_checks.items()))


def run_checks(examined: Examined) -> tuple[Finding, ...]:
    """Return the findings of every check, worst first, then by code."""
    findings = [finding for function in dict.fromkeys(registry().values()) for finding in function(examined)]
    return tuple(sorted(findings, key=lambda finding: (finding.severity.rank, finding.code, finding.title)))
