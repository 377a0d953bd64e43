"""What examples there are, how each is started, and what a scan of it should find."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from examples.serving import LOOPBACK

RIGHT = "right"
BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to start an example. The ports are those of the demo; a test may choose others."""

    name: str  # "right", "broken", or a further fault's name
    port: int  # the page's
    api_port: int = 0  # the API's; 0 when it is served on the page's port
    fault: str = ""  # for --fault; "" for the right variant
    about: str = ""  # what is wrong, in one sentence; "" for the right variant
    findings: tuple[str, ...] = ()  # codes at medium severity or above that a scan reports, sorted
    page_host: str = LOOPBACK


@dataclass(frozen=True, slots=True)
class Example:
    """One application. Names of technologies and architecture are those of a report."""

    name: str  # its folder
    title: str
    description: str  # one line
    technologies: tuple[str, ...]
    architecture: str  # Architecture.kind
    joining: str  # Architecture.joining of the right variant; a broken one may call elsewhere
    variants: tuple[Variant, ...]
    api_path: str  # path of the API, below its origin
    scheme: str = "http"
    takes_ca_file: bool = False
    alone: bool = False  # needs a process of its own: Django's settings and Tortoise's connections are the process's
    sockets: tuple[str, ...] = field(default=())  # paths of its WebSockets

    def variant(self, name: str) -> Variant:
        """Return the variant of this name; KeyError when there is none."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        raise KeyError(f"{self.name} has no variant {name!r}: {', '.join(variant.name for variant in self.variants)}")

    def page_url(self, variant: Variant) -> str:
        return f"{self.scheme}://{variant.page_host}:{variant.port}/"

    def api_url(self, variant: Variant) -> str:
        host = LOOPBACK if variant.api_port else variant.page_host
        return f"{self.scheme}://{host}:{variant.api_port or variant.port}{self.api_path}"

    def arguments(self, variant: Variant, ca_file: str = "") -> list[str]:
        """Return the arguments of the example's `main`."""
        arguments = ["--port", str(variant.port)]
        if variant.api_port:
            arguments += ["--api-port", str(variant.api_port)]
        if variant.fault:
            arguments += ["--fault", variant.fault]
        if self.takes_ca_file and ca_file:
            arguments += ["--ca-file", ca_file]
        return arguments

    def command(self, variant: Variant, ca_file: str = "") -> list[str]:
        """Return the command line, to be run in the repository's folder."""
        return [sys.executable, "-m", f"examples.{self.name}.app", *self.arguments(variant, ca_file)]


