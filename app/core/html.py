"""What an HTML page says about itself: scripts, styles, links, forms, roots, embedded state. Any bytes will do."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from selectolax.lexbor import LexborHTMLParser, LexborNode

from app.core.elements import Element, element_of, few
from app.core.exchange import Exchange, decoded
from app.core.urls import resolve, without_fragment

# Pages beyond this are cut: a browser would show them, but nothing new about the seams stands that far down.
MAX_PAGE_CHARS = 6_000_000
MAX_DEPTH = 2_000  # of open elements; parsing costs its square, and browsers stop at 512
MAX_SCRIPTS = 20_000
MAX_LINKS = 500
MAX_FORMS = 100
MAX_FIELDS = 200
MAX_HANDLERS = 500
MAX_NODES = 50_000  # whose attributes are looked at

_ROOTS = ("#root", "#app", "#__next", "#__nuxt", "#svelte", "#q-app", "app-root", "[ng-app]", "[data-reactroot]")
_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w:.-]{2,40})""", re.I)
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le"))
_SCRIPT_TYPES = frozenset({"", "module", "text/javascript", "application/javascript", "text/babel", "text/jsx", "text/ecmascript"})
_HANDLERS = ("onclick", "onsubmit", "onchange", "oninput", "onload", "onkeyup", "onkeydown")
_SENDS = re.compile(r"\bfetch\s*\(|XMLHttpRequest|\baxios\b|\$\.(?:ajax|get|post|getJSON)\b|WebSocket\s*\(|EventSource\s*\(|sendBeacon")
_STATE_NAMES = re.compile(
    r"(__NEXT_DATA__|self\.__next_f|__NUXT__|__NUXT_DATA__|window\.__INITIAL_\w+__|window\.__INITIAL__|window\.__\w*STATE__|window\.__DATA__)"
)
_MARKER = re.compile(r"(?:data-page|data-reactroot|data-v-app|data-server-rendered|ng-version|ng-app|ng-controller|x-data|hx-[a-z-]+|"
                     r"data-hx-[a-z-]+|data-sveltekit-[a-z-]+|data-controller|data-turbo[a-z-]*|data-island|data-astro-cid-\w+|"
                     r"data-v-[0-9a-f]{7,8}|_nghost-[\w-]+|v-cloak|data-n-head|data-vite-[a-z-]+)")  # fmt: skip
_HX_METHODS = ("get", "post", "put", "patch", "delete")
_HIDDEN_TEXT = frozenset({"script", "style", "noscript", "template", "head", "title", "svg", "iframe", "textarea", "option"})


@dataclass(frozen=True, slots=True)
class ScriptTag:
    """One `<script>`. Either `src` (absolute) or `text` is set."""

    src: str = ""
    type: str = ""
    crossorigin: str | None = None
    text: str = field(default="", repr=False)

    @property
    def runs(self) -> bool:
        """Whether a browser executes it (JSON blocks, import maps and templates are not executed)."""
        return self.type in _SCRIPT_TYPES


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: str  # "text", "hidden", "file", "select", "textarea", …
    hidden_value: bool = False  # a hidden field with a value; the value itself is not kept: it may be a token


@dataclass(frozen=True, slots=True)
class Form:
    method: str  # "GET", "POST", "DIALOG"
    action: str  # absolute
    enctype: str  # as given, lower case; "" for the default
    fields: tuple[Field, ...] = ()

    @property
    def csrf_field(self) -> str:
        """The name of the hidden CSRF field, or ""."""
        return next((item.name for item in self.fields if item.hidden_value and _CSRF.search(item.name)), "")


