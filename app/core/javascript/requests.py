# ruff: noqa: SIM102 - nested conditions, each a step cheaper than the next
"""Which calls of a script send a request, and with what: fetch, Request, XMLHttpRequest, axios and its like, jQuery, beacons, sockets."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from tree_sitter import Node

from app.core.javascript.evaluator import Evaluator
from app.core.javascript.reader import Binding, CallSite
from app.core.javascript.values import (
    NOTHING_BOUND,
    UNDEFINED,
    ClassValue,
    Closure,
    Constant,
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
_VERBS = frozenset({"get", "head", "post", "put", "patch", "delete", "options"})
_CLIENT_NAMES = re.compile(r"(?:^|\.)(?:axios|ky|superagent|ofetch|\$http|http|httpClient|apiClient|got|wretch)$", re.I)
_HTTP_MARKERS = re.compile(rb"AxiosError|ERR_BAD_REQUEST|ng-version|ngSkipHydration|superagent|prefixUrl|wretch")
SOCKETIO_OPTIONS = re.compile(r"\btransports\s*:|\breconnection\w*\s*:|\bpath\s*:\s*[\"'`][^\"'`]*socket")
_EMPTY = Record({})


_GET = Text(("GET",))


@dataclass(frozen=True, slots=True)
class Draft:
    """One request as far as it is known: strings may have holes."""

    site: CallSite
    url: Text
    kind: str = "call"  # "call", "websocket", "socketio"
    method: Text = _GET
    headers: Mapping[str, Value] = field(default_factory=dict)
    body: str | None = None
    credentials: str = "same-origin"
    mode: str = "cors"
    redirect: str = "follow"
    is_generic: bool = False  # client.get("/x") of a client that was not seen being made


@lru_cache(maxsize=64)
def _carries_client(source: bytes) -> bool:
    return _HTTP_MARKERS.search(source) is not None


Recognise = Callable[[Evaluator, CallSite, Environment], Draft | None]


def body_kind(value: Value) -> str | None:
    """Return the kind of a request body, as `Call.body` has it."""
    match value:
        case Constant():
            return None
        case Instance(kind="FormData"):
            return "multipart"
        case Instance(kind="URLSearchParams"):
            return "urlencoded"
        case Instance(kind="Blob" | "File"):
            return "blob"
        case Instance(kind="ArrayBuffer" | "Uint8Array"):
            return "bytes"
        case _:
            return "text"


def _fields(value: Value) -> dict[str, Value]:
    if isinstance(value, Instance):
        value = value.record
    return dict(value.fields) if isinstance(value, Record) else {}


def _word(value: Value | None, default: str) -> str:
    return (text_of(value).known if value is not None else None) or default


def _argument(evaluator: Evaluator, site: CallSite, index: int, env: Environment) -> Value:
    arguments = site.arguments()
    return evaluator.evaluate(arguments[index], site.scope, env) if index < len(arguments) else UNDEFINED


def _method_text(fields: Mapping[str, Value], *names: str, default: str = "GET") -> Text:
    for name in names:
        value = fields.get(name)
        if value is not None and value not in (UNDEFINED, Constant(None)):
            return text_of(value)
    return Text((default,))


def _target(evaluator: Evaluator, site: CallSite, env: Environment) -> Value:
    return evaluator.evaluate(site.callee.child_by_field_name("object"), site.scope, env)


def _is_own_function(evaluator: Evaluator, site: CallSite, env: Environment) -> bool:
    """Whether the called name is a function of the script: then what is inside it counts, not this call."""
    return isinstance(evaluator.evaluate(site.callee, site.scope, env), Closure | ClassValue)


def _with_appended(evaluator: Evaluator, node: Node | None, site: CallSite, fields: dict[str, Value], env: Environment) -> dict[str, Value]:
    """Return headers with what `name.append("X-Foo", …)` and `name.set(…)` add, when they stand in a variable."""
    if node is None or node.type != "identifier":
        return fields
    module, name = site.module, site.module.text(node)
    binding = site.scope.find(name)
    for call in [*module.calls.get("append", ()), *module.calls.get("set", ())]:
        target = call.callee.child_by_field_name("object")
        if target is not None and target.type == "identifier" and module.text(target) == name and call.scope.find(name) is binding:
            added = text_of(_argument(evaluator, call, 0, env)).known
            if added:
                fields[added] = _argument(evaluator, call, 1, env)
    return fields


def _headers_node(options: Node | None) -> Node | None:
    for child in options.named_children if options is not None and options.type == "object" else ():
        key = child.child_by_field_name("key")
        if child.type == "pair" and key is not None and key.text in (b"headers", b'"headers"'):
            return child.child_by_field_name("value")
        if child.type == "shorthand_property_identifier" and child.text == b"headers":
            return child
    return None


def recognise_fetch(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`fetch(url, options)`, `window.fetch`, `$fetch`, `fetch(new Request(…))`."""
    if _is_own_function(evaluator, site, env):
        return None
    arguments = site.arguments()
    if not arguments:
        return None
    first, options = _argument(evaluator, site, 0, env), _argument(evaluator, site, 1, env)
    base, _ = merged(_fields(first) if isinstance(first, Instance) and first.kind == "Request" else {}, options, is_open=False)
    options_node = arguments[1] if len(arguments) > 1 else None
    url = text_of(first)
    headers_value = base.get("headers", UNDEFINED)
    headers = _fields(headers_value)
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
    method = _method_text(base, "method", "type")
    if site.name in ("$fetch", "ofetch", "useFetch") or "json" in base:
        body = body if "body" in base else base.get("json", UNDEFINED)
        base_url = base.get("baseURL")
        url = joined(text_of(base_url), url) if base_url is not None else url
        if isinstance(body, Record | Unknown):
            headers.setdefault("Content-Type", Text(("application/json",)))
    return Draft(
        site, url, "call", method, headers, body_kind(body) if (method.known or "POST").upper() not in ("GET", "HEAD") else None,
        _word(base.get("credentials"), "same-origin"), _word(base.get("mode"), "cors"), _word(base.get("redirect"), "follow"),
    )  # fmt: skip


