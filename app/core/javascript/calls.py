"""The calls that the scripts of one page make: requests that were recognised, through the script's own wrapper functions, as `Call`s."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from tree_sitter import Node

from app.core.inventory import Call, SocketUse, Source, SourceKind
from app.core.javascript.aliases import calls_of_renamed_fetch, names_abroad
from app.core.javascript.clients import recognise_axios, recognise_get_json, recognise_jquery, recognise_verb
from app.core.javascript.drafts import Draft, Recognise
from app.core.javascript.evaluator import Evaluator
from app.core.javascript.functions import bind
from app.core.javascript.iteration import bind_round, is_loop, rounds
from app.core.javascript.modules import CallSite, Module
from app.core.javascript.requests import (
    SOCKETIO_OPTIONS,
    recognise_beacon,
    recognise_event_source,
    recognise_fetch,
    recognise_socketio,
    recognise_websocket,
    recognise_xhr,
)
from app.core.javascript.scopes import Binding
from app.core.javascript.strings import excerpt_of
from app.core.javascript.values import NOTHING_BOUND, ClassValue, Closure, Environment, Hole, Page, Text, Value, text_of
from app.core.urls import resolve, without_fragment

MAX_CALLS = 200
MAX_WRAPPING = 4  # a call through a function through a function …
MAX_SITES = 60  # call sites of one wrapper
MAX_LOOKED_AT = 200  # calls by the name of one wrapper
MAX_STEPS_EACH = 20_000  # of evaluation, for one place with all calls of the wrappers around it
MAX_QUESTIONS = 3_000  # of one page
_HOLE_KEEPS_QUERY = re.compile(r"[\w)]$")
_KEPT_VALUES = frozenset(
    {"accept", "accept-language", "content-language", "content-type", "range", "x-requested-with", "cache-control", "pragma"}
)
_PLAIN_VALUE = re.compile(r"[A-Za-z][\w./;=, +*-]{0,39}")
_SECRET_NAME = re.compile(r"auth|token|key|secret|cookie|csrf|xsrf|session|sign|pass|credential", re.I)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_METHOD = re.compile(r"[A-Za-z]{1,20}")

RECOGNISERS: dict[str, Recognise] = {
    **dict.fromkeys(("fetch", "$fetch", "ofetch", "useFetch", "authFetch"), recognise_fetch),
    "open": recognise_xhr,
    "ajax": recognise_jquery,
    "getJSON": recognise_get_json,
    "sendBeacon": recognise_beacon,
    "EventSource": recognise_event_source,
    **dict.fromkeys(("WebSocket", "ReconnectingWebSocket"), recognise_websocket),
    **dict.fromkeys(("get", "head", "post", "put", "patch", "delete", "options"), recognise_verb),
    "request": recognise_verb,
    **dict.fromkeys(("axios", "ky", "superagent"), recognise_axios),
}


@dataclass(frozen=True, slots=True)
class Requests:
    """What the scripts of a page send."""

    calls: tuple[Call, ...] = ()
    sockets: tuple[SocketUse, ...] = ()
    is_complete: bool = True  # nothing was left out because it would have cost too much


def read_requests(page: Page, exchange_ids: Mapping[str, int], fallback_base: str = "") -> Requests:
    """Find the requests of a page's scripts.

    Args:
        page: its scripts, read.
        exchange_ids: Exchange.id of each module's document, by module key.
        fallback_base: where URLs that begin with something unknown lead ("https://api.example/"); "" leaves them out.
    """
    return _Requests(page, exchange_ids, fallback_base).read()


class _Requests:
    def __init__(self, page: Page, exchange_ids: Mapping[str, int], fallback_base: str) -> None:
        self.page = page
        self.evaluator = Evaluator(page)
        self.exchange_ids = exchange_ids
        self.fallback_base = fallback_base
        self.questions = 0
        self.spent_before = 0
        self.calls: dict[Call, None] = {}
        self.sockets: dict[SocketUse, None] = {}
        self.sites_of: dict[int, list[CallSite]] = {}
        self.handed_as: dict[int, list[Node]] = {}

    def read(self) -> Requests:
        candidates = [candidate for module in self.page.modules.values() for candidate in self._candidates(module)]
        # x.get(…) is mostly something else: should the script use up what it may cost, then on these.
        for site, recognise in sorted(candidates, key=lambda candidate: candidate[1] is recognise_verb):
            if len(self.calls) < MAX_CALLS:
                self.spent_before = self.evaluator.all_steps
                self._expand(site, recognise, NOTHING_BOUND, 0)
        complete = len(self.calls) < MAX_CALLS and self.questions <= MAX_QUESTIONS and not self.evaluator.is_exhausted
        return Requests(tuple(self.calls), tuple(self.sockets), complete)

    def _candidates(self, module: Module) -> Iterator[tuple[CallSite, Recognise]]:
        seen: set[int] = set()
        for name, recognise in RECOGNISERS.items():
            for site in module.calls_of(name):
                if recognise is not recognise_axios or site.callee.type == "identifier":
                    yield site, recognise
        yield from ((site, recognise_fetch) for site in calls_of_renamed_fetch(self.evaluator, module))
        for site in module.object_calls():
            if site.name not in RECOGNISERS:
                seen.add(site.node.id)
                yield site, recognise_axios
        for name in ("io", "connect"):
            for site in module.calls_of(name):
                if name == "io" or module.text(site.callee) in ("io.connect", "window.io.connect"):
                    seen.add(site.node.id)
                    yield site, recognise_socketio
        if b"socket.io" in module.source or b"engine.io" in module.source:
            yield from ((site, recognise_socketio) for site in _minified_socketio(module) if site.node.id not in seen)

    # Wrappers

    def _expand(self, site: CallSite, recognise: Recognise, env: Environment, level: int) -> bool:
        """Record what one place sends; if that depends on parameters, once for each call of the function around it."""
        found = False
        for draft, touched in self._drafts(site, recognise, env):
            instances = self._instances(site, touched, env, level)
            through = [self._expand(site, recognise, inner, level + 1) for inner in instances]
            # The bare form counts only when no call of the wrapper says more.
            found = any(through) or self._record(draft) or found
        return found

    def _drafts(self, site: CallSite, recognise: Recognise, env: Environment) -> Iterator[tuple[Draft, list[Binding]]]:
        """Ask once, and again with the other side of each condition that could not be decided (two at most)."""
        pending: list[dict[str, bool]] = [{}]
        asked: list[dict[str, bool]] = []
        while pending and len(asked) < 4:
            assumptions = pending.pop(0)
            asked.append(assumptions)
            self.questions += 1
            spent = self.evaluator.all_steps - self.spent_before
            if self.questions > MAX_QUESTIONS or spent > MAX_STEPS_EACH or self.evaluator.is_exhausted:
                return
            self.evaluator.begin(assumptions, env)
            draft = recognise(self.evaluator, site, env)
            if draft is None:
                continue
            yield draft, list(self.evaluator.touched)
            for condition in list(self.evaluator.assumed)[:2]:
                other = {**assumptions, condition: not assumptions.get(condition, True)}
                if condition not in assumptions and other not in asked and other not in pending:
                    pending.append(other)

    def _instances(self, site: CallSite, touched: Sequence[Binding], env: Environment, level: int) -> list[Environment]:
        """Return one environment for each call of the innermost function whose parameters matter and whose calls are known."""
        if level >= MAX_WRAPPING:
            return []
        functions = {binding.function.id: binding for binding in touched if binding.function is not None}
        around = [function.id for function in site.scope.functions()]
        ordered = sorted(functions, key=lambda node_id: around.index(node_id) if node_id in around else len(around))
        for node_id in ordered:
            binding = functions[node_id]
            assert binding.function is not None
            parent = binding.scope.parent
            if parent is None:
                continue
            closure = Closure(binding.function, parent)
            instances: list[Environment] = []
            if not is_loop(binding.function):
                sites = self._call_sites(closure)
                instances = [
                    {**env, **bind(closure, call.arguments(), call.scope, NOTHING_BOUND if call is site else env)} for call in sites
                ]
            instances += self._rounds(closure, env)
            if instances:
                return instances
        return []

    def _rounds(self, closure: Closure, env: Environment) -> list[Environment]:
        """Return one environment for each round of the loops that the function is the body of, or is handed to by its name."""
        function, module = closure.node, closure.scope.module
        parameters = module.scopes.get(function.id)
        if parameters is None:
            return []
        found: list[Environment] = []
        for handed in [function] if is_loop(function) else self._handed(closure):
            self.evaluator.begin({}, env)
            for place, value in enumerate(rounds(self.evaluator, handed, module, env)):
                found.append({**env, **bind_round(value, place, parameters, function, env)})
        return found

    def _handed(self, closure: Closure) -> list[Node]:
        """Return the arguments in `list.map(name)` that name the function."""
        if closure.node.id in self.handed_as:
            return self.handed_as[closure.node.id]
        module = closure.scope.module
        names = set(module.names_of(closure.node))
        found = self.handed_as[closure.node.id] = []
        for site in [site for name in ("map", "forEach") for site in islice(module.calls_of(name), MAX_LOOKED_AT)] if names else ():
            first = next(iter(site.arguments()), None)
            if first is None or first.type != "identifier" or module.text(first) not in names:
                continue
            self.evaluator.begin({})
            value = self.evaluator.evaluate(first, site.scope, NOTHING_BOUND)
            if isinstance(value, Closure) and value.node.id == closure.node.id:
                found.append(first)
        return found

    def _call_sites(self, closure: Closure) -> list[CallSite]:
        if closure.node.id in self.sites_of:
            return self.sites_of[closure.node.id]
        module = closure.scope.module
        self.sites_of[closure.node.id] = []  # while looking: a function that calls itself is not followed
        names = set(module.names_of(closure.node))
        of_class: int | None = None
        if "constructor" in names:
            class_body = closure.node.parent
            class_node = class_body.parent if class_body is not None else None
            of_class = class_node.id if class_node is not None else None
            names = set(module.names_of(class_node)) if class_node is not None else set()
        found: list[CallSite] = []
        for other in self.page.modules.values():
            for name in [*names, *names_abroad(self.page, other, module, names)]:
                for site in islice(_in_sight(other.calls_of(name), name, closure), MAX_LOOKED_AT):
                    if len(found) < MAX_SITES and self._calls(site, closure, of_class):
                        found.append(site)
        self.sites_of[closure.node.id] = found
        return found

    def _calls(self, site: CallSite, closure: Closure, of_class: int | None) -> bool:
        # Minified names are short and many functions share them: most are told apart without evaluating anything.
        binding = site.scope.find(site.name) if site.callee.type == "identifier" else None
        if binding is not None and binding.kind in ("function", "class") and binding.node is not None:
            wanted = closure.node.id if of_class is None else of_class
            return binding.node.id == wanted and (of_class is None or site.is_new)
        if binding is not None and binding.kind == "parameter" and not binding.path:
            return False
        self.evaluator.begin({})
        callee: Value = self.evaluator.evaluate(site.callee, site.scope, NOTHING_BOUND)
        if of_class is not None:
            return site.is_new and isinstance(callee, ClassValue) and callee.node.id == of_class
        if isinstance(callee, Closure):
            return callee.node.id == closure.node.id
        # this.request(…) and the like, where the object is not known: a method of that name in the same script will do.
        return site.callee.type == "member_expression" and site.module is closure.scope.module and closure.node.type == "method_definition"

    # Calls

    def _record(self, draft: Draft) -> bool:
        source = Source(
            SourceKind.PAGE if self.page.key_of(draft.site.module).startswith("inline:") else SourceKind.SCRIPT,
            self.exchange_ids.get(self.page.key_of(draft.site.module)),
            excerpt_of(draft.site.module.text(draft.site.node)),
        )
        if draft.kind == "call":
            call = self._call(draft, source)
            if call is not None:
                self.calls[call] = None
            return call is not None
        url, _ = address_of(draft.url, self.page.base, self.fallback_base)
        if url is None:
            return False
        if draft.kind == "websocket":
            url = re.sub(r"^http", "ws", url)
            if not url.startswith(("ws://", "wss://")):
                return False
        self.sockets[SocketUse(url, draft.kind, source)] = None
        return True

    def _call(self, draft: Draft, source: Source) -> Call | None:
        first = draft.url.parts[0]
        if draft.is_generic and not (isinstance(first, str) and re.match(r"/(?!\*)|https?://", first)):
            return None
        method = draft.method.known
        if method is None or not _METHOD.fullmatch(method):
            method = "POST" if draft.body else "GET"
        url, template = address_of(draft.url, self.page.base, self.fallback_base)
        if url is None or not url.startswith(("http://", "https://")):
            return None
        headers = tuple((name, _header_value(name, value)) for name, value in draft.headers.items() if _HEADER_NAME.fullmatch(name))
        call = Call(method, url, headers, draft.body, template=template, source=source)
        if draft.credentials in ("omit", "same-origin", "include"):
            call = replace(call, credentials=draft.credentials)
        if draft.mode in ("cors", "no-cors", "same-origin"):
            call = replace(call, mode=draft.mode)
        return replace(call, redirect=draft.redirect) if draft.redirect in ("follow", "manual", "error") else call


def _in_sight(sites: Iterable[CallSite], name: str, closure: Closure) -> Iterator[CallSite]:
    """Leave out calls by a plain name from where the function's own name cannot be seen."""
    binding = closure.scope.find(name)
    home = binding.home if binding is not None else None
    for site in sites:
        is_plain = home is not None and site.module is home.module and site.callee.type == "identifier"
        if not is_plain or (home is not None and home.start_byte <= site.node.start_byte < home.end_byte):
            yield site


