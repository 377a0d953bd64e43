"""Starts examples, for tests and for whoever wants to try one from Python.

with start("fastapi_data", "broken") as running:
    print(running.page_url, running.api_url)
"""

import contextlib
import dataclasses
import http.client
import json
import os
import random
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.manifest import Example, Variant, example
from examples.serving import LOOPBACK, is_free

ROOT = Path(__file__).parents[1]
START_TIMEOUT_S = 30
POLL_S = 0.05
ANSWER_TIMEOUT_S = 2  # of one try
# Below the range from which systems take ports for outgoing connections, so that a free one stays free.
FREE_PORTS = range(20000, 32000)


class ExampleFailed(RuntimeError):
    """An example that ended, or did not answer in time; the message holds what it printed."""


@dataclass(frozen=True, slots=True)
class Running:
    """An example that answers. `variant` holds the ports in use."""

    example: Example
    variant: Variant
    process: subprocess.Popen[bytes]
    ca_file: str = ""  # the certificate authority to trust; "" for http

    @property
    def page_url(self) -> str:
        return self.example.page_url(self.variant)

    @property
    def api_url(self) -> str:
        return self.example.api_url(self.variant)

    def stop(self) -> None:
        """End the process; once more does no harm."""
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_ports(count: int) -> list[int]:
    """Return that many neighbouring loopback ports on which nobody listens."""
    for _ in range(200):
        first = random.randrange(FREE_PORTS.start, FREE_PORTS.stop - count)
        ports = list(range(first, first + count))
        if all(is_free(port) for port in ports):
            return ports
    raise ExampleFailed(f"No {count} neighbouring ports are free.")


def answers(port: int, *, tls: bool = False) -> bool:
    """Whether a loopback port answers GET / over HTTP, with whatever status."""
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # only whether it answers
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(LOOPBACK, port, timeout=ANSWER_TIMEOUT_S, context=context)
    else:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_TIMEOUT_S)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/", headers={"Connection": "close"})
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
    return True


def answers_everywhere(chosen: Example, variant: Variant) -> bool:
    """Whether the page's port and the API's answer."""
    ports = [port for port in (variant.port, variant.api_port) if port]
    return all(answers(port, tls=chosen.scheme == "https") for port in ports)


@contextlib.contextmanager
def start(name: str, variant: str = "right", ports: Sequence[int] | None = None) -> Iterator[Running]:
    """Start one variant of an example, wait until it answers, and stop it at the end.

    Args:
        name: of the example, its folder.
        variant: "right", "broken", or another one of the manifest.
        ports: of the page and, where there is one, of the API; None for free ones.

    Raises:
        KeyError: there is no such example or variant.
        ExampleFailed: it ended, or did not answer within 30 s.
    """
    chosen = example(name)
    known = chosen.variant(variant)
    page_port, api_port = [*(ports or free_ports(2)), 0][:2]
    placed = dataclasses.replace(known, port=page_port, api_port=api_port if known.api_port else 0)
    with tempfile.TemporaryDirectory(prefix="example-", ignore_cleanup_errors=True) as folder:
        ca_file = str(Path(folder) / "ca.pem") if chosen.takes_ca_file else ""
        log = Path(folder) / "output.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                chosen.command(placed, ca_file),
                cwd=ROOT,
                env={**os.environ, "TMPDIR": folder},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        running = Running(chosen, placed, process, ca_file)
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while not answers_everywhere(chosen, placed):
                if process.poll() is not None:
                    raise ExampleFailed(f"{name} ({variant}) ended with {process.returncode}:\n{log.read_text(errors='replace')}")
                if time.monotonic() > deadline:
                    raise ExampleFailed(f"{name} ({variant}) does not answer:\n{log.read_text(errors='replace')}")
                time.sleep(POLL_S)
            yield running
        finally:
            running.stop()


@dataclass(frozen=True, slots=True)
class Offer:
    """One entry of the demo's list: an example that answers. `variant` holds the ports in use."""

    example: Example
    variant: Variant
    page_url: str
    api_url: str
    ca_file: str  # "" for http


@contextlib.contextmanager
def start_all(first_port: int | None = None) -> Iterator[dict[tuple[str, str], Offer]]:
    """Start the demo, and yield (name, variant) → what runs where.

    Args:
        first_port: of about forty neighbouring ports; None for free ones.

    Raises:
        ExampleFailed: the demo ended, or one of the examples does not answer.
    """
    from examples.demo import PORTS_NEEDED, place

    first_port = first_port or free_ports(PORTS_NEEDED)[0]
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        listed, log = Path(folder) / "list.json", Path(folder) / "output.log"
        command = [sys.executable, "-m", "examples.demo", "--first-port", str(first_port), "--list", str(listed)]
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            while not listed.exists():  # the demo itself gives up in time
                if process.poll() is not None:
                    raise ExampleFailed(f"The demo ended with {process.returncode}:\n{log.read_text(errors='replace')}")
                time.sleep(POLL_S)
            ca_files = {(entry["example"], entry["variant"]): entry["ca_file"] for entry in json.loads(listed.read_text())}
            yield {
                (chosen.name, variant.name): Offer(
                    chosen, variant, chosen.page_url(variant), chosen.api_url(variant), ca_files[chosen.name, variant.name]
                )
                for chosen, variant in place(first_port)
            }
        finally:
            process.terminate()
            process.wait(timeout=30)
