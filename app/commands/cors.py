"""`python -m app cors FILE`: verdicts for recorded CORS cases, one JSON object a line."""

import contextlib
import gc
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import to_json

from app.core.cases import BadCase, judge_case, parse_case


def cors(file: Annotated[str, typer.Argument(help="Cases, one JSON object a line; - reads standard input.")]) -> None:
    """Judge CORS cases: what a browser does with each call, and by which rule.

    Prints one JSON object a line, in order. A line that is no case gives {"error": …, "line": N} in its place; then the exit code is 1.
    """
    try:
        with contextlib.nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as source:
            failed = _print_verdicts(source)
    except OSError as error:
        typer.echo(f"{file}: {error.strerror}", err=True)
        raise typer.Exit(2) from error
    if failed:
        typer.echo(f"{failed} {'line is' if failed == 1 else 'lines are'} no case.", err=True)
        raise typer.Exit(1)


def _print_verdicts(lines: Iterable[bytes]) -> int:
    # A verdict makes no reference cycles, so the collector would only look at living objects again and again (a tenth of the time).
    gc.disable()
    failed = 0
    for text, good in verdict_lines(lines):
        failed += not good
        sys.stdout.write(text + "\n")
    sys.stdout.flush()
    return failed


def verdict_lines(lines: Iterable[bytes]) -> Iterator[tuple[str, bool]]:
    """Judge each line; blank lines are skipped. Yields the JSON text and whether the line was a case."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield _encode(judge_case(parse_case(line))), True
        except BadCase as error:
            yield _encode({"error": str(error), "line": number}), False
        except RecursionError:
            yield _encode({"error": "nested too deeply", "line": number}), False


def _encode(value: dict[str, Any]) -> str:
    try:
        return to_json(value).decode()  # twice as fast as json, but strict: no lone surrogates
    except ValueError:
        return json.dumps(value)
