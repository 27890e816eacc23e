"""Pace: how many signals one turn takes, and of which sort.

at full pace     the door up to the limit, but half of it while own work waits; own work the rest
one at a time    door, later, due in turn: after an unclean end, or while a guilty one is looked for
"""

from __future__ import annotations

from collections import deque
from typing import Literal, TypeAlias

from msgspec import Struct

from tidegate.ports.store import Store, Taken

TURN_SIGNALS_MAX = 1_000
DUE_MAX = 500
DECIDING_SECONDS_MAX = 0.1
"""A turn that decided longer halves the next."""
SINGLES_CROWDED = 16

Sort: TypeAlias = Literal["door", "later", "due"]


class Share(Struct, frozen=True):
    """What one turn takes at most; `rest` is for own work together with what the door leaves."""

    door: int
    later: int = 0
    due: int = 0
    rest: int = 0

    def own(self, guests: int) -> tuple[int, int]:
        """Of `later` and of what is due, beside so many guests."""
        left = max(1, self.rest - guests) if self.rest else 0
        return max(self.later, left), max(self.due, min(DUE_MAX, left))


class Pace:
    """Kept by the host's thread."""

    def __init__(self) -> None:
        self._limit = TURN_SIGNALS_MAX
        self._singles = 0  # turns of one root still to come
        self._order: deque[Sort] = deque(("door", "later", "due"))
        self._more_due = False

    @property
    def single(self) -> bool:
        return self._singles > 0

    def share(self, store: Store) -> Share:
        own = self._more_due or store.has_later()
        return Share(max(1, self._limit // 2) if own else self._limit, rest=self._limit)

    def one(self, *, door: bool, later: bool, due: bool) -> Share:
        """One signal, of the sort that has waited longest; each says whether it has one."""
        waiting: dict[Sort, bool] = {"door": door, "later": later, "due": due}
        for _ in range(len(self._order)):
            sort = self._order[0]
            self._order.rotate(-1)
            if waiting[sort]:
                return Share(int(sort == "door"), int(sort == "later"), int(sort == "due"))
        return Share(1)

    def took(self, seconds: float, taken: Taken, due_max: int) -> None:
        """A turn was decided."""
        if seconds > DECIDING_SECONDS_MAX:
            self._limit = max(1, self._limit // 2)
        else:
            self._limit = min(TURN_SIGNALS_MAX, self._limit * 2)
        self._more_due = bool(due_max) and len(taken.due) >= due_max
        self._singles = max(0, self._singles - 1)

    def crowded(self, fits: int) -> None:
        """So many signals filled the turn, and it was given back: fewer in the next."""
        self._limit = max(1, min(fits, self._limit // 2))
        if self._limit == 1:
            self._singles = max(self._singles, SINGLES_CROWDED)  # not even one of each sort

    def narrow(self) -> None:
        """Somebody in the last turn is guilty: one at a time until all of it has passed."""
        self._singles = 2 * TURN_SIGNALS_MAX