_CSRF = re.compile(r"csrf|xsrf|authenticity_token|__requestverificationtoken", re.I)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that an attribute makes: htmx's `hx-post="/items"`."""

    method: str
    url: str  # absolute
    excerpt: str


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What the markup of one page says; nothing of it is executed."""

    url: str = ""
    base: str = ""  # what relative URLs resolve against
    title: str = ""
    scripts: tuple[ScriptTag, ...] = ()  # in page order
    styles: tuple[str, ...] = ()  # absolute
    modulepreloads: tuple[str, ...] = ()
    icons: tuple[str, ...] = ()  # icons, manifests, preloads
    links: tuple[str, ...] = ()  # every <a href> as absolute http(s) URL without fragment, unique, in order
    forms: tuple[Form, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    metas: Mapping[str, str] = field(default_factory=dict)  # name in lower case → content; csrf-token's content is "…"
    refresh: str = ""  # target of <meta http-equiv=refresh>, absolute
    roots: tuple[str, ...] = ()  # "#root", "app-root": mount points of frontend frameworks
    visible_chars: int = 0
    markers: tuple[str, ...] = ()  # 'ng-version="17.1"', "hx-get", "data-page": attributes that frameworks leave
    states: tuple[str, ...] = ()  # "__NEXT_DATA__", 'json_script "props"': data that the server embedded for a script
    noscript: str = ""
    elements: tuple[Element, ...] = ()  # what the markup hands to scripts

    @property
    def csrf_fields(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(form.csrf_field for form in self.forms if form.csrf_field))


def decode_page(body: bytes, content_type: str) -> str:
    """Decode HTML as browsers do: byte order mark, Content-Type, <meta charset>, else UTF-8; broken bytes become U+FFFD.

    Source: https://html.spec.whatwg.org/#determining-the-character-encoding
    """
    for mark, name in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    _, _, parameter = content_type.lower().partition("charset=")
    charset = parameter.split(";")[0].strip(" \"'")
    if not charset:
        declared = _META_CHARSET.search(body[:4096])
        charset = declared[1].decode("ascii", "replace").lower() if declared else ""
        # "If the encoding is UTF-16BE/LE, then set it to UTF-8": the meta element itself was readable as ASCII.
        charset = "utf-8" if charset.startswith("utf-16") else charset
    if charset in ("latin1", "iso-8859-1", "ascii", "us-ascii"):
        charset = "windows-1252"  # what the Encoding standard reads these labels as
    return decoded(body, charset)


def is_html(exchange: Exchange) -> bool:
    """Whether a browser would show the response as HTML."""
    if exchange.media_type in ("text/html", "application/xhtml+xml"):
        return True
    return not exchange.media_type and exchange.body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))


def read_page(exchange: Exchange) -> PageFacts:
    """Read one page. A response that is not HTML gives empty facts."""
    if not exchange.body or not is_html(exchange):
        return PageFacts(url=exchange.url, base=exchange.url)
    return _read(exchange.body, exchange.header("content-type") or "", exchange.url)


@lru_cache(maxsize=32)
def _read(body: bytes, content_type: str, url: str) -> PageFacts:
    text = decode_page(body, content_type)[:MAX_PAGE_CHARS].replace("\0", "")
    parser = LexborHTMLParser(shallow(text))
    base = _base(parser, url)
    nodes = parser.css("script")[:MAX_SCRIPTS]
    scripts = (*(_script(node, base) for node in nodes), *_handlers(parser))
    keys = {node.mem_id: tag.src or f"inline:{place}" for place, (node, tag) in enumerate(zip(nodes, scripts, strict=False)) if tag.runs}
    attributed = _attributed(parser)
    rels = [(set((node.attributes.get("rel") or "").lower().split()), node) for node in parser.css("link[href]")[:MAX_SCRIPTS]]

    def hrefs(*wanted: str) -> tuple[str, ...]:
        found = (_absolute(node.attributes.get("href"), base) for rel, node in rels if rel & set(wanted))
        return tuple(dict.fromkeys(href for href in found if href))

    head_title = parser.css_first("title")
    return PageFacts(
        url=url,
        base=base,
        title=head_title.text(strip=True)[:200] if head_title else "",
        scripts=scripts,
        styles=hrefs("stylesheet"),
        modulepreloads=hrefs("modulepreload"),
        icons=hrefs("icon", "manifest", "preload", "apple-touch-icon"),
        links=_links(parser, base),
        forms=tuple(_form(node, base) for node in parser.css("form")[:MAX_FORMS]),
        attempts=tuple(_attempts(parser, base)),
        metas=_metas(parser),
        refresh=_refresh(parser, base),
        roots=tuple(root for root in _ROOTS if parser.css_first(root) is not None),
        visible_chars=_visible_chars(parser),
        markers=_markers(attributed),
        states=_states(parser, scripts),
        noscript=" ".join(node.text(separator=" ", strip=True) for node in parser.css("noscript")[:5])[:300],
        elements=few(element for node, given in attributed if (element := element_of(node, given, keys.get(node.mem_id, ""))) is not None),
    )


_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]{0,30})")
# Void elements, and those that the next of their kind closes: an unclosed one does not nest.
_NOT_NESTING = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "p", "li",
                          "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "optgroup", "rt", "rp", "script", "style",
                          "html", "head", "body"})  # fmt: skip


def shallow(text: str) -> str:
    """Cut the page where more than MAX_DEPTH elements stand open, because the parser's time grows with the square of that depth."""
    if text.count("<") <= MAX_DEPTH:
        return text
    opened: dict[str, int] = {}
    depth, position = 0, 0
    while match := _TAG.search(text, position):
        position = match.end()
        name = match[2].lower()
        if name == "script" and not match[1]:
            position = text.find("</script", position)
            if position < 0:
                break
        if name in _NOT_NESTING:
            continue
        if not match[1]:
            opened[name] = opened.get(name, 0) + 1
            depth += 1
            if depth > MAX_DEPTH:
                return text[: match.start()]
        elif opened.get(name):
            opened[name] -= 1
            depth -= 1
    return text


