"""Presence: one replica writes that it lives, and sees which others do."""

from __future__ import annotations

from tidegate.kernel.clock import Clock, Instant
from tidegate.ports.store import LEASE_US, Store
from tidegate.services.steady import Steady

SEEN_US = LEASE_US
"""A replica that was not seen for so long has gone."""


class Presence:
    """Kept by the host's thread; `others` is read from any."""

    def __init__(
        self,
        replica: str,
        release: str,
        functions: bytes,
        steady: Steady,
        clock: Clock,
        every_s: float | None,
    ) -> None:
        """`every_s` is None where a lock proves that there is no other."""
        self.others = 0 if every_s is None else 1
        """Replicas beside this one when it last looked; until then there may be one."""
        self._replica, self._release, self._functions = replica, release, functions
        self._steady, self._clock = steady, clock
        self._every_s = every_s
        self._written_at = float("-inf")

    def look(self, store: Store, activation: int) -> None:
        """Now and then: write, and count. Raises TransientError."""
        if self._every_s is None or self._clock.monotonic() < self._written_at + self._every_s:
            return
        self.write(store, activation)
        since = Instant(self._steady.reading() - SEEN_US)
        self.others = store.others_since(self._replica, since)

    def write(self, store: Store, activation: int) -> None:
        """At once: shows that the store can be written. Raises TransientError."""
        at = self._steady.reading()
        store.see_replica(self._replica, self._release, activation, self._functions, at)
        self._written_at = self._clock.monotonic()
