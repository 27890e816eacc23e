"""What people are told of a gate: verdicts, values, near misses, what is next."""

from __future__ import annotations

from typing import Any

from tidegate.kernel.clock import DAY_US, HOUR_US, Instant, parse_day
from tidegate.kernel.event import Json
from tidegate.testing.gates import (
    close,
    condition,
    delivery,
    explained,
    match,
    one_gate,
    project,
    release,
    rule,
    to,
    window,
)
from tidegate.testing.world import World

QUALITY = {"additional_conditions": [{"n": "> 0"}]}


def told(written: dict[str, Any], *events: dict[str, Any]) -> dict[str, Json]:
    world = World(project(written))
    for event in events:
        world.hear(event)
    assert not world.reader.parked()
    return of(world)


def of(world: World) -> dict[str, Json]:
    gate = next(gate for gate in world.gates() if gate["key"]["data.business_date"] == "2025-11-20")
    return explained(world, gate["id"])


def verdicts(answer: dict[str, Json]) -> list[str]:
    return [clause["verdict"] for clause in answer["clauses"]]


def misses(answer: dict[str, Json]) -> list[str]:
    return [miss["evidence"]["id"] for miss in answer["nearest_misses"]]


# ---- verdicts
def test_each_input_has_its_verdict() -> None:
    conditions = [condition(name) for name in "abc"] + [condition("d", optional=True)]

    answer = told(rule(conditions=conditions, **QUALITY), delivery("a", n=1), delivery("b", n=0))

    assert verdicts(answer) == ["met", "quarantined", "waiting", "met"]
    assert "3 of 4" not in answer["sentence"]


def test_an_optional_input_is_not_counted_as_one_that_is_here() -> None:
    written = [condition("a"), condition("b"), condition("c", optional=True)]

    waiting = told(rule(conditions=written), delivery("a"))["sentence"]
    opened = told(rule(conditions=written), delivery("a"), delivery("b"))["sentence"]

    assert waiting.endswith("is waiting for b: 1 of 2 required inputs are here")
    assert "all required inputs are here" in opened


def test_the_inputs_that_are_here_are_counted() -> None:
    answer = told(rule("a", "b", "c"), delivery("a"))

    assert answer["sentence"].endswith("is waiting for b, c: 1 of 3 inputs are here")


def test_what_is_missing_is_said_with_what_it_waits_for() -> None:
    answer = told(rule("a", "b"), delivery("a"))

    assert answer["clauses"][1]["text"] == (
        'b has not arrived: waits for delivered, data.dataset_name == "b"'
    )


def test_late_data_and_its_window_are_not_met() -> None:
    answer = told(
        rule("a", "b", correlation_logic=window("2h")),
        delivery("a", time="2025-11-21T06:00:00Z"),
        delivery("b"),
        )  # fmt: skip
    late = told(
        rule("a", "b", correlation_logic=window("2h")),
        delivery("a", time="2025-11-21T05:59:59Z"),
        delivery("b"),
    )

    assert verdicts(answer) == ["met", "met", "met"]
    assert verdicts(late) == ["met", "not_met", "not_met"]
    (span,) = answer["clauses"][2]["compared"]
    assert (span["seen"], span["met"]) == ("2h", True)
    (span,) = late["clauses"][2]["compared"]
    assert (span["seen"], span["met"]) == ("2h1s", False)
    assert late["clauses"][2]["text"] == "all inputs within 2h: b came too late"


def test_what_a_closed_gate_lacks_is_not_met() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"))
    close(world, one_gate(world)["id"])

    assert verdicts(of(world)) == ["met", "not_met"]


def test_values_are_those_that_came() -> None:
    conditions = [condition("a", **{"data.n": "> 5", "data.region": "DE"})]
    quality = [{"m": "> 0"}]

    answer = told(
        rule(conditions=conditions, additional_conditions=quality),
        delivery("a", n=9, m=0, region="DE"),
    )

    (clause,) = answer["clauses"]
    assert [(one["what"], one["seen"], one["met"]) for one in clause["compared"]] == [
        ("data.dataset_name", '"a"', True),
        ("data.n", "9", True),
        ("data.region", '"DE"', True),
        ("m", "0", False),
    ]