def _with_appended_name(evaluator: Evaluator, site: CallSite, name: str, fields: dict[str, Value], env: Environment) -> dict[str, Value]:
    binding = site.scope.find(name)
    for call in [*site.module.calls.get("append", ()), *site.module.calls.get("set", ())]:
        target = call.callee.child_by_field_name("object")
        if target is not None and site.module.text(target) == name and call.scope.find(name) is binding:
            added = text_of(_argument(evaluator, call, 0, env)).known
            if added:
                fields[added] = _argument(evaluator, call, 1, env)
    return fields


def recognise_xhr(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`request.open(method, url)` with the headers, credentials and body that are set on the same variable."""
    target_node = site.callee.child_by_field_name("object")
    arguments = site.arguments()
    if target_node is None or len(arguments) < 2:
        return None
    target = evaluator.evaluate(target_node, site.scope, env)
    method = text_of(_argument(evaluator, site, 0, env))
    if not (isinstance(target, Instance) and target.kind == "XMLHttpRequest"):
        if isinstance(target, Global) or (method.known or "").upper() not in METHODS:
            return None
    module = site.module
    headers: dict[str, Value] = {}
    credentials, body = "same-origin", None
    name = module.text(target_node)
    binding = site.scope.find(name) if target_node.type == "identifier" else None

    def same(call: CallSite) -> bool:
        other = call.callee.child_by_field_name("object")
        return other is not None and module.text(other) == name and (binding is None or call.scope.find(name) is binding)

    for call in module.calls.get("setRequestHeader", ()):
        if same(call) and (header := text_of(_argument(evaluator, call, 0, env)).known):
            headers[header] = _argument(evaluator, call, 1, env)
    for call in module.calls.get("send", ()):
        if same(call):
            body = body_kind(_argument(evaluator, call, 0, env))
    for path, node, scope in binding.members if binding is not None else ():
        if path == ("withCredentials",) and truth_of(evaluator.evaluate(node, scope, env)):
            credentials = "include"
    if (method.known or "").upper() in ("GET", "HEAD"):
        body = None
    return Draft(site, text_of(_argument(evaluator, site, 1, env)), "call", method, headers, body, credentials)


def _axios_draft(
    evaluator: Evaluator, site: CallSite, client: Record, url: Text, method: Text, options: dict[str, Value], data: Value
) -> Draft:
    common = dict(client.fields)
    defaults = _fields(common.pop("defaults", _EMPTY))
    common |= {name: value for name, value in defaults.items() if name != "headers"}
    headers: dict[str, Value] = _fields(defaults.get("headers", _EMPTY)) | _fields(common.get("headers", _EMPTY))
    for nested in ("common", (method.known or "get").lower()):
        headers |= _fields(headers.pop(nested, _EMPTY))
    headers |= _fields(options.get("headers", _EMPTY))
    headers = {name: value for name, value in headers.items() if not isinstance(value, Record)}
    base = options.get("baseURL", common.get("baseURL", common.get("prefixUrl")))
    if base is not None and base not in (UNDEFINED, Constant(None)):
        first = url.parts[0]
        if not (isinstance(first, str) and re.match(r"(?:[a-z][a-z0-9+.-]*:)?//", first, re.I)):
            url = _under(text_of(base), url)
    body = body_kind(data) if (method.known or "POST").upper() not in ("GET", "HEAD") else None
    if body == "text" and not any(name.lower() == "content-type" for name in headers):
        # axios sends strings as a form and objects as JSON.
        is_form = isinstance(data, Text)
        headers["Content-Type"] = Text(("application/x-www-form-urlencoded" if is_form else "application/json",))
    if body == "multipart":  # axios drops the header, so that the browser can add the boundary
        headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    credentials = "include" if truth_of(options.get("withCredentials", common.get("withCredentials", UNDEFINED))) else "same-origin"
    credentials = _word(options.get("credentials", common.get("credentials")), credentials)
    return Draft(site, url, "call", method, headers, body, credentials)


def _under(base: Text, url: Text) -> Text:
    """Join as axios does: one slash between; an empty path leaves the base."""
    last, first = base.parts[-1], url.parts[0]
    if url.known == "":
        return base
    if isinstance(last, str):
        base = Text((*base.parts[:-1], last.rstrip("/")))
    if isinstance(first, str):
        url = Text((first.lstrip("/"), *url.parts[1:]))
    return joined(base, Text(("/",)), url) if base.known != "" else joined(Text(("/",)), url)


def recognise_verb(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`client.get(url, options)`, `client.post(url, data, options)`; `$.get(url)`; `client.request({…})`."""
    arguments = site.arguments()
    if not arguments or site.callee.type != "member_expression":
        return None
    target = _target(evaluator, site, env)
    name = site.name
    is_jquery = isinstance(target, Global) and target.path in ("$", "jQuery", "window.$", "window.jQuery")
    if is_jquery:
        return _jquery_verb(evaluator, site, env) if name in ("get", "post") else None
    client, is_generic = _EMPTY, False
    if isinstance(target, Instance) and target.kind == "axios":
        client = _with_interceptors(evaluator, site, target.record, env)
    elif isinstance(target, Global) and _CLIENT_NAMES.search(target.path):
        client = _with_interceptors(evaluator, site, _EMPTY, env)
    elif (
        isinstance(target, Unknown | Global | Record)
        or (isinstance(target, Instance) and target.kind in ("class", ""))
        or isinstance(target, Closure | ClassValue)
    ):
        # A bundled client: any object, but the script must carry such a client, and the argument must be a URL.
        if isinstance(target, Record) and name in target.fields and not target.is_open:
            return None
        if isinstance(target, ClassValue) or (isinstance(target, Instance) and target.of):
            if isinstance(evaluator.member(target, name), Closure):
                return None
        start = text_of(_argument(evaluator, site, 0, env)).parts[0] if name != "request" else "/"
        # A library's own x.get(key) passes by the hundred: what does not begin like a URL is not worth a second look.
        if not isinstance(start, str) or not start.startswith(("/", "http://", "https://")):
            return None
        if not any(_carries_client(module.source) for module in evaluator.page.modules.values()):
            return None
        is_generic = True
        client = _with_interceptors(evaluator, site, _EMPTY, env)
    else:
        return None
    first = _argument(evaluator, site, 0, env)
    if name == "request":
        if not isinstance(first, Record):
            return None
        fields = dict(first.fields)
        draft = _axios_draft(
            evaluator,
            site,
            client,
            text_of(fields.get("url", Text(("",)))),
            _method_text(fields, "method"),
            fields,
            fields.get("data", UNDEFINED),
        )
        return replace(draft, is_generic=is_generic)
    if is_generic and any(argument.type in ("arrow_function", "function_expression") for argument in arguments[1:]):
        return None  # a router: app.get("/x", handler)
    takes_data = name in ("post", "put", "patch")
    data = _argument(evaluator, site, 1, env) if takes_data else UNDEFINED
    options = _fields(_argument(evaluator, site, 2 if takes_data else 1, env))
    if "json" in _fields(data):  # ky.post(url, {json})
        options, data = _fields(data), _fields(data)["json"]
    url = text_of(first)
    return replace(
        _axios_draft(evaluator, site, client, url, Text((name.upper(),)), options, data if takes_data else options.get("data", UNDEFINED)),
        is_generic=is_generic,
    )


def _with_interceptors(evaluator: Evaluator, site: CallSite, client: Record, env: Environment) -> Record:
    """Return the client's settings with the headers that `client.interceptors.request.use(config => …)` sets on every request."""
    wanted = site.callee.child_by_field_name("object")
    if wanted is None:
        return client
    added: dict[str, Value] = {}
    mine = _binding_of(wanted, site)
    for module in evaluator.page.modules.values():
        for use in module.calls.get("use", ())[:20]:
            text = module.text(use.callee)
            if not text.endswith(".interceptors.request.use") or not (arguments := use.arguments()):
                continue
            owner = use.callee
            for _ in range(3):
                owner = owner.child_by_field_name("object") if owner is not None else None
            theirs = _binding_of(owner, use) if owner is not None else None
            if not _same_client(mine, theirs, evaluator, module.text(owner) if owner is not None else "", site.module.text(wanted)):
                continue
            handler = evaluator.evaluate(arguments[0], use.scope, NOTHING_BOUND)
            if isinstance(handler, Closure):
                added |= _headers_set_in(evaluator, handler)
    if not added:
        return client
    headers = _fields(client.fields.get("headers", _EMPTY)) | added
    return Record({**client.fields, "headers": Record(headers)}, client.is_open)


def _binding_of(node: Node, site: CallSite) -> Binding | None:
    return site.scope.find(site.module.text(node)) if node.type == "identifier" else None


def _same_client(mine: Binding | None, theirs: Binding | None, evaluator: Evaluator, their_text: str, my_text: str) -> bool:
    if mine is theirs and mine is not None:
        return True
    if mine is None and theirs is None:
        return their_text == my_text
    if mine is not None and mine.kind == "import" and theirs is not None:
        module = evaluator.page.linked(mine.source, mine.scope.module)
        if module is theirs.scope.module and module is not None:
            how, what = module.exports.get(mine.imported, ("", ""))
            return (how == "local" and what == theirs.name) or (
                how == "value" and isinstance(what, Node) and module.text(what) == theirs.name
            )
    return False


def _headers_set_in(evaluator: Evaluator, handler: Closure) -> dict[str, Value]:
    inner = handler.scope.module.scopes.get(handler.node.id)
    found: dict[str, Value] = {}
    for binding in inner.bindings.values() if inner is not None else ():
        if binding.kind != "parameter":
            continue
        for path, _node, _ in binding.members:
            if len(path) >= 2 and path[0] == "headers":
                found[str(path[-1])] = Unknown("token")
        for name in ("set", "append"):
            for call in handler.scope.module.calls.get(name, ())[:50]:
                if handler.scope.module.text(call.callee).startswith(f"{binding.name}.headers.") and inner in _around(call):
                    header = text_of(_argument(evaluator, call, 0, NOTHING_BOUND)).known
                    if header:
                        found[header] = Unknown("token")
    return found


def _around(call: CallSite) -> list[object]:
    found: list[object] = []
    scope = call.scope
    while scope is not None:
        found.append(scope)
        scope = scope.parent
    return found


def recognise_axios(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`axios({url, method, …})`, `axios(url, {…})`, and the same of an instance; also minified, where only the shape is left."""
    callee = evaluator.evaluate(site.callee, site.scope, env)
    first = _argument(evaluator, site, 0, env)
    named = (isinstance(callee, Global) and _CLIENT_NAMES.search(callee.path)) or (isinstance(callee, Instance) and callee.kind == "axios")
    if isinstance(first, Record):
        fields = dict(first.fields)
        if "url" not in fields or not (named or {"method", "baseURL", "withCredentials", "data"} & set(fields)):
            return None
        if not named and isinstance(callee, Closure) and callee.scope.module.text(callee.node).count("fetch("):
            return None
    elif named and isinstance(first, Text):
        fields = {**_fields(_argument(evaluator, site, 1, env)), "url": first}
    else:
        return None
    client = callee.record if isinstance(callee, Instance) else _EMPTY
    method = _method_text(fields, "method", "type")
    draft = _axios_draft(evaluator, site, client, text_of(fields["url"]), method, fields, fields.get("data", UNDEFINED))
    return replace(draft, is_generic=not named)


def recognise_jquery(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`$.ajax({url, …})`, `$.ajax(url, {…})`."""
    first = _argument(evaluator, site, 0, env)
    fields = dict(first.fields) if isinstance(first, Record) else {**_fields(_argument(evaluator, site, 1, env)), "url": first}
    if "url" not in fields or fields["url"] == UNDEFINED:
        return None
    method = _method_text(fields, "method", "type")
    data, content_type = fields.get("data", UNDEFINED), fields.get("contentType", UNDEFINED)
    headers = _fields(fields.get("headers", _EMPTY))
    body = None
    if (method.known or "POST").upper() not in ("GET", "HEAD") and data != UNDEFINED:
        body = "multipart" if body_kind(data) == "multipart" else "text"
        if content_type != Constant(False) and body == "text":
            written = text_of(content_type).known if content_type != UNDEFINED else None
            headers.setdefault("Content-Type", Text((written or "application/x-www-form-urlencoded; charset=UTF-8",)))
    include = truth_of(_fields(fields.get("xhrFields", _EMPTY)).get("withCredentials", UNDEFINED))
    return Draft(site, text_of(fields["url"]), "call", method, headers, body, "include" if include else "same-origin")


def _jquery_verb(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    first = _argument(evaluator, site, 0, env)
    if isinstance(first, Record):
        return recognise_jquery(evaluator, site, env)
    is_post = site.name == "post"
    headers: dict[str, Value] = {"Content-Type": Text(("application/x-www-form-urlencoded; charset=UTF-8",))} if is_post else {}
    return Draft(site, text_of(first), "call", Text(("POST" if is_post else "GET",)), headers, "text" if is_post else None)


def recognise_get_json(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`$.getJSON(url)`."""
    return Draft(site, text_of(_argument(evaluator, site, 0, env)))


def recognise_beacon(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`navigator.sendBeacon(url, data)`: always with credentials, "no-cors" unless a blob carries a type that needs asking."""
    kind = body_kind(_argument(evaluator, site, 1, env))
    mode = "cors" if kind == "blob" else "no-cors"
    return Draft(site, text_of(_argument(evaluator, site, 0, env)), "call", Text(("POST",)), {}, kind, "include", mode)


def recognise_event_source(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`new EventSource(url, {withCredentials})`."""
    options = _fields(_argument(evaluator, site, 1, env))
    include = truth_of(options.get("withCredentials", UNDEFINED))
    headers: dict[str, Value] = {"Accept": Text(("text/event-stream",))}
    return Draft(site, text_of(_argument(evaluator, site, 0, env)), headers=headers, credentials="include" if include else "same-origin")


def recognise_websocket(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`new WebSocket(url)`."""
    return Draft(site, text_of(_argument(evaluator, site, 0, env)), "websocket")


def recognise_socketio(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`io()`, `io(url, {path})`, and its minified form: a call with an options object that only Socket.IO has."""
    arguments = site.arguments()
    # "io" may be a minified name of anything: then the options must say that it is Socket.IO.
    if _is_own_function(evaluator, site, env) and not (arguments and SOCKETIO_OPTIONS.search(site.module.text(arguments[-1])[:400])):
        return None
    first, second = _argument(evaluator, site, 0, env), _argument(evaluator, site, 1, env)
    options = _fields(first) if isinstance(first, Record) else _fields(second)
    path = _word(options.get("path"), "/socket.io/")
    url = text_of(first) if isinstance(first, Text | Unknown) else Text(("",))
    start = url.parts[0]
    # io("/chat") names a namespace on the page's own origin, not a path.
    if isinstance(start, str) and not re.match(r"(?:https?|wss?):", start):
        url = Text(("",))
    elif isinstance(start, str):
        host = re.match(r"(?:https?|wss?)://[^/]*", start)
        url = Text((re.sub(r"^ws", "http", host[0]),)) if host else url
    return Draft(site, joined(url, Text((f"/{path.strip('/')}/",))), "socketio")


RECOGNISERS: dict[str, Recognise] = {
    **dict.fromkeys(("fetch", "$fetch", "ofetch", "useFetch", "authFetch"), recognise_fetch),
    "open": recognise_xhr,
    "ajax": recognise_jquery,
    "getJSON": recognise_get_json,
    "sendBeacon": recognise_beacon,
    "EventSource": recognise_event_source,
    **dict.fromkeys(("WebSocket", "ReconnectingWebSocket"), recognise_websocket),
    **dict.fromkeys(_VERBS, recognise_verb),
    "request": recognise_verb,
    **dict.fromkeys(("axios", "ky", "superagent"), recognise_axios),
}
