"""When an incident opens and closes: a table over the last few outcomes of a monitor's checks.

A check's outcome is a vote. Only what says something about the watched thing votes: an outcome that is unknown (our own network was
down), and results within a maintenance window, are kept but leave everything as it is. So do missing checks: a process that was not
running has seen nothing. An incident that is open when maintenance begins ends with it, for whoever is at work on it knows; what still
fails afterwards opens one anew.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

MAX_WINDOW = 20


class Outcome(StrEnum):
    """What one check found, after its retries."""

    UP = "up"
    DEGRADED = "degraded"  # it works, but an assertion that only warns failed
    DOWN = "down"
    UNKNOWN = "unknown"  # we cannot tell: our own network, overload, a full disk
    UNREACHABLE = "unreachable"  # it failed while what it depends on is down

    @property
    def votes(self) -> bool:
        return self in _DIGITS


_DIGITS = {Outcome.UP: "0", Outcome.DEGRADED: "1", Outcome.DOWN: "2"}


class Standing(StrEnum):
    """How a monitor stands after the votes so far."""

    PENDING = "pending"  # no vote yet
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


class Step(StrEnum):
    """What happens to a monitor's incident."""

    OPEN = "open"
    WORSEN = "worsen"  # degraded → down, in the same incident
    EASE = "ease"  # down → degraded, in the same incident
    CLOSE = "close"


# (how it stood, how it stands) → what happens to the incident. What is not in the table changes nothing.
STEPS: dict[tuple[Standing, Standing], Step] = {
    (Standing.PENDING, Standing.DEGRADED): Step.OPEN,
    (Standing.PENDING, Standing.DOWN): Step.OPEN,
    (Standing.UP, Standing.DEGRADED): Step.OPEN,
    (Standing.UP, Standing.DOWN): Step.OPEN,
    (Standing.DEGRADED, Standing.DOWN): Step.WORSEN,
    (Standing.DOWN, Standing.DEGRADED): Step.EASE,
    (Standing.DEGRADED, Standing.UP): Step.CLOSE,
    (Standing.DOWN, Standing.UP): Step.CLOSE,
    # Maintenance began.
    (Standing.DEGRADED, Standing.PENDING): Step.CLOSE,
    (Standing.DOWN, Standing.PENDING): Step.CLOSE,
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many of the last checks it takes. `down` of `down_of` bad ones open an incident; `up` of `up_of` good ones close it.

    Raises:
        ValueError: unless 1 ≤ x ≤ y ≤ 20 for both.
    """

    down: int = 2
    down_of: int = 2
    up: int = 1
    up_of: int = 1

    def __post_init__(self) -> None:
        for x, y in ((self.down, self.down_of), (self.up, self.up_of)):
            if not 1 <= x <= y <= MAX_WINDOW:
                raise ValueError(f"{x} of {y} checks is not possible: 1 to {MAX_WINDOW}, and the first number at most the second.")

    @property
    def window(self) -> int:
        return max(self.down_of, self.up_of)


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of a monitor between two checks."""

    standing: Standing = Standing.PENDING
    since: datetime | None = None  # when the check that made it so was due
    votes: str = ""  # since then, oldest first, at most the window: "0" up, "1" degraded, "2" down


@dataclass(frozen=True, slots=True)
class Decision:
    state: State
    step: Step | None = None  # None: the incident, or that there is none, stays as it is


def upside_down(outcome: Outcome) -> Outcome:
    """Return the outcome for a monitor that must not be reached."""
    return {Outcome.UP: Outcome.DOWN, Outcome.DEGRADED: Outcome.DOWN, Outcome.DOWN: Outcome.UP}.get(outcome, outcome)


def decide(state: State, outcome: Outcome, at: datetime, thresholds: Thresholds, *, counts: bool = True) -> Decision:
    """Take one check's outcome into account.

    Args:
        at: when the check was due; outcomes are given in this order.
        counts: False in a maintenance window.
    """
    if not counts and state.standing in (Standing.DEGRADED, Standing.DOWN):
        return Decision(State(since=at), STEPS[state.standing, Standing.PENDING])
    if not counts or not outcome.votes:
        return Decision(state)
    votes = (state.votes + _DIGITS[outcome])[-thresholds.window :]
    standing = _standing(state.standing, votes, thresholds)
    if standing is state.standing:
        return Decision(state if votes == state.votes else replace(state, votes=votes))
    # What led here has been counted: else the failures that opened an incident would open the next one as soon as it closes.
    return Decision(State(standing, at), STEPS.get((state.standing, standing)))


def _standing(before: Standing, votes: str, thresholds: Thresholds) -> Standing:
    """Return how it stands after these votes, all of which came since it stood as before."""
    bad, good = votes[-thresholds.down_of :], votes[-thresholds.up_of :]
    if before is Standing.DOWN:
        if good.count("0") >= thresholds.up:
            return Standing.UP
        return Standing.DEGRADED if len(good) - good.count("2") >= thresholds.up else Standing.DOWN
    if bad.count("2") >= thresholds.down:
        return Standing.DOWN
    if before is Standing.DEGRADED:
        return Standing.UP if good.count("0") >= thresholds.up else Standing.DEGRADED
    if len(bad) - bad.count("0") >= thresholds.down:
        return Standing.DEGRADED
    return Standing.UP if "0" in votes else before
