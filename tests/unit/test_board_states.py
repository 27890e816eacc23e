"""Which state each cell of the board shows: of gates that have not opened, and of how runs ended."""

from __future__ import annotations

import pytest

from tidegate.kernel.clock import format_day, parse_day
from tidegate.kernel.step import CallTask, Done, Effect, Failed, Key
from tidegate.run.orders import StopExecution
from tidegate.services.board import DAYS_MAX, make_board
from tidegate.testing.gates import (
    DATE,
    at,
    close,
    delivery,
    match,
    one_gate,
    project,
    rule,
    start,
    to,
    window,
)
from tidegate.testing.world import Performer, Takes, World

TRIGGER = f"job~~{DATE}~~daily.001.1"


def endless(key: Key, effect: Effect) -> Done | Failed | Takes | None:
    return None if isinstance(effect, CallTask) else Done()


def failing(key: Key, effect: Effect) -> Done | Failed | Takes | None:
    return Failed("Tidegate.CommandFailed", "no rows") if isinstance(effect, CallTask) else Done()


def failing_with(error: str) -> Performer:
    return lambda key, effect: Failed(error, "x") if isinstance(effect, CallTask) else Done()


def states(world: World, date: str = DATE) -> dict[str, str]:
    """What the rows of a date show; the rule itself under "daily"."""
    rows = make_board(world.asking, world.downstream, parse_day(date), 1).rows
    return {one.dataset or one.rule: one.cells[date] for one in rows}


# ---- gates that have not opened
def expecting(start: str, **expect: str) -> World:
    return World(project(rule("a", "b", expect=expect)), at=at(start))


def test_a_gate_is_late_after_its_warning_and_after_its_deadline_and_what_lacks_is_told() -> None:
    world = expecting(f"{DATE}T04:00:00Z", deadline="06:00", warn_at="05:00")
    to(world, f"{DATE}T04:30:00Z")
    world.hear(delivery("a", time=f"{DATE}T04:20:00Z"))

    before = states(world)
    to(world, f"{DATE}T05:30:00Z")
    warned = states(world)
    to(world, f"{DATE}T06:30:00Z")
    overdue = states(world)

    assert before == {"daily": "waiting", "a": "ready", "b": "waiting"}
    assert warned == {"daily": "late", "a": "ready", "b": "late"}
    assert overdue == {"daily": "late", "a": "ready", "b": "missing"}


def test_history_that_lacks_an_input_is_missing_and_alarms_nobody() -> None:
    world = expecting("2025-11-21T09:00:00Z", deadline="06:00")

    world.hear(delivery("a", business_date="2024-01-15"))

    assert states(world, "2024-01-15") == {"daily": "missing", "a": "ready", "b": "missing"}


def test_a_gate_that_a_person_closed_is_closed_and_nobody_waits_for_what_it_lacks() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"))

    close(world, one_gate(world)["id"])

    assert states(world) == {"daily": "closed", "a": "ready", "b": "closed"}


def test_a_gate_whose_time_was_over_is_missing_as_what_it_lacks() -> None:
    world = World(project(rule("a", "b", correlation_logic=window("1h"), close_after="1d")))
    world.hear(delivery("a"))

    to(world, "2025-11-22T10:00:00Z")

    assert one_gate(world)["status"] == "closed"
    assert states(world) == {"daily": "missing", "a": "ready", "b": "missing"}


def test_a_later_round_that_a_person_closed_leaves_the_date_as_it_was() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"), delivery("b"), delivery("a", "a2"))

    close(world, f"daily~~{DATE}~~002")

    assert states(world) == {"daily": "done", "a": "ready", "b": "ready"}


def test_a_gate_that_asked_for_no_job_is_done_when_it_is_open() -> None:
    world = World(project(rule("a", actions=[])))

    world.hear(delivery("a"))

    assert states(world) == {"daily": "done", "a": "ready"}


# ---- how runs end
def test_a_run_that_a_person_stopped_has_failed() -> None:
    world = World(project(rule("a")), perform=endless)
    world.hear(delivery("a"))

    running = states(world)["daily"]
    world.order(StopExecution(execution=TRIGGER))

    assert (running, states(world)["daily"]) == ("running", "failed")


def test_a_run_that_took_too_long_has_failed() -> None:
    job = {("job", "job"): {"kind": "command", "target": "true", "timeout": "1m"}}
    world = World(project(rule("a"), others=job), perform=failing_with("States.Timeout"))

    world.hear(delivery("a"))

    assert world.runs.execution(TRIGGER)["status"] == "timed_out"
    assert states(world)["daily"] == "failed"


def test_a_run_that_was_refused_has_failed() -> None:
    world = World(project(rule("a", actions=[start("nobody")])))

    world.hear(delivery("a"))

    assert [one["status"] for one in world.runs.triggers().items] == ["refused"]
    assert states(world)["daily"] == "failed"


# ---- several gates, several dates
@pytest.mark.parametrize(("whole", "half"), [("east", "west"), ("west", "east")])
def test_whichever_gate_of_a_date_comes_first_the_one_that_needs_somebody_is_shown(
    whole: str, half: str
) -> None:
    by_store = [match("data.business_date"), match("data.store")]
    world = World(project(rule("a", "b", correlation_logic=by_store)), perform=failing)

    world.hear(*(delivery(one, f"{one}1", store=whole) for one in ("a", "b")))
    world.hear(delivery("a", "a2", store=half))

    assert states(world)["daily"] == "failed"


def test_a_board_has_at_most_so_many_dates() -> None:
    world = World(project(rule("a")))
    world.hear(delivery("a"))

    made = make_board(world.asking, world.downstream, parse_day(DATE), DAYS_MAX + 40)

    assert len(made.dates) == DAYS_MAX
    assert made.dates[-1] == format_day(parse_day(DATE))
