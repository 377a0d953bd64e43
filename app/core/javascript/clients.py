"""Calls of HTTP clients: axios and its like, their instances and interceptors, and jQuery."""

import re
from dataclasses import replace
from functools import lru_cache

from tree_sitter import Node

from app.core.javascript.drafts import NOTHING, Draft, argument_of, body_kind, fields_of, method_text, word_of
from app.core.javascript.evaluator import Evaluator
from app.core.javascript.members import member_of
from app.core.javascript.modules import CallSite
from app.core.javascript.scopes import Binding
from app.core.javascript.values import (
    NOTHING_BOUND,
    UNDEFINED,
    ClassValue,
    Closure,
    Constant,
    Environment,
    Global,
    Instance,
    Record,
    Text,
    Unknown,
    Value,
    joined,
    text_of,
    truth_of,
)  # fmt: skip

_CLIENT_NAMES = re.compile(r"(?:^|\.)(?:axios|ky|superagent|ofetch|\$http|http|httpClient|apiClient|got|wretch)$", re.I)
_HTTP_MARKERS = re.compile(rb"AxiosError|ERR_BAD_REQUEST|ng-version|ngSkipHydration|superagent|prefixUrl|wretch")


@lru_cache(maxsize=64)
def _carries_client(source: bytes) -> bool:
    return _HTTP_MARKERS.search(source) is not None


def _axios_draft(
    evaluator: Evaluator, site: CallSite, client: Record, url: Text, method: Text, options: dict[str, Value], data: Value
) -> Draft:
    common = dict(client.fields)
    defaults = fields_of(common.pop("defaults", NOTHING))
    common |= {name: value for name, value in defaults.items() if name != "headers"}
    headers: dict[str, Value] = fields_of(defaults.get("headers", NOTHING)) | fields_of(common.get("headers", NOTHING))
    for nested in ("common", (method.known or "get").lower()):
        headers |= fields_of(headers.pop(nested, NOTHING))
    headers |= fields_of(options.get("headers", NOTHING))
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
    credentials = word_of(options.get("credentials", common.get("credentials")), credentials)
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


