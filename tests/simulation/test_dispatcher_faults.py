"""Two replicas over one store, in virtual time, while everything fails that can.

A seed decides all; a failing one is named by the test's id. Servers die as by kill -9: whatever they
had in hand stops in the middle of a step, and their local work dies with them.
"""

from __future__ import annotations

import asyncio
import random
from contextvars import ContextVar
from typing import Any

import pytest

from tidegate.kernel.step import CallTask, SendNotice
from tidegate.ports.notify import Notify
from tidegate.ports.tasks import Call, Promise, Result, Tasks
from tidegate.services.dispatcher import Dispatcher
from tidegate.testing.desk import MemoryDesk, Outbox
from tidegate.testing.fake_tasks import LocalWork, RemoteService, Stretch, planned
from tidegate.testing.virtual_time import VirtualClock, run_virtual

STORM_S = 600.0
CALM_S = 20_000.0
EFFECTS = 24
REPLICAS = 2

whose: ContextVar[Server | None] = ContextVar("whose", default=None)


class Server:
    """One life of one replica."""

    def __init__(self, world: World, name: str) -> None:
        self.dead = False
        self.tasks: set[asyncio.Task[Any]] = set()
        self.desk = Wire(self, world.outbox, name)
        self.local = LocalWork(name, world.stretches)
        kinds: dict[str, Tasks] = {
            "test:local": self.local,
            "test:remote": RemoteWire(self, world.remote),
        }
        channels: dict[str, Notify] = {"console": Channel(self, world)}
        self.dispatcher = Dispatcher(self.desk, kinds, channels, owner=name, slots=4)
        token = whose.set(self)
        self.running = asyncio.get_running_loop().create_task(self.dispatcher.run())
        whose.reset(token)

    def kill(self) -> None:
        self.dead = True
        self.local.kill()
        for task in self.tasks:
            task.cancel()

    async def alive(self) -> None:
        """The dead do nothing more, not even clean up."""
        if self.dead:
            await asyncio.Event().wait()


class Wire(MemoryDesk):
    """A desk whose words do not leave a dead server."""

    def __init__(self, server: Server, outbox: Outbox, name: str) -> None:
        super().__init__(outbox, name, VirtualClock(), lambda: REPLICAS - 1)
        self._server = server

    async def _reach(self) -> None:
        await self._server.alive()
        await super()._reach()
        await self._server.alive()


class RemoteWire:
    promise: Promise = "refuses"
    local: bool = False

    def __init__(self, server: Server, service: RemoteService) -> None:
        self._server = server
        self._service = service

    async def start(self, call: Call) -> Result:
        await self._server.alive()
        return await self._service.start(call)

    async def find(self, call: Call) -> Result | None:
        await self._server.alive()
        return await self._service.find(call)

    async def poll(self, call: Call, handle: str) -> Result:
        await self._server.alive()
        return await self._service.poll(call, handle)

    async def stop(self, call: Call, handle: str | None) -> None:
        await self._server.alive()
        await self._service.stop(call, handle)


class Channel:
    def __init__(self, server: Server, world: World) -> None:
        self._server = server
        self._world = world

    async def send(self, notice: SendNotice, key: str) -> str | None:
        await self._server.alive()
        self._world.told.append(key)
        return None


class World:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.outbox = Outbox()
        self.remote = RemoteService()
        self.stretches: list[Stretch] = []
        self.told: list[str] = []
        self.stopped: set[str] = set()
        self.born = 0
        self.clock = VirtualClock()
        asyncio.get_running_loop().set_task_factory(_owned)
        self.servers = [self.new_server() for _ in range(REPLICAS)]

    def new_server(self) -> Server:
        self.born += 1
        return Server(self, f"r{self.born}")

    # ---- what happens
    def add(self, n: int) -> None:
        """One piece of work; every third is born claimed by a server that lives."""
        kind, now = self.random.choice(("local", "local", "remote", "notice")), self.clock.now()
        call, server = f"{kind}{n}", self.random.choice(self.servers)
        owner = server.desk.owner if n % 3 == 0 and not server.dead else None
        effect: CallTask | SendNotice
        if kind == "notice":
            effect = SendNotice(call=call, channel="console", receiver="", body={})
        else:
            seconds = self.random.choice((0, 1, 10, 60, 200))
            effect = planned(call, f"test:{kind}", seconds=seconds, output=n)
        claimed = self.outbox.add(effect, now=now, owner=owner)
        if claimed is not None:
            server.dispatcher.take([claimed])

    def stop_one(self) -> None:
        open_calls = self.outbox.open()
        if open_calls:
            _, call = self.random.choice(open_calls)
            self.outbox.stop(call, now=self.clock.now())
            self.stopped.add(call)

    async def trouble(self) -> None:
        """One fault, and its end some time later."""
        seconds = self.random.choice((0.1, 3.0, 9.0, 15.0, 28.0, 45.0, 90.0))
        match self.random.randrange(6):
            case 0:
                at = self.random.randrange(REPLICAS)
                self.servers[at].kill()
                await asyncio.sleep(seconds)
                self.servers[at] = self.new_server()
            case 1:
                at = self.random.randrange(REPLICAS)
                await self.servers[at].dispatcher.stop(self.random.choice((0.0, 5.0)))
                self.servers[at].kill()
                self.servers[at] = self.new_server()
            case 2:
                for server in self.servers:
                    server.desk.away = True
                await asyncio.sleep(seconds)
            case 3:
                self.random.choice(self.servers).desk.away = True
                await asyncio.sleep(seconds)
            case 4:
                self.remote.unreachable = True
                await asyncio.sleep(seconds)
            case _:
                self.remote.answer_s = self.random.choice((0.5, 7.0, 20.0))
                await asyncio.sleep(seconds)
        self.clear_up()

    def clear_up(self) -> None:
        self.remote.unreachable, self.remote.answer_s = False, 0.0
        for server in self.servers:
            server.desk.away = False

    async def storm(self, *, stops: bool = True) -> None:
        for n in range(EFFECTS):
            self.add(n)
            if stops and self.random.random() < 0.15:
                self.stop_one()
            if self.random.random() < 0.5:
                await self.trouble()
            await asyncio.sleep(self.random.uniform(0, STORM_S / EFFECTS))

    async def calm(self) -> None:
        """Everything works again; wait until nothing is left to do."""
        self.clear_up()
        until = asyncio.get_running_loop().time() + CALM_S
        while self.outbox.open():
            assert asyncio.get_running_loop().time() < until, self.outbox.store.tables.effects
            await asyncio.sleep(5)
        for server in [one for one in self.servers if not one.dead]:
            assert not server.running.done(), "a dispatcher ended by itself"
            assert server.dispatcher.busy() == ()


