"""The dispatcher over a store in memory, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec import structs

from tidegate.adapters.system import SystemClock
from tidegate.kernel.clock import SECOND_US, Instant
from tidegate.kernel.errors import InputError, TransientError
from tidegate.kernel.ids import CellId
from tidegate.kernel.step import CallTask, Done, Failed, SendNotice, WriteRecord
from tidegate.ports.notify import Notify
from tidegate.ports.reader import EffectRow
from tidegate.ports.store import STOP, Claimed
from tidegate.ports.tasks import Call, Result, Running, Tasks
from tidegate.services.dispatcher import NOTICES_LEAST, NOTICES_MAX, Dispatcher
from tidegate.services.trail import Trail, starts_of, trail_of
from tidegate.testing.desk import MemoryDesk, Outbox
from tidegate.testing.fake_tasks import LocalWork, RemoteService, planned
from tidegate.testing.virtual_time import VirtualClock, run_virtual

KEY = "test.1.A"


class Sent:
    """A channel that fails as often as it is told to."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.keys: list[str] = []
        self.at: list[float] = []

    async def send(self, notice: SendNotice, key: str) -> str | None:
        self.at.append(asyncio.get_running_loop().time())
        if self.failures:
            raise self.failures.pop(0)
        self.keys.append(key)
        return "m1"


class Stage:
    """One replica with its ports."""

    def __init__(
        self,
        outbox: Outbox | None = None,
        *,
        name: str = "me",
        slots: int = 4,
        others: int = 0,
        notify: Mapping[str, Notify] | None = None,
        tasks: Mapping[str, Tasks] | None = None,
    ) -> None:
        self.outbox = Outbox() if outbox is None else outbox
        self.desk = MemoryDesk(self.outbox, name, VirtualClock(), lambda: others)
        self.local = LocalWork(name)
        self.remote = RemoteService()
        self.console = Sent()
        kinds: dict[str, Tasks] = {
            "test:local": self.local,
            "test:remote": self.remote,
            "arn:tidegate:states:::http:": self.remote,
            **(tasks or {}),
        }
        channels = {"console": self.console} if notify is None else notify
        self.dispatcher = Dispatcher(self.desk, kinds, channels, owner=name, slots=slots)

    def add(self, effect: Any, **given: Any) -> Claimed | None:
        return self.outbox.add(effect, now=self.desk.now(), **given)

    def row(self, call: str = "A") -> EffectRow:
        return self.outbox.store.tables.effects[CellId(1), call]

    def set_row(self, **changed: Any) -> None:
        row = structs.replace(self.row(), **changed)
        self.outbox.store.tables.effects[row.cell, row.call] = row

    async def outcome(self, call: str = "A", within_s: float = 10_000) -> Done | Failed:
        """The counted outcome; the clock runs on until there is one."""
        async with asyncio.timeout(within_s):
            while not self.outbox.counted(call):
                self.outbox.arrived.clear()
                await self.outbox.arrived.wait()
        (result,) = self.outbox.counted(call)
        return result


@asynccontextmanager
async def running(stage: Stage) -> AsyncGenerator[Stage]:
    task = asyncio.create_task(stage.dispatcher.run())
    await asyncio.sleep(0)
    try:
        yield stage
    finally:
        await stage.dispatcher.stop(0)
        await task


def seconds() -> float:
    return asyncio.get_running_loop().time()


def play(act: Callable[[Stage], Any], **given: Any) -> None:
    """One act on a running stage."""

    async def main() -> None:
        async with running(Stage(**given)) as stage:
            await act(stage)

    run_virtual(main())


# ---- from the store to an outcome
def test_an_effect_that_was_born_claimed_is_performed_at_once() -> None:
    async def act(stage: Stage) -> None:
        claimed = stage.add(planned("A", "test:local", seconds=3, output=7), owner="me")
        assert claimed is not None
        stage.dispatcher.take([claimed])

        assert await stage.outcome(within_s=3.5) == Done(7)
        assert stage.outbox.offered[0].fence == 1

    play(act)


def test_a_visible_effect_is_claimed_at_the_next_look_and_at_once_when_poked() -> None:
    async def act(stage: Stage) -> None:
        await asyncio.sleep(0.3)
        stage.add(planned("A", "test:local"))
        assert await stage.outcome(within_s=1.0) == Done(None)
        await asyncio.sleep(0.3)

        stage.add(planned("B", "test:local"))
        stage.dispatcher.poke()

        assert await stage.outcome("B", within_s=0.2) == Done(None)

    play(act)


def test_nothing_starts_before_it_is_due() -> None:
    async def act(stage: Stage) -> None:
        due = Instant(stage.desk.now() + 100 * SECOND_US)
        task = structs.replace(planned("A", "test:local"), due_at=due)
        claimed = stage.add(task, owner="me")
        assert claimed is not None
        stage.dispatcher.take([claimed])

        await stage.outcome()

        assert 99.9 <= stage.local.stretches[0].began_at <= 101.5

    play(act)


