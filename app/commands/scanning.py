"""From the command line's words to a scan and back: checks the words, runs the engine, shows progress on standard error."""

from dataclasses import dataclass, replace
from pathlib import Path

import typer

from app.core.observation import ScanRequest
from app.core.redact import redact_url
from app.core.report import Report
from app.core.urls import InvalidTarget, parse_stand_in
from app.engine.scan import Progress, ScanFailed, run
from app.net import AddressPolicy, Net
from app.services.errors import Invalid
from app.services.scan_form import CREDENTIALS, ScanForm, parse_call, parse_headers, to_request

could_not = (InvalidTarget, ScanFailed)
# The option behind each field of the form; the page's address is the argument.
_OPTIONS = {"api_url": "--api", "call": "--call", "calls": "--call", "headers": "--header", "credentials": "--credentials"}


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
        InvalidTarget: with a sentence that names the option at fault.
    """
    if ask.credentials not in CREDENTIALS:
        raise InvalidTarget(f"--credentials {ask.credentials!r} is none of {', '.join(CREDENTIALS)}.")
    try:
        headers = parse_headers("\n".join(ask.headers))
        calls = tuple(replace(parse_call(text), headers=headers, credentials=ask.credentials) for text in ask.calls)
        return to_request(ScanForm(ask.url, ask.api or "", calls))
    except Invalid as error:
        field = error.field.split(".")  # "calls.0.headers" is about its headers, "calls.0.url" about the call
        option = _OPTIONS.get(field[-1]) or _OPTIONS.get(field[0], "")
        raise InvalidTarget(f"{option}: {error.message}" if option else error.message) from error


def check_file(path: Path | None) -> str | None:
    """Return the path of an existing file as text; raises InvalidTarget."""
    if path and not path.is_file():
        raise InvalidTarget(f"--ca-file {path} is not a file.")
    return str(path) if path else None


def _resolved(entries: tuple[str, ...]) -> dict[str, str]:
    try:
        return dict(map(parse_stand_in, entries))
    except ValueError as error:
        raise InvalidTarget(f"--resolve: {error}") from error


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
    typer.echo(
        f"{exchange.id:>3} {exchange.method:<7} {redact_url(exchange.url)} {answer} {exchange.timing.total_ms:.0f} ms{noted}", err=True
    )
