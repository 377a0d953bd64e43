"""The catalogue of findings: complete, and with mends for every framework."""

import pytest

from app.core.catalogue import ENTRIES, example_mends
from app.core.cors_rules import BY_NUMBER
from app.core.findings import Framework
from app.core.rules import registry


def test_every_finding_that_a_scan_can_have_is_told():
    assert sorted(entry.code for entry in ENTRIES) == sorted(registry())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.code)
def test_a_finding_has_a_mend_for_every_framework_and_rules_that_exist(entry):
    frameworks = {mend.framework for mend in example_mends(entry.code)}
    assert frameworks >= {Framework.FLASK, Framework.DJANGO, Framework.FASTAPI, Framework.NGINX}
    assert set(entry.rules) <= set(BY_NUMBER)
