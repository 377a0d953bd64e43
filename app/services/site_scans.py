"""The scans of sites: the newest of each, and one more."""

from collections.abc import Iterable

from sqlalchemy import func
from sqlmodel import col, select

from app.db import reading
from app.models import Scan, Site
from app.services import scans
from app.services.access import Action, Actor, require
from app.services.errors import NotFound
from app.services.names import is_public_id
from app.services.scan_form import ScanForm
from app.services.scans import ScanRow


async def newest(actor: Actor | None, page_urls: Iterable[str]) -> dict[str, ScanRow]:
    """Return the newest scan of each of these pages that was scanned, by its address."""
    actor = require(actor, Action.READ_SCANS)
    wanted = sorted(set(page_urls))
    last = (
        select(func.max(Scan.id))
        .where(Scan.workspace_id == actor.workspace_id, col(Scan.deleted_at).is_(None), col(Scan.page_url).in_(wanted))
        .group_by(col(Scan.page_url))
    )
    async with reading() as db:
        found = await scans.rows(db, col(Scan.id).in_(last)) if wanted else ()
    return {row.page_url: row for row in found}


async def scan_again(actor: Actor | None, site_id: str) -> str:
    """Scan a site as it was scanned last, or for the first time by its addresses, and return the scan's id.

    Raises:
        NotFound: no such site.
        Invalid, Conflict, Limited: as `scans.start` and `scans.rescan`.
    """
    actor = require(actor, Action.START_SCANS)
    require(actor, Action.READ_MONITORS)
    site = None
    if is_public_id(site_id):
        async with reading() as db:
            query = select(Site).where(Site.public_id == site_id, Site.workspace_id == actor.workspace_id)
            site = (await db.exec(query)).first()
    if site is None:
        raise NotFound("There is no such site in this workspace.")
    last = (await newest(actor, [site.page_url])).get(site.page_url)
    if last is not None and last.api_url in ("", site.api_url):  # else the API moved since
        return await scans.rescan(actor, last.id)
    return await scans.start(actor, ScanForm(site.page_url, site.api_url))
