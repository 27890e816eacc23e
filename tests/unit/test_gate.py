"""A gate before it opens: what is kept, what is late, what is held back."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from tidegate.correlate.gate import Gate, Status
from tidegate.correlate.identity import parse_id
from tidegate.correlate.orders import CloseGate, ReleaseGate
from tidegate.kernel.clock import DAY_US, HOUR_US
from tidegate.kernel.step import Refusal
from tidegate.testing.gates import (
    DATE,
    close,
    condition,
    counted,
    delivery,
    explained,
    forget,
    inputs,
    match,
    messages,
    one_gate,
    project,
    release,
    rounds,
    rule,
    to,
    unheard,
    window,
)
from tidegate.testing.world import World


def heard(written: dict[str, Any], *events: dict[str, Any]) -> World:
    world = World(project(written))
    for event in events:
        world.hear(event)
    assert not world.reader.parked()
    return world


def bad(dataset: str, id_: str = "", **changes: Any) -> dict[str, Any]:
    return delivery(dataset, id_, n=0, **changes)


def good(dataset: str, id_: str = "", **changes: Any) -> dict[str, Any]:
    return delivery(dataset, id_, n=1, **changes)


QUALITY = {"additional_conditions": [{"n": "> 0"}]}


# ---- opening
def test_a_gate_waits_until_every_input_is_here_and_starts_its_job_once() -> None:
    world = heard(rule("a", "b", "c"), delivery("c"), delivery("a"))
    before = one_gate(world)["status"], len(world.tasks())

    world.hear(delivery("b"))

    assert before == ("waiting", 0)
    assert one_gate(world)["status"] == "open"
    assert one_gate(world)["opened_at"] == "2025-11-21T09:00:00Z"
    assert len(world.tasks()) == 1


def test_an_open_gate_wakes_nobody() -> None:
    world = heard(rule("a", "b", correlation_logic=window("24h")), delivery("a"), delivery("b"))

    (state,) = world.cells("gate", Gate).values()

    assert (state.status, state.wake_at, state.close_at) == (Status.OPEN, None, None)


def test_each_business_date_has_a_gate_of_its_own() -> None:
    world = heard(
        rule("a", "b"),
        delivery("a", business_date="2025-11-19"),
        delivery("b", business_date="2025-11-20"),
        delivery("b", business_date="2025-11-19"),
    )

    assert [(gate["key"], gate["status"]) for gate in world.gates()] == [
        ({"data.business_date": "2025-11-19"}, "open"),
        ({"data.business_date": "2025-11-20"}, "waiting"),
    ]


def test_match_values_are_compared_as_they_are_written() -> None:
    lines = [match("data.business_date"), match("data.batch")]
    world = heard(
        rule("a", "b", "c", correlation_logic=lines),
        delivery("a", batch=1),
        delivery("b", batch="1"),
        delivery("c", batch=1.0),
        delivery("a", "other", batch="01"),
    )

    assert {(gate["key"]["data.batch"], gate["status"]) for gate in world.gates()} == {
        ("1", "open"),
        ("01", "waiting"),
    }


def test_an_optional_input_is_not_waited_for() -> None:
    world = heard(rule(conditions=[condition("a"), condition("b", optional=True)]), delivery("a"))

    assert one_gate(world)["status"] == "open"
    assert inputs(one_gate(world)) == {"a": "received", "b": "missing"}


def test_an_optional_input_alone_opens_nothing() -> None:
    world = heard(rule(conditions=[condition("a"), condition("b", optional=True)]), delivery("b"))

    assert one_gate(world)["status"] == "waiting"


def test_an_optional_input_is_not_missing() -> None:
    conditions = [condition("a"), condition("b"), condition("c", optional=True)]
    world = heard(rule(conditions=conditions, correlation_logic=window("2h")), delivery("a"))

    world.advance(DAY_US)

    assert [event.data["missing"] for event in world.events("tidegate.gate.overdue")] == [["b"]]


def test_where_all_inputs_are_optional_the_first_opens_the_gate() -> None:
    conditions = [condition("a", optional=True), condition("b", optional=True)]
    world = heard(rule(conditions=conditions), delivery("b"))

    assert one_gate(world)["status"] == "open"


def test_an_optional_input_that_is_late_to_the_opening_joins_the_round() -> None:
    written = rule(conditions=[condition("a"), condition("b", optional=True)])

    world = heard(written, delivery("a"), delivery("b"))
    early = heard(written, delivery("b"), delivery("a"))

    assert rounds(world) == rounds(early) == {1: "open"}
    assert inputs(one_gate(world)) == inputs(one_gate(early)) == {"a": "received", "b": "received"}
    assert len(world.tasks()) == len(early.tasks()) == 1
    assert len(world.events("tidegate.gate.opened")) == 1


def test_a_bad_optional_input_holds_nothing_back() -> None:
    conditions = [condition("a"), condition("b", optional=True)]

    world = heard(rule(conditions=conditions, **QUALITY), bad("b"), good("a"))

    assert one_gate(world)["status"] == "open"
    assert inputs(one_gate(world)) == {"a": "received", "b": "quarantined"}


def test_a_rule_without_actions_observes() -> None:
    world = heard(rule("a", actions=None), delivery("a"))

    assert one_gate(world)["status"] == "open"
    assert world.tasks() == []
    assert [event.subject for event in world.events("tidegate.gate.opened")] == [
        one_gate(world)["id"]
    ]


# ---- keep
def test_until_it_opens_the_latest_delivery_of_an_input_is_kept() -> None:
    older = delivery("a", "older", time="2025-11-21T07:00:00Z")
    newer = delivery("a", "newer", time="2025-11-21T08:00:00Z")

    for events in permutations([older, newer]):
        world = heard(rule("a", "b"), *events)

        assert counted(one_gate(world)) == {"a": "newer", "b": None}
        assert rounds(world) == {1: "waiting"}


def test_keep_first_keeps_the_earliest() -> None:
    older = delivery("a", "older", time="2025-11-21T07:00:00Z")
    newer = delivery("a", "newer", time="2025-11-21T08:00:00Z")

    for events in permutations([older, newer]):
        assert counted(one_gate(heard(rule("a", "b", keep="first"), *events)))["a"] == "older"


@pytest.mark.parametrize(("keep", "kept"), [("latest", "z"), ("first", "a")])
def test_at_one_instant_the_id_decides_in_any_order(keep: str, kept: str) -> None:
    for ids in permutations("amz"):
        world = heard(rule("a", "b", keep=keep), *(delivery("a", id_) for id_ in ids))

        assert counted(one_gate(world))["a"] == kept


def test_at_one_instant_the_source_decides_before_the_id() -> None:
    for events in permutations(
        [delivery("a", "9", source="/a/1"), delivery("a", "1", source="/a/2")]
    ):
        assert counted(one_gate(heard(rule("a", "b"), *events)))["a"] == "1"


def test_what_was_replaced_is_still_counted() -> None:
    """An id that comes again after the index forgot it must not begin anything."""
    older = delivery("a", "older", time="2025-11-21T07:00:00Z")
    world = heard(rule("a", "b"), older, delivery("a", "newer"))
    forget(world)

    world.hear(older | {"data": older["data"] | {"n": 2}})

    assert counted(one_gate(world))["a"] == "newer"


# ---- quarantine
def test_bad_data_holds_the_gate_back_and_its_owner_is_told() -> None:
    world = heard(rule("a", "b", owner="ann", **QUALITY), good("b"), bad("a"))

    gate = one_gate(world)
    assert gate["status"] == "quarantined"
    assert inputs(gate) == {"a": "quarantined", "b": "received"}
    assert world.tasks() == []
    (notice,) = world.notices()
    assert "a failed a quality condition" in notice.body["message"]
    assert f"tidegate gate release {gate['id']}" in notice.body["message"]
    assert notice.body["data"]["gate"] == gate["id"]
    assert [event.data["inputs"] for event in world.events("tidegate.gate.quarantined")] == [["a"]]


def test_a_corrected_redelivery_clears_it() -> None:
    world = heard(rule("a", "b", **QUALITY), good("b"), bad("a"))

    world.hear(good("a", time="2025-11-21T08:30:00Z"))

    assert rounds(world) == {1: "open"}
    assert len(world.tasks()) == 1


def test_a_correction_may_carry_the_time_of_what_it_corrects() -> None:
    for events in permutations([bad("a", "z"), good("a", "a")]):
        world = heard(rule("a", "b", **QUALITY), *events)

        assert inputs(one_gate(world))["a"] == "received"


def test_older_good_data_clears_nothing() -> None:
    world = heard(rule("a", **QUALITY), bad("a"), good("a", time="2025-11-21T07:00:00Z"))

    assert one_gate(world)["status"] == "quarantined"


def test_newer_bad_data_replaces_good() -> None:
    world = heard(rule("a", "b", **QUALITY), good("a"), bad("a", time="2025-11-21T08:30:00Z"))

    assert inputs(one_gate(world))["a"] == "quarantined"


def test_keep_first_keeps_the_first_good_delivery() -> None:
    first = bad("a", time="2025-11-21T07:00:00Z")
    second = good("a", "second", time="2025-11-21T08:00:00Z")
    third = good("a", "third", time="2025-11-21T08:30:00Z")

    for events in permutations([first, second, third]):
        assert (
            counted(one_gate(heard(rule("a", "b", keep="first", **QUALITY), *events)))["a"]
            == "second"
        )


def test_every_quarantine_is_told_whatever_the_order() -> None:
    for first, second in permutations("ab"):
        world = heard(rule("a", "b", **QUALITY), bad(first), bad(second))

        assert len(messages(world)) == 2
        assert f"{first} failed" in messages(world)[0]
        assert f"{second} failed" in messages(world)[1]
        assert [event.data["inputs"] for event in world.events("tidegate.gate.quarantined")] == [
            [first],
            [second],
        ]


def test_two_bad_deliveries_with_one_id_from_two_sources_are_both_told() -> None:
    written = rule(conditions=[condition("a"), condition("b")], **QUALITY)

    world = heard(
        written,
        bad("a", "1", source="/one"),
        bad("a", "1", source="/two", time="2025-11-21T08:30:00Z"),
    )

    assert len(world.events("tidegate.gate.quarantined")) == 2
    assert len(messages(world)) == 2


def test_a_second_bad_delivery_is_told_again_and_a_copy_is_not() -> None:
    later = bad("a", "later", time="2025-11-21T08:30:00Z")

    world = heard(rule("a", **QUALITY), bad("a"), later, later)

    assert len(messages(world)) == 2


# ---- release
def test_a_person_releases_what_is_held_back() -> None:
    world = heard(rule("a", "b", **QUALITY), good("b"), bad("a"))
    gate = one_gate(world)

    reply = release(world, gate["id"])

    assert reply == {"gate": gate["id"], "status": "open"}
    after = one_gate(world)
    assert (after["status"], after["opened_at"]) == ("open", "2025-11-21T09:00:00Z")
    assert [one["reason"] for one in after["inputs"]] == ["released by ann", None]
    assert len(world.tasks()) == 1
    assert [event.data["by"] for event in world.events("tidegate.gate.released")] == ["ann"]


def test_who_released_or_closed_and_why_can_be_read_afterwards() -> None:
    world = heard(rule("a", "b", **QUALITY), good("b"), bad("a"))
    key, round_ = parse_id(one_gate(world)["id"])
    other = heard(rule("a", "b"), good("b"))

    world.order(ReleaseGate(gate=key, round=round_), "ann", "ticket 4711")
    other.order(CloseGate(gate=key, round=round_), "ben", "nobody sends it")

    assert one_gate(world)["inputs"][0]["reason"] == "released by ann: ticket 4711"
    assert explained(world, one_gate(world)["id"])["clauses"][0]["text"].endswith(
        ", released by ann: ticket 4711"
    )
    (said,) = world.events("tidegate.gate.released")
    assert (said.data["by"], said.data["reason"]) == ("ann", "ticket 4711")
    assert explained(other, one_gate(other)["id"])["sentence"].endswith(
        "was closed by ben without a: nobody sends it"
    )
    (said,) = other.events("tidegate.gate.closed")
    assert (said.data["by"], said.data["reason"]) == ("ben", "nobody sends it")


def test_a_round_that_has_not_begun_is_no_round_that_has_ended() -> None:
    world = heard(rule("a", "b", **QUALITY), bad("a"))
    key, _ = parse_id(one_gate(world)["id"])

    reply = world.order(ReleaseGate(gate=key, round=9))

    assert isinstance(reply, Refusal)
    assert reply.code == "gate.unknown"
    assert reply.fix == f"the round that goes on: {one_gate(world)['id']}"


def test_one_input_of_two_is_released() -> None:
    world = heard(rule("a", "b", **QUALITY), bad("b"), bad("a"))
    gate = one_gate(world)

    reply = release(world, gate["id"], "a")

    assert reply == {"gate": gate["id"], "status": "quarantined"}
    assert inputs(one_gate(world)) == {"a": "received", "b": "quarantined"}
    assert len(world.events("tidegate.gate.quarantined")) == 2
    assert world.tasks() == []


def test_what_was_released_is_replaced_by_newer_bad_data() -> None:
    world = heard(rule("a", "b", **QUALITY), bad("a"))
    release(world, one_gate(world)["id"])

    world.hear(bad("a", time="2025-11-21T08:30:00Z"))

    assert one_gate(world)["status"] == "quarantined"


@pytest.mark.parametrize("names", [(), ("a",)])
def test_what_a_closed_gate_held_back_is_not_released(names: tuple[str, ...]) -> None:
    world = heard(rule("a", **QUALITY), bad("a"))
    gate = one_gate(world)
    close(world, gate["id"])

    reply = release(world, gate["id"], *names)

    assert getattr(reply, "code", "") == "gate.state"
    assert one_gate(world)["status"] == "closed"
    assert world.tasks() == []


def test_an_order_for_a_round_that_has_ended_does_not_reach_the_next() -> None:
    world = heard(rule("a", **QUALITY), good("a", "first"), bad("a", "second"))

    replies = release(world, "daily~~2025-11-20~~001"), close(world, "daily~~2025-11-20~~001")

    assert [getattr(one, "code", "") for one in replies] == ["gate.state"] * 2
    assert rounds(world) == {1: "open", 2: "quarantined"}


@pytest.mark.parametrize("names", [(), ("a",), ("b",), ("nobody",)])
def test_nothing_is_released_where_nothing_is_held_back(names: tuple[str, ...]) -> None:
    world = heard(rule("a", "b", **QUALITY), good("a"))

    reply = release(world, one_gate(world)["id"], *names)

    assert getattr(reply, "code", "") == "gate.state"
    assert world.events("tidegate.gate.released") == []


def test_a_name_that_is_not_held_back_refuses_the_whole_order() -> None:
    world = heard(rule("a", "b", **QUALITY), bad("a"), good("b"))

    reply = release(world, one_gate(world)["id"], "a", "b")

    assert getattr(reply, "code", "") == "gate.state"
    assert inputs(one_gate(world))["a"] == "quarantined"


def test_an_order_for_a_gate_that_is_not_there_is_refused() -> None:
    world = heard(rule("a", **QUALITY), bad("a"))

    for id_ in ("daily~~2025-11-21~~001", "daily~~2025-11-20~~002", "other~~2025-11-20~~001"):
        reply = release(world, id_)

        assert getattr(reply, "code", "") in ("gate.unknown", "gate.state")


# ---- windows
HOUR = "2025-11-{day:02d}T{hour:02d}:00:00Z"


def timed(dataset: str, hours: int, **changes: Any) -> dict[str, Any]:
    """So many hours after midnight of the business date."""
    day, hour = divmod(hours, 24)
    return delivery(dataset, time=HOUR.format(day=20 + day, hour=hour), **changes)


@pytest.mark.parametrize(("apart", "status"), [(0, "open"), (24, "open"), (25, "waiting")])
def test_inputs_within_the_window_open_in_any_order(apart: int, status: str) -> None:
    for events in permutations([timed("a", 0), timed("b", apart), timed("c", apart // 2)]):
        world = heard(rule("a", "b", "c", correlation_logic=window("24h")), *events)

        assert one_gate(world)["status"] == status


def test_what_lies_outside_the_window_is_kept_and_shown_as_late() -> None:
    for events in permutations([timed("a", 0), timed("b", 25)]):
        world = heard(rule("a", "b", correlation_logic=window("24h")), *events)

        gate = one_gate(world)
        assert inputs(gate) == {"a": "received", "b": "late"}
        assert gate["inputs"][1]["reason"] == "outside the time window of the other inputs"


def test_a_redelivery_brings_a_wide_set_together() -> None:
    world = heard(rule("a", "b", correlation_logic=window("24h")), timed("a", 0), timed("b", 25))

    world.hear(timed("a", 2))

    assert one_gate(world)["status"] == "open"


def test_a_quarantined_event_never_anchors() -> None:
    held = timed("a", 0, n=0)
    world = heard(
        rule("a", "b", correlation_logic=window("24h"), **QUALITY), held, timed("b", 25, n=1)
    )
    shown = inputs(one_gate(world))

    world.hear(timed("a", 2, n=1))

    assert shown == {"a": "quarantined", "b": "received"}
    assert one_gate(world)["status"] == "open"


def test_no_time_window_means_any_time() -> None:
    world = heard(rule("a", "b"), timed("a", 0), delivery("b", time="2015-01-01T00:00:00Z"))

    assert one_gate(world)["status"] == "open"


def test_the_arrival_anchor_measures_from_the_first_arrival() -> None:
    written = rule("a", "b", correlation_logic=window("2h", "arrival"))
    far_apart = [timed("a", 0), delivery("b", time="2015-01-01T00:00:00Z")]

    together = heard(written, *far_apart)
    apart = heard(written, far_apart[0])
    apart.advance(2 * HOUR_US)
    apart.hear(far_apart[1])
    late = heard(written, far_apart[0])
    late.advance(2 * HOUR_US + 1)
    late.hear(far_apart[1])

    assert one_gate(together)["status"] == "open"
    assert one_gate(apart)["status"] == "open"
    assert inputs(one_gate(late)) == {"a": "received", "b": "late"}


@pytest.mark.parametrize(
    ("zone", "hours", "status"),
    [
        (None, (0, 24), "open"),
        (None, (0, 25), "waiting"),
        (None, (-30, 24), "open"),
        (None, (25, 26), "waiting"),
        ("Europe/Berlin", (0, 23), "open"),
        ("Europe/Berlin", (0, 24), "waiting"),
        ("America/New_York", (0, 29), "open"),
        ("America/New_York", (0, 30), "waiting"),
    ],
)
def test_the_business_date_anchor_measures_from_local_midnight(
    zone: str | None, hours: tuple[int, int], status: str
) -> None:
    written = rule(
        "a",
        "b",
        correlation_logic=window("24h", "business_date"),
        expect={"timezone": zone} if zone else None,
    )

    for events in permutations([timed("a", hours[0]), timed("b", hours[1])]):
        assert one_gate(heard(written, *events))["status"] == status


def test_at_the_windows_end_the_gate_is_overdue_and_alarms() -> None:
    world = heard(rule("a", "b", correlation_logic=window("24h"), owner="ann"), delivery("a"))

    world.advance(DAY_US - 1)
    before = one_gate(world)["status"], messages(world)
    world.advance(1)

    assert before == ("waiting", [])
    assert one_gate(world)["status"] == "overdue"
    assert messages(world) == ["daily for 2025-11-20 is overdue: b missing"]
    assert [event.data["missing"] for event in world.events("tidegate.gate.overdue")] == [["b"]]


def test_a_window_that_ends_before_the_deadline_makes_the_gate_overdue() -> None:
    written = rule("a", "b", correlation_logic=window("2h"), expect={"deadline": "+1d 12:00"})
    world = heard(written, delivery("a"))

    world.advance(2 * HOUR_US)

    assert inputs(one_gate_of(world))["a"] == "received"
    assert one_gate_of(world)["status"] == "overdue"


def one_gate_of(world: World) -> dict[str, Any]:
    """That of the deliveries' date, beside those a rule expects."""
    return next(gate for gate in world.gates() if gate["key"]["data.business_date"] == DATE)


