"""HostDesk: the dispatcher's desk, run on the host's thread between turns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future

from tidegate.kernel.clock import Clock, Instant
from tidegate.kernel.ids import CellId
from tidegate.kernel.step import Done, Failed, Key
from tidegate.ports.store import LEASE_US, Claim, Claimed
from tidegate.services.door import Ended
from tidegate.services.host import Host

SEEN_US = LEASE_US
"""A replica that was not seen for so long has gone."""


class HostDesk:
    """Implements services/desk.Desk over one host. `shared` is False where no replica can be beside."""

    def __init__(self, host: Host, clock: Clock, owner: str, *, shared: bool) -> None:
        self._host = host
        self._clock = clock
        self._owner = owner
        self._shared = shared
        self._others = 0

    async def claim(self, limit: int) -> Sequence[Claimed]:
        now = self.now()
        return await asyncio.wrap_future(
            self._host.call(lambda store: store.claim(now, self._owner, limit))
        )

    async def renew(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        now = self.now()
        if self._shared:
            since = Instant(now - SEEN_US)
            self._others = await asyncio.wrap_future(
                self._host.call(lambda store: store.others_since(self._owner, since))
            )
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
        self, cell: CellId, key: Key, call: str, fence: int, result: Done | Failed
    ) -> None:
        answer: Future[bool] = Future()
        self._host.submit(Ended(key, Claim(cell, call, fence), result, answer))
        await asyncio.wrap_future(answer)

    def alone(self) -> bool:
        return not self._shared or self._others == 0

    def now(self) -> Instant:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()
