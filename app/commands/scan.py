"""`python -m app scan`: the same engine as in the app, without server or database."""

import asyncio
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    HTML = "html"
    SARIF = "sarif"
    JUNIT = "junit"


class FailOn(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"
    NEVER = "never"


COULD_NOT_SCAN = 2


def scan(
    url: Annotated[str, typer.Argument(help="Address of the application's page.")],
    api: Annotated[str | None, typer.Option(help="Address of its API, when it differs from the page's origin.")] = None,
    call: Annotated[
        list[str] | None,
        typer.Option(
            help="A call to try, as often as needed: 'PUT /api/items/1'. The path is relative to --api, else to the page's origin."
        ),
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(help="A header that the calls to try send: 'X-Api-Key: demo'. Applies to every --call.")
    ] = None,
    credentials: Annotated[str, typer.Option(help="Credentials mode of the calls to try: omit, same-origin or include.")] = "same-origin",
    output_format: Annotated[Format, typer.Option("--format", help="How to write the report.")] = Format.TEXT,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the report to this file instead of standard output.")] = None,
    fail_on: Annotated[
        FailOn, typer.Option(help="Exit with 1 when there is a finding of this severity or worse; never: always 0.")
    ] = FailOn.NEVER,
    ca_file: Annotated[Path | None, typer.Option(help="Trust the certificates of this authority (PEM) too.")] = None,
    resolve: Annotated[
        list[str] | None, typer.Option(help="Answer for a host yourself, as curl does: 'app.example:443:127.0.0.1'. May repeat.")
    ] = None,
    public_only: Annotated[bool, typer.Option(help="Refuse loopback and private addresses.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")] = False,
) -> None:
    """Scan a web application and report how frontend and backend are joined, what a browser blocks, and how to mend it.

    Exit code: 0 nothing at or above --fail-on, 1 something is, 2 the application could not be scanned.
    """
    from app.commands.formats import render
    from app.commands.scanning import Ask, check_file, could_not, make_request, run_scan

    try:
        request = make_request(Ask(url, api, tuple(call or ()), tuple(header or ()), credentials))
        report = asyncio.run(
            run_scan(request, ca_file=check_file(ca_file), resolve=tuple(resolve or ()), public_only=public_only, quiet=quiet)
        )
    except could_not as error:
        typer.echo(f"seamwatch: {error}", err=True)
        raise typer.Exit(COULD_NOT_SCAN) from None
    text = render(report, output_format.value, color=output is None and sys.stdout.isatty())
    try:
        if output:
            output.write_text(text, encoding="utf-8")
        else:
            sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    except OSError as error:
        typer.echo(f"seamwatch: {output or 'standard output'} could not be written: {error.strerror}.", err=True)
        raise typer.Exit(COULD_NOT_SCAN) from None
    if fail_on is not FailOn.NEVER:
        from app.core.findings import Severity

        limit = Severity(fail_on.value).rank
        if any(finding.severity.rank <= limit for finding in report.findings):
            raise typer.Exit(1)
