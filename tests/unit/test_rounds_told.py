"""What is said of a date with several rounds, and of the runs each of them asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tidegate.kernel.clock import MINUTE_US, parse_day
from tidegate.kernel.event import Json
from tidegate.kernel.step import CallTask, Done, Effect, Failed, Key
from tidegate.schedule.orders import Pause, Resume
from tidegate.services.board import make_board
from tidegate.testing.gates import DATE, at, close, delivery, explained, project, rule, start, to
from tidegate.testing.world import Performer, Takes, World

OTHER = {("job", "other"): {"kind": "command", "target": "true"}}
FIRST = f"daily~~{DATE}~~001"
TRIGGER = f"job~~{DATE}~~daily.001.1"


def failing(*jobs: str, but: Sequence[str] = ()) -> Performer:
    """These jobs fail, but for runs whose names end so."""

    def perform(key: Key, effect: Effect) -> Done | Failed | Takes | None:
        if not isinstance(effect, CallTask) or key.scope not in jobs:
            return Done()
        return Done() if key.name.endswith(tuple(but)) else Failed("X", "no rows")

    return perform


def told(world: World, rule_: str = "daily") -> dict[str, Any]:
    answer: dict[str, Any] = world.asking.explain_rule(rule_, parse_day(DATE)).answer
    return answer


def statuses(runs: list[Json]) -> list[tuple[str, str]]:
    return [(one["job"], one["status"]) for one in runs]


def state(world: World) -> str:
    (row, *_) = make_board(world.asking, world.downstream, parse_day(DATE), 1).rows
    return row.cells[DATE]


def two_jobs(**changes: Any) -> dict[tuple[str, str], Any]:
    actions = [start("other"), start("job")]
    return project(rule("a", "b", actions=actions, **changes), others=OTHER)


# ---- rounds
def test_one_run_that_failed_keeps_a_date_from_being_called_done() -> None:
    world = World(two_jobs(), perform=failing("job"))
    world.hear(delivery("a"), delivery("b"))

    world.hear(delivery("a", "a2"))

    before = told(world)["opened_before"]
    assert told(world)["sentence"].startswith(f"daily for {DATE}: round 001 opened at")
    assert statuses(before["runs"]) == [("job", "failed"), ("other", "succeeded")]


def test_a_date_whose_round_asked_for_no_job_is_not_called_done() -> None:
    world = World(project(rule("a", "b", actions=[])))
    world.hear(delivery("a"), delivery("b"))

    world.hear(delivery("a", "a2"))

    sentence = told(world)["sentence"]
    assert sentence.startswith(f"daily for {DATE}: round 001 opened at")
    assert "It asked for no job. Round 002 has begun" in sentence


def test_a_date_whose_last_round_opened_is_told_by_it_alone() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"), delivery("b"))

    world.hear(delivery("a", "a2"), delivery("b", "b2"))

    (row, *_) = make_board(world.asking, world.downstream, parse_day(DATE), 1).rows
    assert told(world)["gate"] == f"daily~~{DATE}~~002"
    assert "opened_before" not in told(world)
    assert row.again == []


def test_a_round_that_was_closed_stands_between_no_date_and_the_round_that_opened() -> None:
    world = World(project(rule("a", "b", late="new_round")))
    world.hear(delivery("a"), delivery("b"))
    world.hear(delivery("a", "a2"))
    close(world, f"daily~~{DATE}~~002")

    world.hear(delivery("a", "a3"))

    assert [one["status"] for one in world.gates()] == ["open", "closed", "waiting"]
    assert told(world)["opened_before"]["gate"] == FIRST
    assert state(world) == "done"


# ---- runs
def test_of_two_runs_the_one_that_needs_somebody_is_named_first() -> None:
    world = World(two_jobs(), perform=failing("job"))

    world.hear(delivery("a"), delivery("b"))

    assert statuses(told(world)["runs"]) == [("job", "failed"), ("other", "succeeded")]


def test_what_held_a_run_that_goes_on_is_told_no_more() -> None:
    world = World(project(rule("a")))
    world.order(Pause())
    world.hear(delivery("a"))

    held = told(world)["runs"][0]["held"]
    world.order(Resume())
    world.advance(MINUTE_US)
    (run,) = told(world)["runs"]

    assert [one["text"] for one in held] != []
    assert (run["status"], run["held"]) == ("succeeded", [])


@pytest.mark.parametrize("named", ["job", "${data.which}"])
def test_the_last_of_all_repetitions_stands_for_the_run(named: str) -> None:
    world = World(
        project(rule("a", actions=[start(named)])), perform=failing("job", but=[".again.2"])
    )
    world.hear(delivery("a", which="job"))

    seen = [(state(world), statuses(told(world)["runs"]))]
    for _ in range(2):
        world.order(world.runs.again(TRIGGER))
        world.settle()
        seen.append((state(world), statuses(told(world)["runs"])))

    assert seen == [
        ("failed", [("job", "failed")]), ("failed", [("job", "failed")]),
        ("done", [("job", "succeeded")]),
    ]  # fmt: skip


def test_the_run_that_an_overdue_gate_asked_for_is_told() -> None:
    written = rule("a", "b", expect={"deadline": "06:00"}, on_timeout=[start("other")])
    world = World(
        project(written, others=OTHER), at=at(f"{DATE}T04:00:00Z"), perform=failing("other")
    )

    to(world, f"{DATE}T07:00:00Z")
    overdue = explained(world, FIRST)
    world.hear(*(delivery(one, time=f"{DATE}T06:30:00Z") for one in ("a", "b")))

    assert overdue["status"] == "overdue"
    assert statuses(overdue["runs"]) == [("other", "failed")]
    assert statuses(told(world)["runs"]) == [("other", "failed"), ("job", "succeeded")]
    assert state(world) == "failed"
