"""The registry of mends: one module per framework, each with a function per finding.

@mend("COR-06", Framework.DJANGO)
def allow_request_headers(facts: MendFacts) -> Mend: ...
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.core.findings import Framework, Mend


@dataclass(frozen=True, slots=True)
class MendFacts:
    """What a mend is filled with: the values of the site at hand, never of an example."""

    page_origin: str = ""  # "https://app.example"
    api_origin: str = ""
    methods: tuple[str, ...] = ()  # methods the frontend uses on the API, upper case, in the order GET POST PUT PATCH DELETE
    headers: tuple[str, ...] = ()  # unsafe header names it sends, lower case, sorted
    credentials: bool = False  # some call uses credentials: "include"
    path: str = ""  # the path the finding is about: "/api/items"
    api_prefix: str = "/api/"
    socket_path: str = ""  # "/ws/chat"
    cookie: str = ""  # name of the cookie
    url: str = ""  # the literal URL a bundle calls
    code: str = ""  # the faulty line, where the mend quotes it
    location: str = ""  # where a redirect leads, as sent: "/login?next=/api/me", "http://app.example/api/items/"
    upstream: str = "http://127.0.0.1:8000"  # the application as the proxy reaches it; a scan cannot see it, so this is the usual one


# None where there is nothing to mend at this site: a method name that is in capitals already.
MendMaker = Callable[[MendFacts], Mend | None]
_makers: dict[tuple[str, Framework], MendMaker] = {}


def mend(code: str, framework: Framework) -> Callable[[MendMaker], MendMaker]:
    """Register the mend of one finding in one framework."""

    def register(maker: MendMaker) -> MendMaker:
        if (code, framework) in _makers:
            raise ValueError(f"{code} has two mends for {framework}")
        _makers[code, framework] = maker
        return maker

    return register


def registry() -> dict[tuple[str, Framework], MendMaker]:
    """Return (code, framework) → maker of every module in this package."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(_makers)


def mends_for(code: str, facts: MendFacts, recognised: Iterable[Framework] = ()) -> tuple[Mend, ...]:
    """Return every mend of a finding: recognised frameworks first, then the others in the order of `Framework`."""
    makers, first = registry(), list(recognised)
    ordered = [*first, *(framework for framework in Framework if framework not in first)]
    found = (makers[code, framework](facts) for framework in ordered if (code, framework) in makers)
    return tuple(made for made in found if made is not None)