def _absolute(href: str | None, base: str) -> str:
    """Return an absolute http(s) URL without fragment, or ""."""
    if href is None or len(href) > 8000:
        return ""
    absolute = resolve(href.strip(), base)
    return without_fragment(absolute) if absolute and absolute.startswith(("http://", "https://")) else ""


def _base(parser: LexborHTMLParser, url: str) -> str:
    node = parser.css_first("base[href]")
    return (_absolute(node.attributes.get("href"), url) if node else "") or url


def _script(node: LexborNode, base: str) -> ScriptTag:
    attributes = node.attributes
    kind = (attributes.get("type") or "").split(";")[0].strip().lower()
    crossorigin = (attributes.get("crossorigin") or "anonymous") if "crossorigin" in attributes else None
    if attributes.get("src"):
        return ScriptTag(_absolute(attributes.get("src"), base), kind, crossorigin)
    return ScriptTag("", kind, crossorigin, node.text(deep=True))


def _handlers(parser: LexborHTMLParser) -> Iterator[ScriptTag]:
    """Yield the event handlers written as attributes (`onclick="fetch(…)"`) that may send something themselves."""
    for node in parser.css(",".join(f"[{name}]" for name in _HANDLERS))[:MAX_HANDLERS]:
        for name in _HANDLERS:
            text = node.attributes.get(name) or ""
            if _SENDS.search(text):
                yield ScriptTag(text=text)


def _links(parser: LexborHTMLParser, base: str) -> tuple[str, ...]:
    links: dict[str, None] = {}
    for node in parser.css("a[href]"):
        if len(links) >= MAX_LINKS:
            break
        href = node.attributes.get("href") or ""
        if href and not href.lstrip().startswith("#"):
            link = _absolute(href, base)
            if link:
                links[link] = None
    return tuple(links)


