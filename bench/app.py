"""The product as a user meets it: idle memory, landing page in Chromium, one static scan. Run: .venv/bin/python -m bench.app

Each figure stands beside its bare limit of the same run: an empty Python process, an empty page from the same browser,
the scan's own requests sent one after the other by curl.
"""

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Route, sync_playwright

from app.core.observation import ScanRequest
from app.core.report import Report
from app.engine.scan import run
from app.net import AddressPolicy, Net
from examples.runner import start

ROOT = Path(__file__).resolve().parent.parent
PORT = 3170
URL = f"http://localhost:{PORT}"
RUNS = 7
SHOWN = "() => performance.getEntriesByName('first-contentful-paint').map(entry => entry.startTime)[0]"


def main() -> None:
    scans()
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "SEAMWATCH_DATA_DIR": folder,
            "SEAMWATCH_PORT": str(PORT),
            "SEAMWATCH_PUBLIC_URL": URL,
            "REFLEX_WEB_WORKDIR": f"{folder}/web",
        }
        serve = [sys.executable, "-m", "app.serve"]
        timed(
            "first build",
            lambda: subprocess.run([*serve, "--build-only"], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL),
        )
        started = time.monotonic()
        server = subprocess.Popen(
            serve, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            wait_until_ready()
            print(f"start, already built       {time.monotonic() - started:6.1f} s")
            time.sleep(5)
            print(f"idle memory                {memory_mb(server.pid):6.0f} MB PSS in all; an empty Python has {empty_python_mb():.0f} MB")
            landing()
        finally:
            os.killpg(server.pid, 15)
            server.wait(20)


def timed(words: str, work: Callable[[], object]) -> None:
    started = time.monotonic()
    work()
    print(f"{words:<26} {time.monotonic() - started:6.1f} s")


def wait_until_ready() -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{URL}/readyz", timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("Seamwatch is not ready after a minute.")


def memory_mb(group: int) -> float:
    """Return the proportional set size of all processes of a group, in MB: shared pages count once."""
    total_kb = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == group:
                lines = (folder / "smaps_rollup").read_text().splitlines()
                total_kb += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue
    return total_kb / 1024


def empty_python_mb() -> float:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    time.sleep(1)
    try:
        return memory_mb(process.pid)
    finally:
        process.communicate(b"\n")


def landing() -> None:
    chromium = os.environ.get("SEAMWATCH_TEST_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"])
        cold = [first_paint(browser, 1)[0] for _ in range(RUNS)]
        again = [first_paint(browser, 2)[1] for _ in range(RUNS)]
        bare = [first_paint(browser, 1, empty=True)[0] for _ in range(RUNS)]
        scripts_kb = script_bytes(browser) / 1024
        browser.close()
    limit = statistics.median(bare)
    for words, times in (("cold", cold), ("again", again)):
        shown = statistics.median(times)
        print(f"landing shown, {words:<11} {shown:6.0f} ms, {shown / limit:.1f} × an empty page ({limit:.0f} ms)")
    print(f"landing's scripts          {scripts_kb:6.0f} kB compressed")


def first_paint(browser: Browser, visits: int, *, empty: bool = False) -> list[float]:
    """Return ms from navigation to the first contentful paint, for each of some visits in one fresh profile."""
    context = browser.new_context()
    page = context.new_page()
    if empty:
        page.route("**/*", lambda route: fulfil_empty(route))
    times = []
    for _ in range(visits):
        page.goto(f"{URL}/")
        times.append(float(page.wait_for_function(SHOWN).json_value()))
        page.goto("about:blank")
    context.close()
    return times


def fulfil_empty(route: Route) -> None:
    route.fulfill(body="<!doctype html><p>empty", content_type="text/html")


def script_bytes(browser: Browser) -> int:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{URL}/", wait_until="networkidle")
    entries = page.evaluate("() => performance.getEntriesByType('resource').map(entry => [entry.name, entry.encodedBodySize])")
    size = sum(int(length) for name, length in entries if name.partition("?")[0].endswith(".js"))
    context.close()
    return size


def scans() -> None:
    """Time scans of an example, and the same requests by curl."""
    with start("fastapi_data", "broken") as target:
        reports = [asyncio.run(scan(target.page_url)) for _ in range(RUNS)]
        took = statistics.median(report.site.duration_ms for report in reports)
        bare = statistics.median(by_curl_ms(reports[0]) for _ in range(3))
    count = len(reports[0].requests)
    print(f"static scan                {took:6.0f} ms, {count} requests, {took / bare:.1f} × the same by curl in a row ({bare:.0f} ms)")


async def scan(url: str) -> Report:
    async with Net(AddressPolicy(mode="private"), user_agent="Seamwatch/bench") as net:
        return await run(ScanRequest(url), net)


def by_curl_ms(report: Report) -> float:
    arguments = ["curl", "--silent"]
    for number, request in enumerate(report.requests):
        arguments += ["--next"] if number else []
        arguments += ["--silent", "--output", os.devnull, "--request", request.method, request.url]
        for name, value in request.request_headers:
            arguments += ["--header", f"{name}: {value}"]
    started = time.monotonic()
    subprocess.run(arguments, check=True)
    return (time.monotonic() - started) * 1000


if __name__ == "__main__":
    main()