def test_work_that_runs_elsewhere_holds_no_lease_and_is_polled_by_its_handle() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:remote", seconds=100, output="x"))
        await asyncio.sleep(2)
        row = stage.row()

        assert row.owner is None
        assert row.handle is not None
        assert KEY in row.handle
        assert row.visible_at - stage.desk.now() == 3 * SECOND_US
        assert await stage.outcome(within_s=110) == Done("x")
        assert stage.remote.refused == 0

    play(act)


def test_the_longest_prefix_decides_who_performs() -> None:
    special = LocalWork("special")

    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:local:special.sync"))
        stage.add(planned("B", "test:local.other"))
        await stage.outcome("A")
        await stage.outcome("B")

        assert special.begun("test.1.A") == 1
        assert stage.local.begun("test.1.B") == 1

    play(act, tasks={"test:local:special": special})


@pytest.mark.parametrize(
    ("effect", "error", "says"),
    [
        (planned("A", "arn:x"), "Tidegate.ResourceUnknown", "test:local, test:remote"),
        (
            WriteRecord(call="A", locations=("s3",), record={}),
            "Tidegate.NoPerformer",
            "tracking records",
        ),
        (planned("A", "test:local", output="x" * 2**20), "States.DataLimitExceeded", "1048576"),
        (planned("A", "test:local", output=2**80), "Tidegate.ResultUnusable", "stored"),
        (planned("A", "test:remote", output=[2**80]), "Tidegate.ResultUnusable", "stored"),
    ],
)
def test_what_cannot_be_done_or_kept_is_a_failure_that_says_why(
    effect: Any, error: str, says: str
) -> None:
    async def act(stage: Stage) -> None:
        if isinstance(effect, CallTask) and effect.resource.startswith("test:"):
            # A store could not hold such a plan either; it is the work that makes it up.
            plan = dict(effect.payload)
            stage.local.invents = stage.remote.invents = plan.pop("output")
            stage.add(structs.replace(effect, payload=plan))
        else:
            stage.add(effect)

        result = await stage.outcome()

        assert isinstance(result, Failed)
        assert result.error == error
        assert says in result.cause

    play(act)


def test_a_long_cause_is_kept_with_its_middle_marked_as_cut() -> None:
    class Wordy(RemoteService):
        async def start(self, call: Call) -> Result:
            return Failed("Wordy", "a" * 50_000 + "\ud800" + "b" * 50_000)

    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:wordy"))

        result = await stage.outcome()

        assert isinstance(result, Failed)
        assert result.cause.startswith("aaa")
        assert result.cause.endswith("bbb")
        assert "67238 characters cut" in result.cause

    play(act, tasks={"test:wordy": Wordy()})


def test_a_defect_of_one_adapter_fails_its_work_and_no_other() -> None:
    class Broken(RemoteService):
        async def start(self, call: Call) -> Result:
            raise KeyError("oops")

    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:broken"))
        stage.add(planned("B", "test:local", output=1))

        assert await stage.outcome("A") == Failed("Tidegate.TaskDefect", "KeyError: 'oops'")
        assert await stage.outcome("B") == Done(1)

    play(act, tasks={"test:broken": Broken()})


def test_an_effect_that_cannot_be_read_is_put_back_and_stops_nobody() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:local"), visible_at=Instant(stage.desk.now() + SECOND_US))
        stage.set_row(body=b"\xc1")
        stage.add(planned("B", "test:local"))
        await stage.outcome("B")
        await asyncio.sleep(2)

        assert stage.row("A").owner is None
        assert stage.row("A").visible_at > stage.desk.now() + 500 * SECOND_US

    play(act)


# ---- once, and by whom
def test_a_call_that_is_being_performed_is_not_started_again_but_goes_on_under_its_new_fence() -> (
    None
):
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:local", seconds=20))
        await asyncio.sleep(2)
        stage.set_row(visible_at=stage.desk.now(), fence=5)  # as if the lease had lapsed
        stage.dispatcher.poke()
        await stage.outcome()

        assert stage.local.begun(KEY) == 1
        assert [one.fence for one in stage.outbox.offered] == [6]

    play(act)


def test_a_second_claim_looks_before_it_starts() -> None:
    async def act(stage: Stage) -> None:
        task = planned("A", "test:remote", seconds=50, output="once")
        await stage.remote.start(Call(task, KEY))  # by a server that died before it could say so
        stage.add(task)
        stage.set_row(fence=1)

        assert await stage.outcome() == Done("once")
        assert stage.remote.refused == 0

    play(act)


