"""`python -m app cors`: verdicts for recorded cases, one a line, in order."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.commands import cors

VECTORS = (Path(__file__).parent.parent / "core" / "vectors" / "cors.jsonl").read_bytes().splitlines()


@pytest.fixture(params=["in one process", "on all cores"])
def many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Lines of which some are broken; the chunks are so short that they do, or do not, reach more than one process."""
    if request.param == "on all cores":
        monkeypatch.setattr(cors, "_CHUNK", 7)
    lines = VECTORS[:40]
    return [*lines[:9], b"{broken", b"", *lines[9:], b'{"id": 1}']


def test_a_broken_line_gets_an_error_with_its_number_in_its_place_and_the_others_are_judged(many: list[bytes], tmp_path: Path):
    file = tmp_path / "cases.jsonl"
    file.write_bytes(b"\n".join(many))
    result = CliRunner().invoke(cli, ["cors", str(file)])
    assert result.exit_code == 1
    said = [json.loads(line) for line in result.stdout.splitlines()]
    expected = [json.loads(line)["id"] for line in VECTORS[:40]]
    assert [line["id"] for line in said if "id" in line] == expected
    assert [(place, line["line"]) for place, line in enumerate(said) if "error" in line] == [(9, 10), (41, 43)]


def test_cases_are_read_from_standard_input_and_all_good_ones_exit_with_0():
    result = CliRunner().invoke(cli, ["cors", "-"], input=b"\n".join(VECTORS))
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == len(VECTORS)


def test_a_file_that_is_not_there_is_said_in_one_line():
    result = CliRunner().invoke(cli, ["cors", "/nowhere/cases.jsonl"])
    assert (result.exit_code, result.stderr) == (2, "/nowhere/cases.jsonl: No such file or directory\n")