EXAMPLES: tuple[Example, ...] = (
    Example(
        name="flask_shop",
        title="Corner Shop",
        description="Flask and Jinja2 with SQLAlchemy: pages, forms and one small script",
        technologies=("Flask",),
        architecture="server-rendered",
        joining="same origin",
        api_path="/api/orders",
        variants=(
            Variant(RIGHT, 5101),
            Variant(
                BROKEN, 5102, fault="login", about="The API redirects to the sign-in page instead of answering 401.", findings=("API-03",)
            ),
        ),
    ),
    Example(
        name="bottle_notes",
        title="Notes",
        description="Bottle: a page from a template, and a JSON endpoint on another port",
        technologies=("Bottle",),
        architecture="hybrid",
        joining="separate origins",
        api_path="/api/notes",
        variants=(
            Variant(RIGHT, 5103, 5104),
            Variant(BROKEN, 5105, 5106, fault="missing", about="Nobody thought of CORS.", findings=("COR-01",)),
            Variant("twice", 5107, 5108, fault="twice", about="Access-Control-Allow-Origin is set twice.", findings=("COR-08",)),
        ),
    ),
    Example(
        name="fastapi_data",
        title="Measurements",
        description="FastAPI /api/data, and a fetch page on another port that reads, changes and deletes",
        technologies=("FastAPI", "Uvicorn"),
        architecture="decoupled",
        joining="separate origins",
        api_path="/api/data",
        variants=(
            Variant(RIGHT, 5109, 5110),
            Variant(
                BROKEN,
                5111,
                5112,
                fault="defaults",
                about="CORSMiddleware allows the origin, but neither the methods nor the header.",
                findings=("COR-06", "COR-07"),
            ),
        ),
    ),
    Example(
        name="flask_api",
        title="Bookshelf",
        description="A JSON API in Flask with flask-cors, called by a page on another port",
        technologies=("Flask", "Flask-CORS"),
        architecture="decoupled",
        joining="separate origins",
        api_path="/api/books",
        variants=(
            Variant(RIGHT, 5113, 5114),
            Variant(
                BROKEN,
                5115,
                5116,
                fault="slash",
                about="A slash at the route's end makes Flask redirect the preflight.",
                findings=("COR-05",),
            ),
            Variant("origin", 5117, 5118, fault="origin", about="The allowed origin ends in a slash.", findings=("COR-09",)),
        ),
    ),
    Example(
        name="django_hybrid",
        title="Pin board",
        description="Django templates with a mounted component and a DRF API: sessions, CSRF, django-cors-headers",
        technologies=("Django", "DRF"),
        architecture="hybrid",
        joining="same origin",
        api_path="/api/cards",
        alone=True,
        variants=(
            Variant(RIGHT, 5119),
            Variant(
                BROKEN,
                5120,
                fault="settings",
                about="Slash redirects on the API, and any site may read with the visitor's cookies.",
                findings=("API-04", "COR-11"),
            ),
        ),
    ),
    Example(
        name="flask_chat",
        title="Chat",
        description="Flask-SocketIO with a small client of its own",
        technologies=("Flask", "Flask-SocketIO"),
        architecture="decoupled",
        joining="same origin",
        api_path="/socket.io/",
        sockets=("/socket.io/?EIO=4&transport=websocket",),
        variants=(
            Variant(RIGHT, 5121),
            Variant(BROKEN, 5122, fault="proxy", about="A reverse proxy in front drops Upgrade.", findings=("WS-01",)),
        ),
    ),
    Example(
        name="channels_chat",
        title="Chat room",
        description="Django Channels under Daphne, open to its own pages only",
        technologies=("Django", "Channels"),
        architecture="decoupled",
        joining="same origin",
        api_path="/ws/chat/",
        sockets=("/ws/chat/",),
        alone=True,
        variants=(
            Variant(RIGHT, 5123),
            Variant(BROKEN, 5124, fault="wsgi", about="It is served by WSGI, which knows no WebSocket.", findings=("WS-01",)),
        ),
    ),
    Example(
        name="fastapi_ws",
        title="Ticker",
        description="A ticker and an echo over FastAPI WebSockets, with a page from the same server",
        technologies=("FastAPI", "Uvicorn"),
        architecture="decoupled",
        joining="same origin",
        api_path="/ws/ticker",
        sockets=("/ws/ticker", "/ws/echo"),
        variants=(
            Variant(RIGHT, 5125),
            Variant(BROKEN, 5126, fault="proxy", about="A reverse proxy in front drops Upgrade.", findings=("WS-01",)),
        ),
    ),
    Example(
        name="tortoise_api",
        title="Bookmarks",
        description="Tortoise ORM behind FastAPI, and a page on another port that calls with a session cookie",
        technologies=("FastAPI", "Uvicorn"),
        architecture="decoupled",
        joining="separate origins",
        api_path="/api/bookmarks",
        alone=True,
        variants=(
            Variant(RIGHT, 5127, 5128),
            Variant(BROKEN, 5129, 5130, fault="wildcard", about="Credentials are sent, and “*” is allowed.", findings=("COR-02",)),
            Variant(
                "site",
                5131,
                5132,
                fault="site",
                about="The page is on localhost, the API on 127.0.0.1: the Lax cookie stays at home.",
                findings=("SES-01",),
                page_host="localhost",
            ),
        ),
    ),
    Example(
        name="spa_bundle",
        title="Quotes",
        description="A single-page application and its API from one FastAPI server",
        technologies=("FastAPI", "Uvicorn"),
        architecture="decoupled",
        joining="same origin",
        api_path="/api/quotes",
        variants=(
            Variant(RIGHT, 5133),
            Variant(
                BROKEN,
                5134,
                fault="fallback",
                about="The shell answers unknown API paths and removed scripts too.",
                findings=("API-01", "CAC-02"),
            ),
            Variant("address", 5135, fault="address", about="The bundle names a development host.", findings=("DEP-01",)),
        ),
    ),
    Example(
        name="https_reports",
        title="Reports",
        description="Flask behind a proxy that ends TLS, with a throw-away certificate authority",
        technologies=("Flask",),
        architecture="hybrid",
        joining="same origin",
        api_path="/api/reports",
        scheme="https",
        takes_ca_file=True,
        variants=(
            Variant(RIGHT, 5136),
            Variant(
                BROKEN,
                5137,
                fault="scheme",
                about="The app does not know that it is behind https, and the page calls an http:// address.",
                findings=("API-05", "DEP-02"),
            ),
        ),
    ),
)


def example(name: str) -> Example:
    """Return the example of this name; KeyError when there is none."""
    for candidate in EXAMPLES:
        if candidate.name == name:
            return candidate
    raise KeyError(f"There is no example {name!r}.")


def every_variant() -> Iterator[tuple[Example, Variant]]:
    """Yield all that can be started, in the manifest's order."""
    for candidate in EXAMPLES:
        for variant in candidate.variants:
            yield candidate, variant
