"""Starts all examples, right and broken, on loopback ports from 5101, and prints where they are.

    python -m examples.demo [--only NAME] [--list FILE] [--ca-file FILE] [--first-port PORT]

It runs until Ctrl-C, SIGTERM or the end of the process that started it, and takes its children along. The list is JSON:
`[{"name", "description", "page_url", "api_url", "example", "variant", "findings", "ca_file"}]`. Both files are written when all
examples answer, and removed at the end.
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
import traceback
from collections.abc import Collection, Sequence
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

if __package__ in (None, ""):  # run as a file: `python examples/demo.py`
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from examples.manifest import EXAMPLES, RIGHT, Example, Variant, every_variant
from examples.runner import answers_everywhere
from examples.serving import is_free

FIRST_PORT = 5101
START_TIMEOUT_S = 60
POLL_S = 0.1
# Imported once, in the process that the others are forked from: they share that memory and start sooner.
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
PORTS_NEEDED = 1 + max(max(variant.port, variant.api_port) for _, variant in every_variant()) - FIRST_PORT
Placed = tuple[Example, Variant]


class DemoFailed(RuntimeError):
    """Why the demo cannot go on, as a sentence for the person at the console."""


def place(first_port: int, only: Collection[str] = ()) -> list[Placed]:
    """Return all variants, or those of some examples, with the manifest's ports moved so that the first is `first_port`."""
    offset = first_port - FIRST_PORT
    return [
        (
            example,
            dataclasses.replace(variant, port=variant.port + offset, api_port=variant.api_port + offset if variant.api_port else 0),
        )
        for example, variant in every_variant()
        if not only or example.name in only
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
        others = f" and {len(taken) - 3} more" if len(taken) > 3 else ""
        raise DemoFailed(f"In use: port {', '.join(taken[:3])}{others}. Stop what listens there, or choose other ports by --first-port.")


def listing(placed: Sequence[Placed], ca_folder: str) -> list[dict[str, object]]:
    """Return what the landing page offers."""
    return [
        {
            "name": example.title if variant.name == RIGHT else f"{example.title}, {variant.name}",
            "description": variant.about or example.description,
            "page_url": example.page_url(variant),
            "api_url": example.api_url(variant),
            "example": example.name,
            "variant": variant.name,
            "findings": list(variant.findings),
            "ca_file": ca_file_of(example, ca_folder, variant),
        }
        for example, variant in placed
    ]


def ca_file_of(example: Example, ca_folder: str, variant: Variant) -> str:
    return str(Path(ca_folder) / f"{example.name}-{variant.name}.pem") if example.takes_ca_file else ""


def share_out(placed: Sequence[Placed]) -> list[list[Placed]]:
    """Return what runs in which process: one for all, and one for each whose settings or connections are the process's."""
    together = [pair for pair in placed if not pair[0].alone]
    return [*([together] if together else []), *([pair] for pair in placed if pair[0].alone)]


def serve(share: Sequence[Placed], ca_folder: str, log: str) -> None:
    """Be some of the examples: the whole life of a child process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends us in order
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with Path(log).open("w", buffering=1) as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    *others, last = share
    for pair in others:
        threading.Thread(target=_be, args=(*pair, ca_folder), name=pair[0].name, daemon=True).start()
    _be(*last, ca_folder)


def _be(example: Example, variant: Variant, ca_folder: str) -> None:
    """Run one example's `main` in the current thread. Should it end with an error, the process does, so that the parent sees it."""
    app = importlib.import_module(f"examples.{example.name}.app")
    try:
        app.main(example.arguments(variant, ca_file_of(example, ca_folder, variant)))
    except SystemExit as end:
        if end.code:  # it has said why
            os._exit(1)
        raise
    except Exception:
        traceback.print_exc()
        os._exit(1)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(0)  # nobody is left to whom an orderly end matters


class Demo:
    """All examples, in as few processes as they allow."""

    def __init__(self, placed: Sequence[Placed], folder: Path) -> None:
        forks = "forkserver" in multiprocessing.get_all_start_methods()
        context: ForkServerContext | SpawnContext = (
            multiprocessing.get_context("forkserver") if forks else multiprocessing.get_context("spawn")
        )
        context.set_forkserver_preload(list(PRELOAD))
        self._children: list[tuple[BaseProcess, Path]] = []
        for number, share in enumerate(share_out(placed)):
            log = folder / f"{number}.log"
            child = context.Process(target=serve, args=(share, str(folder), str(log)), daemon=True)
            child.start()
            self._children.append((child, log))

    def check(self) -> None:
        """Raise DemoFailed when a child has ended."""
        for child, log in self._children:
            if child.exitcode is not None:
                printed = log.read_text(errors="replace")[-2000:] if log.exists() else ""
                raise DemoFailed(f"An example ended ({child.exitcode}).\n{printed}")

    def stop(self) -> None:
        for child, _ in self._children:
            child.terminate()
        deadline = time.monotonic() + 3
        for child, _ in self._children:
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


def run(placed: Sequence[Placed], list_file: Path | None, ca_file: Path | None) -> None:
    """Run the demo until a signal or the parent's end."""
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    parent = os.getppid()
    check_ports(placed)
    with tempfile.TemporaryDirectory(prefix="seamwatch-demo-", ignore_cleanup_errors=True) as folder:
        # The children's temporary files are here too, so that they go whatever end a child takes.
        os.environ["TMPDIR"] = folder
        demo = Demo(placed, Path(folder))
        try:
            wait_for(demo, placed, ended)
            offers = listing(placed, folder)
            if ca_file is not None:
                authorities = dict.fromkeys(str(offer["ca_file"]) for offer in offers if offer["ca_file"])
                _write(ca_file, "".join(Path(file).read_text() for file in authorities))
            if list_file is not None:
                _write(list_file, json.dumps(offers, indent=2, ensure_ascii=False) + "\n")
            if not ended.is_set():
                for offer in offers:
                    print(f"{offer['page_url']:<26} {offer['name']}: {offer['description']}")
                print("Ready. Ctrl-C stops them all.", flush=True)
            while not ended.is_set() and os.getppid() == parent:
                demo.check()
                ended.wait(0.5)
        finally:
            demo.stop()
            for file in (list_file, ca_file):
                if file is not None:
                    file.unlink(missing_ok=True)


def _write(file: Path, text: str) -> None:
    """Write a file at once: who waits for it never reads half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    part.write_text(text)
    part.replace(file)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Start all examples on loopback ports.")
    names = [example.name for example in EXAMPLES]
    parser.add_argument("--only", action="append", default=[], choices=names, metavar="NAME", help="start this one; may repeat")
    parser.add_argument("--list", type=Path, metavar="FILE", dest="list_file", help="write what runs where to this file, as JSON")
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="write the certificate authorities of the https examples to this file")
    parser.add_argument("--first-port", type=int, default=FIRST_PORT, help=f"the first of about forty ports ({FIRST_PORT})")
    arguments = parser.parse_args(argv)
    try:
        run(place(arguments.first_port, arguments.only), arguments.list_file, arguments.ca_file)
    except DemoFailed as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()