def _owned(loop: asyncio.AbstractEventLoop, main: Any, **given: Any) -> asyncio.Task[Any]:
    """Tasks belong to the server in whose context they were made."""
    task: asyncio.Task[Any] = asyncio.Task(main, loop=loop, **given)
    server = whose.get()
    if server is not None:
        server.tasks.add(task)
        task.add_done_callback(server.tasks.discard)
    return task


def overlapping(stretches: list[Stretch]) -> list[tuple[Stretch, Stretch]]:
    return [
        (one, other)
        for n, one in enumerate(stretches)
        for other in stretches[n + 1 :]
        if one.key == other.key
        and (one.ended_at is None or other.began_at < one.ended_at)
        and (other.ended_at is None or one.began_at < other.ended_at)
    ]


@pytest.mark.parametrize("seed", range(24))
def test_every_effect_has_one_outcome_and_no_local_work_runs_twice_at_once(seed: int) -> None:
    async def main() -> None:
        world = World(seed)
        await world.storm()
        await world.calm()

        calls = [f"{one.call}" for one in world.outbox.offered if one.counted]
        assert len(calls) == len(set(calls)), "an effect had two outcomes that counted"
        names = {key.rpartition(".")[2] for key in world.told}
        done = set(calls)
        assert len(done | world.stopped) == EFFECTS, "an effect had neither an outcome nor a stop"
        assert {call for call in done if call.startswith("notice")} <= names
        assert overlapping(world.stretches) == []
        for one in world.outbox.offered:
            if one.counted and one.call.startswith("local"):
                begun = [two for two in world.stretches if two.key == f"test.1.{one.call}"]
                assert one.starts >= len(begun), "a start was not counted"
        assert [one for one in world.stretches if one.ended_at is None] == []
        for key, job in world.remote.jobs.items():
            ended = job.stopped or job.ends_at <= asyncio.get_running_loop().time()
            assert ended, f"{key} runs though its effect has gone"

    run_virtual(main())


@pytest.mark.parametrize("seconds", [5.0, 15.0, 25.0, 29.0, 31.0, 45.0, 300.0])
def test_an_outage_of_the_store_restarts_nothing(seconds: float) -> None:
    async def main() -> None:
        world = World(0)
        for n in range(6):
            world.outbox.add(planned(f"local{n}", "test:local", seconds=400), now=world.clock.now())
            world.outbox.add(
                planned(f"remote{n}", "test:remote", seconds=400), now=world.clock.now()
            )
        await asyncio.sleep(7)
        for server in world.servers:
            server.desk.away = True
        await asyncio.sleep(seconds)
        world.clear_up()
        await world.calm()

        assert sorted(one.key for one in world.stretches) == [f"test.1.local{n}" for n in range(6)]
        assert world.remote.refused == 0
        assert len(world.remote.jobs) == 6

    run_virtual(main())


def test_a_server_that_dies_is_taken_over_when_its_leases_end() -> None:
    async def main() -> None:
        world = World(0)
        world.outbox.add(planned("local0", "test:local", seconds=100), now=world.clock.now())
        await asyncio.sleep(5)
        at = next(n for n, one in enumerate(world.servers) if one.local.runs())
        world.servers[at].kill()
        await world.calm()

        first, second = world.stretches
        assert first.where != second.where
        assert 28 <= second.began_at - first.began_at <= 33

    run_virtual(main())
