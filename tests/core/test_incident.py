"""When an incident opens, worsens, eases and closes: tables of outcomes, and what must hold for any of them."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from app.core.incident import STEPS, Decision, Outcome, Standing, State, Step, Thresholds, decide, upside_down

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
OF = {".": Outcome.UP, "w": Outcome.DEGRADED, "x": Outcome.DOWN, "?": Outcome.UNKNOWN, "u": Outcome.UNREACHABLE}
SHOWN = {None: "-", Step.OPEN: "O", Step.WORSEN: "W", Step.EASE: "E", Step.CLOSE: "C"}


def run(outcomes: str, thresholds: Thresholds) -> list[Decision]:
    state, made = State(), []
    for number, letter in enumerate(outcomes):
        made.append(decide(state, OF[letter], START + timedelta(minutes=number), thresholds))
        state = made[-1].state
    return made


@pytest.mark.parametrize(
    ("thresholds", "outcomes", "steps"),
    [
        # Two of two open, one closes.
        (Thresholds(), "..x.xx.", "-----OC"),
        (Thresholds(), "xx.", "-OC"),
        (Thresholds(1, 1, 1, 1), "x.x.", "OCOC"),
        # Three of five, though not in a row; what opened it does not open it again.
        (Thresholds(3, 5, 1, 1), ".x.x.x..x", "-----OC--"),
        (Thresholds(2, 5, 1, 1), "xx.x.x", "-OC--O"),
        # Closing asks for more than one good check.
        (Thresholds(1, 1, 3, 3), "x..x...", "O-----C"),
        (Thresholds(1, 1, 2, 3), "x.x.", "O--C"),
        # Degraded is an incident too, which can worsen and ease without a second one.
        (Thresholds(1, 1, 1, 1), ".wxw.", "-OWEC"),
        (Thresholds(2, 2, 1, 1), "ww.", "-OC"),
        (Thresholds(2, 2, 1, 1), "wx.", "-OC"),
        (Thresholds(2, 2, 2, 2), "xxww..", "-O-E-C"),
        # What says nothing about the watched thing neither opens nor closes.
        (Thresholds(), "x?x", "--O"),
        (Thresholds(), "x?????", "------"),
        (Thresholds(1, 1, 1, 1), "x??u.", "O---C"),
        (Thresholds(1, 1, 1, 1), "uuu", "---"),
    ],
)
def test_steps_of_an_incident(thresholds: Thresholds, outcomes: str, steps: str):
    assert "".join(SHOWN[decision.step] for decision in run(outcomes, thresholds)) == steps


def test_a_monitor_that_was_never_up_stands_pending_until_enough_checks_failed():
    first, second = run("xx", Thresholds())
    assert (first.state.standing, second.state.standing) == (Standing.PENDING, Standing.DOWN)


def test_the_standing_counts_from_the_check_that_decided_it():
    assert run(".xx", Thresholds())[-1].state.since == START + timedelta(minutes=2)


def test_results_in_a_maintenance_window_leave_everything_as_it_is():
    state = run(".x", Thresholds())[-1].state
    assert decide(state, Outcome.DOWN, START, Thresholds(), counts=False) == Decision(state)


@pytest.mark.parametrize("before", ["xx", "ww"])
def test_an_open_incident_ends_when_maintenance_begins_and_what_still_fails_opens_one_anew(before: str):
    state = run(before, Thresholds())[-1].state
    began = decide(state, Outcome.DOWN, START, Thresholds(), counts=False)
    assert began == Decision(State(Standing.PENDING, START), Step.CLOSE)
    assert decide(began.state, Outcome.DOWN, START, Thresholds(), counts=False) == Decision(began.state)
    first = decide(began.state, Outcome.DOWN, START, Thresholds())
    assert (first.step, decide(first.state, Outcome.DOWN, START, Thresholds()).step) == (None, Step.OPEN)


@pytest.mark.parametrize(("down", "down_of", "up", "up_of"), [(0, 1, 1, 1), (3, 2, 1, 1), (1, 21, 1, 1), (1, 1, 0, 1), (1, 1, 2, 1)])
def test_thresholds_that_cannot_be_met_are_refused(down: int, down_of: int, up: int, up_of: int):
    with pytest.raises(ValueError, match="is not possible"):
        Thresholds(down, down_of, up, up_of)


@pytest.mark.parametrize(
    ("outcome", "turned"),
    [
        (Outcome.UP, Outcome.DOWN),
        (Outcome.DEGRADED, Outcome.DOWN),
        (Outcome.DOWN, Outcome.UP),
        (Outcome.UNKNOWN, Outcome.UNKNOWN),
        (Outcome.UNREACHABLE, Outcome.UNREACHABLE),
    ],
)
def test_upside_down_turns_only_what_is_known(outcome: Outcome, turned: Outcome):
    assert upside_down(outcome) is turned


@pytest.mark.parametrize("seed", range(200))
def test_for_any_outcomes_an_incident_is_opened_once_and_closed_once(seed: int):
    dice = random.Random(seed)
    y, z = dice.randint(1, 20), dice.randint(1, 20)
    thresholds = Thresholds(dice.randint(1, y), y, dice.randint(1, z), z)
    decisions = run("".join(dice.choices(".wx?u", weights=dice.choices(range(1, 9), k=5), k=300)), thresholds)
    is_open = False
    for decision in decisions:
        if decision.step is Step.OPEN:
            assert not is_open
        elif decision.step is not None:
            assert is_open
        is_open = (is_open or decision.step is Step.OPEN) and decision.step is not Step.CLOSE
        assert is_open == (decision.state.standing in (Standing.DEGRADED, Standing.DOWN))
        assert len(decision.state.votes) <= 20
    for before, after in pairwise([State(), *(decision.state for decision in decisions)]):
        changed = before.standing is not after.standing
        assert not changed or (before.standing, after.standing) in STEPS or after.standing is Standing.UP