def test_a_start_that_is_not_answered_is_looked_up_and_not_repeated() -> None:
    async def act(stage: Stage) -> None:
        stage.remote.answer_s = 60
        stage.add(planned("A", "test:remote", output="once"))
        await asyncio.sleep(7.9)
        assert stage.row().owner == "me"
        await asyncio.sleep(1)
        assert stage.row().owner is None
        assert stage.row().tries == 1
        stage.remote.answer_s = 0

        assert await stage.outcome() == Done("once")
        assert stage.remote.refused == 0

    play(act)


def test_a_start_needs_ten_seconds_of_lease() -> None:
    async def act(stage: Stage) -> None:
        for call in ("A", "B"):
            claimed = stage.add(planned(call, "test:local"), owner="me")
            assert claimed is not None
            stage.desk.away = call == "A"
            short = Instant(stage.desk.now() + 9 * SECOND_US)
            stage.dispatcher.take([structs.replace(claimed, lease_until=short)])
            await asyncio.sleep(0.5)

            assert stage.local.begun(f"test.1.{call}") == (call == "B")

        assert len(stage.desk.renewals) == 2
        await stage.outcome("A")

    play(act)


def test_all_leases_are_renewed_every_ten_seconds_in_one_call() -> None:
    async def act(stage: Stage) -> None:
        for call in "ABC":
            stage.add(planned(call, "test:local", seconds=95))
        for call in "ABC":
            await stage.outcome(call)

        assert [len(claims) for claims in stage.desk.renewals] == [3] * 9

    play(act)


def test_work_whose_fence_is_gone_is_ended_and_has_no_outcome() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:local", seconds=500))
        await asyncio.sleep(2)
        stage.set_row(fence=9, owner="other", visible_at=Instant(2**60))
        await asyncio.sleep(13)

        assert stage.local.stretches[0].how == "stop"
        assert stage.outbox.offered == []
        assert stage.dispatcher.busy() == ()

    play(act)


def test_a_row_that_is_locked_for_one_renewal_is_still_ours() -> None:
    class Skipping(MemoryDesk):
        async def renew(self, claims: Any) -> Any:
            ours = await super().renew(claims)
            return [] if len(self.renewals) % 2 else ours

    async def main() -> None:
        stage = Stage()
        stage.desk = Skipping(stage.outbox, "me", VirtualClock())
        stage.dispatcher = Dispatcher(
            stage.desk, {"test:local": stage.local}, {}, owner="me", slots=1
        )
        async with running(stage):
            stage.add(planned("A", "test:local", seconds=300))

            assert await stage.outcome() == Done(None)

    run_virtual(main())


# ---- when the store is away
def test_an_outcome_is_kept_until_the_store_is_back() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:local", seconds=10, output="kept"))
        await asyncio.sleep(5)
        stage.desk.away = True
        await asyncio.sleep(120)
        assert stage.outbox.offered == []
        stage.desk.away = False

        assert await stage.outcome(within_s=6) == Done("kept")
        assert stage.local.begun(KEY) == 1

    play(act)


def test_an_outcome_the_host_refuses_becomes_a_failure_it_takes() -> None:
    class Picky(MemoryDesk):
        async def offer(
            self, cell: Any, key: Any, call: str, fence: int, result: Any, starts: int
        ) -> bool:
            if isinstance(result, Done):
                raise InputError("limit.cell", "too much")
            return await super().offer(cell, key, call, fence, result, starts)

    async def main() -> None:
        stage = Stage()
        desk = Picky(stage.outbox, "me", VirtualClock())
        stage.dispatcher = Dispatcher(desk, {"test:local": stage.local}, {}, owner="me", slots=1)
        async with running(stage):
            stage.add(planned("A", "test:local"))

            assert await stage.outcome() == Failed(
                "Tidegate.OutcomeRefused", "InputError: too much"
            )
            assert stage.local.begun(KEY) == 1

    run_virtual(main())


def test_local_work_alone_goes_on_though_its_lease_cannot_be_renewed() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:local", seconds=200, output="done"))
        await asyncio.sleep(5)
        stage.desk.away = True
        await asyncio.sleep(100)
        stage.desk.away = False

        assert await stage.outcome() == Done("done")
        assert stage.local.begun(KEY) == 1

    play(act)


def test_what_ended_beside_others_while_the_store_was_away_is_told_once_and_not_done_again() -> (
    None
):
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:local", seconds=10, output="kept"))
        await asyncio.sleep(2)
        stage.desk.away = True
        await asyncio.sleep(60.3)
        stage.desk.away = False
        stage.dispatcher.poke()  # it claims before it renews

        assert await stage.outcome(within_s=6) == Done("kept")
        await asyncio.sleep(120)
        assert stage.local.begun(KEY) == 1
        assert stage.outbox.open() == []

    play(act, others=1)