def test_who_released_an_input_is_said() -> None:
    world = World(project(rule("a", **QUALITY)))
    world.hear(delivery("a", n=0))
    release(world, one_gate(world)["id"])

    assert of(world)["clauses"][0]["text"].endswith(", released by ann")


# ---- deadlines and what is next
def expecting(**expect: Any) -> World:
    changes = {"deadline": "+1d 12:00"} | expect
    return World(project(rule("a", "b", expect=changes)))


def test_at_its_very_deadline_a_gate_opens_in_time() -> None:
    world = expecting()
    world.hear(delivery("a"))
    world.clock.to(Instant(world.clock.now() + 3 * HOUR_US))
    world.hear(delivery("b"))

    clause = of(world)["clauses"][-1]
    assert clause["verdict"] == "met"
    assert "before its deadline 2025-11-21T12:00:00Z" in clause["text"]


def test_next_is_the_warning_and_then_the_deadline() -> None:
    world = expecting(warn_at="+1d 11:00")
    world.hear(delivery("a"))

    first = of(world)
    to(world, "2025-11-21T11:00:00Z")
    second = of(world)
    to(world, "2025-11-21T12:00:00Z")
    third = of(world)

    assert [(one["next"]["at"], one["next"]["what"]) for one in (first, second, third)] == [
        ("2025-11-21T11:00:00Z", "its owner is warned"),
        ("2025-11-21T12:00:00Z", "it is overdue, and its owner is alarmed"),
        ("2025-12-21T12:00:00Z", "it is closed, unless what is missing arrives"),
    ]


def test_a_window_that_ends_before_the_deadline_is_named_as_the_cause() -> None:
    expect = {"deadline": "+1d 12:00"}
    world = World(project(rule("a", "b", correlation_logic=window("2h"), expect=expect)))
    world.hear(delivery("a"))

    following = of(world)["next"]

    assert (following["at"], following["what"]) == (
        "2025-11-21T11:00:00Z",
        "2h after its first arrival it is overdue, and its owner is alarmed",
    )


def test_after_its_early_warning_a_gate_is_later_than_usual() -> None:
    world = expecting(warn_at="+1d 11:00")
    world.hear(delivery("a"))

    to(world, "2025-11-21T11:00:00Z")

    assert of(world)["sentence"] == (
        "daily for 2025-11-20 (round 001) is later than usual (since 2025-11-21T11:00:00Z), "
        "waiting for b: 1 of 2 inputs are here"
    )


def test_history_is_marked() -> None:
    world = World(project(rule("a", "b", expect={"deadline": "06:00"})))
    world.hear(delivery("a"))
    late = World(project(rule("a", "b", correlation_logic=window("2h"))))
    late.hear(delivery("a"))
    late.advance(DAY_US)

    assert "(history that was loaded later)" in of(world)["sentence"]
    assert "history" not in of(late)["sentence"]


# ---- near misses
def test_the_nearest_miss_comes_first_and_of_two_alike_the_newer() -> None:
    written = rule(conditions=[condition("a"), condition("b", **{"data.x": 1, "data.y": 1})])

    answer = told(
        written,
        delivery("a"),
        delivery("b", "one field", x=1, y=2),
        delivery("b", "two fields", x=2, y=2),
        delivery("b", "one field, newer", x=2, y=1),
    )

    assert misses(answer) == ["one field, newer", "one field", "two fields"]
    first = answer["nearest_misses"][0]
    assert first["text"] == "almost b: data.x is 2, wanted == 1"
    assert [one["what"] for one in first["compared"]] == ["data.x"]


def test_what_differs_in_all_or_in_its_kind_is_no_miss() -> None:
    wide = condition("b", **{"data.x": 1, "data.y": 1, "data.z": 1})
    answer = told(
        rule(conditions=[condition("a"), wide]),
        delivery("a"),
        delivery("b", "three fields", x=2, y=2, z=2),
        delivery("b", "another type", type="approved", x=1, y=1, z=1),
        delivery("unlike", "another dataset", x=1, y=1, z=1),
    )

    assert misses(answer) == []


def test_a_name_that_is_misspelt_is_a_miss_of_the_input_that_was_meant() -> None:
    answer = told(rule("customers", "orders"), delivery("customer", "x"), delivery("orders"))

    assert misses(answer) == ["x"]
    assert answer["nearest_misses"][0]["text"].startswith("almost customers: ")


