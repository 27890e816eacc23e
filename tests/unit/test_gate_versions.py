"""Rules that change while their gates are open: which version decides."""

from __future__ import annotations

from typing import Any

from tidegate.testing.gates import (
    close,
    condition,
    delivery,
    inputs,
    match,
    messages,
    one_gate,
    project,
    rounds,
    rule,
)
from tidegate.testing.world import World

QUALITY = {"additional_conditions": [{"n": "> 0"}]}


def by(field: str) -> list[dict[str, Any]]:
    return [match("data.business_date"), match(field)]


def test_a_gate_in_flight_finishes_on_its_version() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"))

    world.activate(project(rule("a", "b", "c")))
    world.hear(delivery("b"))

    assert rounds(world) == {1: "open"}
    assert inputs(one_gate(world)) == {"a": "received", "b": "received"}
    assert one_gate(world)["rule_version"] == 1
    assert [event.data["rule_version"] for event in world.events("tidegate.gate.opened")] == [1]


def test_the_round_after_it_follows_the_new_version() -> None:
    world = World(project(rule("a")))
    world.hear(delivery("a", "a1"))

    world.activate(project(rule("a", "b")))
    world.hear(delivery("a", "a2"))
    waiting = rounds(world)
    world.hear(delivery("b"))

    assert waiting == {1: "open", 2: "waiting"}
    assert rounds(world) == {1: "open", 2: "open"}
    opened = world.events("tidegate.gate.opened")
    assert [(event.data["round"], event.data["rule_version"]) for event in opened] == [
        (1, 1),
        (2, 2),
    ]


def test_a_refire_under_a_new_version_waits_for_all_inputs() -> None:
    """What the old version kept was read under other conditions."""
    world = World(project(rule("a", "b", redelivery="refire")))
    world.hear(delivery("a", "a1"), delivery("b", "b1"))

    world.activate(project(rule("a", "b", redelivery="refire", **QUALITY)))
    world.hear(delivery("a", "a2", n=1))

    assert rounds(world) == {1: "open", 2: "waiting"}


def test_a_withdrawn_rule_finishes_its_gates_and_begins_none() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"))

    world.activate(project())
    world.hear(delivery("b"), delivery("a", business_date="2025-11-21"))

    assert [(gate["key"]["data.business_date"], gate["status"]) for gate in world.gates()] == [
        ("2025-11-20", "open")
    ]


def test_a_redelivery_for_an_open_gate_of_a_withdrawn_rule_begins_nothing() -> None:
    world = World(project(rule("a"), rule("b", "c", rule_name="other")))
    world.hear(delivery("a", "a1"))

    world.activate(project(rule("b", "c", rule_name="other")))
    world.hear(delivery("a", "a2"))

    assert rounds(world) == {1: "open"}


def test_an_edit_of_the_match_fields_begins_gates_of_their_own() -> None:
    """A gate of one field is never taken for that of another with the same value."""
    world = World(project(rule("a", "b", correlation_logic=by("data.region"))))
    world.hear(delivery("a", "1", region="DE", store="1"))

    world.activate(project(rule("a", "b", correlation_logic=by("data.store"))))
    world.hear(delivery("a", "2", region="FR", store="DE"))
    world.hear(delivery("b", "3", region="DE", store="2"))
    world.hear(delivery("b", "4", region="IT", store="DE"))

    assert sorted((list(gate["key"].items())[1], gate["status"]) for gate in world.gates()) == [
        (("data.region", "DE"), "open"),
        (("data.store", "DE"), "open"),
    ]


def test_rules_that_hear_one_event_are_all_told() -> None:
    one, two = rule("a", rule_name="one"), rule("a", rule_name="two")
    world = World(project(one, two, rule(rule_name="any", conditions=[{"source": "/a"}])))

    world.hear(delivery("a"))

    assert [(gate["rule"], gate["status"]) for gate in world.gates()] == [
        ("any", "open"),
        ("one", "open"),
        ("two", "open"),
    ]


def test_a_rule_for_any_type_hears_what_no_other_rule_waits_for() -> None:
    world = World(
        project(rule("a"), rule(rule_name="any", conditions=[{"source": "/a"}], actions=None))
    )

    world.hear(delivery("a", type="approved"))

    assert [gate["rule"] for gate in world.gates()] == ["any"]


def test_a_rule_that_reads_in_its_own_way_is_found_by_what_it_reads() -> None:
    mapping = {"all": {"source_pattern": "*", "dataset_mapping": "data.table"}}
    own = rule("a", context_normalization={"application_mappings": mapping})
    shared = {"context_mapping": {"all": {"source_pattern": "*", "dataset_mapping": "data.other"}}}
    plain = [rule("a", rule_name=name) for name in ("before", "later")]
    world = World(project(own, *plain, others={("context", "shared"): shared}))

    world.hear(delivery("x", table="a", other="b"))
    first = [gate["rule"] for gate in world.gates()]
    world.hear(delivery("y", table="b", other="a"))

    assert first == ["daily"]
    assert sorted(gate["rule"] for gate in world.gates()) == ["before", "daily", "later"]


def test_a_rules_own_mapping_has_the_last_word_for_its_gate() -> None:
    everything: dict[str, Any] = {"source_pattern": "*", "priority_mapping": "data.urgency"}
    own = {"application_mappings": {"all": everything}}
    shared = {"all": everything | {"priority_mapping": "data.other"}}
    written = rule("a", context_normalization=own)
    world = World(project(written, others={("context", "shared"): {"context_mapping": shared}}))

    world.hear(delivery("a", urgency="critical", other="low"))

    (run,) = world.events("tidegate.run.started")
    assert run.data["priority"] == "critical"


def test_a_closed_gate_stays_closed_under_a_new_version() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"))
    close(world, one_gate(world)["id"])

    world.activate(project(rule("a", "b", description="edited")))
    world.hear(delivery("b"))

    assert rounds(world) == {1: "closed"}
    assert [message.partition(" came ")[0] for message in messages(world)] == [
        "daily for 2025-11-20: b of 2025-11-21T08:00:00Z"
    ]


def test_an_optional_input_can_be_given_up_by_an_edit() -> None:
    conditions = [condition("a"), condition("b")]
    world = World(project(rule(conditions=conditions)))
    world.hear(delivery("a", business_date="2025-11-19"))

    world.activate(project(rule(conditions=[condition("a"), condition("b", optional=True)])))
    world.hear(delivery("a"))

    statuses = {gate["key"]["data.business_date"]: gate["status"] for gate in world.gates()}
    assert statuses == {"2025-11-19": "waiting", "2025-11-20": "open"}
