"""Readiness: is my data ready? It stays ready for a round that opened."""

from __future__ import annotations

from typing import Any

from tidegate.kernel.clock import parse_day
from tidegate.services.readiness import Readiness, ReadinessAnswer
from tidegate.testing.gates import DATE, close, delivery, project, rule
from tidegate.testing.world import World

QUALITY = {"additional_conditions": [{"n": "> 0"}]}


def again(id_: str, **data: Any) -> World:
    """A gate that opened, and one more delivery of `a`."""
    world = World(project(rule("a", "b", **QUALITY)))
    world.hear(delivery("a", n=1), delivery("b", n=1))
    world.hear(delivery("a", id_, **data))
    return world


def asked(world: World, dataset: str) -> ReadinessAnswer:
    return Readiness(world.asking, world.library).of(dataset, parse_day(DATE))


def test_a_dataset_is_ready_once_it_came() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"))

    assert [asked(world, one)["status"] for one in ("a", "b", "c")] == [
        "ready", "not_ready", "unknown",
    ]  # fmt: skip


def test_what_came_for_a_round_that_opened_stays_ready_while_a_later_round_waits_for_it() -> None:
    told = asked(again("a2", n=1), "b")

    assert told["status"] == "ready"
    assert told["reasons"] == [
        f"daily~~{DATE}~~001: b received; the round opened at 2025-11-21T09:00:00Z, "
        "round 002 has it not anew (missing)"
    ]


def test_a_new_delivery_that_is_held_back_makes_it_quarantined_and_nothing_else() -> None:
    world = again("a2", n=0)

    assert asked(world, "a")["status"] == "quarantined"
    assert asked(world, "b")["status"] == "ready"


def test_a_later_round_that_somebody_closed_takes_nothing_back() -> None:
    world = again("a2", n=1)
    close(world, f"daily~~{DATE}~~002")

    assert asked(world, "b")["status"] == "ready"
