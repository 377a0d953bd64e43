"""All examples, right and broken, running once for the session."""

from collections.abc import Iterator

import pytest

from examples.runner import Offer, start_all


@pytest.fixture(scope="session")
def offers() -> Iterator[dict[tuple[str, str], Offer]]:
    """(example, variant) → what runs where."""
    with start_all() as running:
        yield running
