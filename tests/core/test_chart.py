"""Charts as geometry."""

import itertools
import re

import pytest

from app.core.chart import PHONE, WIDE, Point, Size, Span, latency, phases, trend

START = 1_795_000_000.0 // 86_400 * 86_400
sizes = pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])


def span(hours: float, buckets: int = 96) -> Span:
    return Span(START, START + hours * 3600, hours * 3600 / buckets)


def points(values: list[float | None], over: Span) -> list[Point]:
    return [
        Point(over.start_s + place * over.bucket_s, value, value * 2, value * 3, (1, 2, 3, value, 1)) if value is not None
        else Point(over.start_s + place * over.bucket_s)
        for place, value in enumerate(values)
    ]  # fmt: skip


@sizes
@pytest.mark.parametrize("most", [0.3, 7, 99.9, 100, 640, 1870, 123_456])
def test_the_axis_begins_at_zero_has_at_most_five_lines_and_holds_every_value(size: Size, most: float):
    over = span(1)
    chart = latency(points([most / 3], over), over, size, None)
    assert chart.y_ticks[0].text == "0"
    assert chart.y_ticks[0].at == size.bottom
    assert 2 <= len(chart.y_ticks) <= 5
    assert float(chart.y_ticks[-1].text.replace(",", "")) >= most * 0.999
    assert len({tick.text for tick in chart.y_ticks}) == len(chart.y_ticks)


@sizes
def test_what_is_missing_is_a_gap_and_a_lone_value_a_dot(size: Size):
    over = span(24)
    chart = latency(points([100.0] * 10 + [None] * 5 + [100.0] + [None] + [100.0] * 3, over), over, size, None)
    assert chart.lines[0].path.count("M") == 3
    assert [line.look for line in chart.lines] == ["p50", "p95", "p99"]


@sizes
def test_labels_at_the_ends_never_cover_each_other_nor_leave_the_sheet(size: Size):
    over = span(24)
    for value in (0.01, 1.0, 5.0, 100.0):
        chart = latency([Point(over.start_s, value, value, value, None)], over, size, 10_000)
        places = sorted(line.label_y for line in chart.lines)
        assert all(after - before >= 12.9 for before, after in itertools.pairwise(places))
        assert places[0] > 0
        assert places[-1] <= size.height


def test_nothing_known_is_an_empty_chart_with_its_axes():
    over = span(1)
    chart = latency([], over, WIDE, None)
    assert [line.path for line in chart.lines] == ["", "", ""]
    assert chart.x_ticks[-1].text == "now"
    assert phases([], over, WIDE).note == ""


@sizes
def test_bars_stand_on_zero_one_upon_the_other_and_are_no_more_than_fit(size: Size):
    over = span(24)
    chart = phases(points([100.0] * 96, over), over, size)
    outline = chart.lines[-1].path
    assert outline.count("M") <= size.bars
    assert chart.note == "wait 100"
    tops = [float(re.findall(r"V([\d.]+)", line.path)[0]) for line in chart.lines[:5]]
    assert tops == sorted(tops, reverse=True)
    assert float(re.findall(r"V([\d.]+)", outline)[0]) == tops[-1]


@sizes
@pytest.mark.parametrize("hours", [1, 6, 24, 168, 720, 2160, 8760])
def test_ticks_of_time_are_few_in_order_and_apart(size: Size, hours: int):
    chart = latency([], span(hours), size, None)
    places = [tick.at for tick in chart.x_ticks]
    assert 2 <= len(places) <= 9
    assert places == sorted(places)
    assert all(after - before >= 34 for before, after in itertools.pairwise(places))


def test_incidents_are_bands_within_the_sheet():
    over = span(24)
    chart = latency([], over, WIDE, None, [(START - 3600, START + 3600, "a"), (START + 90_000, START + 99_000, "later")])
    (band,) = chart.bands
    assert (band.x, band.title) == (WIDE.left, "a")


def test_a_series_is_said_in_words():
    assert trend([300.0] * 10 + [None] + [1240.0] * 10) == "rose from 300 to 1,240 ms"
    assert trend([900.0] * 10 + [90.0] * 10) == "fell from 900 to 90 ms"
    assert trend([300.0, 310.0, 305.0]) == "stayed around 305 ms"
    assert trend([None]) == "is not known"