def recognise_axios(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`axios({url, method, …})`, `axios(url, {…})`, and the same of an instance; also minified, where only the shape is left."""
    callee = evaluator.evaluate(site.callee, site.scope, env)
    first = argument_of(evaluator, site, 0, env)
    named = (isinstance(callee, Global) and _CLIENT_NAMES.search(callee.path)) or (isinstance(callee, Instance) and callee.kind == "axios")
    if isinstance(first, Record):
        fields = dict(first.fields)
        if "url" not in fields or not (named or {"method", "baseURL", "withCredentials", "data"} & set(fields)):
            return None
        if not named and isinstance(callee, Closure) and callee.scope.module.text(callee.node).count("fetch("):
            return None
    elif named and isinstance(first, Text):
        fields = {**fields_of(argument_of(evaluator, site, 1, env)), "url": first}
    else:
        return None
    client = callee.record if isinstance(callee, Instance) else NOTHING
    method = method_text(fields, "method", "type")
    draft = _axios_draft(evaluator, site, client, text_of(fields["url"]), method, fields, fields.get("data", UNDEFINED))
    return replace(draft, is_generic=not named)


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
    client, is_generic = NOTHING, False
    if isinstance(target, Instance) and target.kind == "axios":
        client = _with_interceptors(evaluator, site, target.record, env)
    elif isinstance(target, Global) and _CLIENT_NAMES.search(target.path):
        client = _with_interceptors(evaluator, site, NOTHING, env)
    elif (
        isinstance(target, Unknown | Global | Record)
        or (isinstance(target, Instance) and target.kind in ("class", ""))
        or isinstance(target, Closure | ClassValue)
    ):
        # A bundled client: any object, but the script must carry such a client, and the argument must be a URL.
        if isinstance(target, Record) and name in target.fields and not target.is_open:
            return None
        is_own = isinstance(target, ClassValue) or (isinstance(target, Instance) and target.of is not None)
        if is_own and isinstance(member_of(evaluator, target, name), Closure):
            return None
        start = text_of(argument_of(evaluator, site, 0, env)).parts[0] if name != "request" else "/"
        # A library's own x.get(key) passes by the hundred: what does not begin like a URL is not worth a second look.
        if not isinstance(start, str) or not start.startswith(("/", "http://", "https://")):
            return None
        if not any(_carries_client(module.source) for module in evaluator.page.modules.values()):
            return None
        is_generic = True
        client = _with_interceptors(evaluator, site, NOTHING, env)
    else:
        return None
    first = argument_of(evaluator, site, 0, env)
    if name == "request":
        if not isinstance(first, Record):
            return None
        fields = dict(first.fields)
        draft = _axios_draft(
            evaluator,
            site,
            client,
            text_of(fields.get("url", Text(("",)))),
            method_text(fields, "method"),
            fields,
            fields.get("data", UNDEFINED),
        )
        return replace(draft, is_generic=is_generic)
    if is_generic and any(argument.type in ("arrow_function", "function_expression") for argument in arguments[1:]):
        return None  # a router: app.get("/x", handler)
    takes_data = name in ("post", "put", "patch")
    data = argument_of(evaluator, site, 1, env) if takes_data else UNDEFINED
    options = fields_of(argument_of(evaluator, site, 2 if takes_data else 1, env))
    if "json" in fields_of(data):  # ky.post(url, {json})
        options, data = fields_of(data), fields_of(data)["json"]
    url = text_of(first)
    return replace(
        _axios_draft(evaluator, site, client, url, Text((name.upper(),)), options, data if takes_data else options.get("data", UNDEFINED)),
        is_generic=is_generic,
    )


def _target(evaluator: Evaluator, site: CallSite, env: Environment) -> Value:
    return evaluator.evaluate(site.callee.child_by_field_name("object"), site.scope, env)


def _with_interceptors(evaluator: Evaluator, site: CallSite, client: Record, env: Environment) -> Record:
    """Return the client's settings with the headers that `client.interceptors.request.use(config => …)` sets on every request."""
    wanted = site.callee.child_by_field_name("object")
    if wanted is None:
        return client
    added: dict[str, Value] = {}
    mine = _binding_of(wanted, site)
    for module in evaluator.page.modules.values():
        for use in module.calls_of("use")[:20]:
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
    headers = fields_of(client.fields.get("headers", NOTHING)) | added
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
            for call in handler.scope.module.calls_on(f"{binding.name}.headers", name):
                if inner in _around(call):
                    header = text_of(argument_of(evaluator, call, 0, NOTHING_BOUND)).known
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


def recognise_jquery(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`$.ajax({url, …})`, `$.ajax(url, {…})`."""
    first = argument_of(evaluator, site, 0, env)
    fields = dict(first.fields) if isinstance(first, Record) else {**fields_of(argument_of(evaluator, site, 1, env)), "url": first}
    if "url" not in fields or fields["url"] == UNDEFINED:
        return None
    method = method_text(fields, "method", "type")
    data, content_type = fields.get("data", UNDEFINED), fields.get("contentType", UNDEFINED)
    headers = fields_of(fields.get("headers", NOTHING))
    body = None
    if (method.known or "POST").upper() not in ("GET", "HEAD") and data != UNDEFINED:
        body = "multipart" if body_kind(data) == "multipart" else "text"
        if content_type != Constant(False) and body == "text":
            written = text_of(content_type).known if content_type != UNDEFINED else None
            headers.setdefault("Content-Type", Text((written or "application/x-www-form-urlencoded; charset=UTF-8",)))
    include = truth_of(fields_of(fields.get("xhrFields", NOTHING)).get("withCredentials", UNDEFINED))
    return Draft(site, text_of(fields["url"]), "call", method, headers, body, "include" if include else "same-origin")


def _jquery_verb(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    first = argument_of(evaluator, site, 0, env)
    if isinstance(first, Record):
        return recognise_jquery(evaluator, site, env)
    is_post = site.name == "post"
    headers: dict[str, Value] = {"Content-Type": Text(("application/x-www-form-urlencoded; charset=UTF-8",))} if is_post else {}
    return Draft(site, text_of(first), "call", Text(("POST" if is_post else "GET",)), headers, "text" if is_post else None)


def recognise_get_json(evaluator: Evaluator, site: CallSite, env: Environment) -> Draft | None:
    """`$.getJSON(url)`."""
    return Draft(site, text_of(argument_of(evaluator, site, 0, env)))
