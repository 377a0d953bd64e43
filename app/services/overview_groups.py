"""The overview's groups: which heads stand among the rows of a page, and which rows those are."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.checks import Kind
from app.services.groups import Placed
from app.services.overview_order import Order
from app.services.paging import page_number
from app.services.roster import Listed, Roster

PAGE_SIZE = 50
MAX_HEADS = 200  # on one page
UNGROUPED = "none"  # the key of what stands in no group, or belongs to no site
GROUPINGS = ("group", "site", "kind")
_NO_GROUP = {"group": "Without a group", "site": "Without a site"}


@dataclass(frozen=True, slots=True)
class GroupHead:
    key: str  # a group's or site's public id, a kind, or "none"
    words: str
    count: int  # monitors that the filter leaves, with those in groups within
    depth: int
    folded: bool


@dataclass(frozen=True, slots=True)
class NamedSite:
    """A site. `row_id` never leaves the services."""

    row_id: int
    public_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Folder:
    """One group of rows."""

    head: GroupHead
    own: list[Listed]  # that stand in it itself, by name
    hidden: bool  # it or a group around it is folded
    above: tuple[str, ...] = ()  # keys of the groups around it


@dataclass(frozen=True, slots=True)
class PageOf:
    rows: tuple[Listed, ...]
    heads: tuple[GroupHead, ...]  # among them, in order
    number: int
    pages: int


def folders(
    left: list[Listed], roster: Roster, group_by: str, folded: object, tree: Mapping[int, Placed], sites: Mapping[int, NamedSite]
) -> list[Folder]:
    """Return the groups that have rows, in order.

    Args:
        left: rows of the roster, by name.
        group_by: one of `GROUPINGS`.
        folded: keys of groups, as a client sent them.
    """
    shut = {key for key in folded if isinstance(key, str)} if isinstance(folded, list | tuple) else set()
    own = _own(left, roster, group_by, tree if group_by == "group" else sites)
    made: list[Folder] = []
    if group_by == "group":
        within: Counter[int] = Counter()
        for group in tree.values():
            for row_id in (group.row_id, *group.above):
                within[row_id] += len(own.get(group.row_id, ()))
        for group in tree.values():
            above = tuple(tree[one].public_id for one in group.above)
            if within[group.row_id] and not shut.intersection(above):
                is_shut = group.public_id in shut
                head = GroupHead(group.public_id, group.name, within[group.row_id], group.depth, is_shut)
                made.append(Folder(head, own.get(group.row_id, []), is_shut, above))
    else:
        named = [(kind.value, kind.value, kind.value) for kind in Kind]
        if group_by == "site":
            in_order = sorted(sites.values(), key=lambda site: (site.name.casefold(), site.row_id))
            named = [(site.row_id, site.public_id, site.name) for site in in_order]
        for value, key, words in named:
            if its := own.get(value):
                made.append(Folder(GroupHead(key, words, len(its), 0, key in shut), its, key in shut))
    if its := own.get(None):
        made.append(Folder(GroupHead(UNGROUPED, _NO_GROUP[group_by], len(its), 0, UNGROUPED in shut), its, UNGROUPED in shut))
    return made


def _own(left: list[Listed], roster: Roster, group_by: str, known: Mapping[int, object]) -> dict[Any, list[Listed]]:
    """Return the rows of each group, site or kind. What is in one that was just removed is in none."""
    roster = roster if left is roster.by_name else Roster({}, left)
    if group_by == "kind":
        return dict(roster.of_kind)
    own = dict(roster.of_group if group_by == "group" else roster.of_site)
    if lost := [value for value in own if value is not None and value not in known]:
        own[None] = sorted((row for value in (None, *lost) for row in own.pop(value, ())), key=lambda row: row.place)
    return own


def page_of(made: Sequence[Folder], asked: object, order: Order) -> PageOf:
    """Return one page of what is not folded, sorted within each group; beyond the last: the last."""
    visible = sum(len(folder.own) for folder in made if not folder.hidden)
    pages = max(1, -(-visible // PAGE_SIZE))
    number = min(page_number(asked), pages)
    start, end = (number - 1) * PAGE_SIZE, number * PAGE_SIZE
    known = {folder.head.key: folder.head for folder in made}
    heads: dict[str, GroupHead] = {}
    shown: list[Listed] = []
    reached = 0
    for folder in made:
        rows = 0 if folder.hidden else len(folder.own)
        begins, ends = reached, reached + rows
        reached = ends
        # A group without rows of its own stands on the page on which the next row would be.
        on_page = begins < end and ends > start if rows else start <= begins < end or (begins == end == visible) or (not visible)
        if not on_page:
            continue
        for key in folder.above:
            heads.setdefault(key, known[key])
        heads[folder.head.key] = folder.head
        if rows:
            shown += order.first(folder.own, end - begins)[max(0, start - begins) :]
    return PageOf(tuple(shown), tuple(heads.values())[:MAX_HEADS], number, pages)


def flat(rows: list[Listed], asked: object, order: Order) -> PageOf:
    """Return one page of rows without groups."""
    pages = max(1, -(-len(rows) // PAGE_SIZE))
    number = min(page_number(asked), pages)
    return PageOf(tuple(order.first(rows, number * PAGE_SIZE)[(number - 1) * PAGE_SIZE :]), (), number, pages)


def key_of(row: Listed, group_by: str, tree: Mapping[int, Placed], sites: Mapping[int, NamedSite]) -> str:
    """Return the key of the head that a row stands under; "" without groups."""
    if group_by == "kind":
        return row.kind
    if group_by not in GROUPINGS:
        return ""
    found = tree.get(row.group_id or 0) if group_by == "group" else sites.get(row.site_id or 0)
    return found.public_id if found else UNGROUPED
