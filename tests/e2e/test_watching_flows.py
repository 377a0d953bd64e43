"""Sites, incidents and maintenance are in order at both widths and in both themes."""

import pytest
from playwright.async_api import Page, expect

from tests.conftest import Running
from tests.e2e.conftest import Complaints, sideways_px, violations
from tests.e2e.test_pages_quality import SIZES

PAGES = {"/sites": "Sites", "/incidents": "Incidents", "/maintenance": "Maintenance windows"}


@pytest.mark.parametrize("size", SIZES)
async def test_the_lists_are_in_order(seamwatch: Running, owner: Page, complaints: Complaints, size: str):
    complaints.listen(owner)
    await owner.set_viewport_size(SIZES[size])
    for theme, (path, part) in zip(("light", "dark", "light"), PAGES.items(), strict=True):
        await owner.emulate_media(color_scheme=theme)  # pyright: ignore[reportArgumentType]
        await owner.goto(path)
        await expect(owner.get_by_role("region", name=part, exact=True)).to_be_visible()
        await expect(owner.get_by_role("heading", level=1)).to_have_count(1)
        await owner.wait_for_load_state("networkidle")
        assert await violations(owner) == []
        assert await sideways_px(owner) == 0
    assert complaints == []
