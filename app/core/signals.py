"""The table of fingerprints: which sign of which technology, how much it weighs, and where it is looked for.

Weights and texts were taken from the running frameworks (tests/core/test_fingerprints_live.py looks at them again); those of hosts are from
vendors' documentation. Two signals of the same family never add up: a proxy that fakes one fakes them all.
"""

from app.core.matchers import Signal
from app.core.signals_of_hosts import HOSTS
from app.core.signals_of_pages import FRONTENDS
from app.core.signals_of_servers import BACKENDS, SERVERS

SIGNALS: tuple[Signal, ...] = (*BACKENDS, *SERVERS, *FRONTENDS, *HOSTS)

# Technologies that stand or fall together: the error page of one set speaks against the others on the same prefix.
STACKS: tuple[frozenset[str], ...] = (
    frozenset({"Flask", "Werkzeug", "Flask-CORS", "Flask-JWT-Extended", "Flask-WTF", "Werkzeug debugger"}),
    frozenset({"Django", "DRF", "drf-spectacular", "Simple JWT", "django-cors-headers", "Channels"}),
    frozenset({"FastAPI", "Starlette"}),
    frozenset({"Bottle"}),
    frozenset({"Express"}),
    frozenset({"Rails"}),
)