def _form(node: LexborNode, base: str) -> Form:
    attributes = node.attributes
    fields: list[Field] = []
    for control in node.css("input[name], select[name], textarea[name]")[:MAX_FIELDS]:
        kind = (control.attributes.get("type") or "text").lower() if control.tag == "input" else control.tag or ""
        hidden = kind == "hidden" and bool(control.attributes.get("value"))
        fields.append(Field((control.attributes.get("name") or "")[:100], kind, hidden))
    method = (attributes.get("method") or "get").strip().upper()
    return Form(
        method if method in ("GET", "POST", "DIALOG") else "GET",
        _absolute(attributes.get("action") or "", base) or without_fragment(base),
        (attributes.get("enctype") or "").strip().lower(),
        tuple(fields),
    )


def _attempts(parser: LexborHTMLParser, base: str) -> list[Attempt]:
    found: list[Attempt] = []
    for method in _HX_METHODS:
        for prefix in ("hx", "data-hx"):
            for node in parser.css(f"[{prefix}-{method}]")[:50]:
                written = node.attributes.get(f"{prefix}-{method}")
                # An empty attribute means the page's own address; a brace means an unrendered template.
                url = _absolute(written or "", base) or without_fragment(base)
                if "{" not in (written or ""):
                    found.append(Attempt(method.upper(), url, f'{prefix}-{method}="{(written or "")[:150]}"'))
    return found


def _metas(parser: LexborHTMLParser) -> dict[str, str]:
    metas: dict[str, str] = {}
    for node in parser.css("meta[name]")[:200]:
        name = (node.attributes.get("name") or "").lower()[:60]
        content = (node.attributes.get("content") or "")[:300]
        metas.setdefault(name, "…" if _CSRF.search(name) and content else content)
    return metas


def _refresh(parser: LexborHTMLParser, base: str) -> str:
    node = parser.css_first("meta[http-equiv=refresh i]")
    target = re.search(r"url\s*=\s*[\"']?([^\"']+)", (node.attributes.get("content") or "")[:2000], re.I) if node else None
    return _absolute(target[1], base) if target else ""


def _visible_chars(parser: LexborHTMLParser) -> int:
    """Count the characters a reader sees, white space folded. Text is counted at its own element, so depth does not matter."""
    body = parser.body
    if body is None:
        return 0
    total = 0
    for node in body.traverse(include_text=True):
        if node.tag == "-text":
            parent = node.parent
            if parent is not None and parent.tag not in _HIDDEN_TEXT:
                total += len(" ".join((node.text_content or "").split()))
    return total


def _attributed(parser: LexborHTMLParser) -> list[tuple[LexborNode, Mapping[str, str | None]]]:
    """Return the elements that have attributes, with them, in page order."""
    html = parser.root
    nodes = islice(html.traverse(), MAX_NODES) if html is not None else ()
    return [(node, attributes) for node in nodes if (attributes := node.attributes)]


def _markers(attributed: list[tuple[LexborNode, Mapping[str, str | None]]]) -> tuple[str, ...]:
    """Return the framework attributes on the page. Read from tags only, so that text that mentions them does not count."""
    found: dict[str, None] = {}
    for _, attributes in attributed:
        if len(found) > 40:
            break
        for name, value in attributes.items():
            if _MARKER.fullmatch(name):
                shown = f'{name}="{value}"' if name in ("ng-version", "data-v-app", "ng-app") and value and len(value) < 30 else name
                found[shown] = None
        classes = attributes.get("class")
        if classes and "svelte-" in classes:
            match = re.search(r"\bsvelte-[a-z0-9]{5,8}\b", classes[:500])
            if match:
                found["class svelte-…"] = None
    return tuple(found)


def _states(parser: LexborHTMLParser, scripts: tuple[ScriptTag, ...]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for node in parser.css('script[type="application/json"][id]')[:20]:
        name = node.attributes.get("id") or ""
        found[name if _STATE_NAMES.fullmatch(name) else f'json_script "{name[:40]}"'] = None
    for script in scripts[:500]:
        if script.text:
            for match in _STATE_NAMES.finditer(script.text[:20_000]):
                found[match[1]] = None
    return tuple(found)
