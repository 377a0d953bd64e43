"""The Content Security Policy and the hashes of the built pages."""

import base64
import hashlib
import os
from pathlib import Path

from app.walls.csp import BuiltPages, inline_script_hashes, policy


def sha256(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_inline_scripts_are_hashed_as_they_stand_and_linked_ones_are_not():
    html = '<SCRIPT async>\n a("é");\n</SCRIPT><script type=module src="/x.js"></script><script data-src="x">b</script><script></script>'
    assert inline_script_hashes(html) == {sha256('\n a("é");\n'), sha256("b")}


def test_the_policy_allows_neither_eval_nor_inline_scripts_nor_framing():
    made = policy({sha256("b"), sha256("a")}, ["https://seam.example", "http://localhost:3000"], https=False)
    parts = dict(part.split(" ", 1) for part in made.split("; "))
    assert parts["script-src"] == f"'self' {' '.join(sorted([sha256('a'), sha256('b')]))}"
    assert "unsafe-eval" not in made
    assert parts["frame-ancestors"] == parts["object-src"] == parts["base-uri"] == "'none'"
    assert parts["connect-src"] == "'self' ws://localhost:3000 wss://seam.example"
    assert "upgrade-insecure-requests" not in made


def test_hashes_are_read_from_every_page_and_again_after_a_build(tmp_path: Path):
    pages = BuiltPages(tmp_path)
    assert pages.script_hashes() == frozenset()
    (tmp_path / "scans").mkdir()
    (tmp_path / "index.html").write_text("<script>a</script>")
    (tmp_path / "scans" / "index.html").write_text("<script>b</script>")
    assert pages.script_hashes() == {sha256("a"), sha256("b")}
    (tmp_path / "index.html").write_text("<script>c</script>")
    os.utime(tmp_path / "index.html", ns=(1, 1))
    assert pages.script_hashes() == {sha256("c"), sha256("b")}
