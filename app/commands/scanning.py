"""From the command line's words to a scan and back: checks the words, runs the engine, shows progress on standard error."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import typer

from app.core.inventory import Call, Source, SourceKind
from app.core.observation import ScanRequest
from app.core.report import Report
from app.core.urls import InvalidTarget, origin_of, parse_target
from app.engine.scan import Progress, ScanFailed, run
from app.net import AddressPolicy, Net

could_not = (InvalidTarget, ScanFailed)
CREDENTIALS = ("omit", "same-origin", "include")


@dataclass(frozen=True, slots=True)
class Ask:
    """What the command line was given, unchecked."""

    url: str
    api: str | None = None
    calls: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    credentials: str = "same-origin"


def make_request(ask: Ask) -> ScanRequest:
    """Check the words and return the scan they ask for.

    Raises:
        InvalidTarget: with a sentence that names the word at fault.
    """
    page_url = parse_target(ask.url)
    api_url = parse_target(ask.api) if ask.api else None
    if ask.credentials not in CREDENTIALS:
        raise InvalidTarget(f"--credentials {ask.credentials!r} is none of {', '.join(CREDENTIALS)}.")
    headers = tuple(_header(line) for line in ask.headers)
    base = api_url or origin_of(page_url)
    return ScanRequest(page_url, api_url, tuple(_call(text, base, headers, ask.credentials) for text in ask.calls))


def _call(text: str, base: str, headers: tuple[tuple[str, str], ...], credentials: str) -> Call:
    method, _, path = text.strip().partition(" ")
    path = path.strip()
    if not path:
        method, path = "GET", method
    if not path.startswith(("/", "http://", "https://")):
        raise InvalidTarget(f"--call {text!r} is not a method and a path, such as 'PUT /api/items/1'.")
    url = parse_target(urljoin(f"{base.rstrip('/')}/", path) if path.startswith("http") else origin_of(base) + path)
    return Call(method, url, headers, credentials=credentials, source=Source(SourceKind.USER, excerpt=f"--call {text!r}"))


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise InvalidTarget(f"--header {line!r} is not a name and a value, such as 'X-Api-Key: demo'.")
    return name.strip(), value.strip()


def check_file(path: Path | None) -> str | None:
    """Return the path of an existing file as text; raises InvalidTarget."""
    if path and not path.is_file():
        raise InvalidTarget(f"--ca-file {path} is not a file.")
    return str(path) if path else None


def _resolved(entries: tuple[str, ...]) -> dict[str, str]:
    resolved: dict[str, str] = {}
    for entry in entries:
        host, _, rest = entry.partition(":")
        port, _, address = rest.partition(":")
        try:
            ip = ipaddress.ip_address(address.strip("[]"))
        except ValueError:
            ip = None
        if not (host and port.isdigit() and ip):
            raise InvalidTarget(f"--resolve {entry!r} is not host:port:address, such as 'app.example:443:127.0.0.1'.")
        resolved[f"{host}:{port}"] = str(ip)
    return resolved


async def run_scan(
    request: ScanRequest, *, ca_file: str | None = None, resolve: tuple[str, ...] = (), public_only: bool = False, quiet: bool = False
) -> Report:
    """Run one scan, with a line of progress on standard error for each request.

    Who runs the command is at home on this machine, so loopback and private targets are allowed unless `public_only`.
    """
    from app.settings import USER_AGENT

    policy = AddressPolicy(mode="public" if public_only else "private")
    async with Net(policy, user_agent=USER_AGENT, ca_file=ca_file, resolve=_resolved(resolve)) as net:
        return await run(request, net, None if quiet else _show)


def _show(progress: Progress) -> None:
    exchange = progress.exchange
    if exchange is None:
        return
    answer = str(exchange.status) if exchange.response else exchange.failure.value if exchange.failure else "-"
    noted = f"  {progress.noted}" if progress.noted else ""
    typer.echo(f"{exchange.id:>3} {exchange.method:<7} {exchange.url} {answer} {exchange.timing.total_ms:.0f} ms{noted}", err=True)
