"""Steady: may the clock be believed? One bad reading must neither freeze time nor fire every timeout.

A reading is a jump when it is more than 60 s off what the boot-time clock says since the last turn,
at start 60 s before the last turn's instant, or 10 minutes from the machine's own clock (on
PostgreSQL, whose clock counts). Nothing is decided then until readings settle or a person accepts.
What a person accepted on one replica the others believe: the last turn was there.
"""

from __future__ import annotations

from tidegate.kernel.clock import SECOND_US, Clock, Instant, format_instant
from tidegate.kernel.errors import TransientError

JUMP_US = 60 * SECOND_US
SKEW_US = 600 * SECOND_US
JUMPED = "clock.jump"


class Steady:
    """Remembers the last reading of the clock that counts which was believed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._believed: tuple[Instant, float] | None = None  # and the boot-time clock with it
        self._ahead_us = 0  # of the machine's own clock, as a person accepted it
        self.fault: TransientError | None = None

    def reading(self) -> Instant:
        """The clock that counts, now, as far as it is believed. From any thread."""
        believed = self._believed
        if believed is None:
            return self._clock.now()
        at, boot = believed
        return Instant(at + round((self._clock.monotonic() - boot) * SECOND_US))

    def start(self, seen: Instant, last: Instant) -> None:
        """At start: it may not lie before the last turn. Raises TransientError (`clock.jump`)."""
        if seen < last - JUMP_US:
            # Only going back is a jump here: how long we were down, nobody knows.
            self._believed = last, self._clock.monotonic()
        self.judge(seen)

    def judge(self, seen: Instant, elsewhere: Instant | None = None) -> None:
        """A turn was taken at this reading; `elsewhere` is the instant of the last turn of others.

        Raises TransientError (`clock.jump`).
        """
        others_do = elsewhere is not None and abs(seen - elsewhere) <= JUMP_US
        if self._believed is not None and not others_do:
            self._compare(seen, self.reading(), JUMP_US, "the boot-time clock expected")
        own = Instant(self._clock.now() + self._ahead_us)
        self._compare(seen, own, SKEW_US, "this machine's own clock says")
        self._believed, self.fault = (seen, self._clock.monotonic()), None

    def jump_us(self, seen: Instant) -> int:
        """How far a reading is off what was expected."""
        return seen - self.reading()

    def accept(self, seen: Instant) -> None:
        """A person says the reading is right."""
        self._believed, self.fault = (seen, self._clock.monotonic()), None
        self._ahead_us = seen - self._clock.now()

    def _compare(self, seen: Instant, expected: Instant, tolerance: int, who: str) -> None:
        if abs(seen - expected) <= tolerance:
            return
        self.fault = TransientError(
            JUMPED,
            f"the clock says {_text(seen)}, {who} {_text(expected)}; nothing is decided",
            fix="set the clock right, or accept it with `tidegate doctor --accept-clock`",
        )
        raise self.fault


def _text(at: int) -> str:
    try:
        return format_instant(Instant(at))
    except OverflowError:
        return f"{at} us"
