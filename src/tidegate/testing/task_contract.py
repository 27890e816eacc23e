"""What every kind of task must do: the suite for the Tasks port, for authors of adapters.

    class TestGlue(TaskContract):
        @asynccontextmanager
        async def subject(self) -> AsyncGenerator[Subject]:
            yield Subject(tasks=..., succeeding={...}, failing={...}, ...)

A test that a kind cannot be asked (it has no endless work, say) passes without asking.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from tidegate.kernel.errors import TransientError
from tidegate.kernel.event import Json
from tidegate.kernel.step import CallTask, Done, Failed
from tidegate.ports.tasks import Call, Result, Running, Tasks

T = TypeVar("T")

POLLS_MAX = 1000


class Subject(Struct, kw_only=True):
    """One adapter with work it can be given; payloads, and the world's side of it."""

    tasks: Tasks
    resource: str
    succeeding: Json
    failing: Json
    malformed: Json
    endless: Json = None
    """Runs until it is stopped."""
    running: Callable[[str], Awaitable[None]] | None = None
    """Waits until the world shows that the work of this key runs."""
    finds: bool = True
    """`find` knows what runs."""
    begun: Callable[[str], int] | None = None
    """How often work under this key was really begun."""
    unreachable: Callable[[], Awaitable[None]] | None = None
    """From now on the service cannot be asked."""

    def call(self, payload: Json, key: str = "test.1.Load.1.1", fence: int = 1) -> Call:
        task = CallTask(call="Load.1.1", resource=self.resource, payload=payload, timeout_s=60)
        return Call(task, key, fence)

    async def finish(self, call: Call) -> Done | Failed:
        """Start it and follow it to its end."""
        result: Result = await self.tasks.start(call)
        for _ in range(POLLS_MAX):
            if not isinstance(result, Running):
                return result
            await asyncio.sleep(result.poll_after_s)
            result = await self.tasks.poll(call, result.handle)
        raise AssertionError(f"still running after {POLLS_MAX} looks")


class TaskContract(ABC):
    """One instance a test; every test opens a subject of its own."""

    @abstractmethod
    def subject(self) -> AbstractAsyncContextManager[Subject]: ...

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(main)

    def test_work_that_succeeds_is_done_with_an_output_that_can_be_stored(self) -> None:
        async def main() -> None:
            async with self.subject() as subject:
                result = await subject.finish(subject.call(subject.succeeding))

            assert isinstance(result, Done), result
            assert msgspec.msgpack.decode(msgspec.msgpack.encode(result.output)) == result.output

        self.run(main())

    def test_work_that_fails_is_a_value_with_a_name_and_a_cause(self) -> None:
        async def main() -> None:
            async with self.subject() as subject:
                result = await subject.finish(subject.call(subject.failing))

            assert isinstance(result, Failed)
            assert result.error
            assert result.cause

        self.run(main())

    def test_a_payload_it_cannot_read_is_a_failure_and_not_an_exception(self) -> None:
        async def main() -> None:
            async with self.subject() as subject:
                result = await subject.tasks.start(subject.call(subject.malformed))

            assert isinstance(result, Failed)
            assert "payload" in result.cause

        self.run(main())

    def test_two_keys_are_two_pieces_of_work(self) -> None:
        async def main() -> None:
            async with self.subject() as subject:
                calls = [subject.call(subject.succeeding, f"test.1.Load.1.{n}") for n in (1, 2)]
                results = await asyncio.gather(*(subject.finish(call) for call in calls))
                begun = [subject.begun(call.key) for call in calls] if subject.begun else [1, 1]

            assert all(isinstance(result, Done) for result in results)
            assert begun == [1, 1]

        self.run(main())

    def test_a_service_that_cannot_be_asked_is_transient_and_began_nothing(self) -> None:
        async def main() -> None:
            async with self.subject() as subject:
                if subject.unreachable is None:
                    return
                call = subject.call(subject.succeeding)
                await subject.unreachable()
                seen: object = None
                try:
                    seen = await subject.tasks.start(call)
                except TransientError as error:
                    seen = error

                assert isinstance(seen, TransientError), seen
                assert subject.begun is None or subject.begun(call.key) == 0

        self.run(main())

    def test_nothing_is_found_under_a_key_that_never_started(self) -> None:
        async def main() -> None:
            async with self.subject() as subject:
                assert await subject.tasks.find(subject.call(subject.succeeding)) is None

        self.run(main())

    def test_to_stop_what_never_began_is_harmless(self) -> None:
        async def main() -> None:
            async with self.subject() as subject:
                call = subject.call(subject.succeeding)
                await subject.tasks.stop(call, None)
                await subject.tasks.stop(call, None)

                assert isinstance(await subject.finish(call), Done)

        self.run(main())

    def test_to_stop_what_has_ended_is_harmless(self) -> None:
        async def main() -> None:
            async with self.subject() as subject:
                call = subject.call(subject.succeeding)
                await subject.finish(call)
                await subject.tasks.stop(call, None)

                assert not isinstance(await subject.tasks.find(call), Running)

        self.run(main())

    def test_what_runs_is_found_until_it_is_stopped(self) -> None:
        async def main() -> None:
            async with self.subject() as subject:
                if subject.endless is None:
                    return
                call = subject.call(subject.endless)
                finishing = asyncio.ensure_future(subject.finish(call))
                await _under_way(subject, call.key)
                before = await subject.tasks.find(call)
                await subject.tasks.stop(call, None)
                if subject.tasks.promise == "neither" and not subject.finds:
                    finishing.cancel()  # a request is given up, not called back
                    await asyncio.wait({finishing})
                    return
                ended = await finishing
                after = await subject.tasks.find(call)

                assert isinstance(before, Running)
                assert isinstance(ended, Failed)
                assert not isinstance(after, Running)

        self.run(main())

    def test_a_second_start_under_one_key_is_refused_where_that_is_promised(self) -> None:
        async def main() -> None:
            async with self.subject() as subject:
                if subject.tasks.promise != "refuses" or subject.begun is None:
                    return
                call = subject.call(subject.endless or subject.succeeding)
                await subject.tasks.start(call)
                again = await subject.tasks.start(subject.call(call.task.payload, fence=2))

                assert subject.begun(call.key) == 1
                assert isinstance(again, Running | Done)

        self.run(main())


async def _under_way(subject: Subject, key: str) -> None:
    if subject.running is not None:
        await subject.running(key)
        return
    for _ in range(10):
        await asyncio.sleep(0)
