"""Retry arithmetic: attempts, backoff, jitter. Nothing here waits; it says how long to."""

from __future__ import annotations

from msgspec import Struct

from tidegate.kernel.clock import DURATION_MAX_US, MINUTE_US

ATTEMPTS_MAX = 1_000
"""Tries of one run, in documents of rules and of jobs alike."""
DELAY_MINUTES_MAX = 366 * 24 * 60
MULTIPLIER_MAX = 100


class RetryPolicy(Struct, frozen=True, array_like=True):
    """`attempts_max` tries in all; the wait before try n+1 is `delay_us * multiplier ** (n - 1)`."""

    attempts_max: int = 3
    delay_us: int = 30 * MINUTE_US
    multiplier: float = 2.0
    delay_max_us: int = DURATION_MAX_US

    def delay_after(self, attempt: int) -> int | None:
        """Microseconds to wait after failed try number `attempt` (from 1); None when it was the last."""
        if attempt >= self.attempts_max:
            return None
        try:
            delay = self.delay_us * self.multiplier ** (attempt - 1)
        except OverflowError:
            return self.delay_max_us
        return int(min(delay, self.delay_max_us))


ONCE = RetryPolicy(attempts_max=1, delay_us=0, multiplier=1.0)


def jittered(delay_us: int, seed: int) -> int:
    """Between half of the delay and all of it, always the same for the same seed."""
    # A multiplicative hash is enough here: the aim is to spread, not to hide.
    fraction = (seed * 0x9E3779B97F4A7C15 & (2**64 - 1)) >> 44
    return delay_us // 2 + (delay_us - delay_us // 2) * fraction // (1 << 20)