def test_an_outcome_that_a_claim_of_our_own_overtook_is_offered_again() -> None:
    stage: Stage

    class Overtaken(MemoryDesk):
        claimed_again = False

        async def offer(
            self, cell: Any, key: Any, call: str, fence: int, result: Any, starts: int
        ) -> bool:
            if not self.claimed_again:
                self.claimed_again = True
                lapsed = Instant(self.now() + 60 * SECOND_US)
                stage.dispatcher.take(self.outbox.store.claim(lapsed, self.owner, 1))
                await asyncio.sleep(0.01)
            return await super().offer(cell, key, call, fence, result, starts)

    async def main() -> None:
        nonlocal stage
        stage = Stage()
        desk = Overtaken(stage.outbox, "me", VirtualClock())
        stage.dispatcher = Dispatcher(desk, {"test:local": stage.local}, {}, owner="me", slots=1)
        async with running(stage):
            stage.add(planned("A", "test:local", output="kept"))

            assert await stage.outcome(within_s=5) == Done("kept")
            assert stage.local.begun(KEY) == 1
            assert stage.outbox.open() == []

    run_virtual(main())


def test_local_work_beside_others_ends_five_seconds_before_its_lease_and_says_so_later() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:local", seconds=500))
        await asyncio.sleep(2)
        renewed_at = 0.0 if not stage.desk.renewals else seconds()
        stage.desk.away = True
        await asyncio.sleep(60.3)
        (stretch,) = stage.local.stretches
        assert stretch.ended_at == pytest.approx(renewed_at + 25, abs=1.1)
        stage.desk.away = False
        stage.dispatcher.poke()  # it claims before it renews

        result = await stage.outcome(within_s=6)

        assert isinstance(result, Failed)
        assert result.error == "Tidegate.LeaseLost"
        assert stage.local.begun(KEY) == 1

    play(act, others=1)


def test_a_kind_that_cannot_end_itself_is_ended_by_the_dispatcher() -> None:
    class Plain(LocalWork):
        extend = None  # type: ignore[assignment]

    plain = Plain()

    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:plain", seconds=500))
        await asyncio.sleep(2)
        stage.desk.away = True
        await asyncio.sleep(30)

        assert plain.stretches[0].ended_at == pytest.approx(25, abs=1.1)

    play(act, others=1, tasks={"test:plain": plain})


def test_work_is_told_how_long_it_may_go_on_and_alone_for_ever() -> None:
    async def beside(stage: Stage) -> None:
        stage.add(planned("A", "test:local", seconds=15))
        await stage.outcome()

        assert [round(s) for _, s in stage.local.extended if s is not None] == [25, 25]

    async def alone(stage: Stage) -> None:
        stage.add(planned("A", "test:local", seconds=15))
        await stage.outcome()

        assert stage.local.extended == [(KEY, None), (KEY, None)]

    play(beside, others=1)
    play(alone)


@pytest.mark.parametrize(("others", "quiet_s"), [(0, 0), (1, 40)])
def test_after_an_outage_nothing_is_claimed_beside_others_for_a_lease_and_ten_seconds(
    others: int, quiet_s: int
) -> None:
    async def act(stage: Stage) -> None:
        stage.desk.away = True
        await asyncio.sleep(12)
        stage.desk.away = False
        back_at = seconds()
        await asyncio.sleep(1.5)  # the look that finds the store back
        stage.add(planned("A", "test:local"))
        await stage.outcome()

        waited = stage.local.stretches[0].began_at - back_at
        assert quiet_s <= waited <= quiet_s + 3

    play(act, others=others)


def test_a_short_outage_makes_nobody_wait() -> None:
    async def act(stage: Stage) -> None:
        stage.desk.away = True
        await asyncio.sleep(8)
        stage.desk.away = False
        stage.add(planned("A", "test:local"))

        assert await stage.outcome(within_s=3) == Done(None)

    play(act, others=1)


def test_after_a_standstill_of_the_server_nothing_is_claimed_beside_others() -> None:
    class Jump(VirtualClock):
        gap_s = 0.0

        def monotonic(self) -> float:
            return super().monotonic() + self.gap_s

    async def main() -> None:
        stage, clock = Stage(), Jump()
        stage.desk = MemoryDesk(stage.outbox, "me", clock, lambda: 1)
        stage.dispatcher = Dispatcher(
            stage.desk, {"test:local": stage.local}, {}, owner="me", slots=1
        )
        async with running(stage):
            await asyncio.sleep(3)
            clock.gap_s = 60.0
            await asyncio.sleep(1.1)
            stage.add(planned("A", "test:local"))
            await stage.outcome()

            assert stage.local.stretches[0].began_at >= 43

    run_virtual(main())


# ---- trouble that passes
def test_a_service_that_is_away_is_asked_again_with_growing_pauses() -> None:
    async def act(stage: Stage) -> None:
        stage.remote.unreachable = True
        stage.add(planned("A", "test:remote", output="late"))
        await asyncio.sleep(100)
        assert 5 <= stage.row().tries <= 8
        stage.remote.unreachable = False

        assert await stage.outcome() == Done("late")

    play(act)


