"""Rounds: what comes after a gate opened or was closed, and what comes too late."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tidegate.correlate.gate import REPLACED_MAX, Gate
from tidegate.correlate.identity import correlation_id
from tidegate.correlate.memory import COUNTED_MAX, DIGEST_BYTES, remembered, remembers
from tidegate.kernel.clock import DAY_US, HOUR_US
from tidegate.testing.gates import (
    close,
    condition,
    counted,
    delivery,
    forget,
    inputs,
    match,
    messages,
    one_gate,
    project,
    rounds,
    rule,
    unheard,
    window,
)
from tidegate.testing.world import World

QUALITY = {"additional_conditions": [{"n": "> 0"}]}
LATER = "2025-11-21T08:30:00Z"


def heard(written: dict[str, Any], *events: dict[str, Any]) -> World:
    world = World(project(written))
    for event in events:
        world.hear(event)
    assert not world.reader.parked()
    return world


def opened(**changes: Any) -> World:
    return heard(rule("a", "b", **changes), delivery("a", "a1", n=1), delivery("b", "b1", n=1))


def round_of(world: World, number: int) -> dict[str, Any]:
    return next(gate for gate in world.gates() if gate["round"] == number)


# ---- redelivery
def test_a_redelivery_begins_a_round_that_waits_for_all_inputs_again() -> None:
    world = opened()

    world.hear(delivery("a", "a2"))
    waiting = rounds(world), counted(round_of(world, 2))
    world.hear(delivery("b", "b2"))

    assert waiting == ({1: "open", 2: "waiting"}, {"a": "a2", "b": None})
    assert rounds(world) == {1: "open", 2: "open"}
    assert counted(round_of(world, 1)) == {"a": "a1", "b": "b1"}
    assert len(world.tasks()) == 2
    assert [gate["id"] for gate in sorted(world.gates(), key=lambda gate: gate["round"])] == [
        "daily~~2025-11-20~~001",
        "daily~~2025-11-20~~002",
    ]


def test_rounds_go_on_and_all_of_them_stay_listed() -> None:
    world = opened()

    for number in range(2, 5):
        world.hear(delivery("b", f"b{number}"), delivery("a", f"a{number}"))

    assert rounds(world) == dict.fromkeys(range(1, 5), "open")
    assert [counted(round_of(world, n))["a"] for n in range(1, 5)] == ["a1", "a2", "a3", "a4"]
    assert world.verify().differences == []


def test_refire_opens_at_once_with_the_newest_of_each() -> None:
    world = opened(redelivery="refire")

    world.hear(delivery("a", "a2", time=LATER))

    assert rounds(world) == {1: "open", 2: "open"}
    assert counted(round_of(world, 2)) == {"a": "a2", "b": "b1"}
    assert counted(round_of(world, 1)) == {"a": "a1", "b": "b1"}
    assert len(world.tasks()) == 2


@pytest.mark.parametrize("keep", ["latest", "first"])
def test_a_refire_takes_the_newest_even_if_it_came_first(keep: str) -> None:
    world = opened(redelivery="refire", keep=keep)

    world.hear(delivery("a", "newer", time=LATER))
    world.hear(delivery("a", "older", time="2025-11-21T08:10:00Z"))

    assert rounds(world) == {1: "open", 2: "open"}
    assert counted(round_of(world, 2)) == {"a": "newer", "b": "b1"}


@pytest.mark.parametrize("keep", ["latest", "first"])
def test_an_older_delivery_refires_nothing_and_is_shown(keep: str) -> None:
    world = opened(redelivery="refire", keep=keep)

    world.hear(delivery("a", "older", time="2025-11-21T07:00:00Z"))

    assert rounds(world) == {1: "open"}
    assert counted(one_gate(world)) == {"a": "a1", "b": "b1"}
    assert len(world.tasks()) == 1
    misses = world.asking.explain_gate(one_gate(world)["id"]).answer["nearest_misses"]
    assert [miss["evidence"]["id"] for miss in misses] == ["older"]


def test_of_an_older_delivery_an_open_round_takes_the_input_it_lacked() -> None:
    large = condition("a", name="large", optional=True, **{"data.n": "> 5"})
    world = heard(
        rule(conditions=[condition("a"), large], redelivery="refire"), delivery("a", "a1", n=1)
    )

    world.hear(delivery("a", "a2", n=9, time="2025-11-21T07:00:00Z"))
    older = rounds(world), counted(one_gate(world))
    world.hear(delivery("a", "a3", n=9, time="2025-11-21T07:30:00Z"))

    assert older == ({1: "open"}, {"a": "a1", "large": "a2"})
    assert counted(round_of(world, 2)) == {"a": "a1", "large": "a3"}


def test_a_refire_with_bad_data_is_held_back_until_it_is_corrected() -> None:
    world = opened(redelivery="refire", **QUALITY)

    world.hear(delivery("a", "a2", time=LATER, n=0))
    held = rounds(world)
    world.hear(delivery("a", "a3", time="2025-11-21T08:40:00Z", n=1))

    assert held == {1: "open", 2: "quarantined"}
    assert rounds(world) == {1: "open", 2: "open"}
    assert counted(round_of(world, 2)) == {"a": "a3", "b": "b1"}


def test_a_refire_outside_the_window_waits_and_alarms_at_its_end() -> None:
    world = opened(redelivery="refire", correlation_logic=window("2h"))

    world.hear(delivery("a", "a2", time="2025-11-21T10:30:00Z"))
    waiting = rounds(world), inputs(round_of(world, 2))
    world.advance(2 * HOUR_US)

    assert waiting == ({1: "open", 2: "waiting"}, {"a": "late", "b": "received"})
    assert rounds(world) == {1: "open", 2: "overdue"}


def test_ignored_redeliveries_begin_nothing_and_are_shown() -> None:
    world = opened(redelivery="ignore")

    world.hear(delivery("a", "a2"))

    assert rounds(world) == {1: "open"}
    assert counted(one_gate(world))["a"] == "a1"
    assert len(world.tasks()) == 1
    misses = world.asking.explain_gate(one_gate(world)["id"]).answer["nearest_misses"]
    assert [miss["evidence"]["id"] for miss in misses] == ["a2"]
    assert unheard(world) == 0


def test_twenty_ignored_redeliveries_are_shown_and_more_are_in_the_log() -> None:
    world = opened(redelivery="ignore")

    for number in range(30):
        world.hear(delivery("a", f"again-{number:02}"))

    (state,) = world.cells("gate", Gate).values()
    assert [one.id for one in state.refused] == [f"again-{number:02}" for number in range(10, 30)]


@pytest.mark.parametrize("redelivery", ["new_round", "refire", "ignore"])
def test_what_a_round_counted_begins_no_other_even_when_the_index_forgot_it(
    redelivery: str,
) -> None:
    world = opened(redelivery=redelivery)
    forget(world)

    world.hear(delivery("a", "a1", n=1), delivery("b", "b1", n=1))

    assert rounds(world) == {1: "open"}
    assert len(world.tasks()) == 1


def test_an_id_of_an_earlier_round_is_remembered() -> None:
    world = opened()
    world.hear(delivery("a", "a2"), delivery("b", "b2"))
    forget(world)

    world.hear(delivery("a", "a1", n=1))

    assert rounds(world) == {1: "open", 2: "open"}


def again(dataset: str, number: int, length: int) -> dict[str, Any]:
    """The same input once more, under an id of that length that nothing shortens."""
    id_ = f"{number}-" + bytes(Random(number).choices(range(33, 127), k=length)).decode()
    return delivery(dataset, id_, time=f"2025-11-21T08:{number // 60 % 60:02}:{number % 60:02}Z")


def test_an_input_that_comes_without_end_keeps_no_gate_from_opening() -> None:
    world = heard(rule("a", "b"))

    for first in range(0, 3_500, 500):
        world.hear(*[again("a", first + number, 900) for number in range(500)])
    world.hear(delivery("b"))

    (state,) = world.cells("gate", Gate).values()
    assert rounds(world) == {1: "open"}
    assert counted(one_gate(world))["a"] == again("a", 3_499, 900)["id"]
    assert len(msgspec.msgpack.encode(state)) < 32 << 10
    assert world.verify().differences == []


def test_the_newest_that_a_gate_counted_are_remembered() -> None:
    world = heard(rule("a", "b"))
    sent = [again("a", number, 5) for number in range(COUNTED_MAX + 2)]
    world.hear(*sent[:500])
    world.hear(*sent[500:])
    world.hear(delivery("b"))
    forget(world)

    world.hear(sent[1])
    kept = rounds(world)
    world.hear(sent[0])

    assert kept == {1: "open"}
    assert rounds(world) == {1: "open", 2: "waiting"}


def test_the_last_round_remembers_for_all_the_finished_ones() -> None:
    world = heard(rule("a"), *[delivery("a", f"a{number}") for number in (1, 2, 3)])
    forget(world)

    world.hear(delivery("a", "a1"))

    assert rounds(world) == dict.fromkeys([1, 2, 3], "open")
    found = sorted(world.cells("gate", Gate).values(), key=lambda gate: gate.round)
    assert [len(gate.counted) for gate in found] == [0, 0, 2 * DIGEST_BYTES]


def test_a_round_keeps_the_places_of_what_was_replaced_the_newest() -> None:
    world = heard(rule("a", "b"), *[again("a", number, 5) for number in range(REPLACED_MAX + 2)])
    (first,) = world.cells("gate", Gate).values()
    world.hear(delivery("b"))
    world.hear(delivery("b", time=LATER))

    second = next(gate for gate in world.cells("gate", Gate).values() if gate.round == 2)

    last = first.inputs[0].pos
    assert first.replaced == tuple(range(last - REPLACED_MAX, last))
    assert second.replaced == ()


def test_what_is_remembered_is_not_made_of_two_others() -> None:
    counted = remembered(b"", [("/s", str(number)) for number in range(2)])
    middle = counted[DIGEST_BYTES // 2 :] + counted[: DIGEST_BYTES // 2]

    assert remembers(counted, "/s", "1")
    assert not remembers(middle, "/s", "1")
    assert remembers(middle + counted, "/s", "1")


def test_a_gate_that_remembered_in_full_is_read() -> None:
    """Format 1, before what is remembered had one size."""
    world = heard(rule("a"), delivery("a", "a1"), delivery("a", "a2", time=LATER))
    codec = world.host.setup.codec
    ((key, state),) = [one for one in world.cells("gate", Gate).items() if one[1].round == 2]
    raw = msgspec.msgpack.decode(msgspec.msgpack.encode(replace(state, counted=("2 /a a1",))))

    read = codec.decode(key, 1, msgspec.msgpack.encode(raw))

    assert read == state


def test_one_id_of_two_sources_is_two_deliveries() -> None:
    world = opened()

    world.hear(delivery("a", "a1", source="/elsewhere"))

    assert rounds(world) == {1: "open", 2: "waiting"}


def test_blanks_in_source_and_id_do_not_run_together() -> None:
    world = heard(rule("a"), delivery("a", "c", source="/a b"))

    world.hear(delivery("a", "b c", source="/a"))

    assert rounds(world) == {1: "open", 2: "open"}


@pytest.mark.parametrize("order", [("older", "newer"), ("newer", "older")])
def test_a_delivery_that_was_not_kept_begins_no_round_when_it_comes_again(
    order: tuple[str, str],
) -> None:
    times = {"older": "2025-11-21T07:00:00Z", "newer": LATER}
    sent = [delivery("a", id_, time=times[id_]) for id_ in order]
    world = heard(rule("a", "b"), *sent, delivery("b"))
    forget(world)

    world.hear(*sent)

    assert rounds(world) == {1: "open"}
    assert counted(one_gate(world))["a"] == "newer"


def test_blanks_do_not_run_together_in_what_earlier_rounds_counted() -> None:
    world = heard(rule("a"), delivery("a", "c", source="/a b"), delivery("a", "x"))

    world.hear(delivery("a", "b c", source="/a"))

    assert rounds(world) == dict.fromkeys([1, 2, 3], "open")


def test_an_event_that_is_an_old_input_and_a_new_one_begins_the_next_round() -> None:
    large = condition("a", name="large", optional=True, **{"data.n": "> 5"})
    world = heard(rule(conditions=[condition("a"), large]), delivery("a", "a1", n=1))

    world.hear(delivery("a", "a2", n=9))

    assert rounds(world) == {1: "open", 2: "open"}
    assert counted(round_of(world, 1)) == {"a": "a1", "large": None}
    assert counted(round_of(world, 2)) == {"a": "a2", "large": "a2"}


def test_bad_optional_data_for_an_open_gate_is_shown_and_nobody_is_told() -> None:
    conditions = [condition("a"), condition("b", optional=True)]
    world = heard(rule(conditions=conditions, **QUALITY), delivery("a", n=1))

    world.hear(delivery("b", n=0))

    assert rounds(world) == {1: "open"}
    assert inputs(one_gate(world)) == {"a": "received", "b": "quarantined"}
    assert messages(world) == []
    assert world.events("tidegate.gate.quarantined") == []


def test_an_optional_input_delivered_again_begins_the_next_round() -> None:
    conditions = [condition("a"), condition("b", optional=True)]
    world = heard(rule(conditions=conditions), delivery("a"), delivery("b", "b1"))
    joined = rounds(world)

    world.hear(delivery("b", "b2"))

    assert joined == {1: "open"}
    assert rounds(world) == {1: "open", 2: "waiting"}


def test_the_next_round_has_a_window_of_its_own_and_no_deadline() -> None:
    world = opened(correlation_logic=window("24h"), expect={"deadline": "+1d 12:00"})
    world.advance(5 * DAY_US)

    world.hear(delivery("a", "a2", time="2025-11-26T09:00:00Z"))
    second = round_of(world, 2)
    world.advance(DAY_US)

    assert (second["status"], second["deadline"], second["backfill"]) == ("waiting", None, False)
    assert rounds(world)[2] == "overdue"


@pytest.mark.parametrize("redelivery", ["new_round", "refire"])
def test_history_stays_history_when_it_is_delivered_again(redelivery: str) -> None:
    written = rule("a", "b", expect={"deadline": "06:00"}, redelivery=redelivery, **QUALITY)
    world = heard(written, delivery("a", "a1", n=1), delivery("b", "b1", n=1))

    world.hear(delivery("a", "a2", time="2025-11-21T10:00:02Z", n=1))
    world.hear(delivery("b", "b2", time="2025-11-21T10:00:03Z", n=0))

    assert [round_of(world, number)["backfill"] for number in (1, 2)] == [True, True]
    assert world.events("tidegate.gate.opened")[0].data["backfill"]
    assert messages(world) == []


# ---- closing
def test_a_person_closes_a_gate_that_nobody_waits_for() -> None:
    world = heard(rule("a", "b"), delivery("a", "a1"))
    gate = one_gate(world)

    reply = close(world, gate["id"])

    assert reply == {"gate": gate["id"], "status": "closed"}
    assert [event.data["by"] for event in world.events("tidegate.gate.closed")] == ["ann"]
    assert "closed by ann" in world.asking.explain_gate(gate["id"]).answer["sentence"]


def test_what_is_open_or_closed_cannot_be_closed() -> None:
    world = opened()
    reply = close(world, one_gate(world)["id"])
    other = heard(rule("a", "b"), delivery("a"))
    close(other, one_gate(other)["id"])

    again = close(other, one_gate(other)["id"])

    assert [getattr(one, "code", "") for one in (reply, again)] == ["gate.state"] * 2
    assert [getattr(one, "message", "") for one in (reply, again)] == [
        "daily~~2025-11-20~~001 is open: what opened is never closed",
        "daily~~2025-11-20~~001 was closed already, by ann",
    ]
    assert "tidegate run stop" in getattr(reply, "fix", "")
    assert rounds(world) == {1: "open"}


def closed(**changes: Any) -> World:
    world = heard(rule("a", "b", **changes), delivery("a", "a1"))
    close(world, one_gate(world)["id"])
    return world


def test_what_comes_for_a_closed_gate_is_shown_and_its_owner_decides() -> None:
    world = closed(owner="ann")

    world.hear(delivery("b", "b1"))

    assert rounds(world) == {1: "closed"}
    assert world.tasks() == []
    (message,) = messages(world)
    assert message.startswith("daily for 2025-11-20: b of 2025-11-21T08:00:00Z came after")
    misses = world.asking.explain_gate(one_gate(world)["id"]).answer["nearest_misses"]
    assert [miss["evidence"]["id"] for miss in misses] == ["b1"]


def test_two_deliveries_for_a_closed_gate_are_both_told() -> None:
    world = closed()

    world.hear(delivery("b", "b1"))
    world.hear(delivery("b", "b2"))

    assert len(messages(world)) == 2


def test_late_ignore_tells_nobody() -> None:
    world = closed(late="ignore")

    world.hear(delivery("b", "b1"))

    assert rounds(world) == {1: "closed"}
    assert messages(world) == []
    assert unheard(world) == 0


def test_late_new_round_begins_one() -> None:
    world = closed(late="new_round")

    world.hear(delivery("b", "b1"))
    world.hear(delivery("a", "a2"))

    assert rounds(world) == {1: "closed", 2: "open"}
    assert counted(round_of(world, 2)) == {"a": "a2", "b": "b1"}
    assert len(world.tasks()) == 1


# ---- late, by what is here
@pytest.mark.parametrize(
    ("late", "first", "expected"),
    [
        ("inbox", "a", {1: {"a": "received", "b": "late"}}),
        ("inbox", "b", {1: {"a": "received", "b": "late"}}),
        ("ignore", "a", {1: {"a": "received", "b": "missing"}}),
        ("ignore", "b", {1: {"a": "received", "b": "late"}}),
        (
            "new_round",
            "a",
            {1: {"a": "received", "b": "missing"}, 2: {"a": "missing", "b": "received"}},
        ),
        ("new_round", "b", {1: {"a": "received", "b": "late"}}),
    ],
)
def test_what_is_late_is_judged_by_what_is_here(
    late: str, first: str, expected: dict[int, dict[str, str]]
) -> None:
    """The table of docs/explanation/what-belongs-together.md."""
    written = rule("a", "b", "c", correlation_logic=window("2h"), late=late)
    early, later = delivery("a"), delivery("b", time="2025-11-21T11:00:00Z")

    world = heard(written, *((early, later) if first == "a" else (later, early)))

    shown = {gate["round"]: inputs(gate) for gate in world.gates()}
    assert shown == {number: {**one, "c": "missing"} for number, one in expected.items()}


# ---- late for a window
def wide(late: str, **changes: Any) -> World:
    """One delivery at 08:00, with a window of two hours."""
    changes = {"correlation_logic": window("2h"), "late": late} | changes
    return heard(rule("a", "b", **changes), delivery("a", "a1", n=1))


LATE = "2025-11-21T10:00:01Z"
ON_TIME = "2025-11-21T10:00:00Z"


@pytest.mark.parametrize("late", ["inbox", "ignore", "new_round"])
def test_what_is_on_time_opens_the_gate_whatever_becomes_of_the_late(late: str) -> None:
    world = wide(late)

    world.hear(delivery("b", time=ON_TIME))

    assert rounds(world) == {1: "open"}


def test_late_data_is_kept_and_shown_by_default() -> None:
    world = wide("inbox")

    world.hear(delivery("b", time=LATE))

    assert rounds(world) == {1: "waiting"}
    assert inputs(one_gate(world)) == {"a": "received", "b": "late"}


def test_ignored_late_data_is_no_input() -> None:
    world = wide("ignore")

    world.hear(delivery("b", "late", time=LATE))
    shown = inputs(one_gate(world))
    world.hear(delivery("b", time=ON_TIME))

    assert shown == {"a": "received", "b": "missing"}
    assert rounds(world) == {1: "open"}


def test_late_data_begins_the_next_round_and_ends_the_one_that_waited() -> None:
    world = wide("new_round")

    world.hear(delivery("b", "b1", time=LATE))
    begun = rounds(world)
    world.hear(delivery("a", "a2", time=LATE))

    assert begun == {1: "closed", 2: "waiting"}
    assert rounds(world) == {1: "closed", 2: "open"}
    assert counted(round_of(world, 1)) == {"a": "a1", "b": None}
    assert counted(round_of(world, 2)) == {"a": "a2", "b": "b1"}
    assert [event.data["by"] for event in world.events("tidegate.gate.closed")] == ["late"]
    assert len(world.tasks()) == 1
    assert world.verify().differences == []


def test_a_round_that_ends_by_late_data_passes_its_deadline_on() -> None:
    world = wide("new_round", expect={"deadline": "+1d 12:00"})

    world.hear(delivery("b", "b1", time=LATE))
    second = round_of(world, 2)
    world.advance(3 * HOUR_US)

    assert second["deadline"] == "2025-11-21T12:00:00Z"
    assert rounds(world)[2] == "overdue"
    assert "daily for 2025-11-20 is overdue: a missing" in messages(world)


def test_a_round_that_ends_by_late_data_passes_its_warning_on() -> None:
    world = wide("new_round", expect={"deadline": "+1d 12:00", "warn_at": "+1d 10:30"})

    world.hear(delivery("b", "b1", time=LATE))
    world.advance(3 * HOUR_US)

    told = "daily for 2025-11-20 is later than usual: a missing"
    assert [message for message in messages(world) if "2025-11-20 is later" in message] == [told]


def test_an_overdue_round_that_ends_by_late_data_does_not_alarm_again_and_closes_in_time() -> None:
    world = wide("new_round", close_after="1d")
    world.advance(3 * HOUR_US)
    overdue = rounds(world), len(messages(world))

    world.hear(delivery("b", "b1", time=LATE))
    begun = rounds(world)
    world.advance(22 * HOUR_US)
    before = rounds(world)
    world.advance(HOUR_US)

    assert overdue == ({1: "overdue"}, 1)
    assert begun == before == {1: "closed", 2: "overdue"}
    assert rounds(world) == {1: "closed", 2: "closed"}
    assert len(messages(world)) == 1


def test_history_stays_history_in_a_round_that_begins_with_late_data() -> None:
    world = wide("new_round", expect={"deadline": "06:00"}, **QUALITY)
    made = one_gate(world)

    world.hear(delivery("b", "b1", time=LATE, n=1))
    world.hear(delivery("b", "b2", time="2025-11-21T10:00:02Z", n=0))

    assert made["backfill"]
    assert round_of(world, 2)["backfill"]
    assert messages(world) == []


def test_what_would_be_late_in_every_round_begins_none() -> None:
    world = heard(
        rule("a", "b", correlation_logic=window("2h", "business_date"), late="new_round"),
        delivery("a", time="2025-11-20T01:00:00Z"),
        delivery("b", time="2025-11-20T05:00:00Z"),
    )

    assert rounds(world) == {1: "waiting"}
    assert inputs(one_gate(world)) == {"a": "received", "b": "late"}


def test_a_redelivery_of_the_only_input_is_never_late() -> None:
    world = wide("ignore")

    world.hear(delivery("a", "a2", time=LATE))

    assert counted(one_gate(world)) == {"a": "a2", "b": None}


# ---- correlation ids
def test_every_round_has_an_id_of_its_own_and_rules_of_one_process_share_them() -> None:
    one = rule("a", rule_name="one", business_process="reporting")
    two = rule("b", rule_name="two", business_process="reporting")
    world = World(project(one, two))

    world.hear(delivery("a", "a1"), delivery("a", "a2"), delivery("b", "b1"))

    ids = {(gate["rule"], gate["round"]): gate["correlation_id"] for gate in world.gates()}
    assert ids == {
        ("one", 1): "reporting-2025-11-20-001",
        ("one", 2): "reporting-2025-11-20-002",
        ("two", 1): "reporting-2025-11-20-001",
    }


def test_gates_of_one_date_and_other_match_values_have_other_ids() -> None:
    world = heard(
        rule("a", correlation_logic=[match("data.business_date"), match("data.region")]),
        delivery("a", "1", region="DE"),
        delivery("a", "2", region="FR"),
    )

    assert [gate["correlation_id"] for gate in world.gates()] == [
        "daily-2025-11-20-DE-001",
        "daily-2025-11-20-FR-001",
    ]
    assert len(world.tasks()) == 2


def test_a_field_that_no_template_can_name_divides_ids_as_well() -> None:
    fields = [match("data.store-id"), match("data.business_date")]
    event = delivery("a") | {
        "data": {"dataset_name": "a", "business_date": "2025-11-20", "store-id": 7}
    }

    world = heard(rule("a", correlation_logic=fields), event)

    assert one_gate(world)["correlation_id"] == "daily-2025-11-20-7-001"


def test_round_one_thousand_has_four_digits() -> None:
    world = heard(rule("a"), delivery("a"))
    books = world.library.books()
    (found,) = (seat.book for seat in books.seats if seat.engine.name == "correlate")

    text = correlation_id(found.active["daily"], Gate(round=1000, values=("2025-11-20",)))

    assert text == "daily-2025-11-20-1000"
