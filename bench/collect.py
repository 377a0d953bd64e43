"""What reading a site's scripts costs, against a bare parse of the same text in the same run. Run: python bench/collect.py [FILE.js …]

Without files it reads the built React application of the tests, with its bundle repeated until it is two megabytes.
"""

import gzip
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import tree_sitter_javascript
from tree_sitter import Language, Parser

from app.core.collect import collect, next_scripts
from app.core.exchange import Exchange, Head, Purpose
from app.core.inventory import Inventory
from app.core.observation import ScanRequest

BUNDLE = Path(__file__).parent.parent / "tests" / "core" / "bundles" / "react-index-DA_4pcMb.js.gz"
PAGE = "https://app.example/"


def answer(number: int, purpose: Purpose, url: str, body: bytes, media_type: str) -> Exchange:
    return Exchange(number, purpose, "GET", url, response=Head(200, (("content-type", media_type),)), body=body)


def cpu_s(work: Callable[[], object]) -> tuple[float, object]:
    """Return the CPU time of this process, in seconds: other processes on the machine do not count."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def read(source: bytes) -> Inventory:
    request = ScanRequest(PAGE)
    page = answer(1, Purpose.PAGE, PAGE, b'<div id="root"></div><script type="module" src="/assets/index.js"></script>', "text/html")
    exchanges = [page, answer(2, Purpose.SCRIPT, f"{PAGE}assets/index.js", source, "text/javascript")]
    next_scripts(request, exchanges)
    return collect(request, exchanges)


def main(files: list[str]) -> None:
    if files:
        sources = {Path(name).name: Path(name).read_bytes() for name in files}
    else:
        bundle = gzip.decompress(BUNDLE.read_bytes())
        # Each copy in a function of its own, as bundlers wrap modules, so that names do not clash.
        body = bundle[: bundle.rindex(b"export{")]
        body = body[body.index(b";") + 1 :] if body.startswith(b"import") else body
        copies = [b"(()=>{" + body + b"\n})();" for _ in range(2_000_000 // len(body) + 1)]
        sources = {"one bundle": bundle, "two megabytes of it": b"".join(copies)[:2_000_000]}
    parser = Parser(Language(tree_sitter_javascript.language()))
    print(f"{'script':24} {'MB':>6} {'calls':>6} {'CPU s':>7} {'s/MB':>6} {'parse s':>8} {'ratio':>6}")
    for name, source in sources.items():
        parse_s, _ = cpu_s(lambda source=source: parser.parse(source))
        spent_s, inventory = cpu_s(lambda source=source: read(source))
        assert isinstance(inventory, Inventory)
        size_mb = len(source) / 1e6
        counted = f"{name[:24]:24} {size_mb:6.2f} {len(inventory.calls):6}"
        print(f"{counted} {spent_s:7.2f} {spent_s / size_mb:6.2f} {parse_s:8.2f} {spent_s / parse_s:6.1f}")
        for note in inventory.notes:
            print(f"  {note}")


if __name__ == "__main__":
    main(sys.argv[1:])
