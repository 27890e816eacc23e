"""Desk: the store as a dispatcher sees it. The host provides it and runs it on its writer thread.

All asynchronous methods raise TransientError when the store is away; nothing was done then.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from tidegate.kernel.clock import Instant
from tidegate.kernel.ids import CellId
from tidegate.kernel.step import Done, Failed, Key
from tidegate.ports.store import Claim, Claimed


class Desk(Protocol):
    async def claim(self, limit: int, but: Collection[int] = ()) -> Sequence[Claimed]:
        """Those of the kinds `but`, two at most, are left alone."""
        ...

    async def renew(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Answers those that are still ours; may leave out one whose row is locked just now."""
        ...

    async def defer(
        self, claim: Claim, visible_at: Instant, handle: str | None, tries: int
    ) -> bool: ...
    async def end_stop(self, claim: Claim) -> bool: ...
    async def offer(
        self, cell: CellId, key: Key, call: str, fence: int, result: Done | Failed, starts: int
    ) -> bool:
        """`starts` times it was begun. Answers when the outcome is committed; False when it was stale, which changed nothing."""
        ...

    def alone(self) -> bool:
        """No other replica can claim what is ours: SQLite, or none was seen at the last renewal."""
        ...

    def now(self) -> Instant:
        """The clock by which leases are kept."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step back and count through sleep."""
        ...
