"""A run that was asked for again: what the earlier ones came to, who asked, and why."""

from __future__ import annotations

import pytest

from tidegate.cli.explain import print_explanation
from tidegate.kernel.step import Done, Effect, Failed, Key
from tidegate.testing.gates import DATE, delivery, explained, project, rule
from tidegate.testing.world import World

GATE = f"daily~~{DATE}~~001"
FIRST = f"job~~{DATE}~~daily.001.1"


def third_time(key: Key, effect: Effect) -> Done | Failed:
    return Done() if key.name.endswith(".again.2") else Failed("X", "no rows")


def again(world: World, actor: str, reason: str | None = None) -> None:
    world.order(world.runs.again(FIRST), actor=actor, reason=reason)


def repeated() -> World:
    world = World(project(rule("a")), perform=third_time)
    world.hear(delivery("a"))
    again(world, "ann", "the disk was full")
    again(world, "bob")
    return world


def test_the_earlier_runs_are_told_with_who_asked_again_and_why() -> None:
    (run,) = explained(repeated(), GATE)["runs"]

    assert (run["status"], run["actor"], run["reason"]) == ("succeeded", "bob", None)
    assert [
        (one["trigger"], one["status"], one["error"], one["actor"], one["reason"])
        for one in run["earlier"]
    ] == [
        (f"{FIRST}.again.1", "failed", "X", "ann", "the disk was full"),
        (FIRST, "failed", "X", None, None),
    ]


def test_a_run_that_nobody_repeated_has_no_earlier_ones() -> None:
    world = World(project(rule("a")))
    world.hear(delivery("a"))

    (run,) = explained(world, GATE)["runs"]

    assert run["earlier"] == []


def test_a_terminal_shows_them_under_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    world = repeated()

    print_explanation(explained(world, GATE))

    said = [
        line for line in capsys.readouterr().out.splitlines() if "job~~" in line or "by" in line
    ]
    assert said == [
        f" > job succeeded, attempt 1 of 1  {FIRST}.again.2",
        "     asked for again by bob",
        f"     before it: failed, X  {FIRST}.again.1",
        "     asked for again by ann: the disk was full",
        f"     before it: failed, X  {FIRST}",
    ]
