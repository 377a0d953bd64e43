from app.core.cell import BARS, Cell, parse
from app.core.exchange import Timing
from app.core.incident import Outcome
from app.core.results import Result


def test_a_cell_is_read_from_the_text_it_writes():
    cell = Cell("down", 1_700_000_000, "uuxx", 1_700_000_060, 12)

    assert parse(cell.text) == cell
    assert parse(Cell().text) == Cell()


def test_what_is_no_cell_knows_nothing():
    assert parse("") == parse("a|b|c") == parse("up|x|u|1|2") == Cell()


def test_each_result_adds_a_bar_and_only_the_last_ones_stay():
    cell = Cell()
    for place in range(BARS + 2):
        cell = cell.after(Result(place * 1000, Outcome.UP, timing=Timing(0, 1, 0, 2, 3.6)))
    cell = cell.after(Result(99_000, Outcome.DOWN))

    assert cell.bars == "u" * (BARS - 1) + "x"
    assert (cell.last_s, cell.last_ms) == (99, -1)


def test_what_is_checked_in_maintenance_is_told_apart():
    assert Cell().after(Result(0, Outcome.DOWN, maintained=True)).bars == "m"
