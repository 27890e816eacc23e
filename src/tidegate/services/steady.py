"""Steady: may the clock be believed? One bad reading must neither freeze time nor fire every timeout.

A reading is a jump when it is more than 60 s off what the boot-time clock says since the last turn,
at start 60 s before the last turn's instant, or 10 minutes from the database's clock. Nothing is
decided then until readings settle or a person accepts them.
"""

from __future__ import annotations

from tidegate.kernel.clock import SECOND_US, Clock, Instant, format_instant
from tidegate.kernel.errors import TransientError

JUMP_US = 60 * SECOND_US
SKEW_US = 600 * SECOND_US


class Steady:
    """Remembers the last reading that was believed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall: Instant | None = None
        self._boot = 0.0
        self.fault: TransientError | None = None

    def now(self) -> Instant:
        """A reading to decide with. Raises TransientError (`clock.jump`)."""
        wall, boot = self._clock.now(), self._clock.monotonic()
        if self._wall is not None:
            expected = self._wall + round((boot - self._boot) * SECOND_US)
            self._judge(wall, expected, JUMP_US, "the boot-time clock expected")
        self._wall, self._boot, self.fault = wall, boot, None
        return wall

    def start(self, last: Instant) -> None:
        """At start: the wall clock may not lie before the last turn. Raises TransientError."""
        wall = self._clock.now()
        if wall < last - JUMP_US:
            # Only going back is a jump here: how long we were down, nobody knows.
            self._wall, self._boot = last, self._clock.monotonic()
            self._judge(wall, last, JUMP_US, "the last turn was at")

    def compare(self, database: Instant) -> None:
        """PostgreSQL's clock counts; ours must be near it. Raises TransientError."""
        self._judge(database, self._clock.now(), SKEW_US, "this host's clock says")

    def accept(self) -> None:
        """A person says the reading is right."""
        self._wall, self._boot = self._clock.now(), self._clock.monotonic()
        self.fault = None

    def _judge(self, seen: Instant, expected: int, tolerance: int, who: str) -> None:
        if abs(seen - expected) <= tolerance:
            return
        self.fault = TransientError(
            "clock.jump",
            f"the clock says {_text(seen)}, {who} {_text(expected)}; nothing is decided",
            fix="set the clock right, or accept it with `tidegate doctor --accept-clock`",
        )
        raise self.fault


def _text(at: int) -> str:
    try:
        return format_instant(Instant(at))
    except OverflowError:
        return f"{at} us"
