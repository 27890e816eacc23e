"""Dispatcher: effects out. It claims them, has them performed, and hands the outcomes to the host.

    visible --claim--> held --perform--> offered: an outcome, a signal of a later turn
      ^                  |        '----> deferred: runs elsewhere, or trouble that may pass
      '--lease ends------'

    born claimed --take--> held

One asyncio loop. It knows the store by its `Desk` alone. Local work takes one of `slots`; what only
asks somebody (remote tasks, notices, stops) does not, so that a long command delays no alert.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from tidegate.kernel.clock import Instant
from tidegate.kernel.errors import TransientError
from tidegate.kernel.ids import CellId
from tidegate.kernel.step import CallTask, Done, Failed, Key, SendNotice
from tidegate.ports.notify import Notify
from tidegate.ports.store import Claim, Claimed
from tidegate.ports.tasks import Tasks
from tidegate.services.desk import Desk
from tidegate.services.lease import LEASE_S, Held, Leases, Over
from tidegate.services.outcome import Later, Settled, Told, Verdict
from tidegate.services.performer import STOP_MAX_S, Performer
from tidegate.services.trail import counted, starts_of
from tidegate.services.work import CALL_TASK, SEND_NOTICE, decode_work

POLL_S = 1.0
"""Between two looks at the store when nobody poked."""
CLAIM_MAX = 100
LIGHT_MAX = 64
"""Effects in hand at once beyond the slots."""
NOTICES_MAX = 32
"""Notices in hand at once: whoever does not answer them keeps no job from starting."""
NOTICES_LEAST = 8
"""Room for fewer is none: a look that takes one at a time would be one for each."""
SPARE = 4
"""Tasks claimed at a look although no slot is free: one may be ours already, or need none."""
FULL_US = 1_000_000
"""Local work that found no slot is looked at again after so long."""
UNREADABLE_US = 600_000_000
RETRY_S, RETRY_MAX_S = 0.5, 5.0
"""Between two tries to tell the desk something while the store is away."""

_log = logging.getLogger(__name__)


What: TypeAlias = Literal["local", "remote", "notice", "stop", "record"]


class Busy(Struct, frozen=True):
    """One effect in hand, for status pages."""

    cell: CellId
    call: str
    fence: int
    key: Key
    what: What
    lease_left_s: float


class Dispatcher:
    """Performs effects until it is stopped. `take`, `poke` and `free` may be called from any thread."""

    def __init__(
        self,
        desk: Desk,
        tasks: Mapping[str, Tasks],
        notify: Mapping[str, Notify],
        *,
        owner: str,
        slots: int,
    ) -> None:
        """`tasks` by resource prefix, `notify` by channel."""
        self.owner = owner
        self._desk = desk
        self._slots = slots
        self._leases = Leases(desk)
        self._performer = Performer(desk, self._leases, tasks, notify)
        self._held: dict[tuple[CellId, str, bool], Held] = {}  # True: a stop
        self._asides: set[asyncio.Task[None]] = set()  # what is just being put back
        self._working: set[int] = set()  # ids of those that have a slot
        self._inbox: deque[Claimed] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._closing = False
        self._ended = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None  # kept, or nobody would

    # ---- from any thread
    def take(self, claimed: Sequence[Claimed]) -> None:
        """Effects that were born claimed; what comes after `stop` is left to its lease."""
        self._inbox.extend(claimed)
        self.poke()

    def poke(self) -> None:
        """Something may have become visible."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake.set)

    def free(self) -> int:
        """Slots for local work."""
        if self._closing or self._loop is None:
            return 0
        return max(0, self._slots - len(self._working) - len(self._inbox))

    # ---- from its loop
    def busy(self) -> tuple[Busy, ...]:
        return tuple(
            Busy(
                held.claim.cell,
                held.claim.call,
                held.claim.fence,
                held.work.key,
                _what(held),
                round(self._leases.left_s(held), 1),
            )
            for held in self._held.values()
        )

    async def run(self) -> None:
        """Until `stop`. Ends with an error only by defect."""
        self._loop = asyncio.get_running_loop()
        leases = asyncio.create_task(self._leases.run())
        try:
            while not self._closing:
                self._wake.clear()
                self._open_inbox()
                if not await self._claim():
                    await self._pause()
            await self._ended.wait()
        finally:
            leases.cancel()
            await asyncio.wait({leases})

    async def stop(self, deadline_s: float) -> None:
        """Claim nothing more, let work end until the deadline, then end the rest and hand it back.

        Cancelled, it waits no more; `run` still ends when the last of it was handed back.
        """
        self._closing = True
        self._wake.set()
        self._open_inbox()
        self._ending = asyncio.create_task(self._end_with_the_last())
        await self._wait_for_jobs(deadline_s)
        for held in self._held.values():
            held.end(Over.SHUTDOWN)
        await self._wait_for_jobs(STOP_MAX_S)
        for job in self._jobs():
            job.cancel()  # the store is away, or something cannot be ended
        await self._wait_for_jobs(RETRY_S)
        self._ended.set()

    async def _end_with_the_last(self) -> None:
        while jobs := self._jobs():
            await asyncio.wait(jobs)
        self._ended.set()

    async def _wait_for_jobs(self, seconds: float) -> None:
        jobs = self._jobs()
        if jobs:
            await asyncio.wait(jobs, timeout=seconds)

    def _jobs(self) -> set[asyncio.Task[None]]:
        return self._asides | {held.job for held in self._held.values() if held.job is not None}

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), POLL_S)

    # ---- effects in
    def _open_inbox(self) -> None:
        while self._inbox:
            claimed = self._inbox.popleft()
            left_s = (claimed.lease_until - self._desk.now()) / 1e6
            self._begin(claimed, self._desk.monotonic() + min(left_s, LEASE_S))

    async def _claim(self) -> bool:
        """Claim what there is room for; True when there may be more."""
        room = min(CLAIM_MAX, self._slots + LIGHT_MAX - len(self._held))
        but: tuple[int, ...] = ()
        for_notices = NOTICES_MAX - self._notices()
        if for_notices < NOTICES_LEAST:
            but = (SEND_NOTICE,)
        else:
            room = min(room, for_notices)
        if room <= 0 or not self._leases.may_claim():
            return False
        if free := self.free():
            limit = min(room, free)
            return await self._look(limit, but) == limit and self.free() > 0
        # What needs no slot waits behind nothing that needs one.
        await self._look(room, (*but, CALL_TASK))
        await self._look(min(room, SPARE), (SEND_NOTICE,))
        return False

    async def _look(self, limit: int, but: tuple[int, ...]) -> int:
        """Claim so many and begin them; how many there were."""
        asked_at = self._desk.monotonic()
        try:
            claimed = await self._desk.claim(limit, but)
        except TransientError:
            self._leases.missed()
            return 0
        except Exception:  # the loop must survive a defect of one query; the next look tries again
            _log.exception("effects could not be claimed")
            return 0
        self._leases.reached()
        for one in claimed:
            self._begin(one, asked_at + LEASE_S)
        return len(claimed)

    def _notices(self) -> int:
        return sum(isinstance(held.work.effect, SendNotice) for held in self._held.values())

    def _begin(self, claimed: Claimed, lease_end: float) -> None:
        """Perform it, unless that is being done already."""
        try:
            work = decode_work(claimed.body)
        except msgspec.MsgspecError:
            # Of another release; nothing is known of it, so nothing can be offered.
            _log.exception("effect %s of cell %s cannot be read", claimed.call, claimed.cell)
            self._put_back(claimed, UNREADABLE_US)
            return
        effect = work.effect
        tasks = self._performer.tasks_of(effect.resource) if isinstance(effect, CallTask) else None
        held = Held(claimed, work, tasks, lease_end)
        place = (claimed.cell, claimed.call, held.stop)
        present = self._held.get(place)
        if present is not None and present.has_say:
            present.adopt(claimed, lease_end)
            self._leases.extend(present)
            return
        full = held.local and len(self._working) >= self._slots
        if present is not None or full or self._closing:
            # It is just being ended here, or there is no slot for it, or there will not be.
            self._put_back(claimed, 0 if self._closing else FULL_US)
            return
        if held.local:
            self._working.add(id(held))
        self._held[place] = held
        self._leases.hold(held)
        held.job = asyncio.create_task(self._carry(place, held))

    def _put_back(self, claimed: Claimed, wait_us: int) -> None:
        claim = Claim(claimed.cell, claimed.call, claimed.fence)
        starts = starts_of(claimed.handle, claimed.fence - 1)
        later = Later(Instant(self._desk.now() + wait_us), claimed.handle, claimed.tries)
        task = asyncio.create_task(self._defer(lambda: claim, later, starts))
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)

    # ---- one effect
    async def _carry(self, place: tuple[CellId, str, bool], held: Held) -> None:
        """From the claim to the word about it."""
        try:
            if held.stop:
                await self._end_performer(held)
            verdict = await self._performer.perform(held)
            self._working.discard(id(held))
            await self._tell(held, verdict)
        except Exception:  # a defect of ours: the others go on, and this lease runs out
            _log.exception("effect %s was dropped", held.claim)
        finally:
            self._working.discard(id(held))
            self._leases.release(held)
            del self._held[place]
            self._wake.set()

    async def _end_performer(self, stop: Held) -> None:
        """The work that is to be stopped may be ours."""
        performing = self._held.get((stop.claim.cell, stop.claim.call, False))
        if performing is not None and performing.job is not None:
            performing.end(Over.STOPPED)
            await asyncio.wait({performing.job}, timeout=STOP_MAX_S)
            stop.left, stop.starts = performing.left, performing.starts

    # ---- outcomes out
    async def _tell(self, held: Held, verdict: Verdict) -> None:
        match verdict:
            case Settled(result=result):
                await self._offer(held, result)
            case Later():
                starts = held.starts if held.local else 0
                await self._defer(lambda: held.claim, verdict, starts)
            case Told.STOPPED if held.left is not None:
                # The row of the stop is used up by what its work said, instead of ended in silence.
                await self._offer(held, held.left)
            case Told.STOPPED:
                await self._insist(lambda: self._desk.end_stop(held.claim))
            case Told.NOTHING:
                pass

    async def _offer(self, held: Held, result: Done | Failed) -> None:
        """Until the host has it: letting go would have the work done again."""

        starts = held.starts if held.local or held.stop else 1

        async def offer() -> None:
            while True:
                claim = held.claim  # it may be claimed anew meanwhile, by ourselves
                cell, call, fence = claim.cell, claim.call, claim.fence
                if await self._desk.offer(cell, held.work.key, call, fence, result, starts):
                    return
                if held.claim == claim:
                    return  # somebody else has it

        while True:
            try:
                await self._insist(offer)
                return
            except Exception as error:  # refused for good: say that instead
                _log.exception("the outcome of %s was refused", held.claim)
                result = Failed("Tidegate.OutcomeRefused", f"{type(error).__name__}: {error}")
                await asyncio.sleep(RETRY_MAX_S)

    async def _defer(self, claim: Callable[[], Claim], later: Later, starts: int) -> None:
        """`starts`: of local work, how often it was begun."""

        def defer() -> Awaitable[bool]:
            ours = claim()
            handle = counted(later.handle, starts, ours.fence)
            return self._desk.defer(ours, later.visible_at, handle, later.tries)

        await self._insist(defer)

    async def _insist(self, tell: Callable[[], Awaitable[object]]) -> None:
        """Tell the desk, as often as it takes."""
        wait_s = RETRY_S
        while True:
            try:
                await tell()
            except TransientError:
                self._leases.missed()
            else:
                self._leases.reached()
                return
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RETRY_MAX_S)


def _what(held: Held) -> What:
    if held.stop:
        return "stop"
    match held.work.effect:
        case CallTask():
            return "local" if held.local else "remote"
        case SendNotice():
            return "notice"
        case _:
            return "record"