def test_a_service_that_stays_away_fails_what_was_never_started() -> None:
    async def act(stage: Stage) -> None:
        stage.remote.unreachable = True
        stage.add(planned("A", "test:remote"))

        result = await stage.outcome()

        assert isinstance(result, Failed)
        assert result.error == "Tidegate.Unreachable"
        assert "20 tries" in result.cause
        assert 1800 < seconds() < 7200

    play(act)


def test_a_service_that_stays_away_does_not_fail_what_runs_there() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:remote", seconds=100, output="ran"))
        await asyncio.sleep(3)
        stage.remote.unreachable = True
        await asyncio.sleep(20_000)
        assert stage.outbox.offered == []
        stage.remote.unreachable = False

        assert await stage.outcome() == Done("ran")

    play(act)


def test_retry_after_is_heeded() -> None:
    class Limited(RemoteService):
        async def start(self, call: Call) -> Result:
            if seconds() < 99:
                raise TransientError("task.unreachable", "slow down", retry_after_s=100.0)
            return await super().start(call)

    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:limited"))
        await asyncio.sleep(2)

        assert stage.row().visible_at - stage.desk.now() > 97 * SECOND_US
        assert await stage.outcome(within_s=110) == Done(None)

    play(act, tasks={"test:limited": Limited()})


# ---- how often it was begun
def starts(stage: Stage) -> list[int]:
    return [one.starts for one in stage.outbox.offered if one.counted]


def test_work_that_was_begun_once_says_so_however_often_no_slot_was_free_for_it() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:local", seconds=30))
        await asyncio.sleep(2)
        stage.add(planned("B", "test:local", seconds=1))
        await asyncio.sleep(20)
        assert stage.row("B").fence > 3
        assert starts_of(stage.row("B").handle, stage.row("B").fence) == 0

        await stage.outcome("A")
        await stage.outcome("B")

        assert starts(stage) == [1, 1]

    play(act, slots=1)


def test_work_that_a_server_which_was_lost_had_begun_says_that_it_was_begun_twice() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:local", seconds=3))
        stage.outbox.store.claim(stage.desk.now(), "lost", 1)
        await asyncio.sleep(31)

        await stage.outcome()

        assert starts(stage) == [2]

    play(act, others=1)


def test_work_that_ended_with_its_server_says_that_it_was_begun_again_by_the_next() -> None:
    async def main() -> None:
        first = Stage()
        async with running(first):
            first.add(planned("A", "test:local", timeout_s=60, seconds=50))
            await asyncio.sleep(40)
        assert starts_of(first.row().handle, first.row().fence) == 1
        second = Stage(first.outbox, name="next")
        async with running(second):
            assert await second.outcome() == Done(None), "its time begins anew"

            assert starts(second) == [2]

    run_virtual(main())


def test_work_that_could_not_be_begun_at_first_was_begun_once() -> None:
    async def act(stage: Stage) -> None:
        stage.local.unreachable = True
        stage.add(planned("A", "test:local"))
        await asyncio.sleep(20)
        stage.local.unreachable = False
        await stage.outcome()

        assert starts(stage) == [1]

    play(act)


# ---- time limits
def test_local_work_over_its_time_is_ended() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:local", timeout_s=40, seconds=500))

        result = await stage.outcome()

        assert isinstance(result, Failed)
        assert result.error == "States.Timeout"
        assert stage.local.stretches[0].ended_at == pytest.approx(40, abs=1)

    play(act)


def test_the_time_of_remote_work_counts_over_a_restart() -> None:
    async def main() -> None:
        first = Stage()
        async with running(first):
            first.add(planned("A", "test:remote", timeout_s=100, seconds=1e6))
            await asyncio.sleep(50)
        second = Stage(first.outbox, name="next", tasks={"test:remote": first.remote})
        async with running(second):
            result = await second.outcome()

            assert isinstance(result, Failed)
            assert result.error == "States.Timeout"
            assert 100 <= seconds() <= 103
            assert first.remote.stops == [KEY]

    run_virtual(main())


def test_remote_work_over_its_time_is_ended_then_and_not_at_the_next_look() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:remote", timeout_s=12, seconds=500))

        result = await stage.outcome()

        assert isinstance(result, Failed)
        assert result.error == "States.Timeout"
        assert 12 <= seconds() <= 13.5

    play(act)


def test_the_time_of_remote_work_counts_while_its_service_cannot_be_reached() -> None:
    async def act(stage: Stage) -> None:
        stage.remote.unreachable = True
        stage.add(planned("A", "test:remote", timeout_s=20))

        result = await stage.outcome()

        assert isinstance(result, Failed)
        assert result.error == "States.Timeout"
        assert 20 <= seconds() <= 22

    play(act)


