"""Failing: parts that failed in a turn that was then lost, so that nobody tries them for ever.

    tried --it takes 10 s; the database takes the turn back--> lost --taken again--> parked untried

Deciding is pure: what failed would fail again, and would cost every turn it is in.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.kernel.clock import Clock
from tidegate.services.draft import Part
from tidegate.services.pace import Pace
from tidegate.services.turn import PART_SECONDS_MAX


class Failing:
    """Kept by the host's thread."""

    def __init__(self, clock: Clock, pace: Pace) -> None:
        self._clock, self._pace = clock, pace
        self._known: dict[bytes, dict[str, str]] = {}  # identity of a root -> engine -> why
        self._identities: Sequence[bytes] = ()  # of the turn that is open
        self._parked: dict[Part, str] = {}
        self._began: float | None = None  # while it is being decided

    def begin(self, identities: Sequence[bytes]) -> dict[Part, str]:
        """These roots are about to be decided; parts known to fail. Deciding adds to them."""
        self._identities, self._began = identities, self._clock.monotonic()
        self._parked = {}
        for index, identity in enumerate(identities) if self._known else ():
            for engine, why in self._known.get(identity, {}).items():
                self._parked[index, engine] = why
        return self._parked

    def decided(self) -> float:
        """Seconds it took."""
        assert self._began is not None, "it was begun"
        began, self._began = self._began, None
        return self._clock.monotonic() - began

    def committed(self) -> None:
        for identity in self._identities if self._known else ():
            self._known.pop(identity, None)
        self._identities, self._parked = (), {}

    def lost(self) -> None:
        """Nothing of the turn happened."""
        for (index, engine), why in self._parked.items():
            self._known.setdefault(self._identities[index], {})[engine] = why
        if self._began is not None and self.decided() > PART_SECONDS_MAX:
            self._pace.narrow()  # somebody took too long, and nobody knows who
        self._identities, self._parked = (), {}
