"""Case files on the command line: every bad line is named, every good one is judged."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner

from app.commands.cors import cors

URL = "http://api.test/x"
runner = CliRunner()
cli = Typer()
cli.command()(cors)


def case(**changes: Any) -> dict[str, Any]:
    request = {"origin": "http://app.test", "url": URL, "method": "GET", "headers": [], "body": None, **changes.pop("request", {})}
    head = {"status": 200, "headers": [["Access-Control-Allow-Origin", "*"]]}
    return {"id": "one", "request": request, "responses": {URL: {"preflight": head, "actual": head}}, **changes}


def run(*lines: str | bytes | dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    encoded = [json.dumps(line).encode() if isinstance(line, dict) else line.encode() if isinstance(line, str) else line for line in lines]
    result = runner.invoke(cli, ["-"], input=b"\n".join(encoded))
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def test_a_good_line_gives_a_verdict():
    code, (verdict,) = run(case())
    assert code == 0
    assert verdict == {
        "id": "one",
        "allowed": True,
        "allowed_standard": True,
        "rule": "C2",
        "type": "cors",
        "preflight": False,
        "exposed": ["cache-control", "content-length", "content-type"],
        "requests": [
            {
                "kind": "actual",
                "url": URL,
                "method": "GET",
                "origin": "http://app.test",
                "acrh": None,
                "authorization": False,
                "content_type": None,
            }
        ],
        "console": "",
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("[]", "JSON object"),
        (b'{"a": "\xff"}', "not JSON"),
        ("{}", "request"),
        ({"request": {}, "responses": {}}, "origin"),
        (case(request={"url": 5}), "url"),
        (case(request={"headers": {"a": "b"}}), "request.headers"),
        (case(request={"headers": [["a"]]}), "request.headers"),
        (case(request={"headers": [["a", 1]]}), "request.headers"),
        (case(request={"mode": "navigate"}), "mode"),
        (case(request={"credentials": True}), "credentials"),
        (case(request={"redirect": "x"}), "redirect"),
        (case(request={"body": "x"}), "body"),
        (case(request={"body": {"kind": "stream"}}), "body"),
        (case(responses=[]), "responses"),
        (case(responses={URL: None}), URL),
        (case(responses={URL: {"actual": {"headers": []}}}), "status"),
        (case(responses={URL: {"actual": {"status": "200"}}}), "status"),
        (case(responses={URL: {"actual": {"status": 200, "headers": [[1, 2]]}}}), "headers"),
        (case(responses={}), f"GET request at {URL}"),
        (case(request={"method": "PUT"}, responses={URL: {"actual": {"status": 200, "headers": []}}}), f"preflight at {URL}"),
    ],
)
def test_a_broken_line_gives_an_error_in_its_place_and_the_others_are_judged(line: Any, words: str):
    code, (first, second, third) = run(case(id=1), line, case(id=3))
    assert code == 1
    assert (first["id"], third["id"]) == (1, 3)
    assert second["line"] == 2
    assert words in second["error"]


def test_a_missing_answer_of_a_later_hop_is_named():
    moved = {"status": 302, "headers": [["Access-Control-Allow-Origin", "*"], ["Location", "/y"]]}
    code, (error,) = run(case(responses={URL: {"actual": moved}}))
    assert code == 1
    assert error == {"error": "no answer to the GET request at http://api.test/y", "line": 1}


def test_lone_surrogates_and_a_byte_order_mark_are_read():
    line = json.dumps(case(id="\ud800")).encode()
    code, (verdict,) = run(b"\xef\xbb\xbf" + line)
    assert (code, verdict["id"], verdict["allowed"]) == (0, "\ud800", True)


def test_blank_lines_are_skipped_and_counted():
    code, found = run("", case(), "  ", "x")
    assert code == 1
    assert [entry.get("line") for entry in found] == [None, 4]


def test_a_file_is_read_and_a_missing_one_is_an_error(tmp_path: Path):
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(case()), "utf-8")
    assert runner.invoke(cli, [str(path)]).exit_code == 0
    missing = runner.invoke(cli, [str(tmp_path / "none.jsonl")])
    assert missing.exit_code == 2
    assert "No such file" in missing.stderr


def test_a_method_reaches_the_recording_server_in_upper_case():
    headers = [["Access-Control-Allow-Origin", "*"], ["Access-Control-Allow-Methods", "patch"]]
    head = {"status": 200, "headers": headers}
    _, (verdict,) = run(case(request={"method": "patch"}, responses={URL: {"preflight": head, "actual": head}}))
    assert [request["method"] for request in verdict["requests"]] == ["patch", "PATCH"]