def test_the_wall_clock_end_is_counted_from_the_first_arrival_not_from_the_event() -> None:
    """Samples dated 2024 do not expire when they are posted today."""
    world = heard(
        rule("a", "b", correlation_logic=window("24h")), delivery("a", time="2024-01-15T10:30:00Z")
    )

    assert one_gate(world)["status"] == "waiting"
    world.advance(20 * HOUR_US)
    world.hear(delivery("a", "again", time="2024-01-15T11:00:00Z"))
    world.advance(4 * HOUR_US)
    assert one_gate(world)["status"] == "overdue"


def test_an_overdue_gate_still_opens_for_what_was_on_time() -> None:
    world = heard(rule("a", "b", correlation_logic=window("24h")), timed("a", 0))
    world.advance(3 * DAY_US)
    overdue = one_gate(world)["status"]

    world.hear(timed("b", 24))

    assert overdue == "overdue"
    assert rounds(world) == {1: "open"}
    assert len(world.tasks()) == 1


def test_an_overdue_gate_does_not_open_for_what_is_late() -> None:
    world = heard(rule("a", "b", correlation_logic=window("24h")), timed("a", 0))
    world.advance(3 * DAY_US)

    world.hear(timed("b", 25))

    assert one_gate(world)["status"] == "overdue"
    assert inputs(one_gate(world)) == {"a": "received", "b": "late"}


