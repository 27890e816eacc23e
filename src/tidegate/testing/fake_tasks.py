"""Tasks kinds without a world: a service elsewhere, and work of this machine. In virtual time.

Both pass the contract suite; both take the payload `Plan` describes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tidegate.kernel.errors import TransientError
from tidegate.kernel.step import CallTask, Done, Failed
from tidegate.ports.tasks import Call, Promise, Result, Running

POLL_S = 5.0


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """What a piece of work will do."""

    seconds: float = 0.0
    output: Any = None
    error: str | None = None

    def result(self, invented: Any = None) -> Done | Failed:
        if self.error is not None:
            return Failed(self.error, "as planned")
        return Done(self.output if invented is None else invented)


def planned(call: str, resource: str, *, timeout_s: int = 86_400, **plan: Any) -> CallTask:
    return CallTask(call=call, resource=resource, payload=plan, timeout_s=timeout_s)


def _plan(call: Call) -> Plan | Failed:
    try:
        return msgspec.convert(call.task.payload, Plan)
    except msgspec.ValidationError as error:
        return Failed(
            "Tidegate.PayloadInvalid", f"payload: {error}; it takes seconds, output and error"
        )


class Job(Struct):
    plan: Plan
    ends_at: float
    stopped: bool = False


class RemoteService:
    """A service elsewhere. It knows every job by our key and refuses a second one under it."""

    promise: Promise = "refuses"
    local: bool = False

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.refused = 0
        self.unreachable = False
        self.answer_s = 0.0
        """How long it takes to answer; a start takes effect at once."""
        self.stops: list[str] = []
        self.invents: Any = None
        """An output that no store could hold as a plan."""

    def begun(self, key: str) -> int:
        return int(key in self.jobs)

    async def start(self, call: Call) -> Result:
        self._reach()
        plan = _plan(call)
        if isinstance(plan, Failed):
            return plan
        if call.key in self.jobs:
            self.refused += 1
        else:
            ends_at = asyncio.get_running_loop().time() + plan.seconds
            self.jobs[call.key] = Job(plan, ends_at)
        await asyncio.sleep(self.answer_s)
        return self._state(call.key)

    async def find(self, call: Call) -> Result | None:
        self._reach()
        await asyncio.sleep(self.answer_s)
        return self._state(call.key) if call.key in self.jobs else None

    async def poll(self, call: Call, handle: str) -> Result:
        self._reach()
        await asyncio.sleep(self.answer_s)
        return self._state(handle)

    async def stop(self, call: Call, handle: str | None) -> None:
        self._reach()
        self.stops.append(call.key)
        job = self.jobs.get(call.key)
        if job is not None and job.ends_at > asyncio.get_running_loop().time():
            job.stopped = True

    def _state(self, key: str) -> Result:
        job = self.jobs[key]
        if job.stopped:
            return Failed("Remote.Stopped", "on request")
        if job.ends_at > asyncio.get_running_loop().time():
            return Running(key, POLL_S)
        return job.plan.result(self.invents)

    def _reach(self) -> None:
        if self.unreachable:
            raise TransientError("task.unreachable", "the service in memory plays dead")


class Stretch(Struct):
    """One time a piece of work ran."""

    key: str
    where: str
    began_at: float
    ended_at: float | None = None
    how: str = ""


class LocalWork:
    """Work of one machine. It ends with its lease, as the helper ends a command."""

    promise: Promise = "neither"
    local: bool = True

    def __init__(self, where: str = "here", stretches: list[Stretch] | None = None) -> None:
        self.where = where
        self.stretches: list[Stretch] = [] if stretches is None else stretches
        self.unreachable = False
        self.extended: list[tuple[str, float | None]] = []
        self.invents: Any = None
        """An output that no store could hold as a plan."""
        self._ends: dict[str, asyncio.Future[str]] = {}
        self._gone: dict[str, asyncio.Event] = {}
        self._until: dict[str, float | None] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def begun(self, key: str) -> int:
        return sum(one.key == key for one in self.stretches)

    def runs(self) -> set[str]:
        return set(self._ends)

    async def start(self, call: Call) -> Result:
        plan = _plan(call)
        if isinstance(plan, Failed):
            return plan
        if self.unreachable:
            raise TransientError("task.unreachable", "no process can be made")
        loop = asyncio.get_running_loop()
        end: asyncio.Future[str] = loop.create_future()
        self._ends[call.key] = end
        gone = self._gone[call.key] = asyncio.Event()
        stretch = Stretch(call.key, self.where, loop.time())
        self.stretches.append(stretch)
        self._wind(call.key)
        try:
            await asyncio.wait({end}, timeout=plan.seconds)
            stretch.how = end.result() if end.done() else "itself"
        finally:
            stretch.ended_at = loop.time()
            del self._ends[call.key], self._gone[call.key]
            gone.set()
            self._until.pop(call.key, None)
            self._unwind(call.key)
        ends: Mapping[str, Callable[[], Result]] = {
            "itself": lambda: plan.result(self.invents),
            "lease": lambda: Failed("Tidegate.LeaseLost", "the lease ended"),
            "stop": lambda: Failed("Tidegate.Stopped", "on request"),
            "killed": lambda: Failed("Tidegate.Stopped", "with its machine"),
        }
        return ends[stretch.how]()

    async def find(self, call: Call) -> Result | None:
        return Running(call.key) if call.key in self._ends else None

    async def poll(self, call: Call, handle: str) -> Result:
        return Failed("Tidegate.TaskGone", "it ran under a server that has ended since")

    async def stop(self, call: Call, handle: str | None) -> None:
        self._end(call.key, "stop")
        gone = self._gone.get(call.key)
        if gone is not None:
            await gone.wait()

    def extend(self, key: str, lease_s: float | None) -> None:
        self.extended.append((key, lease_s))
        self._until[key] = None if lease_s is None else asyncio.get_running_loop().time() + lease_s
        if key in self._ends:
            self._wind(key)

    def kill(self) -> None:
        """The machine is gone, and all that ran on it."""
        for key in list(self._ends):
            self._end(key, "killed")

    def _wind(self, key: str) -> None:
        self._unwind(key)
        until = self._until.get(key)
        if until is not None:
            loop = asyncio.get_running_loop()
            self._timers[key] = loop.call_at(until, self._end, key, "lease")

    def _unwind(self, key: str) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def _end(self, key: str, how: str) -> None:
        end = self._ends.get(key)
        if end is not None and not end.done():
            end.set_result(how)
