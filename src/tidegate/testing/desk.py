"""MemoryDesk: a dispatcher's desk over a MemoryStore, with the faults a store has.

Several desks over one store are several replicas. What is offered is judged as a turn judges it: an
outcome counts if its claim still holds the row, which it deletes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

from tidegate.kernel.clock import NO_DAY, Clock, Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import TransientError
from tidegate.kernel.ids import CellId
from tidegate.kernel.step import Done, Effect, Failed, Key
from tidegate.ports.store import LEASE_US, Claim, Claimed, EffectWrite, Wanted, Writes
from tidegate.services.work import Work, encode_work, idempotency_key, kind_of
from tidegate.testing.memory import MemoryStore


class Offered(Struct, frozen=True):
    """An outcome as it was offered; `counted` is False for a stale one."""

    cell: CellId
    call: str
    fence: int
    result: Done | Failed
    counted: bool
    at: Instant
    starts: int


class Outbox:
    """The effects of one store, and every outcome that was offered."""

    def __init__(self) -> None:
        self.store = MemoryStore(Codec(()))
        self.offered: list[Offered] = []
        self.arrived = asyncio.Event()
        """Something was offered."""

    def add(
        self,
        effect: Effect,
        *,
        now: Instant,
        cell: int = 1,
        owner: str | None = None,
        visible_at: Instant | None = None,
    ) -> Claimed | None:
        """Commit an effect; with an owner it is born claimed and answered."""
        id_, kind, fence = CellId(cell), kind_of(effect), 0 if owner is None else 1
        key = Key("execution", NO_DAY, "job", f"e{cell}")
        body = encode_work(Work(key, idempotency_key("test", id_, effect.call), effect))
        at = Instant(now + LEASE_US) if owner is not None else visible_at or now
        row = EffectWrite(id_, effect.call, kind, at, fence, owner, body)
        self._commit(now, effects=(row,))
        return None if owner is None else Claimed(id_, effect.call, kind, 1, 0, None, body, at)

    def stop(self, call: str, *, now: Instant, cell: int = 1) -> None:
        """Commit a stop of an open effect."""
        self._commit(now, stops=((CellId(cell), call, b""),))

    def counted(self, call: str, cell: int = 1) -> list[Done | Failed]:
        return [
            one.result
            for one in self.offered
            if one.counted and (one.cell, one.call) == (cell, call)
        ]

    def open(self) -> list[tuple[CellId, str]]:
        return sorted(self.store.tables.effects)

    def offer(self, claim: Claim, result: Done | Failed, now: Instant, starts: int = 1) -> bool:
        counts = self.store.tables.held_by(claim) is not None
        if counts:
            self._commit(now, outcomes=(claim,))
        told = Offered(claim.cell, claim.call, claim.fence, result, counts, now, starts)
        self.offered.append(told)
        self.arrived.set()
        return counts

    def _commit(
        self,
        now: Instant,
        *,
        effects: Sequence[EffectWrite] = (),
        stops: Sequence[tuple[CellId, str, bytes]] = (),
        outcomes: Sequence[Claim] = (),
    ) -> None:
        taken = self.store.take(Wanted(now, outcomes=outcomes))
        writes = Writes(
            at=max(now, taken.at),
            log=None,
            activation=taken.activation,
            next_cell=taken.next_cell,
            effects=effects,
            stops=stops,
            outcomes=outcomes,
        )
        self.store.commit(taken, writes)


class MemoryDesk:
    """One replica's way to the store."""

    def __init__(
        self,
        outbox: Outbox,
        owner: str,
        clock: Clock,
        others: Callable[[], int] = lambda: 0,
    ) -> None:
        self.outbox = outbox
        self.owner = owner
        self.away = False
        """The store does not answer this replica."""
        self.claims = True
        """It claims what it can; False when somebody else is always first."""
        self.delay_s = 0.0
        self.renewals: list[tuple[Claim, ...]] = []
        self._clock = clock
        self._others = others
        self._alone = others() == 0

    async def claim(self, limit: int, but: Collection[int] = ()) -> Sequence[Claimed]:
        await self._reach()
        self._alone = self._others() == 0
        return self.outbox.store.claim(self.now(), self.owner, limit if self.claims else 0, but)

    async def renew(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        self.renewals.append(tuple(claims))
        await self._reach()
        self._alone = self._others() == 0
        return self.outbox.store.renew(self.now(), self.owner, claims)

    async def defer(
        self, claim: Claim, visible_at: Instant, handle: str | None, tries: int
    ) -> bool:
        await self._reach()
        return self.outbox.store.defer(claim, visible_at, handle, tries)

    async def end_stop(self, claim: Claim) -> bool:
        await self._reach()
        return self.outbox.store.end_stop(claim)

    async def offer(
        self, cell: CellId, key: Key, call: str, fence: int, result: Done | Failed, starts: int
    ) -> bool:
        del key
        await self._reach()
        return self.outbox.offer(Claim(cell, call, fence), result, self.now(), starts)

    def alone(self) -> bool:
        return self._alone

    def now(self) -> Instant:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def _reach(self) -> None:
        await asyncio.sleep(self.delay_s)
        if self.away:
            raise TransientError("store.unavailable", "the store in memory plays dead")
