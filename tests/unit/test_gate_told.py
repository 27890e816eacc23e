"""What a gate tells beyond its verdicts: what a person can do about what holds it."""

from __future__ import annotations

from tidegate.kernel.step import Refusal
from tidegate.testing.gates import delivery, explained, one_gate, project, release, rule, window
from tidegate.testing.world import World


def test_of_an_input_outside_the_window_it_is_said_what_a_person_can_do() -> None:
    world = World(project(rule("a", "b", correlation_logic=window("24h"))))
    world.hear(delivery("a", time="2025-11-20T01:00:00Z"))
    world.hear(delivery("b", time="2025-11-21T05:00:00Z"))
    gate = one_gate(world)["id"]

    answer = explained(world, gate)
    refusal = release(world, gate, "b")

    assert "tidegate gate close" in answer["next"]["what"]
    assert "tidegate trigger send" in answer["next"]["what"]
    assert isinstance(refusal, Refusal)
    assert refusal.code == "gate.state"
    assert "outside the time window cannot be let through" in refusal.fix


def test_releasing_where_nothing_is_held_says_where_to_look() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"))
    gate = one_gate(world)["id"]

    refusal = release(world, gate)

    assert isinstance(refusal, Refusal)
    assert refusal.fix == f"see what it waits for: tidegate gate show {gate}"