def test_what_runs_elsewhere_over_its_time_is_ended_before_anybody_hears_of_it() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:remote", timeout_s=20, seconds=1e6))
        await asyncio.sleep(10)
        stage.remote.unreachable = True
        await asyncio.sleep(1000)
        assert stage.outbox.offered == []
        assert stage.row().tries < 15
        stage.remote.unreachable = False

        result = await stage.outcome()

        assert isinstance(result, Failed)
        assert result.error == "States.Timeout"
        assert stage.remote.jobs[KEY].stopped

    play(act)


def test_the_time_it_takes_to_begin_local_work_counts_and_the_last_trouble_is_told() -> None:
    async def act(stage: Stage) -> None:
        stage.local.unreachable = True
        stage.add(planned("A", "test:local", timeout_s=20))

        result = await stage.outcome()

        assert result == Failed(
            "States.Timeout",
            "not done 20 s after its first try, and ended; the last trouble: no process can be made",
        )
        assert 20 <= seconds() <= 22

    play(act)


@pytest.mark.parametrize("trouble", ["", "x" * 2000, "\n\x01" * 2000, "🌊" * 2000, "ü\ud800"])
def test_a_trail_fits_a_row_whatever_the_trouble_was(trouble: str) -> None:
    trail = Trail(Instant(2**60), "h" * 300, Instant(2**60), trouble)

    text = trail.text()

    assert text is not None
    assert len(text.encode()) <= 512
    assert structs.replace(trail_of(text, Instant(0)), trouble="") == structs.replace(
        trail, trouble=""
    )
    assert Trail(Instant(0), "h" * 513).text() is None
    assert trail_of("job-17", Instant(5)) == Trail(Instant(5), "job-17")


def test_the_time_a_server_was_down_does_not_count_for_local_work() -> None:
    async def main() -> None:
        first = Stage()
        async with running(first):
            first.add(planned("A", "test:local", timeout_s=30, seconds=20))
            await asyncio.sleep(5)
        await asyncio.sleep(1000)
        second = Stage(first.outbox, name="next")
        async with running(second):
            assert await second.outcome() == Done(None)

    run_virtual(main())


# ---- stops
def test_a_stop_of_our_own_work_ends_it_and_is_used_up_by_what_it_said() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:local", seconds=500))
        await asyncio.sleep(2)
        stage.outbox.stop("A", now=stage.desk.now())
        stage.dispatcher.poke()
        await asyncio.sleep(0.5)

        assert stage.local.stretches[0].how == "stop"
        assert stage.outbox.counted("A") == [Failed("Tidegate.Stopped", "on request")]
        assert starts(stage) == [1]
        assert stage.outbox.open() == []

    play(act)


def test_a_stop_reaches_work_of_another_replica_through_its_fence() -> None:
    async def main() -> None:
        first = Stage(others=1)
        second = Stage(first.outbox, name="other", others=1)
        async with running(first):
            first.add(planned("A", "test:local", seconds=5000))
            await asyncio.sleep(2)
            first.desk.claims = False  # only the other one does from now on
            async with running(second):
                first.outbox.stop("A", now=first.desk.now())
                await asyncio.sleep(12)
                assert first.local.stretches[0].how == "stop"
                assert first.outbox.open() != []
                await asyncio.sleep(30)

        assert first.outbox.open() == []
        assert first.outbox.offered == []

    run_virtual(main())


def test_a_stop_of_remote_work_stays_until_nothing_was_there_for_a_whole_lease() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:remote", seconds=5000))
        await asyncio.sleep(2)
        stage.outbox.stop("A", now=stage.desk.now())
        await asyncio.sleep(20)
        assert stage.remote.stops == [KEY]
        assert stage.row().kind == STOP
        await asyncio.sleep(20)

        assert stage.outbox.open() == []
        assert stage.outbox.offered == []
        assert stage.remote.stops == [KEY, KEY]

    play(act)


def test_a_stop_is_tried_until_the_service_can_be_asked() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:remote", seconds=5000))
        await asyncio.sleep(2)
        stage.remote.unreachable = True
        stage.outbox.stop("A", now=stage.desk.now())
        await asyncio.sleep(3000)
        assert stage.row().kind == STOP
        stage.remote.unreachable = False
        await asyncio.sleep(700)

        assert stage.outbox.open() == []
        assert stage.remote.jobs[KEY].stopped

    play(act)


def test_a_job_that_takes_its_time_to_end_is_watched_until_it_has() -> None:
    class Slow(RemoteService):
        async def find(self, call: Call) -> Result | None:
            return Running(call.key) if seconds() < 100 else None

    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:slow", seconds=5000))
        await asyncio.sleep(2)
        stage.outbox.stop("A", now=stage.desk.now())
        await asyncio.sleep(110)
        assert stage.row().kind == STOP
        await asyncio.sleep(40)

        assert stage.outbox.open() == []

    play(act, tasks={"test:slow": Slow()})


