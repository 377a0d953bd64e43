"""What lists say of a check: where it goes, and what it looks at."""

from app.core import checks
from app.core.ask import Ask
from app.core.checks import Check
from app.core.redact import redact_url

MAX_ADDRESS_CHARS = 400  # with the name it fits into an index


def address(check: Check) -> str:
    """Return where the check goes, without secrets: an address, a host with its port, a name; "" for a heartbeat."""
    match check:
        case checks.PageCheck() | checks.ApiCheck() | checks.CookieCheck():
            found = redact_url(check.ask.url)
        case checks.FlowCheck():
            found = redact_url(check.steps[0].ask.url)
        case checks.CorsCheck():
            found = redact_url(check.call.url)
        case checks.WebSocketCheck() | checks.SocketIoCheck():
            found = redact_url(check.url)
        case checks.OidcCheck():
            found = redact_url(check.issuer)
        case checks.SkewCheck() | checks.ScanCheck():
            found = redact_url(check.page_url)
        case checks.TlsCheck() | checks.TcpCheck() | checks.DatabaseCheck():
            found = f"[{check.host}]:{check.port}" if ":" in check.host.strip("[]") else f"{check.host}:{check.port}"
        case checks.DomainCheck():
            found = check.domain
        case checks.DnsCheck():
            found = check.name
        case checks.PingCheck():
            found = check.host
        case checks.HeartbeatCheck():
            found = ""
    return found[:MAX_ADDRESS_CHARS]


def looks_at(check: Check) -> str:
    """Return what the check looks at, in a few words: "POST · 4 assertions"."""
    match check:
        case checks.PageCheck():
            return _assertions(check.ask)
        case checks.ApiCheck():
            return f"{check.ask.method} · {_assertions(check.ask)}"
        case checks.FlowCheck():
            return _counted(len(check.steps), "step")
        case checks.CorsCheck():
            return f"{check.call.method} {'allowed' if check.allowed else 'blocked'} from {check.call.origin}"
        case checks.WebSocketCheck():
            return _counted(len(check.messages), "message")
        case checks.SocketIoCheck():
            return check.event or "connects"
        case checks.CookieCheck():
            return check.name
        case checks.OidcCheck():
            return ", ".join(check.algorithms)
        case checks.TlsCheck() | checks.DomainCheck():
            return f"ends in less than {_counted(check.days, 'day')} warns"
        case checks.DnsCheck():
            return check.record
        case checks.TcpCheck():
            return "connects" if not (check.message.send or check.message.expect) else "1 message"
        case checks.PingCheck():
            return _counted(check.count, "ping")
        case checks.DatabaseCheck():
            return check.engine
        case checks.HeartbeatCheck():
            return check.cron or f"every {span(check.period_s or 0)}"
        case checks.SkewCheck():
            return "scripts and OpenAPI" if check.openapi_url else "scripts"
        case checks.ScanCheck():
            return f"fails from {check.fail_on} on"


def _assertions(ask: Ask) -> str:
    return _counted(len(ask.assertions), "assertion")


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def span(seconds: float) -> str:
    """Return a span in the largest unit that divides it: "30 s", "5 min", "2 h", "1 d"."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length:g} {unit}"
    return f"{seconds:g} s"