# ---- closing
def test_a_gate_closes_thirty_days_after_its_window() -> None:
    world = heard(rule("a", "b", correlation_logic=window("24h")), delivery("a"))

    world.advance(31 * DAY_US - 1)
    before = one_gate(world)["status"]
    world.advance(1)

    assert before == "overdue"
    assert one_gate(world)["status"] == "closed"
    assert "closed because its time was over" in explained(world, one_gate(world)["id"])["sentence"]
    assert len(world.events("tidegate.gate.closed")) == 1


def test_close_after_is_counted_from_the_later_of_deadline_and_window() -> None:
    written = rule(
        "a",
        "b",
        close_after="2d",
        correlation_logic=window("10h"),
        expect={"deadline": "12:00"},
    )
    world = heard(written, delivery("a", business_date="2025-11-21"))

    to(world, "2025-11-21T12:00:00Z")
    overdue = one_gate(world)["status"]
    to(world, "2025-11-23T18:59:59Z")
    before = _closed(world)
    to(world, "2025-11-23T19:00:00Z")

    assert overdue == "overdue"
    assert not before
    assert _closed(world)


def _closed(world: World) -> bool:
    return any(gate["status"] == "closed" for gate in world.gates())


def test_a_gate_may_close_the_moment_it_is_overdue() -> None:
    world = heard(rule("a", "b", close_after="0s", correlation_logic=window("24h")), delivery("a"))

    world.advance(2 * DAY_US)

    assert one_gate(world)["status"] == "closed"
    assert len(messages(world)) == 1
    assert not world.reader.parked()


