"""`python -m app cors FILE`: verdicts for recorded CORS cases, one JSON object a line."""

import contextlib
import gc
import json
import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import to_json

from app.core.cases import BadCase, judge_case, parse_case

_CHUNK = 1000  # lines: long enough that handing them over costs little


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
    failed = 0
    for text, good in _on_all_cores(lines):
        failed += not good
        sys.stdout.write(text + "\n")
    sys.stdout.flush()
    return failed


def _on_all_cores(lines: Iterable[bytes]) -> Iterator[tuple[str, bool]]:
    """Judge each line, in order; more than one chunk of them on all processors."""
    source = iter(lines)
    chunks = iter(lambda: list(islice(source, _CHUNK)), [])
    first, second = next(chunks, []), next(chunks, [])
    # A verdict makes no reference cycles, so the collector would only look at living objects again and again (a tenth of the time).
    gc.disable()
    # Forking is quick, and safe only while there are no other threads.
    can_fork = threading.active_count() == 1 and "fork" in multiprocessing.get_all_start_methods()
    workers = (os.cpu_count() or 1) if can_fork else 1
    if not second or workers == 1:
        yield from verdict_lines(chain(first, second, *chunks))
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), gc.disable) as pool:
        under_way: deque[Future[list[tuple[str, bool]]]] = deque()
        for number, chunk in enumerate(chain((first, second), chunks)):
            if len(under_way) > 2 * workers:  # however long the input is, only this much of it is held
                yield from under_way.popleft().result()
            under_way.append(pool.submit(_judge_chunk, chunk, 1 + number * _CHUNK))
        for done in under_way:
            yield from done.result()


def _judge_chunk(lines: list[bytes], first_number: int) -> list[tuple[str, bool]]:
    return list(verdict_lines(lines, first_number))


def verdict_lines(lines: Iterable[bytes], first_number: int = 1) -> Iterator[tuple[str, bool]]:
    """Judge each line; blank lines are skipped. Yields the JSON text and whether the line was a case."""
    for number, line in enumerate(lines, first_number):
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
