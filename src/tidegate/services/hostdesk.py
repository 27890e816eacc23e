"""HostDesk: the dispatcher's desk, run on the host's thread between turns."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from concurrent.futures import Future

from tidegate.kernel.clock import Clock, Instant
from tidegate.kernel.ids import CellId
from tidegate.kernel.step import Done, Failed, Key
from tidegate.ports.store import Claim, Claimed
from tidegate.services.door import Ended
from tidegate.services.host import Host


class HostDesk:
    """Implements services/desk.Desk over one host.

    Its clock is the host's: on PostgreSQL the database's, and never one that jumped. Leases of
    replicas whose own clocks differ would otherwise end before their time.
    """

    def __init__(self, host: Host, clock: Clock, owner: str) -> None:
        self._host = host
        self._clock = clock
        self._owner = owner

    async def claim(self, limit: int, but: Collection[int] = ()) -> Sequence[Claimed]:
        now = self.now()
        return await asyncio.wrap_future(
            self._host.call(lambda store: store.claim(now, self._owner, limit, but))
        )

    async def renew(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        now = self.now()
        return await asyncio.wrap_future(
            self._host.call(lambda store: store.renew(now, self._owner, claims))
        )

    async def defer(
        self, claim: Claim, visible_at: Instant, handle: str | None, tries: int
    ) -> bool:
        return await asyncio.wrap_future(
            self._host.call(lambda store: store.defer(claim, visible_at, handle, tries))
        )

    async def end_stop(self, claim: Claim) -> bool:
        return await asyncio.wrap_future(self._host.call(lambda store: store.end_stop(claim)))

    async def offer(
        self, cell: CellId, key: Key, call: str, fence: int, result: Done | Failed, starts: int
    ) -> bool:
        answer: Future[bool] = Future()
        self._host.submit(Ended(key, Claim(cell, call, fence), result, answer, starts))
        return await asyncio.wrap_future(answer)

    def alone(self) -> bool:
        return self._host.presence.others == 0

    def now(self) -> Instant:
        return self._host.steady.reading()

    def monotonic(self) -> float:
        return self._clock.monotonic()