def test_a_window_of_nothing_wants_all_at_one_instant() -> None:
    written = rule("a", "b", correlation_logic=window("0s"))

    same = heard(written, delivery("a"), delivery("b"))
    apart = heard(written, delivery("a"), delivery("b", time="2025-11-21T08:00:01Z"))

    assert one_gate(same)["status"] == "open"
    assert one_gate(apart)["status"] == "overdue"


def test_a_gate_without_window_and_deadline_waits_for_ever() -> None:
    world = heard(rule("a", "b"), delivery("a"))

    world.advance(400 * DAY_US)

    assert one_gate(world)["status"] == "waiting"
    assert messages(world) == []


def test_a_quarantined_gate_alarms_and_closes_like_any_other() -> None:
    world = heard(rule("a", "b", correlation_logic=window("24h"), **QUALITY), bad("a"))

    world.advance(DAY_US)
    after_window = one_gate(world)["status"], len(messages(world))
    world.advance(30 * DAY_US)

    assert after_window == ("quarantined", 2)
    assert one_gate(world)["status"] == "closed"


# ---- match fields
def test_further_match_fields_divide_a_date() -> None:
    written = rule("a", "b", correlation_logic=[match("data.business_date"), match("data.region")])
    world = heard(
        written,
        delivery("a", "1", region="DE"),
        delivery("b", "2", region="FR"),
        delivery("b", "3", region="DE"),
    )

    assert [(gate["key"]["data.region"], gate["status"]) for gate in world.gates()] == [
        ("DE", "open"),
        ("FR", "waiting"),
    ]


