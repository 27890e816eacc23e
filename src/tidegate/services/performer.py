"""Performer: does the work of one effect through a port and says what the desk must be told.

    CallTask    due? --> local: start to end, under its lease
                     '-> remote: poll its handle | find it (fence > 1), else start it
    SendNotice  send
    stop row    stop, then find until nothing has been there for a whole lease

A start begins with 10 s of lease and ends within 8 s, so it has landed before anybody else may
start the same. Nothing here talks to the store.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Mapping
from enum import Enum
from typing import Final, TypeVar

from msgspec import structs

from tidegate.kernel.clock import MINUTE_US, SECOND_US, Instant
from tidegate.kernel.errors import TidegateError, TransientError
from tidegate.kernel.retry import RetryPolicy, jittered
from tidegate.kernel.step import CallTask, Done, Failed, SendNotice, StopTask, WriteRecord
from tidegate.ports.notify import Notify
from tidegate.ports.store import LEASE_US
from tidegate.ports.tasks import Call, Result, Running, Tasks
from tidegate.services.desk import Desk
from tidegate.services.lease import Held, Leases, Over
from tidegate.services.outcome import Later, Settled, Told, Verdict, within
from tidegate.services.trail import Trail, trail_of

CALL_MAX_S = 8.0
"""One request to the other side: a start, a find, a poll, a notice. Less than the lease it needs."""
STOP_MAX_S = 20.0
"""Ending something, with the grace it is given."""
WORDS_MAX_S = 1.0
"""From the end of what was stopped to what it had written."""
START_TRIES_MAX = 20
"""Then a task whose service cannot be reached has failed: after about an hour."""
RETRY_AFTER_MAX_US = 60 * MINUTE_US
POLL_MIN_S, POLL_MAX_S = 0.5, 3600.0
SETTLE_US = LEASE_US
"""Whoever may still start what is being stopped had his lease confirmed before the stop, and a start
lands within a lease of that."""
CONSOLE = "console"

_STARTS = RetryPolicy(START_TRIES_MAX, SECOND_US, 2.0, 5 * MINUTE_US)
_FOLLOWS = RetryPolicy(2**31, SECOND_US, 2.0, 5 * MINUTE_US)
_NOTICE_DELAY_US, _NOTICE_DELAY_MAX_US = 5 * SECOND_US, 5 * MINUTE_US

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Late(Enum):
    """Time was up."""

    LATE = "late"


LATE: Final = Late.LATE


class Performer:
    """Holds nothing but the ports; what is in hand stands in `Held`."""

    def __init__(
        self,
        desk: Desk,
        leases: Leases,
        tasks: Mapping[str, Tasks],
        notify: Mapping[str, Notify],
    ) -> None:
        self._desk = desk
        self._leases = leases
        self._tasks = tasks
        self._notify = notify

    def tasks_of(self, resource: str) -> Tasks | None:
        """Who performs it: the longest prefix that fits."""
        fitting = [prefix for prefix in self._tasks if resource.startswith(prefix)]
        return self._tasks[max(fitting, key=len)] if fitting else None

    async def perform(self, held: Held) -> Verdict:
        try:
            if held.stop:
                return await self._stop(held)
            return within(await self._perform(held))
        except TransientError as error:
            return self._again(held, error, _STARTS if self._unstarted(held) else _FOLLOWS)
        except Exception as error:  # a defect of one adapter must not cost the others anything
            if not isinstance(error, TidegateError):
                _log.exception("performing %s failed", held.claim)
            if held.stop:
                return self._again(held, error, _STARTS)
            if isinstance(error, TidegateError):
                return Settled(Failed("Tidegate.TaskFailed", f"{error.code}: {error}"))
            return Settled(Failed("Tidegate.TaskDefect", f"{type(error).__name__}: {error}"))

    async def _perform(self, held: Held) -> Verdict:
        match held.work.effect:
            case CallTask() as task:
                return await self._call(held, task)
            case SendNotice() as notice:
                return await self._notice(held, notice)
            case WriteRecord():
                return Settled(
                    Failed(
                        "Tidegate.NoPerformer",
                        "this version writes no tracking records; no location was tried",
                    )
                )
            case StopTask():
                return Told.STOPPED

    # ---- tasks
    async def _call(self, held: Held, task: CallTask) -> Verdict:
        now = self._desk.now()
        if task.due_at is not None and task.due_at > now:
            return Later(task.due_at, held.handle, held.tries)
        if held.tasks is None:
            known = ", ".join(sorted(self._tasks)) or "none"
            return Settled(
                Failed(
                    "Tidegate.ResourceUnknown", f"nobody performs {task.resource}; known: {known}"
                )
            )
        call = Call(task, held.work.idempotency, held.claim.fence)
        trail = trail_of(held.handle, now)
        if now >= _timeout_at(task, trail):
            return await self._time_out(held, held.tasks, call, trail)
        if not await self._leases.assure(held):
            return self._left_off(held, held.over.result() if held.over.done() else Over.SHUTDOWN)
        if held.tasks.local:
            return await self._local(held, held.tasks, call, trail)
        held.handle = trail.text()  # from here on its time counts, whoever looks at it next
        return await self._remote(held, held.tasks, call, trail)

    async def _local(self, held: Held, tasks: Tasks, call: Call, trail: Trail) -> Verdict:
        """From start to end; ended with its lease, its fence, its time or the server.

        Its time counts from its first try, but a server that ends takes it along: the next one
        begins anew.
        """
        if call.fence > 1 and (found := await tasks.find(call)) is not None:
            work = tasks.poll(call, found.handle) if isinstance(found, Running) else _known(found)
        else:
            work = tasks.start(call)
            held.starts += 1
        running = asyncio.ensure_future(work)
        held.extends = call
        self._leases.extend(held)
        try:
            left_us = _timeout_at(call.task, trail) - self._desk.now()
            seen = await _first(held, running, left_us / 1e6)
            if isinstance(seen, Over | Late):
                await _bounded(tasks.stop(call, None), STOP_MAX_S)
            if seen is Over.STOPPED:
                held.left = await _last_words(running)
        except TransientError:
            held.handle = trail.text()  # nothing was begun; the time it takes to begin counts
            held.starts -= 1
            raise
        finally:
            held.extends = None
            running.cancel()
            await asyncio.wait({running})
            _heed(running)
        match seen:
            case Late():
                return Settled(_timed_out(call.task, trail))
            case Over.LEASE_LOST:
                return Settled(
                    Failed(
                        "Tidegate.LeaseLost",
                        "ended because its lease could not be renewed and another replica might "
                        "have started it again",
                    )
                )
            case Over():
                held.handle = None
                return self._left_off(held, seen)
            case Running():
                return Settled(
                    Failed("Tidegate.TaskDefect", "a local task answered before its end")
                )
            case Done() | Failed():
                return Settled(seen)

    async def _remote(self, held: Held, tasks: Tasks, call: Call, trail: Trail) -> Verdict:
        if trail.handle is not None:
            seen = await _asked(held, tasks.poll(call, trail.handle), CALL_MAX_S)
        else:
            found = await _asked(held, tasks.find(call), CALL_MAX_S) if call.fence > 1 else None
            if found is None:
                if not await self._leases.assure(held):
                    over = held.over.result() if held.over.done() else Over.SHUTDOWN
                    return self._left_off(held, over)
                seen = await _asked(held, tasks.start(call), CALL_MAX_S)
            else:
                seen = found
        match seen:
            case Running():
                return self._follow(held, tasks, call, trail, seen)
            case Done() | Failed():
                return Settled(seen)
            case Over():
                return self._left_off(held, seen)
            case Late():
                raise TransientError(
                    "task.unreachable", f"{call.task.resource} did not answer in {CALL_MAX_S:.0f} s"
                )

    def _follow(
        self, held: Held, tasks: Tasks, call: Call, trail: Trail, running: Running
    ) -> Verdict:
        """It runs elsewhere: look again at its time, or when its timeout is reached."""
        text = Trail(trail.since, running.handle).text()
        if text is None:
            # Without its handle we find it by its key, which every kind can or has said it cannot.
            _log.error("the handle of %s is too long to be kept", held.claim)
            text = held.handle
        wait_s = min(max(running.poll_after_s, POLL_MIN_S), POLL_MAX_S)
        at = min(self._desk.now() + int(wait_s * 1e6), _timeout_at(call.task, trail))
        return Later(Instant(at), text, 0)

    async def _time_out(self, held: Held, tasks: Tasks, call: Call, trail: Trail) -> Verdict:
        """Its time is up before we look at it: end it, then say so."""
        try:
            stopped = await _asked(held, tasks.stop(call, trail.handle), CALL_MAX_S)
        except TransientError:
            if trail.handle is not None:
                raise  # it runs there: that must be ended before it may be begun again
            stopped = LATE
        if isinstance(stopped, Over):
            return self._left_off(held, stopped)
        if isinstance(stopped, Late):
            _log.warning("%s is over its time and its stop was not answered", held.claim)
        return Settled(_timed_out(call.task, trail))

    # ---- notices
    async def _notice(self, held: Held, notice: SendNotice) -> Verdict:
        notify = self._notify.get(notice.channel) or self._notify.get(CONSOLE)
        if notify is None:
            known = ", ".join(sorted(self._notify)) or "none"
            return Settled(
                Failed("Tidegate.ChannelUnknown", f"no channel {notice.channel!r}; known: {known}")
            )
        attempts = RetryPolicy(
            max(notice.attempts_max, 1), _NOTICE_DELAY_US, 2.0, _NOTICE_DELAY_MAX_US
        )
        try:
            sent = await _asked(held, notify.send(notice, held.work.idempotency), CALL_MAX_S)
        except TransientError as error:
            return self._again(held, error, attempts, "Tidegate.NoticeFailed")
        except TidegateError as error:
            return Settled(Failed("Tidegate.NoticeRefused", str(error)))
        if isinstance(sent, Over):
            return self._left_off(held, sent)
        if isinstance(sent, Late):
            late = TransientError("notice.unreachable", f"no answer in {CALL_MAX_S:.0f} s")
            return self._again(held, late, attempts, "Tidegate.NoticeFailed")
        used = notice.channel if notice.channel in self._notify else CONSOLE
        return Settled(Done({"channel": used, "id": sent}))

    # ---- stops
    async def _stop(self, held: Held) -> Verdict:
        """End it; it has ended when for a whole lease nothing was found under its key."""
        tasks, task, now = held.tasks, held.work.effect, self._desk.now()
        if tasks is None or not isinstance(task, CallTask):
            return Told.STOPPED  # nobody can have started it; a notice cannot be called back
        call = Call(task, held.work.idempotency, held.claim.fence)
        trail = trail_of(held.handle, now)
        again = Later(
            Instant(now + int(CALL_MAX_S * 1e6)), Trail(trail.since, trail.handle).text(), 0
        )
        stopped = await _asked(held, tasks.stop(call, trail.handle), STOP_MAX_S)
        found = await _asked(held, tasks.find(call), CALL_MAX_S)
        for seen in (stopped, found):
            if isinstance(seen, Over):
                return self._left_off(held, seen)
            if isinstance(seen, Late | Running):
                return again
        if tasks.local and self._desk.alone():
            return Told.STOPPED  # nobody else could be starting it
        quiet_since = trail.quiet_since or now
        if now - quiet_since >= SETTLE_US:
            return Told.STOPPED
        trail = Trail(trail.since, trail.handle, quiet_since)
        return Later(Instant(quiet_since + SETTLE_US), trail.text(), 0)

    # ---- verdicts
    def _unstarted(self, held: Held) -> bool:
        """Nothing is known to run under its key, so giving up leaves nothing behind."""
        return not held.stop and trail_of(held.handle, self._desk.now()).handle is None

    def _again(
        self,
        held: Held,
        error: Exception,
        policy: RetryPolicy,
        gone: str = "Tidegate.Unreachable",
    ) -> Verdict:
        """Trouble that may pass: later, or the end of it when this was the last try."""
        attempt = held.tries + 1
        delay = policy.delay_after(attempt)
        if delay is None and held.stop:
            _log.error("%s could not be stopped: %s", held.claim, error)
            return Told.STOPPED
        if delay is None:
            return Settled(Failed(gone, f"{attempt} tries; the last: {error}"))
        seed = zlib.crc32(f"{held.work.idempotency}:{attempt}".encode())
        wait = max(jittered(delay, seed), min(_wanted_us(error), RETRY_AFTER_MAX_US))
        now, task, handle = self._desk.now(), held.work.effect, held.handle
        at = now + wait
        if isinstance(task, CallTask | SendNotice) and not held.stop:
            trail = structs.replace(trail_of(handle, now), trouble=str(error))
            handle = trail.text()
            timeout_at = _timeout_at(task, trail) if isinstance(task, CallTask) else 0
            at = min(at, timeout_at) if timeout_at > now else at
        return Later(Instant(at), handle, attempt)

    def _left_off(self, held: Held, over: Over) -> Verdict:
        """We were told to stop caring, or have no lease; what runs elsewhere goes on under its key.

        A lost fence ends no remote work: whoever has it now found it under that key, and a stop has
        a row of its own.
        """
        if over is Over.SHUTDOWN:
            return Later(self._desk.now(), held.handle, held.tries)
        return Told.NOTHING


def _wanted_us(error: Exception) -> int:
    """When the other side wants to be asked again."""
    wanted = error.details.get("retry_after_s") if isinstance(error, TidegateError) else None
    return int(wanted * 1e6) if isinstance(wanted, int | float) else 0


def _timeout_at(task: CallTask, trail: Trail) -> int:
    assert trail.since is not None, "`trail_of` says now where nothing was tried yet"
    return trail.since + task.timeout_s * SECOND_US


def _timed_out(task: CallTask, trail: Trail) -> Failed:
    trouble = f"; the last trouble: {trail.trouble}" if trail.trouble else ""
    said = f"not done {task.timeout_s} s after its first try, and ended{trouble}"
    return Failed("States.Timeout", said)


async def _known(result: Done | Failed) -> Done | Failed:
    return result


async def _first(held: Held, running: asyncio.Future[T], seconds: float) -> T | Over | Late:
    """What comes first: the answer, a reason to leave off, or the end of the time."""
    waited: set[asyncio.Future[T] | asyncio.Future[Over]] = {running, held.over}
    await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        return running.result()
    return held.over.result() if held.over.done() else LATE


async def _asked(held: Held, request: Awaitable[T], seconds: float) -> T | Over | Late:
    """The same of a request, which is given up when it is not the first."""
    running = asyncio.ensure_future(request)
    try:
        return await _first(held, running, seconds)
    finally:
        running.cancel()
        running.add_done_callback(_heed)


async def _last_words(running: asyncio.Future[Result]) -> Failed | None:
    """What work that was stopped says of itself, if it does so at once."""
    await asyncio.wait({running}, timeout=WORDS_MAX_S)
    ended = running.result() if running.done() else None
    return ended if isinstance(ended, Failed) else None


def _heed(future: asyncio.Future[T]) -> None:
    """Whatever it came to was seen, or does not matter any more."""
    if not future.cancelled():
        future.exception()


async def _bounded(work: Awaitable[None], seconds: float) -> None:
    """Wait so long for it at most; it was asked for, more cannot be done."""
    try:
        await asyncio.wait_for(work, seconds)
    except (TimeoutError, TransientError) as error:
        _log.warning("a stop was not confirmed: %s", error)
