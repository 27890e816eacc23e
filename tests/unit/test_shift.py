"""A jump of the clock that a person accepts, moving what waits: all that waits waits as long as before."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.kernel.clock import DAY_US, HOUR_US, MINUTE_US, Instant
from tidegate.kernel.step import CallTask, Done, Effect, Failed, Key
from tidegate.run.execution import Execution
from tidegate.schedule.orders import Pause
from tidegate.services.orders import AcceptClock
from tidegate.testing.gates import (
    DATE,
    clock,
    delivery,
    inputs,
    one_gate,
    project,
    rounds,
    rule,
    start,
    window,
)
from tidegate.testing.world import World
from tidegate.watch.sla import Sla
from tidegate.watch.sla import Status as SlaStatus

YEAR_US = 365 * DAY_US
JUMPS = pytest.mark.parametrize("jump_us", [YEAR_US, -YEAR_US, -HOUR_US])


def jump(world: World, by_us: int) -> None:
    world.clock.step(by_us)
    assert world.order(AcceptClock(shift=True)) == {"accepted": True}


def one_gate_of_date(world: World) -> dict[str, Any]:
    """An expectation has made those of other dates."""
    return next(gate for gate in world.gates() if gate["key"]["data.business_date"] == DATE)


def waiting(*datasets: str, anchor: str = "event_time", **changes: Any) -> World:
    return World(project(rule(*datasets, correlation_logic=window("24h", anchor), **changes)))


@JUMPS
def test_inputs_that_came_before_and_after_it_are_as_far_apart_as_they_were(jump_us: int) -> None:
    world = waiting("a", "b", anchor="arrival")
    world.hear(delivery("a"))
    world.advance(HOUR_US)

    jump(world, jump_us)
    world.advance(HOUR_US)
    world.hear(delivery("b", time=clock(world)))

    assert inputs(one_gate(world)) == {"a": "received", "b": "received"}
    assert rounds(world) == {1: "open"}
    assert world.verify().differences == []


@JUMPS
def test_a_gate_waits_for_its_window_as_long_as_before(jump_us: int) -> None:
    world = waiting("a", "b", "c", close_after="2d")
    world.hear(delivery("a"))
    world.advance(HOUR_US)

    jump(world, jump_us)
    world.hear(delivery("b"))
    world.advance(22 * HOUR_US)
    before = rounds(world)
    world.advance(2 * HOUR_US)
    after = rounds(world)
    jump(world, jump_us)
    world.advance(DAY_US)
    still = rounds(world)
    world.advance(DAY_US)

    assert (before, after, still) == ({1: "waiting"}, {1: "overdue"}, {1: "overdue"})
    assert rounds(world) == {1: "closed"}
    assert world.verify().differences == []


@pytest.mark.parametrize(
    ("jump_us", "left_us"),
    [(YEAR_US, 3 * HOUR_US), (HOUR_US, 3 * HOUR_US), (-HOUR_US, 4 * HOUR_US)],
)
def test_a_deadline_moves_along_and_one_that_lies_ahead_again_stays(
    jump_us: int, left_us: int
) -> None:
    world = World(project(rule("a", "b", "c", expect={"deadline": "+1d 12:00"})))
    world.hear(delivery("a"))

    jump(world, jump_us)
    world.hear(delivery("b"))
    world.advance(left_us - MINUTE_US)
    before = one_gate_of_date(world)["status"]
    world.advance(2 * MINUTE_US)

    assert (before, one_gate_of_date(world)["status"]) == ("waiting", "overdue")
    assert world.verify().differences == []


def test_a_warning_that_lies_ahead_again_is_not_early() -> None:
    expect = {"deadline": "+1d 12:00", "warn_at": "+1d 11:00"}
    world = World(project(rule("a", "b", expect=expect)))
    world.hear(delivery("a"))

    jump(world, -HOUR_US)
    world.advance(3 * HOUR_US - MINUTE_US)
    before = one_gate_of_date(world)["warned"]
    world.advance(2 * MINUTE_US)

    assert (before, one_gate_of_date(world)["warned"]) == (False, True)


@JUMPS
def test_the_next_attempt_and_the_end_of_a_run_are_as_far_off_as_before(jump_us: int) -> None:
    retry = {"max_attempts": 2, "delay_minutes": 60}
    answers: list[Done | Failed] = [Failed("Task.Broken"), Done()]

    def perform(key: Key, effect: Effect) -> Done | Failed:
        return answers.pop(0) if isinstance(effect, CallTask) else Done()

    world = World(project(rule("a", actions=[start(retry_config=retry)])), perform=perform)
    world.hear(delivery("a"))
    world.advance(MINUTE_US)

    jump(world, jump_us)
    world.advance(58 * MINUTE_US)
    before = [run["status"] for run in world.runs.executions().items]
    world.advance(2 * MINUTE_US)

    assert before == ["retrying"]
    assert [run["status"] for run in world.runs.executions().items] == ["succeeded"]
    assert world.verify().differences == []


@JUMPS
def test_a_retry_is_known_as_one_and_a_run_has_as_long_as_before(jump_us: int) -> None:
    retry = {"max_attempts": 2, "delay_minutes": 600}
    action = start(retry_config=retry, sla_minutes=100)
    world = World(
        project(rule("a", actions=[action])),
        perform=lambda key, effect: (
            Failed("Task.Broken") if isinstance(effect, CallTask) else Done()
        ),
    )
    world.hear(delivery("a"))

    jump(world, jump_us)
    (execution,) = world.cells("execution", Execution).values()
    seen: list[SlaStatus] = []
    for minutes in (79, 2, 18, 2):
        world.advance(minutes * MINUTE_US)
        (sla,) = world.cells("sla", Sla).values()
        seen.append(SlaStatus(sla.status))

    assert execution.wakes_for == "retry"
    assert [one.name for one in seen] == ["RUNNING", "WARNED", "WARNED", "BREACHED"]
    assert world.verify().differences == []


@JUMPS
def test_a_pause_lasts_as_long_as_before(jump_us: int) -> None:
    world = World(project(rule("a")))
    world.order(Pause(until=Instant(world.clock.now() + 2 * HOUR_US)))
    world.hear(delivery("a"))

    jump(world, jump_us)
    world.advance(HOUR_US)
    before = len(world.tasks())
    world.advance(HOUR_US + MINUTE_US)

    assert (before, len(world.tasks())) == (0, 1)
    assert world.verify().differences == []
