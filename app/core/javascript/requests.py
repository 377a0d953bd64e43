"""Calls of what the browser itself offers: fetch, Request, XMLHttpRequest, beacons, event streams, WebSockets; and Socket.IO."""

import re

from tree_sitter import Node

from app.core.javascript.drafts import Draft, argument_of, body_kind, fields_of, is_own_function, method_text, word_of
from app.core.javascript.evaluator import Evaluator
from app.core.javascript.modules import CallSite
from app.core.javascript.values import (
    UNDEFINED,
    Environment,
    Global,
    Instance,
    Listing,
    Record,
    Text,
    Unknown,
    Value,
    joined,
    merged,
    text_of,
    truth_of,
)  # fmt: skip

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SOCKETIO_OPTIONS = re.compile(rb"\btransports\s*:|\breconnection\w*\s*:|\bpath\s*:\s*[\"'`][^\"'`]*socket")


def recognise_fetch(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`fetch(url, options)`, `window.fetch`, `$fetch`, `fetch(new Request(…))`."""
    if is_own_function(evaluator, site, env):
        return None
    arguments = site.arguments()
    if not arguments:
        return None
    first, options = argument_of(evaluator, site, 0, env), argument_of(evaluator, site, 1, env)
    base, _ = merged(fields_of(first) if isinstance(first, Instance) and first.kind == "Request" else {}, options, is_open=False)
    options_node = arguments[1] if len(arguments) > 1 else None
    url = text_of(first)
    headers_value = base.get("headers", UNDEFINED)
    headers = fields_of(headers_value)
    if isinstance(headers_value, Listing):
        headers = {
            text_of(pair.items[0]).known or "": pair.items[1]
            for pair in headers_value.items
            if isinstance(pair, Listing) and len(pair.items) == 2
        }
    headers_node = _headers_node(options_node)
    if headers_node is not None and headers_node.type == "shorthand_property_identifier":
        headers = _with_appended_name(evaluator, site, "headers", headers, env)
    else:
        headers = _with_appended(evaluator, headers_node, site, headers, env)
    body = base.get("body", UNDEFINED)
    method = method_text(base, "method", "type")
    if site.name in ("$fetch", "ofetch", "useFetch") or "json" in base:
        body = body if "body" in base else base.get("json", UNDEFINED)
        base_url = base.get("baseURL")
        url = joined(text_of(base_url), url) if base_url is not None else url
        if isinstance(body, Record | Unknown):
            headers.setdefault("Content-Type", Text(("application/json",)))
    return Draft(
        site, url, "call", method, headers, body_kind(body) if (method.known or "POST").upper() not in ("GET", "HEAD") else None,
        word_of(base.get("credentials"), "same-origin"), word_of(base.get("mode"), "cors"), word_of(base.get("redirect"), "follow"),
    )  # fmt: skip


def _headers_node(options: Node | None) -> Node | None:
    for child in options.named_children if options is not None and options.type == "object" else ():
        key = child.child_by_field_name("key")
        if child.type == "pair" and key is not None and key.text in (b"headers", b'"headers"'):
            return child.child_by_field_name("value")
        if child.type == "shorthand_property_identifier" and child.text == b"headers":
            return child
    return None


def _with_appended(evaluator: Evaluator, node: Node | None, site: CallSite, fields: dict[str, Value], env: Environment) -> dict[str, Value]:
    """Return headers with what `name.append("X-Foo", …)` and `name.set(…)` add, when they stand in a variable."""
    if node is None or node.type != "identifier":
        return fields
    module, name = site.module, site.module.text(node)
    binding = site.scope.find(name)
    for call in [*module.calls_on(name, "append"), *module.calls_on(name, "set")]:
        target = call.callee.child_by_field_name("object")
        if target is not None and target.type == "identifier" and module.text(target) == name and call.scope.find(name) is binding:
            added = text_of(argument_of(evaluator, call, 0, env)).known
            if added:
                fields[added] = argument_of(evaluator, call, 1, env)
    return fields


def _with_appended_name(evaluator: Evaluator, site: CallSite, name: str, fields: dict[str, Value], env: Environment) -> dict[str, Value]:
    binding = site.scope.find(name)
    for call in [*site.module.calls_on(name, "append"), *site.module.calls_on(name, "set")]:
        target = call.callee.child_by_field_name("object")
        if target is not None and site.module.text(target) == name and call.scope.find(name) is binding:
            added = text_of(argument_of(evaluator, call, 0, env)).known
            if added:
                fields[added] = argument_of(evaluator, call, 1, env)
    return fields


def recognise_xhr(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`request.open(method, url)` with the headers, credentials and body that are set on the same variable."""
    target_node = site.callee.child_by_field_name("object")
    arguments = site.arguments()
    if target_node is None or len(arguments) < 2:
        return None
    target = evaluator.evaluate(target_node, site.scope, env)
    method = text_of(argument_of(evaluator, site, 0, env))
    is_xhr = isinstance(target, Instance) and target.kind == "XMLHttpRequest"
    if not is_xhr and (isinstance(target, Global) or (method.known or "").upper() not in METHODS):
        return None
    module = site.module
    headers: dict[str, Value] = {}
    credentials, body = "same-origin", None
    name = module.text(target_node)
    binding = site.scope.find(name) if target_node.type == "identifier" else None

    def same(call: CallSite) -> bool:
        other = call.callee.child_by_field_name("object")
        return other is not None and module.text(other) == name and (binding is None or call.scope.find(name) is binding)

    for call in module.calls_on(name, "setRequestHeader"):
        if same(call) and (header := text_of(argument_of(evaluator, call, 0, env)).known):
            headers[header] = argument_of(evaluator, call, 1, env)
    for call in module.calls_on(name, "send"):
        if same(call):
            body = body_kind(argument_of(evaluator, call, 0, env))
    for path, node, scope in binding.members if binding is not None else ():
        if path == ("withCredentials",) and truth_of(evaluator.evaluate(node, scope, env)):
            credentials = "include"
    if (method.known or "").upper() in ("GET", "HEAD"):
        body = None
    return Draft(site, text_of(argument_of(evaluator, site, 1, env)), "call", method, headers, body, credentials)


def recognise_beacon(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`navigator.sendBeacon(url, data)`: always with credentials, "no-cors" unless a blob carries a type that needs asking."""
    kind = body_kind(argument_of(evaluator, site, 1, env))
    mode = "cors" if kind == "blob" else "no-cors"
    return Draft(site, text_of(argument_of(evaluator, site, 0, env)), "call", Text(("POST",)), {}, kind, "include", mode)


def recognise_event_source(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`new EventSource(url, {withCredentials})`."""
    options = fields_of(argument_of(evaluator, site, 1, env))
    include = truth_of(options.get("withCredentials", UNDEFINED))
    headers: dict[str, Value] = {"Accept": Text(("text/event-stream",))}
    return Draft(site, text_of(argument_of(evaluator, site, 0, env)), headers=headers, credentials="include" if include else "same-origin")


def recognise_websocket(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`new WebSocket(url)`."""
    return Draft(site, text_of(argument_of(evaluator, site, 0, env)), "websocket")


def recognise_socketio(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`io()`, `io(url, {path})`, and its minified form: a call with an options object that only Socket.IO has."""
    arguments = site.arguments()
    # "io" may be a minified name of anything: then the options must say that it is Socket.IO.
    if is_own_function(evaluator, site, env) and not (arguments and SOCKETIO_OPTIONS.search((arguments[-1].text or b"")[:400])):
        return None
    first, second = argument_of(evaluator, site, 0, env), argument_of(evaluator, site, 1, env)
    options = fields_of(first) if isinstance(first, Record) else fields_of(second)
    path = word_of(options.get("path"), "/socket.io/")
    url = text_of(first) if isinstance(first, Text | Unknown) else Text(("",))
    start = url.parts[0]
    # io("/chat") names a namespace on the page's own origin, not a path.
    if isinstance(start, str) and not re.match(r"(?:https?|wss?):", start):
        url = Text(("",))
    elif isinstance(start, str):
        host = re.match(r"(?:https?|wss?)://[^/]*", start)
        url = Text((re.sub(r"^ws", "http", host[0]),)) if host else url
    return Draft(site, joined(url, Text((f"/{path.strip('/')}/",))), "socketio")
