"""The manifest, and how examples are started and ended."""

import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from examples import runner
from examples.demo import DemoFailed, check_ports, place, share_out
from examples.manifest import BROKEN, EXAMPLES, RIGHT, Example, every_variant, example
from examples.serving import parse_options

SEVENTEEN = {
    *("COR-01", "COR-02", "COR-05", "COR-06", "COR-07", "COR-08", "COR-09", "COR-11"),
    *("API-01", "API-03", "API-04", "API-05", "WS-01", "SES-01", "DEP-01", "DEP-02", "CAC-02"),
}  # fmt: skip


def test_broken_variants_show_every_finding():
    assert {code for _, variant in every_variant() for code in variant.findings} == SEVENTEEN


def test_every_example_has_a_right_and_a_broken_variant():
    for chosen in EXAMPLES:
        assert [variant.name for variant in chosen.variants[:2]] == [RIGHT, BROKEN]
        right, *broken = chosen.variants
        assert (right.fault, right.findings, right.about) == ("", (), "")
        assert all(variant.fault and variant.findings and variant.about for variant in broken)


def test_ports_of_the_demo_are_distinct_and_within_their_range():
    ports = [port for _, variant in every_variant() for port in (variant.port, variant.api_port) if port]
    assert len(set(ports)) == len(ports)
    assert set(ports) <= set(range(5101, 5141))


def test_every_folder_of_examples_is_in_the_manifest():
    folders = {path.parent.name for path in (runner.ROOT / "examples").glob("*/app.py")}
    assert folders == {chosen.name for chosen in EXAMPLES}


@pytest.mark.parametrize("chosen", EXAMPLES, ids=lambda chosen: chosen.name)
def test_broken_means_the_first_fault_and_every_fault_is_in_the_manifest(chosen: Example):
    app = importlib.import_module(f"examples.{chosen.name}.app")
    right, broken, *others = chosen.variants
    assert list(app.FAULTS) == [broken.fault, *(variant.fault for variant in others)]
    page_port, api_port = runner.free_ports(2)
    read = {"about": app.__doc__, "port": page_port, "api_port": api_port, "faults": app.FAULTS}
    assert parse_options(["--broken"], **read).fault == broken.fault
    # The manual at the top of the file names the same ports and faults.
    manual = str(app.__doc__).partition("\n\n")[2]
    assert f"python -m examples.{chosen.name}.app [--port {right.port}]" in manual
    assert set(re.findall(r"^--fault (\S+)", manual, re.MULTILINE)) == set(app.FAULTS)
    codes = {code for variant in chosen.variants for code in variant.findings}
    assert set(re.findall(r"\b[A-Z]{2,3}-\d\d\b", manual)) == codes


def test_one_example_starts_on_given_ports_and_stops():
    ports = runner.free_ports(2)
    with runner.start("fastapi_data", "broken", ports) as running:
        assert running.page_url == f"http://127.0.0.1:{ports[0]}/"
        assert running.api_url == f"http://127.0.0.1:{ports[1]}/api/data"
        assert runner.answers(ports[0])
        assert not runner.is_free(ports[1])
    assert running.process.returncode is not None
    assert all(runner.is_free(port) for port in ports)


def test_example_that_cannot_start_says_why():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(runner.ExampleFailed, match=f"port {port} is in use"), runner.start("fastapi_ws", ports=[port]):
            pass


def test_unknown_example_and_variant_are_named():
    with pytest.raises(KeyError, match="no_such"):
        example("no_such")
    with pytest.raises(KeyError, match="right, broken"):
        example("flask_shop").variant("no_such")


def test_demo_moves_all_ports_together():
    moved = {(chosen.name, variant.name): variant for chosen, variant in place(20001)}
    for chosen, variant in every_variant():
        assert moved[chosen.name, variant.name].port == variant.port + 20001 - 5101


def test_demo_gives_a_process_of_its_own_to_who_needs_it():
    shares = share_out(place(5101))
    assert sum(len(share) for share in shares) == len(list(every_variant()))
    assert all(len(share) == 1 for share in shares[1:])
    assert not any(chosen.alone for chosen, _ in shares[0])


def test_demo_names_the_port_that_is_in_use():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DemoFailed, match=rf"In use: port {port} \(flask_shop, right\)"):
            check_ports(place(port)[:1])


def demo(tmp_path: Path, launcher: str) -> tuple[subprocess.Popen[str], int, Path]:
    port, listed = runner.free_ports(40)[0], tmp_path / "list.json"
    files = ["--list", str(listed), "--ca-file", str(tmp_path / "ca.pem")]
    only = ["--only", "flask_shop", "--only", "tortoise_api", "--only", "https_reports"]  # all of them run in the other files
    command = [sys.executable, "examples/demo.py", "--first-port", str(port), *files, *only]
    process = subprocess.Popen(
        [sys.executable, "-c", launcher, *command],
        cwd=runner.ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, port, listed


def wait_until(condition) -> None:
    while not condition():
        time.sleep(0.05)


REPLACE = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
STAY_PARENT = "import subprocess, sys; subprocess.run(sys.argv[1:])"


@pytest.mark.parametrize("launcher", [REPLACE, STAY_PARENT], ids=["by SIGTERM", "by its parent's death"])
def test_demo_lists_what_runs_and_leaves_nothing_behind_when_it_is_ended(tmp_path: Path, launcher: str):
    process, port, listed = demo(tmp_path, launcher)
    wait_until(lambda: listed.exists() or process.poll() is not None)
    entries = json.loads(listed.read_text())
    assert entries[0] == {
        "name": "Corner Shop",
        "description": "Flask and Jinja2 with SQLAlchemy: pages, forms and one small script",
        "page_url": f"http://127.0.0.1:{port}/",
        "api_url": f"http://127.0.0.1:{port}/api/orders",
        "example": "flask_shop",
        "variant": "right",
        "findings": [],
        "ca_file": "",
    }
    assert [(entry["example"], entry["variant"]) for entry in entries] == [
        *[("flask_shop", "right"), ("flask_shop", "broken")],
        *[("tortoise_api", "right"), ("tortoise_api", "broken"), ("tortoise_api", "site")],
        *[("https_reports", "right"), ("https_reports", "broken")],
    ]
    assert (tmp_path / "ca.pem").read_text().count("BEGIN CERTIFICATE") == 2

    process.send_signal(signal.SIGTERM if launcher == REPLACE else signal.SIGKILL)
    process.wait()
    output = process.communicate()[0]  # ends when the last process that holds the pipe has ended
    assert "Ready." in output
    assert all(runner.is_free(port) for port in range(port, port + 40))
    assert not list(tmp_path.iterdir())
