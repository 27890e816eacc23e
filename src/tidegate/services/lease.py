"""Lease: for how long an effect is ours, and what happens when that cannot be extended.

    held --renewed every 10 s, all in one call--> held
    held --its fence is gone--> FENCE_LOST: somebody else has it, or it became a stop
    held --local, 5 s before the end, beside others--> LEASE_LOST: ended before others may start it

Times are the desk's monotonic seconds. A lease is counted from before the request that gave it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from enum import Enum, auto

from tidegate.kernel.errors import TransientError
from tidegate.kernel.step import Failed
from tidegate.ports.store import LEASE_US, Claim, Claimed
from tidegate.ports.tasks import Call, Leased, Tasks
from tidegate.services.desk import Desk
from tidegate.services.trail import starts_of
from tidegate.services.work import STOP_TASK, Work

LEASE_S = LEASE_US / 1e6
RENEW_S = 10.0
"""Between two renewals."""
START_LEFT_S = 10.0
"""A start needs so much lease left, and has less time than that itself."""
END_LEFT_S = 5.0
"""With so little left, local work beside other replicas is ended."""
GAP_S = 10.0
"""After a longer outage, or a longer standstill of our own, ..."""
QUIET_S = LEASE_S + 10.0
"""... nothing is claimed for so long beside others: they could not renew what is still running."""
TICK_S = 1.0

_log = logging.getLogger(__name__)


class Over(Enum):
    """Why work is to be left off."""

    FENCE_LOST = auto()
    LEASE_LOST = auto()
    STOPPED = auto()
    SHUTDOWN = auto()


class Held:
    """One effect in our hands, from its claim until the desk was told what came of it."""

    def __init__(self, claimed: Claimed, work: Work, tasks: Tasks | None, lease_end: float) -> None:
        self.claim = Claim(claimed.cell, claimed.call, claimed.fence)
        self.tries = claimed.tries
        self.handle = claimed.handle
        self.starts = starts_of(claimed.handle, claimed.fence - 1)
        """How often its task was begun, if that is local work."""
        self.work = work
        self.tasks = tasks  # who performs it, if it is a task
        self.stop = claimed.kind == STOP_TASK
        self.lease_end = lease_end
        self.missed = 0  # renewals in a row that did not name it
        self.left: Failed | None = None  # what local work said at its end when it was stopped
        self.over: asyncio.Future[Over] = asyncio.get_running_loop().create_future()
        self.extends: Call | None = None  # while work runs that ends by itself with its lease
        self.job: asyncio.Task[None] | None = None

    @property
    def local(self) -> bool:
        return self.tasks is not None and self.tasks.local and not self.stop

    @property
    def has_say(self) -> bool:
        """What comes of it here is what counts: it goes on, or its end is still to be told."""
        return not self.over.done() or self.over.result() is Over.LEASE_LOST

    def end(self, over: Over) -> None:
        """Say that it is to be left off; the first reason counts."""
        if not self.over.done():
            self.over.set_result(over)

    def adopt(self, claimed: Claimed, lease_end: float) -> None:
        """We claimed our own lapsed lease: the work goes on under the new fence."""
        self.claim = Claim(claimed.cell, claimed.call, claimed.fence)
        self.lease_end, self.missed = lease_end, 0


class Leases:
    """All that is held, renewed together."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._held: dict[int, Held] = {}
        self._renewal: asyncio.Task[None] | None = None
        self._ticked = desk.monotonic()
        self._alone = desk.alone()
        self._away_since: float | None = None
        self._quiet_until = float("-inf")

    def hold(self, held: Held) -> None:
        self._held[id(held)] = held

    def release(self, held: Held) -> None:
        self._held.pop(id(held), None)

    def all(self) -> Iterable[Held]:
        return tuple(self._held.values())

    # ---- what is left
    def left_s(self, held: Held) -> float:
        return held.lease_end - self._desk.monotonic()

    async def assure(self, held: Held) -> bool:
        """There is lease enough for a start, renewed if need be."""
        if self.left_s(held) < START_LEFT_S:
            await self._renew()
        return self.left_s(held) >= START_LEFT_S and not held.over.done()

    def extend(self, held: Held) -> None:
        """Tell work that ends by itself how long it may go on."""
        if held.extends is not None and isinstance(held.tasks, Leased):
            alone = self._desk.alone()
            held.tasks.extend(held.extends.key, None if alone else self.left_s(held) - END_LEFT_S)

    # ---- whether the store is there
    def reached(self) -> None:
        """The store answered."""
        away_since, self._away_since = self._away_since, None
        if away_since is not None and self._desk.monotonic() - away_since > GAP_S:
            self._be_quiet("the store was away")

    def missed(self) -> None:
        """The store did not answer."""
        if self._away_since is None:
            self._away_since = self._desk.monotonic()

    def may_claim(self) -> bool:
        return self._desk.alone() or self._desk.monotonic() >= self._quiet_until

    def _be_quiet(self, why: str) -> None:
        self._quiet_until = self._desk.monotonic() + QUIET_S
        if not self._desk.alone():
            _log.warning("%s; nothing is claimed for %.0f s", why, QUIET_S)

    # ---- as time goes by
    async def run(self) -> None:
        """Once a second: end what is in danger, renew what is due."""
        self._ticked = self._desk.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            self.tick()

    def tick(self) -> None:
        now = self._desk.monotonic()
        if now - self._ticked > TICK_S + GAP_S:
            self._be_quiet("this server stood still")
        self._ticked = now
        # A renewal under way may learn of others before it has renewed: until then nothing changed.
        alone = self._alone = self._desk.alone() if self._renewal is None else self._alone
        for held in self.all():
            if held.local and held.lease_end - now <= END_LEFT_S and not alone:
                held.end(Over.LEASE_LOST)
        due = (h.lease_end - now <= LEASE_S - RENEW_S or h.missed for h in self.all())
        if any(due) and self._renewal is None:
            self._begin_renewal()

    async def _renew(self) -> None:
        await asyncio.shield(self._renewal or self._begin_renewal())

    def _begin_renewal(self) -> asyncio.Task[None]:
        task = self._renewal = asyncio.get_running_loop().create_task(self._renewed())

        def ended(_: asyncio.Task[None]) -> None:
            self._renewal = None

        task.add_done_callback(ended)
        return task

    async def _renewed(self) -> None:
        asked_at = self._desk.monotonic()
        asked = {held: held.claim for held in self.all()}
        try:
            ours = set(await self._desk.renew(sorted(asked.values(), key=_order)))
        except TransientError:
            self.missed()
            return
        except Exception:  # the loop that keeps leases must survive; the next tick tries again
            _log.exception("leases could not be renewed")
            return
        self.reached()
        for held, claim in asked.items():
            if held.claim != claim or id(held) not in self._held:
                continue
            if claim in ours:
                held.lease_end, held.missed = asked_at + LEASE_S, 0
                self.extend(held)
            else:
                # Once may be a row that the turn had locked; twice is somebody else's.
                held.missed += 1
                if held.missed > 1:
                    held.end(Over.FENCE_LOST)


def _order(claim: Claim) -> tuple[int, str]:
    return claim.cell, claim.call
