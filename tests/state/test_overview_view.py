"""What the overview shows, as plain values."""

from dataclasses import replace

import pytest

from app.core.cell import Cell
from app.services.overview import Filter, GroupHead, NavCounts, Row
from app.state import overview_view as view
from app.state.overview_view import MONITORS, OVERVIEW, WrongView


def row(public_id: str, group_key: str = "", status: str = "up", **more) -> Row:
    values = {
        "name": f"Monitor {public_id}", "kind": "api", "detail": "api · GET", "address": "", "site": "", "tags": (), "since": None,
        "reason": "", "uptime": 1.0, "p95_ms": 40, "cell": Cell(status), "paused": False, "interval_s": 60.0,
    }  # fmt: skip
    return Row(id=public_id, group_key=group_key, **(values | more))


def nav(down: int = 0, degraded: int = 0) -> NavCounts:
    return NavCounts(48, 4, down + degraded, down, degraded)


@pytest.mark.parametrize("base", [OVERVIEW, MONITORS])
@pytest.mark.parametrize(
    "changes",
    [
        {}, {"text": "a b&c=ü"}, {"status": "down", "kind": "api", "tag": "x,y", "site_id": "s"}, {"sort": "p95", "descending": True},
        {"group_by": "kind", "folded": ("a", "b"), "page": 3},
    ],
)  # fmt: skip
def test_an_address_leads_back_to_what_it_was_made_of(base: str, changes: dict):
    from urllib.parse import parse_qsl, urlsplit

    wanted = replace(view.default_filter(base), **changes)
    address = view.address(base, wanted)
    assert view.filter_of(base, dict(parse_qsl(urlsplit(address).query))) == wanted
    assert address.startswith(base)
    assert address == base or changes


@pytest.mark.parametrize(
    "query",
    [
        {"status": "sideways", "kind": "x", "sort": "none", "group": "y"},
        {"page": "-1"},
        {"page": "1e9"},
        {"page": "99999999999"},
        {"page": "²"},
    ],
)
def test_what_an_address_cannot_mean_counts_as_not_said(query: dict[str, str]):
    assert view.filter_of(OVERVIEW, query) == Filter()


def test_rows_stand_below_the_heads_of_their_groups():
    heads = [GroupHead("a", "Shop", 3, 0, False), GroupHead("b", "Checkout", 1, 1, False), GroupHead("c", "Blog", 7, 0, True)]
    lines = view.lines([row("1", "b"), row("2", "a"), row("3", "a"), row("4", "gone")], heads)
    assert [line.words if line.head else line.key for line in lines] == ["Shop", "2", "3", "Checkout", "1", "Blog", "4"]
    assert [line.place for line in lines if not line.head] == [1, 2, 0, 3]
    assert [line.depth for line in lines if line.head] == [0, 1, 0]


def test_the_only_head_is_left_out_when_it_says_no_more_than_that_there_is_none():
    alone = GroupHead("none", "Without a group", 1, 0, False)
    assert [line.head for line in view.lines([row("1", "none")], [alone])] == [False]
    assert [line.head for line in view.lines([], [replace(alone, folded=True)])] == [True]
    assert [line.head for line in view.lines([row("1", "a")], [replace(alone, key="a", words="Shop")])] == [True, False]


@pytest.mark.parametrize(
    ("share", "shown"), [(None, ""), (1.0, "100"), (0.999999, "99.99"), (0.9992, "99.92"), (0.99, "99.00"), (0.0, "0.00"), (0.29, "29.00")]
)
def test_uptime_is_never_rounded_up(share: float | None, shown: str):
    assert view.percent(share) == shown


@pytest.mark.parametrize(
    ("down", "degraded", "heading", "title", "icon"),
    [
        (0, 0, "", "Overview · Fernway · Seamwatch", "favicon"),
        (0, 1, "1 thing is degraded", "(1 degraded) Overview · Fernway · Seamwatch", "favicon-medium"),
        (1, 0, "1 thing is down", "(1 down) Overview · Fernway · Seamwatch", "favicon-high"),
        (2, 1, "2 things are down, 1 is degraded", "(2 down) Overview · Fernway · Seamwatch", "favicon-high"),
        (1, 3, "1 thing is down, 3 are degraded", "(1 down) Overview · Fernway · Seamwatch", "favicon-high"),
    ],
)
def test_heading_title_and_icon_say_how_it_stands(down: int, degraded: int, heading: str, title: str, icon: str):
    counts = nav(down, degraded)
    assert (view.heading(counts), view.title(counts, "Overview", "Fernway"), view.favicon(counts)) == (heading, title, icon)


def test_chips_are_those_that_occur_and_the_pressed_one():
    shown = view.chips({"up": 3, "down": 1, "degraded": 0, "pending": 2}, "paused")
    assert [(chip.word, chip.count, chip.pressed) for chip in shown] == [
        ("All", 6, False), ("Down", 1, False), ("Waiting", 2, False), ("Paused", 0, True), ("OK", 3, False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "rows", "total", "words"),
    [(1, 3, 3, "3 monitors"), (1, 1, 1, "1 monitor"), (1, 50, 10_000, "1 to 50 of 10,000"), (200, 50, 10_000, "9,951 to 10,000 of 10,000")],
)
def test_the_foot_says_which_rows_are_shown(number: int, rows: int, total: int, words: str):
    assert view.shown_words(number, rows, total, 50) == words


def wrong(public_id: str, status: str) -> WrongView:
    return WrongView(public_id, "Shop", status, view.STATUS_WORDS[status], 0, "It answers 502.", "")


def test_news_is_what_got_worse_and_that_all_is_well_again():
    down = wrong("1", "down")
    assert view.news({}, [down], nav(1), 0) == "1:down:0\tShop is down: It answers 502."
    assert view.news({"1": "degraded"}, [down, wrong("2", "degraded")], nav(1), 1).splitlines() == [
        "1:down:0\tShop is down: It answers 502.",
        "2:degraded:0\tShop is degraded: It answers 502.",
    ]
    assert view.news({"1": "down"}, [down], nav(1), 1) == ""
    assert view.news({"1": "down"}, [wrong("1", "degraded")], nav(0, 1), 1) == ""
    assert view.news({"1": "down"}, [], nav(), 1) == "well*\tNothing is wrong any more."
    assert view.news({}, [], nav(), 0) == ""