def test_every_further_match_field_divides() -> None:
    fields = [match("data.business_date"), match("data.region"), match("data.store")]
    world = heard(
        rule("a", "b", correlation_logic=fields),
        delivery("a", "1", region="DE", store=1),
        delivery("b", "2", region="DE", store=2),
        delivery("b", "3", region="DE", store=1),
    )

    assert [(gate["key"]["data.store"], gate["status"]) for gate in world.gates()] == [
        ("1", "open"),
        ("2", "waiting"),
    ]


def test_long_match_values_do_not_run_together() -> None:
    fields = ["data.business_date", "data.x", "data.y", "data.z"]
    written = rule("a", "b", correlation_logic=[match(field) for field in fields])
    long = {"x": "x" * 190, "y": "y" * 190}

    world = heard(
        written,
        delivery("a", "1", **long, z="z" * 190 + "1"),
        delivery("b", "2", **long, z="z" * 190 + "2"),
        delivery("a", "3", x="x" * 500 + "1", y="y", z="z"),
        delivery("b", "4", x="x" * 500 + "2", y="y", z="z"),
    )

    assert [gate["status"] for gate in world.gates()] == ["waiting"] * 4


def test_an_event_without_a_match_field_belongs_to_no_gate() -> None:
    written = rule("a", correlation_logic=[match("data.business_date"), match("data.region")])
    missing, empty = delivery("a", "1"), delivery("a", "2")
    empty["data"]["region"] = None

    world = heard(
        written, missing, empty, delivery("a", "3", business_date="20.11.2025", region="x")
    )

    assert world.gates() == []
    assert unheard(world) == 3
