"""Verdicts per second, against the bare limit of reading and writing the same lines as JSON. Run: python bench/cors.py [CASES]"""

import gc
import json
import sys
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from app.commands.cors import verdict_lines
from app.core.cases import parse_case
from app.core.cors import judge
from app.core.exchange import Head
from app.core.verdict import Answer

VECTORS = Path(__file__).parent.parent / "tests" / "core" / "vectors" / "cors.jsonl"
UNKNOWN = Answer(Head(404), Head(404))


def timed(work: Callable[[], object]) -> float:
    started = time.process_time()  # of this process: other work on the machine does not count
    work()
    return time.process_time() - started


def main(count: int) -> None:
    vectors = VECTORS.read_bytes().splitlines()
    # Each line gets URLs of its own, as real cases have: a cache of parsed URLs must not flatter the figure.
    lines = [
        vector.replace(f"/c/v{index % len(vectors):03d}/".encode(), f"/c/b{index}/".encode())
        for index, vector in enumerate(islice(cycle(vectors), count))
    ]
    gc.disable()
    bare_s = timed(lambda: [json.dumps(json.loads(line)) for line in lines])
    verdict_s = timed(lambda: sum(good for _, good in verdict_lines(lines)))
    cases = [parse_case(line) for line in lines]
    path_s = timed(lambda: [judge(case.call, case.answers, standard_default=UNKNOWN) for case in cases])
    print(f"{count} cases: {verdict_s:.2f} s of CPU, {count / verdict_s:,.0f} verdicts a second (read, judge, write)")
    print(f"bare json.loads and json.dumps of the same lines: {bare_s:.2f} s; ratio {verdict_s / bare_s:.1f}")
    print(f"judge() with its path, without reading and writing: {path_s:.2f} s, {count / path_s:,.0f} a second")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