def test_a_stopped_notice_and_an_unknown_resource_leave_no_stop_behind() -> None:
    async def act(stage: Stage) -> None:
        far = Instant(stage.desk.now() + 10**12)
        stage.add(notice(), visible_at=far)
        stage.add(planned("B", "arn:x"), visible_at=far)
        for call in "AB":
            stage.outbox.stop(call, now=stage.desk.now())
        await asyncio.sleep(2)

        assert stage.outbox.open() == []
        assert stage.console.keys == []

    play(act)


# ---- notices
def notice(**given: Any) -> SendNotice:
    return SendNotice(call="A", channel="console", receiver="ops", body={}, **given)


def test_a_notice_is_sent_under_its_key_and_answers_the_channels_id() -> None:
    async def act(stage: Stage) -> None:
        stage.add(notice())

        assert await stage.outcome() == Done({"channel": "console", "id": "m1"})
        assert stage.console.keys == [KEY]

    play(act)


def test_a_notice_is_tried_attempts_max_times() -> None:
    away = [TransientError("notice.unreachable", "away") for _ in range(9)]
    channel = Sent(*away)

    async def act(stage: Stage) -> None:
        stage.add(notice(attempts_max=3))

        result = await stage.outcome()

        assert result == Failed("Tidegate.NoticeFailed", "3 tries; the last: away")
        assert len(channel.at) == 3
        assert 2.5 <= channel.at[1] - channel.at[0] <= 6
        assert 5 <= channel.at[2] - channel.at[1] <= 11

    play(act, notify={"console": channel})


def test_a_notice_that_is_refused_is_not_tried_again() -> None:
    channel = Sent(InputError("notice.refused", "no such address"))

    async def act(stage: Stage) -> None:
        stage.add(notice())

        assert await stage.outcome() == Failed("Tidegate.NoticeRefused", "no such address")

    play(act, notify={"console": channel})


def test_a_channel_that_does_not_answer_is_not_waited_for() -> None:
    class Hanging(Sent):
        async def send(self, notice: SendNotice, key: str) -> str | None:
            await super().send(notice, key)
            return await asyncio.Event().wait() and None

    channel = Hanging()

    async def act(stage: Stage) -> None:
        stage.add(notice(attempts_max=2))

        result = await stage.outcome()

        assert isinstance(result, Failed)
        assert "no answer in 8 s" in result.cause

    play(act, notify={"console": channel})


def test_a_channel_that_is_not_set_up_is_told_on_the_console() -> None:
    async def act(stage: Stage) -> None:
        stage.add(structs.replace(notice(), channel="slack"))

        assert await stage.outcome() == Done({"channel": "console", "id": "m1"})

    play(act)


def test_without_a_console_an_unknown_channel_is_a_failure() -> None:
    async def act(stage: Stage) -> None:
        stage.add(structs.replace(notice(), channel="slack"))

        result = await stage.outcome()

        assert result == Failed("Tidegate.ChannelUnknown", "no channel 'slack'; known: email")

    play(act, notify={"email": Sent()})


# ---- slots
def test_no_more_local_work_runs_at_once_than_there_are_slots() -> None:
    async def act(stage: Stage) -> None:
        for n in range(9):
            stage.add(planned(f"A{n}", "test:local", seconds=10), cell=1)
        most = 0
        while len(stage.outbox.offered) < 9:
            most = max(most, len(stage.local.runs()))
            await asyncio.sleep(0.26)  # never the instant at which something ends
            assert stage.dispatcher.free() == 2 - len(stage.local.runs())

        assert most == 2
        assert seconds() < 52

    play(act, slots=2)


@pytest.mark.parametrize("waiting", [6, 300])
def test_long_commands_in_all_slots_delay_neither_notices_nor_remote_work_nor_stops(
    waiting: int,
) -> None:
    async def act(stage: Stage) -> None:
        for n in range(waiting):
            stage.add(planned(f"L{n}", "test:local", seconds=1000))
        await asyncio.sleep(3)
        stage.add(notice())
        stage.add(planned("R", "arn:tidegate:states:::http:call", output=1))
        await stage.outcome("A", within_s=5)
        await stage.outcome("R", within_s=5)
        (running_now,) = stage.local.runs()
        stage.outbox.stop(running_now.rpartition(".")[2], now=stage.desk.now())
        await asyncio.sleep(4)

        assert running_now not in stage.local.runs()

    play(act, slots=1)


class Hanging(Sent):
    """A channel that never answers."""

    async def send(self, notice: SendNotice, key: str) -> str | None:
        self.keys.append(key)
        await asyncio.Event().wait()
        return None