def _minified_socketio(module: Module) -> Iterator[CallSite]:
    """Yield the calls f(url, {…}) whose options only Socket.IO has: minifiers leave nothing of the name `io`."""
    seen: set[int] = set()
    for match in islice(SOCKETIO_OPTIONS.finditer(module.source), MAX_SITES):
        node = module.root.descendant_for_byte_range(match.start(), match.end()) if module.root is not None else None
        while node is not None and node.type != "object":
            node = node.parent
        call = node.parent.parent if node is not None and node.parent is not None else None
        if node is None or call is None or call.type != "call_expression" or call.id in seen:
            continue
        seen.add(call.id)
        site = module.site_of(call)
        match site.arguments() if site is not None and site.callee.type == "identifier" else ():
            case [url, options] if options.id == node.id and url.type in ("string", "template_string", "identifier", "member_expression"):
                assert site is not None
                yield replace(site, name=module.text(site.callee))
            case _:
                pass


def _header_value(name: str, value: Value) -> str:
    """Return what may be kept of a header's value: what verdicts need, and plain words. Everything else becomes "…"."""
    text = text_of(value)
    known = "".join(part if isinstance(part, str) else "1" for part in text.parts)
    if name.lower() in _KEPT_VALUES:
        if not any(isinstance(part, str) for part in text.parts):
            return "application/json" if name.lower() == "content-type" else "…"
        return known[:200]
    return known if text.known is not None and not _SECRET_NAME.search(name) and _PLAIN_VALUE.fullmatch(known) else "…"


