"""Starts all examples, right and broken, on loopback ports from 5101, and prints where they are.

    python -m examples.demo [--list FILE] [--first-port PORT]

It runs until Ctrl-C, SIGTERM or the end of the process that started it, and takes its children along. The list is JSON:
`{"examples": [{"name", "title", "description", "variant", "about", "page_url", "api_url", "findings", "ca_file"}]}`.
"""

import argparse
import dataclasses
import importlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

from examples.manifest import Example, Variant, every_variant
from examples.runner import answers_everywhere, is_free

FIRST_PORT = 5101
START_TIMEOUT_S = 60
POLL_S = 0.1
# Imported once, in the process that all examples are forked from: they share that memory and start at once.
# Only what keeps no event loop and reads no settings at import can be here (so neither Daphne nor DRF).
PRELOAD = (
    "bottle",
    "django.core.management",
    "examples.front",
    "examples.serving",
    "fastapi",
    "flask_cors",
    "flask_socketio",
    "flask_sqlalchemy",
    "tortoise.contrib.fastapi",
    "uvicorn",
)
Placed = tuple[Example, Variant]


class DemoFailed(RuntimeError):
    """Why the demo cannot go on, as a sentence for the person at the console."""


def place(first_port: int) -> list[Placed]:
    """Return all variants, with the manifest's ports moved so that they begin at `first_port`."""
    offset = first_port - FIRST_PORT
    return [
        (
            example,
            dataclasses.replace(variant, port=variant.port + offset, api_port=variant.api_port + offset if variant.api_port else 0),
        )
        for example, variant in every_variant()
    ]


def check_ports(placed: Sequence[Placed]) -> None:
    """Raise DemoFailed when somebody listens on a port that is needed."""
    taken = [
        f"{port} ({example.name}, {variant.name})"
        for example, variant in placed
        for port in (variant.port, variant.api_port)
        if port and not is_free(port)
    ]
    if taken:
        raise DemoFailed(f"In use: port {', '.join(taken)}. Stop what listens there, or choose other ports by --first-port.")


def listing(placed: Sequence[Placed], ca_file: str) -> list[dict[str, object]]:
    """Return what the landing page offers."""
    return [
        {
            "name": example.name,
            "title": example.title,
            "description": example.description,
            "variant": variant.name,
            "about": variant.about,
            "page_url": example.page_url(variant),
            "api_url": example.api_url(variant),
            "findings": list(variant.findings),
            "ca_file": ca_file_of(example, variant, ca_file),
        }
        for example, variant in placed
    ]


def ca_file_of(example: Example, variant: Variant, ca_folder: str) -> str:
    return str(Path(ca_folder) / f"{example.name}-{variant.name}.pem") if example.takes_ca_file else ""


def serve(example: Example, variant: Variant, ca_file: str, log: str) -> None:
    """Be one example: the whole life of a child process."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with Path(log).open("w", buffering=1) as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    app = importlib.import_module(f"examples.{example.name}.app")
    app.main(example.arguments(variant, ca_file))


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(0)  # nobody is left to whom an orderly end matters


class Demo:
    """All examples, each in a process of its own."""

    def __init__(self, placed: Sequence[Placed], folder: Path, ca_folder: str) -> None:
        self._logs = {(example.name, variant.name): folder / f"{example.name}-{variant.name}.log" for example, variant in placed}
        methods = multiprocessing.get_all_start_methods()
        context: BaseContext = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        context.set_forkserver_preload(list(PRELOAD))
        self._children: dict[tuple[str, str], BaseProcess] = {}
        for example, variant in placed:
            log = self._logs[example.name, variant.name]
            child = context.Process(
                target=serve,
                name=f"{example.name}-{variant.name}",
                args=(example, variant, ca_file_of(example, variant, ca_folder), str(log)),
                daemon=True,
            )
            child.start()
            self._children[example.name, variant.name] = child

    def check(self) -> None:
        """Raise DemoFailed when a child has ended."""
        for (name, variant), child in self._children.items():
            if child.exitcode is not None:
                log = self._logs[name, variant]
                printed = log.read_text(errors="replace")[-2000:] if log.exists() else ""
                raise DemoFailed(f"{name} ({variant}) ended with {child.exitcode}.\n{printed}")

    def stop(self) -> None:
        for child in self._children.values():
            child.terminate()
        deadline = time.monotonic() + 3
        for child in self._children.values():
            child.join(max(0.1, deadline - time.monotonic()))
            if child.exitcode is None:
                child.kill()
                child.join()


def wait_for(demo: Demo, placed: Sequence[Placed], ended: threading.Event) -> None:
    """Return when all answer, or when the end is asked for."""
    deadline = time.monotonic() + START_TIMEOUT_S
    waiting = list(placed)
    while waiting and not ended.is_set():
        demo.check()
        waiting = [(example, variant) for example, variant in waiting if not answers_everywhere(example, variant)]
        if waiting and time.monotonic() > deadline:
            raise DemoFailed(f"No answer from {', '.join(f'{example.name} ({variant.name})' for example, variant in waiting)}.")
        ended.wait(POLL_S)


def run(first_port: int, list_file: Path | None) -> None:
    """Run the demo until a signal or the parent's end."""
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    parent = os.getppid()
    placed = place(first_port)
    check_ports(placed)
    with tempfile.TemporaryDirectory(prefix="seamwatch-demo-", ignore_cleanup_errors=True) as folder:
        # The children's temporary files are here too, so that they go whatever end a child takes.
        os.environ["TMPDIR"] = folder
        demo = Demo(placed, Path(folder), folder)
        try:
            wait_for(demo, placed, ended)
            offers = listing(placed, folder)
            if list_file is not None:
                list_file.parent.mkdir(parents=True, exist_ok=True)
                list_file.write_text(json.dumps({"examples": offers}, indent=2, ensure_ascii=False) + "\n")
            if not ended.is_set():
                for offer in offers:
                    print(f"{offer['page_url']:<26} {offer['title']}, {offer['variant']}: {offer['about'] or offer['description']}")
                print("Ready. Ctrl-C stops them all.", flush=True)
            while not ended.is_set() and os.getppid() == parent:
                demo.check()
                ended.wait(0.5)
        finally:
            demo.stop()
            if list_file is not None:
                list_file.unlink(missing_ok=True)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Start all examples on loopback ports.")
    parser.add_argument("--list", type=Path, metavar="FILE", dest="list_file", help="write what runs where to this file, as JSON")
    parser.add_argument("--first-port", type=int, default=FIRST_PORT, help=f"the first of about forty ports ({FIRST_PORT})")
    arguments = parser.parse_args(argv)
    try:
        run(arguments.first_port, arguments.list_file)
    except DemoFailed as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()
