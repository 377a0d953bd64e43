"""The newest scan of each site, and one more."""

import pytest

from app.services import scans, site_scans, sites
from app.services.errors import NotFound
from app.services.scan_form import ScanForm
from tests.conftest import Cast

PAGE = "http://app.test/"


async def test_the_newest_scan_of_each_page_is_told_and_nobody_elses(cast: Cast):
    for url in (PAGE, PAGE, "http://other.test/"):
        newest = await scans.start(cast.alice, ScanForm(url))
    await scans.start(cast.charlie, ScanForm(PAGE))
    found = await site_scans.newest(cast.bob, [PAGE, "http://other.test/", "http://never.test/"])
    assert set(found) == {PAGE, "http://other.test/"}
    assert found["http://other.test/"].id == newest  # pyright: ignore[reportPossiblyUnboundVariable]
    assert found[PAGE].created_by == "Alice"
    assert await site_scans.newest(cast.bob, []) == {}


async def test_a_site_is_scanned_as_it_was_last_or_by_its_addresses(cast: Cast):
    site_id = await sites.create(cast.alice, "App", PAGE, "http://api.test/")
    first = await site_scans.scan_again(cast.alice, site_id)
    assert (await scans.get(cast.alice, first)).row.api_url == "http://api.test/"
    again = await site_scans.scan_again(cast.alice, site_id)
    assert (await scans.get(cast.alice, again)).request.api_url == "http://api.test/"
    await sites.change(cast.alice, site_id, "App", PAGE, "http://moved.test/")
    moved = await site_scans.scan_again(cast.alice, site_id)
    assert (await scans.get(cast.alice, moved)).row.api_url == "http://moved.test/"


@pytest.mark.parametrize("site_id", ["ghost", "", 7, None])
async def test_charlie_scans_no_site_of_alices(cast: Cast, site_id: object):
    alices = await sites.create(cast.alice, "App", PAGE)
    for wanted in (site_id, alices):
        with pytest.raises(NotFound, match="no such site"):
            await site_scans.scan_again(cast.charlie, wanted)  # pyright: ignore[reportArgumentType]