def test_what_is_nearer_to_an_input_that_is_here_is_no_miss_of_another() -> None:
    conditions = [
        condition("orders_eu", **{"data.x": 1, "data.y": 1}),
        condition("orders_us", **{"data.x": 1, "data.y": 1}),
    ]
    answer = told(
        rule(conditions=conditions),
        delivery("orders_eu", x=1, y=1),
        delivery("orders_eu", "again", x=2, y=1),
    )

    assert misses(answer) == []


def test_an_event_that_lacks_a_match_field_is_a_miss() -> None:
    fields = [match("data.business_date"), match("data.region")]
    answer = told(
        rule("a", "b", correlation_logic=fields),
        delivery("a", region="DE"),
        delivery("b", "no region"),
    )

    (miss,) = answer["nearest_misses"]
    assert miss["text"] == "almost b: data.region is missing, wanted present"


def test_an_event_of_another_date_is_a_miss_if_it_happened_in_these_days() -> None:
    """Such as one that came before there was a rule."""
    world = World(project())
    world.hear(delivery("b", "near", business_date="2025-11-21"))
    world.hear(delivery("b", "far", business_date="2025-11-21", time="2025-10-21T08:00:00Z"))
    world.activate(project(rule("a", "b")))

    world.hear(delivery("a"))

    answer = of(world)
    assert misses(answer) == ["near"]
    assert answer["nearest_misses"][0]["text"] == (
        'almost b: data.business_date is "2025-11-21", wanted 2025-11-20'
    )


def test_a_closed_gate_misses_nothing_any_more() -> None:
    world = World(project(rule(conditions=[condition("a"), condition("b", **{"data.x": 1})])))
    world.hear(delivery("b", "stray", x=2), delivery("a"))
    before = misses(of(world))

    close(world, one_gate(world)["id"])

    assert (before, misses(of(world))) == (["stray"], [])


def test_an_open_gate_has_no_misses_but_what_it_ignored() -> None:
    world = World(
        project(
            rule(conditions=[condition("a"), condition("b", **{"data.x": 1})], redelivery="ignore")
        )
    )
    world.hear(delivery("b", "stray", x=2))
    world.hear(delivery("a", "a1"), delivery("b", x=1), delivery("a", "a2"))

    assert misses(of(world)) == ["a2"]


# ---- dates nobody expects
def unbegun(date: str, **expect: Any) -> dict[str, Json]:
    world = World(project(rule("a", expect={"deadline": "06:00"} | expect)))
    answer: dict[str, Json] = world.asking.explain_rule("daily", parse_day(date)).answer
    return answer


def test_a_date_the_calendar_leaves_out_is_said_not_to_be_expected() -> None:
    answer = unbegun("2025-11-22")

    assert answer["sentence"] == (
        "daily for 2025-11-22 (round 001) is not expected: 2025-11-22 is a Saturday "
        "(calendar business_days), and nothing that belongs to it was heard"
    )
    assert answer["next"] == {
        "at": None,
        "what": "an event of this date begins it all the same; 2025-11-24 is expected next",
    }


def test_a_date_to_come_is_said_to_begin_by_itself() -> None:
    answer = unbegun("2025-11-25", deadline="+1d 06:00")

    assert "has not begun" in answer["sentence"]
    assert answer["next"] == {
        "at": "2025-11-25T00:00:00Z",
        "what": "it begins, with or without an event",
    }


def test_a_date_of_a_rule_that_expects_nothing_begins_with_an_event() -> None:
    world = World(project(rule("a")))

    answer = world.asking.explain_rule("daily", parse_day("2025-11-22")).answer

    assert "has not begun" in answer["sentence"]
    assert answer["next"] == {"at": None, "what": "it begins with its first event"}


def test_the_next_of_a_quarantined_gate_is_what_it_waits_for() -> None:
    world = World(project(rule("a", "b", expect={"deadline": "+1d 12:00"}, **QUALITY)))
    world.hear(delivery("a", n=0))

    answer = of(world)

    assert answer["status"] == "quarantined"
    assert answer["next"] == {
        "at": None,
        "what": "it waits for b; and for a corrected delivery of a, or for a person: "
        "tidegate gate release daily~~2025-11-20~~001; "
        "at 2025-11-21T12:00:00Z it is overdue, and its owner is alarmed",
    }
