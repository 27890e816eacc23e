"""What a gate tells beyond its verdicts: its version, what does not count, what a person can do."""

from __future__ import annotations

from tidegate.kernel.clock import HOUR_US, parse_day
from tidegate.kernel.step import Refusal
from tidegate.testing.gates import (
    DATE,
    TIME,
    delivery,
    explained,
    forget,
    one_gate,
    project,
    release,
    rule,
    window,
)
from tidegate.testing.world import World

STRICT = {"additional_conditions": [{"n": "> 9"}]}
MILD = {"additional_conditions": [{"n": "> 1"}]}
FIRST = f"daily~~{DATE}~~001"


def misses(world: World, id_: str = FIRST) -> list[tuple[str, str]]:
    """Texts of the near misses, and the ids of their events."""
    found = explained(world, id_)["nearest_misses"]
    return [(one["text"], one["evidence"]["id"]) for one in found]


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


# ---- versions
def test_a_gate_under_an_older_version_of_its_rule_says_so() -> None:
    world = World(project(rule("a", "b", **STRICT)))
    world.hear(delivery("a", n=10))
    before = explained(world, FIRST)

    world.advance(HOUR_US)
    world.activate(project(rule("a", "b", **MILD)))
    after = explained(world, FIRST)
    world.activate(project(rule("a", rule_name="other")))
    withdrawn = explained(world, FIRST)

    assert "notes" not in before
    assert after["notes"] == [
        "this round follows version 1 of the rule, with which it began; "
        "version 2 is active since 2025-11-21T10:00:00Z"
    ]
    assert withdrawn["notes"] == ["the rule was withdrawn; this round goes on under its version 1"]


def test_a_round_that_has_ended_does_not_speak_of_versions() -> None:
    world = World(project(rule("a", **MILD)))
    world.hear(delivery("a", n=10))

    world.activate(project(rule("a", **STRICT)))

    assert "notes" not in explained(world, FIRST)


def test_what_only_the_newer_version_waits_for_is_shown_at_the_gate_that_follows_the_older() -> (
    None
):
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"))

    world.activate(project(rule("a", "b", "c")))
    world.hear(delivery("c"), delivery("d"))

    assert misses(world) == [
        ("c for version 2 of the rule, not for the one followed", f"c-{DATE}-{TIME}")
    ]


def test_what_the_newer_version_waits_for_at_another_gate_is_not_shown_here() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"), delivery("a", business_date="2025-11-19"))

    world.activate(project(rule("a", "b", "c")))
    world.hear(delivery("c", business_date="2025-11-19"))

    assert misses(world) == []
    assert len(misses(world, "daily~~2025-11-19~~001")) == 1


def test_a_rule_that_was_activated_after_its_date_began_says_what_does_not_count() -> None:
    world = World(project(rule("a", rule_name="first")))
    world.hear(delivery("a"), delivery("b"))
    world.advance(HOUR_US)

    world.activate(project(rule("a", rule_name="first"), rule("a", "b", rule_name="second")))
    first = world.asking.explain_rule("first", parse_day("2025-11-21")).answer
    second = world.asking.explain_rule("second", parse_day(DATE)).answer
    future = world.asking.explain_rule("second", parse_day("2035-01-01")).answer

    assert second["notes"] == [
        "rule second is active since 2025-11-21T10:00:00Z: what came before does not count"
    ]
    assert "notes" not in first
    assert "notes" not in future
    # What another rule counted is no stray, so only the one that touched nothing can be named.
    assert [(one["text"], one["evidence"]["id"]) for one in second["nearest_misses"]] == [
        (
            "b of 2025-11-21T08:00:00Z came before its rule was followed as now: "
            "send it again under a new id",
            f"b-{DATE}-{TIME}",
        )
    ]


def test_an_event_that_was_counted_in_an_earlier_round_is_not_said_to_have_come_too_early() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"), delivery("b"), delivery("a", "a2"))
    forget(world)

    world.hear(delivery("b"))

    assert misses(world, f"daily~~{DATE}~~002") == []


# ---- what does not count
def test_an_older_delivery_than_the_one_that_counts_is_shown_with_the_reason() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a", "newer", time="2025-11-20T11:00:00Z"))

    world.hear(delivery("a", "older", time="2025-11-20T09:00:00Z"))

    assert misses(world) == [
        (
            "a of 2025-11-20T09:00:00Z does not count: /a newer is newer, of 2025-11-20T11:00:00Z",
            "older",
        )
    ]


def test_what_pushed_out_a_good_delivery_is_named() -> None:
    world = World(project(rule("a", "b", **MILD)))
    world.hear(delivery("a", "good", n=5, time="2025-11-20T09:00:00Z"))

    world.hear(delivery("a", "bad", n=0, time="2025-11-20T11:00:00Z"))

    assert misses(world) == [
        (
            "a of 2025-11-20T09:00:00Z does not count: /a bad is newer, of 2025-11-20T11:00:00Z, "
            "and failed a quality condition that this one met",
            "good",
        )
    ]


def test_with_keep_first_the_older_counts_and_a_good_one_before_all() -> None:
    early, late = "2025-11-20T09:00:00Z", "2025-11-20T11:00:00Z"
    world = World(project(rule("a", "b", "c", keep="first", **MILD)))

    world.hear(delivery("a", "a1", n=5, time=early), delivery("a", "a2", n=5, time=late))
    world.hear(delivery("b", "b1", n=0, time=early), delivery("b", "b2", n=5, time=late))

    assert misses(world) == [
        (f"b of {early} does not count: /b b2 is good, and this is not", "b1"),
        (f"a of {late} does not count: /a a1 is older, of {early}", "a2"),
    ]


def test_of_two_deliveries_of_one_instant_it_is_said_which_counts() -> None:
    world = World(project(rule("a", "b")))

    world.hear(delivery("a", "1"), delivery("a", "2"))

    assert misses(world) == [
        (
            f"a of {TIME} does not count: "
            "/a 2 happened at the same time and comes later by its source and id",
            "1",
        )
    ]


def test_what_a_refire_took_the_place_of_is_told_of_the_round_it_opened() -> None:
    world = World(project(rule("a", redelivery="refire", keep="first")))
    world.hear(delivery("a", "a1"))

    world.hear(delivery("a", "a2", time="2025-11-21T08:30:00Z"))

    assert misses(world, f"daily~~{DATE}~~002") == [
        (f"a of {TIME} does not count: /a a2 counts", "a1")
    ]
