"""The elements of a page that hand something to its scripts: data-* attributes, meta tags, blocks of JSON.

An application that learns its API's address when it is served finds it in one of these. What may be a token is left out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

MAX_ELEMENTS = 500
MAX_ATTRIBUTES = 30  # of one element
MAX_VALUE_CHARS = 20_000
MAX_TEXT_CHARS = 200_000  # of a block of JSON
MAX_SELECTOR_CHARS = 300
MAX_ALL_CHARS = 1_000_000  # of one page

SECRET = re.compile(r"csrf|xsrf|authenticity_token|__requestverificationtoken|token|secret|nonce|integrity|password|api-?key", re.I)
_HANDING = re.compile(r"^data-|api|endpoint|backend|base-?ur[il]|server")
_JSON_TYPE = re.compile(r"application/(?:[\w.+-]+\+)?json", re.I)
# One compound selector; what stands before it may only be what every element is in.
_SELECTOR = re.compile(r"\s*(?:(?:html|head|body|:root)\s*[\s>]\s*){0,2}([a-zA-Z][\w-]*|\*)?((?:#[\w-]+|\.[\w-]+|\[[^\]]{1,120}\])*)\s*")
_CONDITION = re.compile(
    r"#(?P<id>[\w-]+)|\.(?P<class>[\w-]+)|\[\s*(?P<name>[\w:.-]+)\s*(?:=\s*(?P<value>\"[^\"]*\"|'[^']*'|[\w.:/-]+)\s*)?\]"
)


@dataclass(frozen=True, slots=True)
class Element:
    """One element as a script finds it. A value that may be secret, or is too long, is None: it is there, and not known."""

    tag: str
    attributes: tuple[tuple[str, str | None], ...] = ()
    text: str | None = None  # of a block of JSON
    script: str = ""  # of a <script> that runs: its absolute URL, or "inline:<n>"

    def attribute(self, name: str) -> str | None:
        return next((value for key, value in self.attributes if key == name), None)

    def has(self, name: str) -> bool:
        return any(key == name for key, _ in self.attributes)


def element_of(node: LexborNode, attributes: Mapping[str, str | None], script: str = "") -> Element | None:
    """Return an element when it hands something to scripts, else None. `script` is the key of a script that runs."""
    tag = node.tag or ""
    text = None
    if tag == "script" and _JSON_TYPE.match(attributes.get("type") or ""):
        text = node.text(deep=True)
        text = text if len(text) <= MAX_TEXT_CHARS else None
    elif tag != "meta" and not any(_HANDING.search(name) for name in attributes):
        return None
    is_secret = tag == "meta" and SECRET.search(attributes.get("name") or "") is not None
    kept: list[tuple[str, str | None]] = []
    for name, value in list(attributes.items())[:MAX_ATTRIBUTES]:
        known = value or ""
        hidden = len(known) > MAX_VALUE_CHARS or SECRET.search(name) or (is_secret and name == "content")
        kept.append((name, None if hidden else known))
    return Element(tag, tuple(kept), text, script)


def few(elements: Iterator[Element]) -> tuple[Element, ...]:
    """Return the first elements of a page, as many as are worth keeping."""
    found: list[Element] = []
    chars = 0
    for element in elements:
        chars += len(element.text or "") + sum(len(value or "") for _, value in element.attributes)
        if chars > MAX_ALL_CHARS or len(found) >= MAX_ELEMENTS:
            break
        found.append(element)
    return tuple(found)


def select(elements: Sequence[Element], selector: str) -> Iterator[Element]:
    """Yield the elements that a simple selector matches: `#id`, `meta[name="x"]`, `div.app[data-api]`, `body`.

    A bare tag only counts for those of which a page has one, and for custom elements: of the others, the first may not be kept.
    """
    written = _SELECTOR.fullmatch(selector) if len(selector) <= MAX_SELECTOR_CHARS else None
    if written is None:
        return
    tag, conditions = (written[1] or "*").lower(), list(_CONDITION.finditer(written[2]))
    if "".join(condition[0] for condition in conditions) != written[2] or not (conditions or tag in ("html", "body") or "-" in tag):
        return
    yield from (element for element in elements if tag in ("*", element.tag) and all(_meets(element, one) for one in conditions))


def _meets(element: Element, condition: re.Match[str]) -> bool:
    if condition["id"]:
        return element.attribute("id") == condition["id"]
    if condition["class"]:
        return condition["class"] in (element.attribute("class") or "").split()
    name, value = condition["name"].lower(), condition["value"]
    return element.has(name) and (value is None or element.attribute(name) == value.strip("\"'"))
