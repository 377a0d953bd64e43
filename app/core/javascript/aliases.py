"""Other names that a function goes by: of `fetch` in a script, and of an exported function where it is imported."""

import re
from collections.abc import Iterator
from itertools import islice

from app.core.javascript.evaluator import Evaluator
from app.core.javascript.modules import CallSite, Module
from app.core.javascript.scopes import Binding
from app.core.javascript.values import NOTHING_BOUND, Global, Page

MAX_ALIASES = 20  # of one name
MAX_SITES = 200  # calls by one of them
# f = fetch, f = window.fetch.bind(window), {fetch: f} = window; not f = fetch(…).
_FETCH = re.compile(rb"\bfetch\b(?=\s*(?:[;,\n)}]|\.\s*bind\b|:|$))")
_ASSIGNED_TO = re.compile(rb"([\w$]+)\s*=\s*(?:(?:window|globalThis|self)\s*\.\s*)?$")
_RENAMED = re.compile(rb"\s*:\s*([\w$]+)\s*[,}=]")
_BEFORE = 80  # bytes in which an assignment to a name stands


def calls_of_renamed_fetch(evaluator: Evaluator, module: Module) -> Iterator[CallSite]:
    """Yield the calls f(…) of a name that stands for the browser's fetch."""
    seen: set[Binding] = set()
    for match in islice(_FETCH.finditer(module.source), MAX_SITES):
        before = module.source[max(0, match.start() - _BEFORE) : match.start()]
        named = _ASSIGNED_TO.search(before) or _RENAMED.match(module.source, match.end())
        if named is None or len(seen) >= MAX_ALIASES:
            continue
        name = named[1].decode("utf-8", "replace")
        if name == "fetch":
            continue
        for site in module.calls_of(name):
            binding = site.scope.find(name) if site.callee.type == "identifier" else None
            if binding is None or binding.kind != "variable" or not _stands_around(binding, match.start()):
                continue
            if binding not in seen:
                evaluator.begin({})
                if evaluator.value_of(binding, NOTHING_BOUND) != Global("fetch"):
                    continue
            seen.add(binding)
            yield site


def _stands_around(binding: Binding, place: int) -> bool:
    return binding.home is not None and binding.home.start_byte <= place < binding.home.end_byte


def names_abroad(page: Page, other: Module, module: Module, names: set[str]) -> list[str]:
    """Return what `other` calls the functions that `module` knows by these names, where that is something else."""
    if other is module:
        return []
    found: dict[str, None] = {}
    for binding in other.imports:
        if binding.imported != "*" and page.linked(binding.source, other) is module:
            how, what = module.exports.get(binding.imported, ("", ""))
            local = what if isinstance(what, str) and how == "local" else module.text(what) if not isinstance(what, str) else ""
            if local in names or binding.imported in names or binding.imported == "default":
                found[binding.name] = None
    if _takes_all(page, other, module):
        for exported in _exported_as(module, names):
            found[exported] = None
            renamed = re.finditer(rb"[{,]\s*" + re.escape(exported.encode()) + _RENAMED.pattern, other.source)
            for match in islice(renamed, MAX_ALIASES):
                name = match[1].decode("utf-8", "replace")
                if any(_is_taken(site, name, exported) for site in islice(other.calls_of(name), MAX_SITES)):
                    found[name] = None
    return [name for name in found if name not in names]


def _takes_all(page: Page, other: Module, module: Module) -> bool:
    """Whether a module gets all that another exports: by `import * as x` or `import()`."""
    singly = {binding.source for binding in other.imports if binding.imported != "*"}
    return any(page.linked(source, other) is module for source in other.sources if source not in singly)


def _exported_as(module: Module, names: set[str]) -> list[str]:
    return [exported for exported, (how, what) in module.exports.items() if how == "local" and what in names]


def _is_taken(site: CallSite, name: str, exported: str) -> bool:
    binding = site.scope.find(name) if site.callee.type == "identifier" else None
    return binding is not None and binding.path[-1:] == (exported,)