def address_of(text: Text, base: str, fallback_base: str = "") -> tuple[str | None, str]:
    """Turn a URL with holes into (absolute URL without fragment, path template).

    A hole in a path becomes "1" and "{name}"; one after a word at the end is taken for a query and dropped. (None, "") when scheme, host
    or the beginning is not known and there is no fallback.
    """
    parts = list(text.parts)
    if text.known == "":
        return None, ""
    if isinstance(parts[0], Hole):
        rest = parts[1] if len(parts) > 1 else ""
        if not (fallback_base and isinstance(rest, str) and rest.startswith("/")):
            return None, ""
        parts = [fallback_base.rstrip("/") + rest, *parts[2:]]
    filled, template = "", ""
    for place, part in enumerate(parts):
        if isinstance(part, str):
            filled += part
            template += part
            continue
        authority = re.match(r"(?:[a-z][a-z0-9+.-]*:)?//[^/?#]*$", filled, re.I)
        if authority:
            return None, ""
        if "?" not in filled and _HOLE_KEEPS_QUERY.search(filled) and place == len(parts) - 1:
            continue
        filled += "1"
        template += f"{{{part.name}}}"
    if "\n" in filled or len(filled) > 2000 or " " in filled.strip():
        return None, ""
    absolute = resolve(filled.strip(), base)
    if absolute is None:
        return None, ""
    path = re.sub(r"^(?:[a-z][a-z0-9+.-]*:)?//[^/?#]*", "", template, flags=re.I).partition("?")[0].partition("#")[0]
    return without_fragment(absolute), path if "{" in path else ""
