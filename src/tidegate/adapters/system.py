"""The machine's clock and randomness; the only place that reads either."""

from __future__ import annotations

import os
import time
from base64 import b32hexencode

from tidegate.kernel.clock import Clock, Instant

# Linux' boot time counts through sleep; elsewhere the monotonic clock is the best there is.
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The machine's clock, as kernel/clock.Clock wants it."""

    def now(self) -> Instant:
        return Instant(time.time_ns() // 1000)

    def monotonic(self) -> float:
        return time.clock_gettime(_BOOTTIME)


class ShiftedClock:
    """A clock that is so many microseconds ahead of the machine's: what a demo lives by."""

    def __init__(self, clock: Clock, shift_us: int) -> None:
        self._clock = clock
        self.shift_us = shift_us

    def now(self) -> Instant:
        return Instant(self._clock.now() + self.shift_us)

    def monotonic(self) -> float:
        return self._clock.monotonic()


def random_bytes(n: int) -> bytes:
    """Bytes nobody can guess."""
    return os.urandom(n)


def random_id() -> str:
    """A name nobody else has: 24 characters out of 0-9 and a-v, 120 random bits."""
    return b32hexencode(os.urandom(15)).decode("ascii").lower()
