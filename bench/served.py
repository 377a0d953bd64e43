"""The product in a process of its own, over a database that a benchmark filled, and a Chromium that finds it there."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PORT = int(os.environ.get("SEAMWATCH_BENCH_PORT", "3171"))
URL = "http://localhost:3000"  # the default, so that the pages are built once for use, tests and benchmarks


def environment(data_dir: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEAMWATCH_")}
    return {
        **kept,
        "SEAMWATCH_DATA_DIR": str(data_dir),
        "SEAMWATCH_ENV_FILE": os.devnull,
        "SEAMWATCH_PORT": str(PORT),
        "SEAMWATCH_PUBLIC_URL": URL,
    }


@contextmanager
def served(data_dir: Path) -> Iterator[int]:
    """Run the product; yields the id of its process."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            raise SystemExit(f"Something listens on port {PORT}, and would be measured instead. End it, or set SEAMWATCH_BENCH_PORT.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what is started here ends with us
    serve = [sys.executable, "-m", "app.serve"]
    subprocess.run([*serve, "--build-only"], cwd=ROOT, env=environment(data_dir), check=True, stdin=subprocess.DEVNULL)
    log = data_dir / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            serve, cwd=ROOT, env=environment(data_dir), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        for _ in range(1200):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=1) as answer:
                    if answer.status == 200:
                        break
            except OSError:
                time.sleep(0.1)
        else:
            raise SystemExit(f"Seamwatch is not ready after two minutes:\n{log.read_text()}")
        yield process.pid
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


@contextmanager
def chromium() -> Iterator[Browser]:
    path = os.environ.get("SEAMWATCH_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    mapped = f"--host-resolver-rules=MAP localhost:3000 127.0.0.1:{PORT}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", mapped]
        )
        yield browser
        browser.close()


def profile(browser: Browser, secret: str) -> BrowserContext:
    """Return a fresh profile that is signed in by a session's secret."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    context.add_cookies([{"name": "seam", "value": secret, "url": URL}])
    return context


def cpu_s(group: int) -> float:
    """Return the CPU seconds of all processes of a group so far."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == group:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        except OSError:
            continue
    return ticks / os.sysconf("SC_CLK_TCK")
