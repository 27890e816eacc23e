"""What comes next of a gate: its run, what clears it, what a late delivery or a redelivery would do."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.kernel.step import CallTask, Done, Effect, Failed, Key
from tidegate.testing.gates import (
    DATE,
    at,
    close,
    condition,
    delivery,
    explained,
    one_gate,
    project,
    rule,
    start,
    to,
    window,
)
from tidegate.testing.world import World

QUALITY = {"additional_conditions": [{"n": "> 0"}]}
FIRST, SECOND = f"daily~~{DATE}~~001", f"daily~~{DATE}~~002"


def endless(key: Key, effect: Effect) -> Done | Failed | None:
    return None if isinstance(effect, CallTask) else Done()


def failing(key: Key, effect: Effect) -> Done | Failed:
    return Failed("X", "no rows") if isinstance(effect, CallTask) else Done()


def following(world: World, id_: str = FIRST) -> tuple[str | None, str | None]:
    answer = explained(world, id_)["next"]
    return answer["at"], answer["what"]


# ---- its run
def test_while_the_run_goes_on_its_end_is_next() -> None:
    retry = {"max_attempts": 3, "delay_minutes": 5}
    once = World(project(rule("a")), perform=endless)
    often = World(project(rule("a", actions=[start(retry_config=retry)])), perform=endless)

    for world in (once, often):
        world.hear(delivery("a"))

    assert following(once) == (None, "job ends; should it fail, no attempt is left")
    assert following(often) == (
        None,
        "job ends; should it fail, attempt 2 of 3 follows at most 5m later",
    )


def test_a_run_with_an_end_set_to_it_says_when_that_is() -> None:
    job = {("job", "job"): {"kind": "command", "target": "true", "timeout": "1h"}}
    job["job", "job"]["execution_timeout"] = "2h"
    world = World(project(rule("a"), others=job), perform=endless)
    world.hear(delivery("a"))

    assert following(world) == ("2025-11-21T11:00:00Z", "job times out, if it has not ended")


def test_a_run_that_nobody_works_on_goes_on_with_the_next_server() -> None:
    world = World(project(rule("a")), perform=endless)
    world.hear(delivery("a"))

    world.attended = False

    assert following(world) == (None, "the next `tidegate serve` goes on with it")


def test_a_run_of_an_overdue_gate_does_not_hide_what_becomes_of_the_gate() -> None:
    late = rule("a", "b", correlation_logic=window("1h"), on_timeout=[start()])
    world = World(project(late), perform=endless)
    world.hear(delivery("a"))
    to(world, "2025-11-21T11:00:00Z")

    running = following(world)

    assert running == ("2025-12-21T10:00:00Z", "it is closed, unless what is missing arrives")


def test_a_failed_run_of_an_overdue_gate_needs_somebody_first() -> None:
    late = rule("a", "b", correlation_logic=window("1h"), on_timeout=[start()])
    world = World(project(late), perform=failing)
    world.hear(delivery("a"))
    to(world, "2025-11-21T11:00:00Z")

    assert (following(world)[1] or "").startswith("to start it again: tidegate trigger send")


# ---- after the opening
@pytest.mark.parametrize(
    ("redelivery", "what"),
    [
        ("new_round", "a redelivery begins the next round"),
        ("refire", "a redelivery opens the next round at once"),
        ("ignore", "redeliveries are ignored"),
    ],
)
def test_after_the_run_a_redelivery_is_next(redelivery: str, what: str) -> None:
    world = World(project(rule("a", redelivery=redelivery)))
    world.hear(delivery("a"))

    assert following(world) == (None, what)


def test_of_a_round_that_another_followed_that_one_is_next() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"), delivery("b"), delivery("b", "b2"))

    assert following(world) == (None, f"round 002 has begun: tidegate explain {SECOND}")


def test_what_a_redelivery_does_is_for_the_newest_version_to_say() -> None:
    world = World(project(rule("a", redelivery="ignore")))
    world.hear(delivery("a"))

    world.activate(project(rule("a", redelivery="refire")))
    changed = following(world)
    world.activate(project(rule("a", rule_name="other")))
    withdrawn = following(world)

    assert changed == (None, "a redelivery begins the next round, under version 2 of its rule")
    assert withdrawn == (None, "its rule was withdrawn: what comes now begins nothing")


# ---- closed
@pytest.mark.parametrize(
    ("late", "what"),
    [
        ("new_round", "a late delivery begins the next round"),
        ("ignore", "a late delivery is shown here and starts nothing"),
        ("inbox", "a late delivery is shown here and starts nothing; its owner is told"),
    ],
)
def test_a_closed_gate_says_what_a_late_delivery_would_do(late: str, what: str) -> None:
    world = World(project(rule("a", "b", late=late)))
    world.hear(delivery("a"))

    close(world, one_gate(world)["id"])

    assert following(world) == (None, what)


def test_a_late_delivery_is_shown_at_the_gate_as_what_it_is() -> None:
    world = World(project(rule("a", "b", late="ignore")))
    world.hear(delivery("a"))
    close(world, one_gate(world)["id"])

    world.hear(delivery("b"), delivery("a", "a2"))

    assert [one["text"] for one in explained(world, FIRST)["nearest_misses"]] == [
        "b came at 2025-11-21T09:00:00Z, too late, and was not counted",
        "a came again at 2025-11-21T09:00:00Z and was not counted",
    ]


# ---- held back
def held(*events: dict[str, Any], **changes: Any) -> World:
    written = rule("a", "b", **(QUALITY | changes))
    world = World(project(written), at=at(f"{DATE}T09:00:00Z"))
    world.hear(*events)
    return world


def test_what_is_held_back_waits_for_a_correction_or_a_person() -> None:
    world = held(delivery("a", n=1), delivery("b", n=0))

    assert following(world) == (
        None,
        f"it waits for a corrected delivery of b, or for a person: tidegate gate release {FIRST}",
    )


def test_what_is_missing_beside_it_is_named_for_a_release_alone_does_not_open_the_gate() -> None:
    world = held(delivery("b", n=0))

    assert following(world) == (
        None,
        "it waits for a; and for a corrected delivery of b, or for a person: "
        f"tidegate gate release {FIRST}",
    )


def test_an_optional_input_is_not_waited_for() -> None:
    conditions = [condition("a"), condition("b"), condition("c", optional=True)]
    world = held(delivery("b", n=0), conditions=conditions)

    assert (following(world)[1] or "").startswith("it waits for a; and for a corrected delivery")


def test_held_back_with_all_inputs_here_it_is_closed_unless_that_is_cleared() -> None:
    expect = {"expect": {"deadline": "12:00"}}
    both = held(delivery("a", n=1), delivery("b", n=0), **expect)
    one = held(delivery("b", n=0), **expect)

    for world in (both, one):
        to(world, f"{DATE}T13:00:00Z")

    assert (following(both)[1] or "").endswith(
        "; at 2025-12-20T12:00:00Z it is closed, unless what is held back is corrected or released"
    )
    assert (following(one)[1] or "").endswith(
        "; at 2025-12-20T12:00:00Z it is closed, unless what is missing arrives and "
        "what is held back is corrected or released"
    )


def test_what_came_outside_the_window_does_not_count_as_missing() -> None:
    world = World(project(rule("a", "b", correlation_logic=window("1h"))))
    world.hear(delivery("a", time="2025-11-21T05:00:00Z"), delivery("b"))
    to(world, "2025-11-21T11:00:00Z")

    assert (following(world)[1] or "").startswith(
        "it is closed, unless what came outside the time window is delivered anew; what came outside"
    )
