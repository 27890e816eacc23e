"""Truce: after an outage nobody claims what others hold.

A lease that lapsed while the database or this process stood still says nothing about its owner:
the owner could not renew either. So after a new connection, or a gap of more than GAP_S, lapsed
leases of others are left alone for one lease and ten seconds; whoever lives renews meanwhile.
"""

from __future__ import annotations

import math

from tidegate.kernel.clock import SECOND_US, Clock, Instant
from tidegate.ports.store import LEASE_US

GAP_S = 10.0
TRUCE_S = LEASE_US / SECOND_US + 10.0


class Truce:
    """Watches one replica's dealings with the database; call `notice` at each of them."""

    def __init__(self, clock: Clock, *, begins: bool) -> None:
        """`begins`: there is a truce from the start, for a database that may just have come back."""
        self._clock = clock
        now = clock.monotonic()
        self._until = now + TRUCE_S if begins else -math.inf
        self._noticed = now
        self._connections = 1
        self._ahead_us: float | None = None  # database's clock against ours, which never steps

    def notice(self, connections: int) -> None:
        """We speak to the database now, over connection number so and so."""
        now = self._clock.monotonic()
        if connections > self._connections or now - self._noticed > GAP_S:
            self._until = now + TRUCE_S
        self._connections = connections
        self._noticed = now

    def notice_clock(self, at: Instant) -> None:
        """The database's clock says `at`; a step of it ends leases before their time."""
        now = self._clock.monotonic()
        ahead_us = at - now * SECOND_US
        if self._ahead_us is not None and abs(ahead_us - self._ahead_us) > GAP_S * SECOND_US:
            self._until = now + TRUCE_S
        self._ahead_us = ahead_us

    @property
    def over(self) -> bool:
        return self._clock.monotonic() >= self._until
