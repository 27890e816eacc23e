"""Expectations: gates begun beforehand, so that a deadline fires although nothing came."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.correlate.expectation import Expectation
from tidegate.kernel.clock import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    SECOND_US,
    Day,
    format_day,
    parse_day,
)
from tidegate.kernel.workday import WEEKDAYS
from tidegate.testing.gates import (
    RULE,
    Documents,
    at,
    close,
    condition,
    delivery,
    explained,
    inputs,
    match,
    messages,
    notify,
    one_gate,
    project,
    rule,
    to,
    window,
)
from tidegate.testing.world import World

FRIDAY = "2025-11-21"
MONDAY = "2025-11-24"


def expecting(
    *, start: str = "2025-11-20T12:00:00Z", others: Documents | None = None, **expect: Any
) -> World:
    """A rule that waits for a and b, since Thursday noon."""
    changes = expect.pop("changes", {})
    return World(project(rule("a", "b", expect=expect, **changes), others=others), at=at(start))


def gates(world: World) -> dict[str, str]:
    """Business date to status."""
    assert not world.reader.parked()
    return {gate["key"]["data.business_date"]: gate["status"] for gate in world.gates()}


def alarms(world: World) -> list[tuple[str, str]]:
    """When an overdue gate alarmed, and what it said."""
    return [
        (one.body["told_at"], one.body["message"])
        for one in world.notices()
        if "overdue" in one.body["message"]
    ]


# ---- beginning
def test_the_gate_of_a_date_is_there_before_anything_came() -> None:
    world = expecting(deadline="06:00")

    before = gates(world)
    to(world, f"{FRIDAY}T00:00:00Z")

    assert before == {}
    assert gates(world) == {FRIDAY: "waiting"}
    assert one_gate(world)["deadline"] == f"{FRIDAY}T06:00:00Z"
    assert inputs(one_gate(world)) == {"a": "missing", "b": "missing"}
    assert one_gate(world)["correlation_id"] == f"daily-{FRIDAY}-001"


def test_a_deadline_fires_though_nothing_came() -> None:
    world = expecting(deadline="06:00", changes={"owner": "ann"})

    to(world, f"{FRIDAY}T05:59:59Z")
    before = gates(world), alarms(world)
    to(world, f"{FRIDAY}T06:00:00Z")

    assert before == ({FRIDAY: "waiting"}, [])
    assert gates(world) == {FRIDAY: "overdue"}
    assert alarms(world) == [
        (f"{FRIDAY}T06:00:00Z", f"daily for {FRIDAY} is overdue: a missing, b missing")
    ]
    assert [event.data["missing"] for event in world.events("tidegate.gate.overdue")] == [
        ["a", "b"]
    ]


def test_a_gate_that_opened_in_time_alarms_nobody() -> None:
    world = expecting(deadline="06:00")
    to(world, f"{FRIDAY}T05:00:00Z")

    for name in ("a", "b"):
        world.hear(delivery(name, business_date=FRIDAY, time=f"{FRIDAY}T05:00:00Z"))
    world.advance(2 * HOUR_US)

    assert gates(world) == {FRIDAY: "open"}
    assert messages(world) == []


def test_an_overdue_gate_still_opens() -> None:
    world = expecting(deadline="06:00")
    to(world, f"{FRIDAY}T07:00:00Z")

    for name in ("a", "b"):
        world.hear(delivery(name, business_date=FRIDAY, time=f"{FRIDAY}T07:00:00Z"))

    assert gates(world) == {FRIDAY: "open"}
    assert len(world.tasks()) == 1
    assert len(alarms(world)) == 1


def test_days_without_business_are_not_expected() -> None:
    world = expecting(deadline="06:00")

    to(world, f"{MONDAY}T06:00:00Z")

    assert gates(world) == {FRIDAY: "overdue", MONDAY: "overdue"}
    assert len(alarms(world)) == 2


def test_today_is_expected_while_its_deadline_has_not_passed() -> None:
    early = expecting(deadline="06:00", start="2025-11-20T05:59:58Z")
    late = expecting(deadline="06:00", start="2025-11-20T06:00:00Z")

    early.advance(SECOND_US)
    late.advance(SECOND_US)

    assert gates(early) == {"2025-11-20": "waiting"}
    assert gates(late) == {}


@pytest.mark.parametrize(
    ("deadline", "instant"),
    [
        ("06:00:30", "2025-11-21T06:00:30Z"),
        ("06:00", "2025-11-21T06:00:00Z"),
        ("24:00", "2025-11-22T00:00:00Z"),
        ("+1d 06:00", "2025-11-22T06:00:00Z"),
        ("+1bd 06:00", "2025-11-24T06:00:00Z"),
        ("+2bd 06:00", "2025-11-25T06:00:00Z"),
        ("+10d 06:00", "2025-12-01T06:00:00Z"),
        ("-1d 23:00", "2025-11-20T23:00:00Z"),
    ],
)
def test_a_deadline_may_lie_on_another_day(deadline: str, instant: str) -> None:
    world = expecting(deadline=deadline)

    to(world, instant)
    fired = [told for told, message in alarms(world) if FRIDAY in message]

    assert fired == [instant]


def test_dates_whose_deadline_is_still_to_come_are_begun_at_once() -> None:
    world = expecting(deadline="+20d 06:00")

    world.advance(SECOND_US)
    begun = gates(world)

    assert min(begun) == "2025-11-03"
    assert max(begun) == "2025-11-20"
    assert len(begun) == 14
    assert set(begun.values()) == {"waiting"}


def test_dates_whose_deadline_lies_business_days_ahead_are_begun_at_once() -> None:
    world = expecting(deadline="+10bd 06:00")

    world.advance(SECOND_US)

    assert min(gates(world)) == "2025-11-07"
    assert len(gates(world)) == 10


def test_without_a_deadline_a_gate_is_begun_and_never_overdue() -> None:
    world = expecting()

    to(world, "2025-11-25T12:00:00Z")

    assert gates(world) == dict.fromkeys(["2025-11-20", FRIDAY, MONDAY, "2025-11-25"], "waiting")


# ---- zones and calendars
@pytest.mark.parametrize(
    ("start", "date", "instant"),
    [
        ("2025-11-19T12:00:00Z", "2025-11-20", "2025-11-20T05:00:00Z"),
        ("2026-03-26T12:00:00Z", "2026-03-27", "2026-03-27T05:00:00Z"),
        ("2026-03-27T12:00:00Z", "2026-03-30", "2026-03-30T04:00:00Z"),
        ("2026-10-23T12:00:00Z", "2026-10-26", "2026-10-26T05:00:00Z"),
    ],
)
def test_a_deadline_is_a_time_of_its_zone_in_summer_and_winter(
    start: str, date: str, instant: str
) -> None:
    world = expecting(deadline="06:00", timezone="Europe/Berlin", start=start)

    to(world, instant)

    assert gates(world)[date] == "overdue"
    assert [told for told, message in alarms(world) if date in message] == [instant]


BERLIN: Documents = {("project", "project"): {"name": "p", "timezone": "Europe/Berlin"}}


def test_a_deadline_that_names_no_zone_is_a_time_of_the_project() -> None:
    world = expecting(deadline="06:00", others=BERLIN)

    to(world, f"{FRIDAY}T05:00:00Z")

    assert alarms(world)[0][0] == f"{FRIDAY}T05:00:00Z"


def test_a_zone_of_the_rule_goes_before_that_of_the_project() -> None:
    world = expecting(deadline="06:00", timezone="UTC", others=BERLIN)

    to(world, f"{FRIDAY}T06:00:00Z")

    assert alarms(world)[0][0] == f"{FRIDAY}T06:00:00Z"


def test_a_project_that_moves_to_another_zone_takes_its_deadlines_along() -> None:
    written = rule("a", expect={"deadline": "+1d 00:30"})
    world = World(project(written), at=at("2025-11-20T12:00:00Z"))

    world.activate(project(written, others=BERLIN))
    to(world, "2025-11-22T00:00:00Z")

    assert [told for told, message in alarms(world) if FRIDAY in message] == [
        "2025-11-21T23:30:00Z"
    ]


@pytest.mark.parametrize(
    ("deadline", "instant"),
    [
        ("02:30", "2026-03-29T01:00:00Z"),  # the clocks jump from 02:00 to 03:00
        ("03:30", "2026-03-29T01:30:00Z"),
    ],
)
def test_a_deadline_in_the_gap_of_spring_is_its_end(deadline: str, instant: str) -> None:
    world = expecting(
        deadline=deadline,
        timezone="Europe/Berlin",
        calendar="every_day",
        start="2026-03-28T12:00:00Z",
    )

    to(world, instant)

    assert alarms(world)[-1][0] == instant


def test_a_deadline_in_the_fold_of_autumn_is_the_first_of_the_two() -> None:
    world = expecting(
        deadline="02:30",
        timezone="Europe/Berlin",
        calendar="every_day",
        start="2026-10-24T12:00:00Z",
    )

    to(world, "2026-10-25T03:00:00Z")

    assert [told for told, _ in alarms(world)] == ["2026-10-25T00:30:00Z"]


def test_a_day_begins_at_local_midnight() -> None:
    world = expecting(deadline="06:00", timezone="America/New_York")

    to(world, f"{FRIDAY}T04:59:59Z")
    before = gates(world)
    to(world, f"{FRIDAY}T05:00:00Z")

    assert before == {}
    assert gates(world) == {FRIDAY: "waiting"}


def test_a_country_has_holidays() -> None:
    world = expecting(deadline="06:00", calendar="DE", start="2025-12-23T12:00:00Z")

    to(world, "2025-12-29T12:00:00Z")

    assert gates(world) == {"2025-12-24": "overdue", "2025-12-29": "overdue"}


def test_a_calendar_of_the_project_counts() -> None:
    calendar: dict[str, Any] = {
        "name": "shop",
        "based_on": "DE",
        "holidays": ["2025-12-24"],
        "workdays": ["2025-12-27"],
    }
    world = expecting(
        deadline="06:00",
        calendar="shop",
        start="2025-12-23T12:00:00Z",
        others={("calendar", "shop"): calendar},
    )

    to(world, "2025-12-29T12:00:00Z")

    assert gates(world) == {"2025-12-27": "overdue", "2025-12-29": "overdue"}


# ---- early warnings
def test_a_warning_comes_before_the_deadline() -> None:
    world = expecting(deadline="06:00", warn_at="05:30")

    to(world, f"{FRIDAY}T05:30:00Z")
    warned = gates(world), messages(world)
    to(world, f"{FRIDAY}T06:00:00Z")

    assert warned == (
        {FRIDAY: "waiting"},
        [f"daily for {FRIDAY} is later than usual: a missing, b missing"],
    )
    assert len(world.events("tidegate.gate.late")) == 1
    assert gates(world) == {FRIDAY: "overdue"}
    assert len(messages(world)) == 2


def test_past_its_warning_a_gate_counts_as_late() -> None:
    world = expecting(deadline="06:00", warn_at="05:30")

    to(world, f"{FRIDAY}T05:29:59Z")
    before = world.asking.explain_rule("daily", None).exit_code
    to(world, f"{FRIDAY}T05:30:00Z")
    after = world.asking.explain_rule("daily", None).exit_code

    assert (before, after) == (10, 11)


def test_a_warning_is_a_time_of_its_zone() -> None:
    world = expecting(deadline="06:00", warn_at="05:30", timezone="Europe/Berlin")

    to(world, f"{FRIDAY}T04:29:59Z")
    before = messages(world)
    to(world, f"{FRIDAY}T04:30:00Z")

    assert before == []
    assert messages(world) == [f"daily for {FRIDAY} is later than usual: a missing, b missing"]


def test_a_warning_may_lie_on_the_day_before() -> None:
    world = expecting(deadline="00:30", warn_at="-1d 23:00")

    to(world, "2025-11-20T23:00:00Z")

    assert messages(world) == [f"daily for {FRIDAY} is later than usual: a missing, b missing"]


def test_who_is_in_time_is_not_warned_of() -> None:
    world = expecting(deadline="06:00", warn_at="05:30")
    to(world, f"{FRIDAY}T05:00:00Z")

    for name in ("a", "b"):
        world.hear(delivery(name, business_date=FRIDAY, time=f"{FRIDAY}T05:00:00Z"))
    world.advance(2 * HOUR_US)

    assert messages(world) == []


def test_a_warning_without_a_deadline() -> None:
    world = expecting(warn_at="05:30", start="2025-11-21T00:00:00Z")

    to(world, f"{FRIDAY}T12:00:00Z")

    assert len(messages(world)) == 1
    assert gates(world)[FRIDAY] == "waiting"


# ---- a calendar that has no business day in reach
def closed_fridays(weeks: int) -> Documents:
    """A calendar of Fridays alone, and so many of them in a row are holidays."""
    first = parse_day(FRIDAY)
    holidays = [format_day(Day(first + 7 * week)) for week in range(weeks)]
    return {
        ("calendar", "fridays"): {
            "name": "fridays",
            "weekdays": ["friday"],
            "holidays": holidays,
        }
    }


def test_a_calendar_without_a_business_day_in_reach_is_looked_at_every_day_and_stops_nothing() -> (
    None
):
    world = expecting(deadline="06:00", calendar="fridays", others=closed_fridays(70))

    world.advance(40 * DAY_US)
    far_from_it = gates(world)
    to(world, "2027-03-27T06:00:00Z")

    assert far_from_it == {}
    assert gates(world) == {"2027-03-26": "overdue"}


def test_a_gate_whose_deadline_finds_no_business_day_waits_without_one_and_says_why() -> None:
    world = expecting(
        deadline="+1bd 06:00", warn_at="+1bd 05:00", calendar="fridays",
        others=closed_fridays(70), start="2025-11-14T12:00:00Z",
    )  # fmt: skip

    world.hear(delivery("a", business_date="2025-11-14", time="2025-11-14T11:00:00Z"))
    answer = explained(world, one_gate(world)["id"])

    assert gates(world) == {"2025-11-14": "waiting"}
    assert one_gate(world)["deadline"] is None
    assert {
        "text": "no deadline: calendar 'fridays' has no business day within 400 days after 2025-11-14",
        "verdict": "waiting",
    }.items() <= answer["clauses"][-1].items()


def test_a_date_that_is_not_expected_says_that_no_business_day_is_in_reach() -> None:
    world = expecting(deadline="06:00", calendar="fridays", others=closed_fridays(70))

    answer = world.asking.explain_rule(RULE, parse_day(FRIDAY)).answer

    assert answer["next"]["what"] == (
        "an event of this date begins it all the same; "
        "calendar 'fridays' has no business day within 400 days after 2025-11-21"
    )


def test_a_mended_calendar_begins_the_dates_that_were_still_to_begin() -> None:
    documents = project(
        rule("a", "b", expect={"deadline": "06:00", "calendar": "fridays"}),
        others=closed_fridays(70),
    )
    world = World(documents, at=at("2025-11-20T12:00:00Z"))
    world.advance(DAY_US)

    world.activate(documents | closed_fridays(0))
    to(world, "2025-11-28T06:00:00Z")

    assert gates(world) == {FRIDAY: "overdue", "2025-11-28": "overdue"}


def test_a_date_that_never_was_in_its_zone_is_not_expected() -> None:
    world = expecting(
        deadline="06:00", calendar="every_day", timezone="Pacific/Apia",
        start="2011-12-29T00:00:00Z",
    )  # fmt: skip

    to(world, "2012-01-01T00:00:00Z")
    answer = world.asking.explain_rule(RULE, parse_day("2011-12-30")).answer

    assert gates(world) == dict.fromkeys(("2011-12-29", "2011-12-31", "2012-01-01"), "overdue")
    assert "2011-12-30 never was in Pacific/Apia" in answer["sentence"]


# ---- events and expectations
def test_an_event_that_comes_before_the_day_makes_the_gate_with_its_deadline() -> None:
    world = expecting(deadline="06:00")

    world.hear(delivery("a", business_date=FRIDAY, time="2025-11-20T11:00:00Z"))
    made = one_gate(world)
    to(world, f"{FRIDAY}T06:00:00Z")

    assert (made["status"], made["deadline"]) == ("waiting", f"{FRIDAY}T06:00:00Z")
    assert alarms(world) == [(f"{FRIDAY}T06:00:00Z", f"daily for {FRIDAY} is overdue: b missing")]
    assert inputs(one_gate(world)) == {"a": "received", "b": "missing"}


def test_history_is_loaded_in_silence() -> None:
    world = expecting(
        deadline="06:00",
        changes={
            "on_timeout": [notify("timeout")],
            "on_quality_failure": [notify("quality")],
            "additional_conditions": [{"n": "> 0"}],
        },
    )

    for date in ("2024-01-15", "2024-01-16"):
        world.hear(delivery("a", business_date=date, n=1))
    world.hear(delivery("b", business_date="2024-01-16", n=0))
    loaded = {gate["key"]["data.business_date"]: gate for gate in world.gates()}
    world.hear(delivery("b", business_date="2024-01-15", n=1))
    world.advance(10 * HOUR_US)

    assert [gate["backfill"] for gate in loaded.values()] == [True, True]
    assert [gate["status"] for gate in loaded.values()] == ["overdue", "quarantined"]
    assert gates(world)["2024-01-15"] == "open"
    assert len(world.tasks()) == 1
    assert messages(world) == []


def test_a_gate_made_at_its_very_deadline_is_history() -> None:
    world = expecting(deadline="06:00", start=f"{FRIDAY}T06:00:00Z")

    world.hear(delivery("a", business_date=FRIDAY, time=f"{FRIDAY}T05:00:00Z"))

    assert (one_gate(world)["status"], one_gate(world)["backfill"]) == ("overdue", True)
    assert messages(world) == []


def test_a_gate_is_no_history_while_one_of_its_datasets_is_not_due() -> None:
    world = expecting(
        start=f"{FRIDAY}T06:00:00Z",
        others={
            ("dataset", "a"): dataset(deadline="05:00"),
            ("dataset", "b"): dataset(deadline="07:00"),
        },
    )

    world.hear(delivery("a", business_date=FRIDAY, time=f"{FRIDAY}T05:30:00Z"))
    made = one_gate(world)
    to(world, f"{FRIDAY}T07:00:00Z")

    assert (made["status"], made["backfill"]) == ("waiting", False)
    assert made["deadline"] == f"{FRIDAY}T07:00:00Z"
    assert set(alarms(world)) == {
        (f"{FRIDAY}T07:00:00Z", f"daily for {FRIDAY} is overdue: b missing")
    }


def test_history_closes_like_any_other_gate() -> None:
    world = expecting(deadline="06:00", changes={"close_after": "2d"})
    world.hear(delivery("a", business_date="2024-01-15"))

    world.advance(2 * DAY_US)

    assert gates(world)["2024-01-15"] == "closed"


def test_an_event_for_a_gate_that_was_closed_by_hand_stays_closed() -> None:
    world = expecting(deadline="06:00")
    world.hear(delivery("a", business_date=FRIDAY, time="2025-11-20T11:00:00Z"))
    close(world, one_gate(world)["id"])

    to(world, f"{FRIDAY}T12:00:00Z")

    assert gates(world) == {FRIDAY: "closed"}
    assert alarms(world) == []


def test_a_gate_that_was_closed_by_hand_stays_closed_though_its_day_begins_late() -> None:
    world = expecting(deadline="06:00")
    world.hear(delivery("a", business_date=FRIDAY, time="2025-11-20T11:00:00Z"))
    close(world, one_gate(world)["id"])

    down(world, f"{FRIDAY}T12:00:00Z")

    assert gates(world) == {FRIDAY: "closed"}
    assert alarms(world) == []


def test_a_gate_whose_window_ended_before_its_day_alarms_once() -> None:
    world = expecting(deadline="06:00", changes={"correlation_logic": window("2h")})
    world.hear(delivery("a", business_date=FRIDAY, time="2025-11-20T11:00:00Z"))

    to(world, f"{FRIDAY}T12:00:00Z")

    assert alarms(world) == [("2025-11-20T14:00:00Z", f"daily for {FRIDAY} is overdue: b missing")]
    assert len(world.events("tidegate.gate.overdue")) == 1


def test_a_deadline_and_a_window_alarm_once() -> None:
    world = expecting(deadline="06:00", changes={"correlation_logic": window("24h")})
    to(world, f"{FRIDAY}T01:00:00Z")
    world.hear(delivery("a", business_date=FRIDAY, time=f"{FRIDAY}T01:00:00Z"))

    to(world, "2025-11-23T12:00:00Z")

    assert len(alarms(world)) == 1
    assert len(world.events("tidegate.gate.overdue")) == 1


# ---- the server was down
def down(world: World, until: str) -> None:
    """Nothing happens until then; the clock alone goes on."""
    world.clock.to(at(until))
    world.restart()
    world.advance(SECOND_US)


def test_every_missed_day_is_begun_in_order_and_alarms() -> None:
    world = expecting(deadline="06:00")

    down(world, "2025-11-26T12:00:00Z")

    assert gates(world) == dict.fromkeys([FRIDAY, MONDAY, "2025-11-25", "2025-11-26"], "overdue")
    assert [message[10:20] for _, message in alarms(world)] == [
        FRIDAY,
        MONDAY,
        "2025-11-25",
        "2025-11-26",
    ]
    assert {told for told, _ in alarms(world)} == {"2025-11-26T12:00:00Z"}


def test_an_event_that_was_first_after_the_outage_does_not_silence_the_alarm() -> None:
    world = expecting(deadline="06:00")
    world.clock.to(at("2025-11-25T12:00:00Z"))
    world.restart()

    world.hear(delivery("a", business_date=FRIDAY, time=f"{FRIDAY}T05:00:00Z"))

    told = [message for _, message in alarms(world)]
    assert f"daily for {FRIDAY} is overdue: b missing" in told
    assert len(told) == 3
    assert not any(gate["backfill"] for gate in world.gates())


def test_a_gate_that_had_its_first_input_before_the_outage_alarms_once() -> None:
    world = expecting(deadline="06:00", changes={"on_timeout": [notify("timeout")]})
    world.hear(delivery("a", business_date=FRIDAY, time="2025-11-20T11:00:00Z"))

    down(world, f"{FRIDAY}T12:00:00Z")

    assert len(alarms(world)) == 1
    assert messages(world).count("timeout") == 1
    assert len(world.events("tidegate.gate.overdue")) == 1


def test_a_warning_that_was_missed_is_given_while_there_is_time() -> None:
    world = expecting(deadline="06:00", warn_at="05:00")

    down(world, f"{FRIDAY}T05:30:00Z")

    assert messages(world) == [f"daily for {FRIDAY} is later than usual: a missing, b missing"]
    to(world, f"{FRIDAY}T06:00:00Z")
    assert len(alarms(world)) == 1


def test_a_rule_that_changes_after_an_outage_leaves_no_day_out() -> None:
    world = expecting(deadline="06:00")
    world.clock.to(at("2025-11-26T12:00:00Z"))
    world.restart()

    world.activate(project(rule("a", "b", "c", expect={"deadline": "07:00"})))
    world.advance(SECOND_US)

    assert list(gates(world)) == [FRIDAY, MONDAY, "2025-11-25", "2025-11-26"]
    assert len(alarms(world)) == 4


def test_a_year_of_missed_days_is_begun_whole() -> None:
    world = expecting(deadline="06:00", changes={"on_timeout": [notify("late")] * 3})

    down(world, "2026-11-20T12:00:00Z")

    assert len(gates(world)) == 261
    assert len(alarms(world)) == 261


# ---- changes
def test_a_holiday_that_is_declared_is_no_longer_expected() -> None:
    calendar: dict[str, Any] = {"name": "shop", "weekdays": list(WEEKDAYS[:5])}
    written = rule("a", expect={"deadline": "06:00", "calendar": "shop"})
    world = World(
        project(written, others={("calendar", "shop"): calendar}), at=at("2025-11-20T12:00:00Z")
    )

    world.activate(
        project(written, others={("calendar", "shop"): calendar | {"holidays": [FRIDAY]}})
    )
    to(world, f"{MONDAY}T12:00:00Z")

    assert gates(world) == {MONDAY: "overdue"}


def test_a_day_that_becomes_a_business_day_is_expected() -> None:
    calendar: dict[str, Any] = {"name": "shop", "weekdays": list(WEEKDAYS[:5])}
    written = rule("a", expect={"deadline": "06:00", "calendar": "shop"})
    world = World(
        project(written, others={("calendar", "shop"): calendar}), at=at(f"{FRIDAY}T12:00:00Z")
    )

    world.activate(
        project(written, others={("calendar", "shop"): calendar | {"workdays": ["2025-11-22"]}})
    )
    to(world, f"{MONDAY}T12:00:00Z")

    assert gates(world) == {"2025-11-22": "overdue", MONDAY: "overdue"}


def test_a_rule_that_stops_expecting_begins_no_more_days() -> None:
    world = expecting(deadline="06:00")
    to(world, f"{FRIDAY}T01:00:00Z")

    world.activate(project(rule("a", "b")))
    to(world, "2025-11-28T12:00:00Z")

    assert gates(world) == {FRIDAY: "overdue"}
    assert world.cells("expectation", Expectation) == {}


def test_a_withdrawn_rule_begins_no_more_days() -> None:
    world = expecting(deadline="06:00")

    world.activate(project())
    to(world, "2025-11-28T12:00:00Z")

    assert gates(world) == {}


def test_a_rule_that_begins_to_expect_does_so_today() -> None:
    world = World(project(rule("a")), at=at(f"{FRIDAY}T05:00:00Z"))

    world.activate(project(rule("a", expect={"deadline": "06:00"})))
    world.advance(2 * HOUR_US)

    assert gates(world) == {FRIDAY: "overdue"}


# ---- deadlines of datasets
def dataset(**changes: Any) -> dict[str, Any]:
    return {"owner": "somebody"} | changes


def test_datasets_have_deadlines_of_their_own_where_the_rule_has_none() -> None:
    world = expecting(
        others={
            ("dataset", "a"): dataset(deadline="05:00"),
            ("dataset", "b"): dataset(deadline="07:00"),
        }
    )

    to(world, f"{FRIDAY}T00:00:00Z")
    begun = one_gate_of(world, FRIDAY)["deadline"]
    to(world, f"{FRIDAY}T05:00:00Z")

    assert begun == f"{FRIDAY}T05:00:00Z"
    assert gates(world)[FRIDAY] == "overdue"


def one_gate_of(world: World, date: str) -> dict[str, Any]:
    return next(gate for gate in world.gates() if gate["key"]["data.business_date"] == date)


def test_a_dataset_that_is_here_has_no_deadline_any_more() -> None:
    world = expecting(
        others={
            ("dataset", "a"): dataset(deadline="05:00"),
            ("dataset", "b"): dataset(deadline="07:00"),
        }
    )
    to(world, f"{FRIDAY}T04:00:00Z")
    world.hear(delivery("a", business_date=FRIDAY, time=f"{FRIDAY}T04:00:00Z"))

    to(world, f"{FRIDAY}T06:59:59Z")
    before = one_gate_of(world, FRIDAY)
    to(world, f"{FRIDAY}T07:00:00Z")

    assert (before["status"], before["deadline"]) == ("waiting", f"{FRIDAY}T07:00:00Z")
    assert gates(world)[FRIDAY] == "overdue"


def test_bad_data_is_no_data_at_its_deadline() -> None:
    world = expecting(
        changes={"additional_conditions": [{"n": "> 0"}]},
        others={
            ("dataset", "a"): dataset(deadline="05:00"),
            ("dataset", "b"): dataset(deadline="07:00"),
        },
    )
    to(world, f"{FRIDAY}T04:00:00Z")
    world.hear(delivery("a", business_date=FRIDAY, time=f"{FRIDAY}T04:00:00Z", n=0))

    to(world, f"{FRIDAY}T05:00:00Z")

    assert {told for told, _ in alarms(world)} == {f"{FRIDAY}T05:00:00Z"}


def test_a_date_is_expected_until_the_last_of_its_deadlines() -> None:
    world = expecting(
        start=f"{FRIDAY}T06:00:00Z",
        others={
            ("dataset", "a"): dataset(deadline="05:00"),
            ("dataset", "b"): dataset(deadline="07:00"),
        },
    )

    world.advance(SECOND_US)

    assert gates(world) == {FRIDAY: "overdue"}


def test_a_new_deadline_of_a_dataset_is_heard_at_once() -> None:
    world = expecting(others={("dataset", "a"): dataset(deadline="06:00")})

    world.activate(
        project(
            rule("a", "b", expect={}),
            others={("dataset", "a"): dataset(deadline="-1d 23:00")},
        )
    )
    to(world, "2025-11-20T23:00:00Z")

    assert FRIDAY in gates(world)
    assert {told for told, message in alarms(world) if FRIDAY in message} == {
        "2025-11-20T23:00:00Z"
    }


def test_the_rules_own_deadline_wins() -> None:
    world = expecting(deadline="06:00", others={("dataset", "a"): dataset(deadline="05:00")})

    to(world, f"{FRIDAY}T05:30:00Z")

    assert one_gate(world)["deadline"] == f"{FRIDAY}T06:00:00Z"
    assert gates(world) == {FRIDAY: "waiting"}


def test_a_datasets_deadline_has_its_own_zone_and_calendar() -> None:
    world = expecting(
        others={
            ("dataset", "a"): dataset(
                deadline="+1bd 05:00", timezone="Asia/Tokyo", calendar="every_day"
            )
        }
    )

    to(world, f"{FRIDAY}T00:00:00Z")

    assert one_gate_of(world, FRIDAY)["deadline"] == "2025-11-21T20:00:00Z"


def test_an_optional_dataset_is_not_due() -> None:
    world = expecting(
        changes={"conditions": [condition("a"), condition("b", optional=True)]},
        others={("dataset", "b"): dataset(deadline="05:00")},
    )

    to(world, f"{FRIDAY}T12:00:00Z")

    assert gates(world)[FRIDAY] == "waiting"


# ---- far dates
@pytest.mark.parametrize("date", ["0001-01-01", "1969-12-31", "1970-01-01", "9999-12-31"])
@pytest.mark.parametrize("deadline", ["00:00", "+1d 24:00", "+1bd 06:00", "-1d 00:00"])
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_the_first_and_the_last_date_make_gates_that_can_be_looked_at(
    date: str, deadline: str, zone: str
) -> None:
    world = expecting(deadline=deadline, timezone=zone, warn_at="00:00")

    world.hear(delivery("a", business_date=date))

    assert date in gates(world)
    assert world.asking.explain_gate(one_gate_of(world, date)["id"]).answer["status"]


# ---- clocks
def test_a_clock_that_is_set_back_wakes_nothing_early() -> None:
    """A wake that comes before its time changes nothing but the wake."""
    from tidegate.services.orders import AcceptClock

    world = expecting(deadline="06:00", warn_at="05:00")
    to(world, f"{FRIDAY}T01:00:00Z")
    world.clock.step(-30 * MINUTE_US)

    world.order(AcceptClock(shift=True))
    world.advance(4 * HOUR_US - SECOND_US)

    assert messages(world) == []


def test_match_fields_beside_the_date_are_no_matter_of_expectations() -> None:
    written = rule(
        "a", correlation_logic=[match("data.business_date")], expect={"deadline": "06:00"}
    )
    world = World(project(written), at=at("2025-11-20T12:00:00Z"))

    to(world, f"{FRIDAY}T00:00:00Z")

    assert one_gate(world)["id"] == f"daily~~{FRIDAY}~~001"
