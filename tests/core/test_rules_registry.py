"""What holds for every finding: it is registered once, says why, and has a mend where its framework was recognised."""

import re

import pytest

from app.core.findings import Framework
from app.core.mends import MendFacts, mends_for
from app.core.rules import check, registry

CODES = {
    "API-01", "API-03", "API-04", "API-05", "CAC-02", "COR-01", "COR-02", "COR-05", "COR-06", "COR-07", "COR-08", "COR-09", "COR-11",
    "DEP-01", "DEP-02", "SES-01", "WS-01",
}  # fmt: skip
FACTS = MendFacts(
    page_origin="https://app.example",
    api_origin="https://api.example",
    methods=("GET", "PUT"),
    headers=("content-type", "x-workspace-id"),
    path="/api/items",
    socket_path="/ws/chat",
    cookie="session",
    url="http://localhost:8000/api/items",
)


def test_the_seventeen_are_registered():
    assert set(registry()) >= CODES


@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("framework", [Framework.FLASK, Framework.DJANGO, Framework.FASTAPI, Framework.NGINX])
def test_each_finding_has_a_mend_for_each_framework_and_the_recognised_one_first(code: str, framework: Framework):
    mends = mends_for(code, FACTS, (framework,))
    assert mends[0].framework is framework
    assert mends[0].code.strip()


def test_code_belongs_to_one_check():
    registry()
    with pytest.raises(ValueError, match="COR-01 has two checks"):
        check("COR-01")(lambda examined: iter(()))


def test_every_check_says_what_it_finds():
    for code, function in registry().items():
        assert re.search(r"\w", function.__doc__ or ""), code
