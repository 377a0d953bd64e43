"""How long transfers of one check waited for a free slot of ours: what a timeout must not be blamed on the target for."""

import time
from contextvars import ContextVar


class Waiting:
    """What the transfers of one task waited in all, those that wait now included."""

    __slots__ = ("_began", "_spent_s")

    def __init__(self) -> None:
        self._spent_s = 0.0
        self._began: list[float] = []

    @property
    def seconds(self) -> float:
        now = time.monotonic()
        return self._spent_s + sum(now - began for began in self._began)

    def begin(self) -> float:
        began = time.monotonic()
        self._began.append(began)
        return began

    def end(self, began: float) -> None:
        self._began.remove(began)
        self._spent_s += time.monotonic() - began


_OF_TASK: ContextVar[Waiting | None] = ContextVar("waiting", default=None)


def measure() -> Waiting:
    """Begin to measure in this task and those it starts, and return what is measured."""
    measured = Waiting()
    _OF_TASK.set(measured)
    return measured


def of_task() -> Waiting | None:
    return _OF_TASK.get()
