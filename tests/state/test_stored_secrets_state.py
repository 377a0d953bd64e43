"""What the page of secrets says before one is deleted."""

import pytest

from app.state import stored_secrets


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "No monitor uses it."),
        (["Shop"], "1 monitor uses it and will fail from the next check on: Shop."),
        (["A", "B", "C"], "3 monitors use it and will fail from the next check on: A, B, C."),
        (["A", "B", "C", "D", "E"], "5 monitors use it and will fail from the next check on: A, B, C and 2 more."),
    ],
)
def test_deleting_a_secret_names_the_monitors_that_fail_without_it(names: list[str], said: str):
    assert stored_secrets._use(names) == said