@pytest.mark.parametrize("slots", [2, 80])
def test_notices_that_nobody_answers_keep_no_job_from_starting(slots: int) -> None:
    channel = Hanging()

    async def act(stage: Stage) -> None:
        for n in range(300):
            stage.add(structs.replace(notice(), call=f"N{n}"))
        await asyncio.sleep(3)
        stage.add(planned("L", "test:local", seconds=1))
        stage.add(planned("R", "test:remote", output=1))
        await stage.outcome("L", within_s=5)
        await stage.outcome("R", within_s=5)

        assert NOTICES_MAX - NOTICES_LEAST < len(channel.keys) <= NOTICES_MAX

    play(act, slots=slots, notify={"console": channel})


def test_many_notices_are_all_sent() -> None:
    async def act(stage: Stage) -> None:
        for n in range(100):
            stage.add(structs.replace(notice(), call=f"N{n}"))
        await asyncio.sleep(5)

        assert len(stage.console.keys) == 100

    play(act, slots=1)


def test_born_claimed_work_without_a_slot_is_given_back() -> None:
    async def act(stage: Stage) -> None:
        claimed = [
            stage.add(planned(call, "test:local", seconds=50), owner="me") for call in ("A", "B")
        ]
        stage.dispatcher.take([one for one in claimed if one is not None])
        assert stage.dispatcher.free() == 0
        await asyncio.sleep(0.5)

        assert stage.row("B").owner is None
        await stage.outcome("B", within_s=105)

    play(act, slots=1)


def test_effects_are_taken_from_another_thread() -> None:
    """In real time: the host's thread hands them over while the loop waits."""

    async def main() -> None:
        stage = Stage()
        stage.desk = MemoryDesk(stage.outbox, "me", SystemClock())
        stage.dispatcher = Dispatcher(
            stage.desk, {"test:local": stage.local}, {}, owner="me", slots=1
        )
        async with running(stage):
            claimed = stage.add(planned("A", "test:local", output=1), owner="me")
            assert claimed is not None
            began = stage.desk.monotonic()
            await asyncio.to_thread(stage.dispatcher.take, [claimed])

            assert await stage.outcome(within_s=5) == Done(1)
            assert stage.desk.monotonic() - began < 0.9, "it waited for the next look"

    asyncio.run(main())


def test_busy_says_what_is_in_hand() -> None:
    async def act(stage: Stage) -> None:
        stage.add(planned("A", "test:local", seconds=50))
        await asyncio.sleep(1.5)

        (busy,) = stage.dispatcher.busy()

        assert (busy.cell, busy.call, busy.fence, busy.what) == (1, "A", 1, "local")
        assert busy.key.name == "e1"
        assert 27 <= busy.lease_left_s <= 30

    play(act)


# ---- the end
def test_a_stop_lets_short_work_end_and_gives_the_rest_back() -> None:
    async def main() -> None:
        stage = Stage()
        task = asyncio.create_task(stage.dispatcher.run())
        await asyncio.sleep(0)
        stage.add(planned("A", "test:local", seconds=5, output="short"))
        stage.add(planned("B", "test:local", seconds=5000))
        await asyncio.sleep(2)
        stopping = asyncio.create_task(stage.dispatcher.stop(10))
        await asyncio.sleep(0)
        stage.add(planned("C", "test:local"))
        assert stage.dispatcher.free() == 0
        await stopping
        await task

        assert stage.outbox.counted("A") == [Done("short")]
        assert stage.outbox.counted("B") == []
        assert stage.row("B").owner is None
        assert stage.row("B").visible_at <= stage.desk.now()
        assert stage.local.stretches[1].ended_at == pytest.approx(12, abs=0.5)
        assert stage.local.begun("test.1.C") == 0

    run_virtual(main())


def test_a_stop_that_is_given_up_still_ends_with_the_last_that_is_given_back() -> None:
    async def main() -> None:
        stage = Stage()
        task = asyncio.create_task(stage.dispatcher.run())
        await asyncio.sleep(0)
        for number in range(3):
            stage.add(planned(f"A{number}", "test:local", seconds=5000))
        await asyncio.sleep(2)
        stage.desk.delay_s = 3.0
        began = seconds()

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stage.dispatcher.stop(4), 4.5)
        await asyncio.wait_for(task, 5)

        assert seconds() - began == pytest.approx(7, abs=0.5)
        assert [stage.row(f"A{number}").owner for number in range(3)] == [None] * 3

    run_virtual(main())


def test_a_stop_ends_although_the_store_is_away() -> None:
    async def main() -> None:
        stage = Stage()
        task = asyncio.create_task(stage.dispatcher.run())
        await asyncio.sleep(0)
        stage.add(planned("A", "test:local", seconds=1))
        await asyncio.sleep(0.5)
        stage.desk.away = True
        await stage.dispatcher.stop(5)
        await task

        assert seconds() < 40
        assert stage.dispatcher.busy() == ()

    run_virtual(main())
