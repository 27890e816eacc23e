"""A waiting gate says which refused deliveries may be what it waits for."""

from __future__ import annotations

from tidegate.kernel.clock import HOUR_US, MINUTE_US, parse_day
from tidegate.kernel.event import Json
from tidegate.testing.gates import condition, delivery, project, rule
from tidegate.testing.world import World

CALL = "POST /api/v1/events: an unknown or expired token was given"


def refused(world: World) -> list[Json]:
    found: list[Json] = world.asking.explain_rule("daily", None).answer.get("refused", [])
    return found


def turn_away(world: World, times: int, what: str = CALL) -> None:
    for _ in range(times):
        world.intake.turn_away("auth.required", "10.0.0.1", what)
    world.advance(2 * MINUTE_US)
    world.intake.look_round()
    world.settle()


def test_calls_without_a_token_are_counted_while_an_input_is_missing() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"))
    nothing = refused(world)

    turn_away(world, 3)
    (one,) = refused(world)
    world.hear(delivery("b"))

    assert nothing == []
    assert (one["code"], one["deliveries"]) == ("auth.required", 3)
    assert CALL in one["last"]
    assert refused(world) == []  # it is open


def test_a_refused_event_concerns_the_gate_that_lacks_its_dataset() -> None:
    world = World(project(rule("a", conditions=[condition("orders"), condition("prices")])))
    world.hear(delivery("orders"))

    world.hear(delivery("orders", time="2099-01-01T00:00:00Z"))
    other = refused(world)
    world.hear(delivery("prices", time="2099-01-01T00:00:00Z"))

    assert other == []
    assert [(one["code"], one["deliveries"]) for one in refused(world)] == [
        ("event.time.future", 1)
    ]


def test_other_calls_and_what_is_long_ago_say_nothing() -> None:
    world = World(project(rule("a", "b")))
    world.hear(delivery("a"))

    turn_away(world, 1, "GET /api/v1/gates: no bearer token was given")
    elsewhere = refused(world)
    turn_away(world, 1)
    world.advance(25 * HOUR_US)

    assert (elsewhere, refused(world)) == ([], [])


def test_a_refused_event_concerns_its_own_business_date_alone_and_is_named() -> None:
    world = World(project(rule("a", "b")))
    for day in ("2025-11-20", "2025-11-21"):
        world.hear(delivery("a", f"a-{day}", business_date=day))

    world.hear(delivery("b", "bad", business_date="2025-11-20", time="2099-01-01T00:00:00Z"))
    (own,) = world.asking.explain_rule("daily", parse_day("2025-11-20")).answer["refused"]
    other = world.asking.explain_rule("daily", parse_day("2025-11-21")).answer

    assert (own["event"]["id"], own["event"]["source"]) == ("bad", "/b")
    assert "refused" not in other


def test_where_its_date_cannot_be_read_it_may_concern_every_date() -> None:
    world = World(project(rule("a", "b")))
    for day in ("2025-11-20", "2025-11-21"):
        world.hear(delivery("a", f"a-{day}", business_date=day))

    world.hear(b'{"id": 7, "source": "/x", "data": {"dataset_name": "b", "business_date": "soon"}}')
    answers = [
        world.asking.explain_rule("daily", parse_day(day)).answer["refused"]
        for day in ("2025-11-20", "2025-11-21")
    ]

    assert [one[0]["event"] for one in answers] == [{"id": None, "source": "/x", "type": None}] * 2
