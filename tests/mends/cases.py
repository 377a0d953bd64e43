"""The table: each finding in each framework that has a mend for it."""

from tests.mends.sites import Case

# What the page's script does, "const response = …" at its end.
PUT = """const response = await fetch("__API__/api/items/1", {
    method: "PUT",
    credentials: "include",
    headers: { "Content-Type": "application/json", "X-Workspace-Id": "1" },
    body: "{}",
  });"""
GET = 'const response = await fetch("__API__/api/items");'
INCLUDE = 'const response = await fetch("__API__/api/items", { credentials: "include" });'
SLASHLESS = """const response = await fetch("__API__/api/items", {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });"""
PATCH = 'const response = await fetch("__API__/api/items/1", { method: "patch" });'
RELATIVE = 'const response = await fetch("/api/items");'
ME = 'const response = await fetch("/api/me");'
VISITS = """await fetch("__API__/api/visits", { credentials: "include" });
  const response = await fetch("__API__/api/visits", { credentials: "include" });"""
SOCKET = """const socket = new WebSocket("__SOCKET__/ws/chat");
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = () => reject(new Error("no socket")); });
  const response = Response.json([socket.readyState]);"""
LOCALHOST = 'const response = await fetch("http://localhost:__CLOSED_PORT__/api/items");'
MOVED = 'const response = await fetch("http://api.other.test:__FRONT__/api/items", { headers: { "X-Workspace-Id": "1" } });'
INSECURE = 'const response = await fetch("http://api.other.test:__PROXY_PORT__/api/items");'


def _cases_of(framework: str) -> list[Case]:
    nginx = framework == "nginx"
    behind = {"app": "flask", "proxied": True} if nginx else {}
    secure = {"app": "flask" if nginx else "", "proxied": True, "tls": True}
    return [
        Case("COR-01", framework, PUT, after="{", **behind),
        Case("COR-02", framework, INCLUDE, **behind),
        Case("COR-05", framework, SLASHLESS, **behind),
        Case("COR-05", framework, MOVED, page="shop", variant="moved", **behind),
        Case("COR-06", framework, PUT, after="{", **behind),
        Case("COR-07", framework, PUT, after="{", **behind),
        # Django sends no header twice by itself: the second one is the proxy's.
        Case("COR-08", framework, GET, **(behind or {"proxied": framework == "django"})),
        Case("COR-09", framework, PUT, after="{", **behind),
        Case("COR-11", framework, INCLUDE, before="[", strangers_read=True, **behind),
        # The page's own paths work; what unknown ones answer is seen by the scan alone. nginx knows no API path at all.
        Case("API-01", framework, RELATIVE, page="same", before="failed" if nginx else "[", **behind),
        Case("API-03", framework, ME, page="same", after="{", **behind),
        Case("API-04", framework, RELATIVE, page="same", before="[", **behind),
        Case("API-05", framework, RELATIVE, page="shop", **secure),
        Case("SES-01", framework, VISITS, page="sites", before='{"visits":1}', after='{"visits":2}', **secure),
        Case("DEP-01", framework, LOCALHOST, page="shop", **behind),
        Case("DEP-02", framework, INSECURE, page="sites", **secure),
        Case("CAC-02", framework, RELATIVE, page="same", before="[", **behind),
    ]


CASES = [
    *(case for framework in ("flask", "django", "fastapi", "nginx") for case in _cases_of(framework)),
    Case("WS-01", "nginx", SOCKET, page="same", app="fastapi", proxied=True),
    # Flask says 500 to a handshake that its server cannot upgrade, as to any error: only the browser can tell.
    Case("WS-01", "flask", SOCKET, command="python serve_wsgi.py __PORT__", in_report=False),
    Case("WS-01", "django", SOCKET, page="same", proxied=True, command="python serve.py __PORT__"),
    Case("WS-01", "fastapi", SOCKET, command="uvicorn app:app --host 127.0.0.1 --port __PORT__ --ws none"),
    Case("COR-05", "javascript", SLASHLESS, app="flask"),
    Case("COR-05", "javascript", MOVED, app="flask", page="shop", variant="moved"),
    Case("COR-07", "javascript", PATCH, app="flask", after="{"),
    Case("API-04", "javascript", RELATIVE, app="flask", page="same", before="["),
    Case("DEP-01", "javascript", LOCALHOST, app="flask", page="shop"),
    Case("DEP-02", "javascript", INSECURE, app="flask", page="sites", proxied=True, tls=True),
]
