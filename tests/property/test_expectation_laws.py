"""Expectations against plain dates: each business date alarms once, at its deadline, unless all came.

The oracle knows `datetime`, `zoneinfo`, and that a business day is no Saturday and no Sunday.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.kernel.clock import DAY_US, HOUR_US, Instant, format_instant, instant
from tidegate.testing.gates import delivery, project, rule
from tidegate.testing.world import START, World

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Pacific/Auckland")
DAYS = 9
"""So long each of them lives."""


def is_business_day(day: date, calendar: str) -> bool:
    return calendar == "every_day" or day.weekday() < 5


def later(day: date, days: int, calendar: str, *, business: bool) -> date:
    while days:
        day += timedelta(days=1)
        days -= not business or is_business_day(day, calendar)
    return day


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_every_business_date_alarms_once_at_its_deadline_unless_all_came(seed: int) -> None:
    random = Random(seed)
    zone, calendar = random.choice(ZONES), random.choice(["business_days", "every_day"])
    hour, days, business = random.randint(4, 23), random.randint(0, 3), random.random() < 0.5
    sign = f"+{days}{'bd' if business else 'd'} " if days else ""
    start = Instant(START - random.randrange(10 * 24) * HOUR_US - 1)
    end = Instant(start + DAYS * DAY_US)
    due = _deadlines(start, end, zone, calendar, (hour, days, business))
    came = {day for day in due if random.random() < 0.4}
    expect = {"deadline": f"{sign}{hour:02}:00", "timezone": zone, "calendar": calendar}
    world = World(project(rule("a", "b", expect=expect)), at=start)

    for day in sorted(came, key=lambda one: due[one]):
        _to(world, max(Instant(due[day] - HOUR_US), start))
        if random.random() < 0.2:
            world.restart(unclean=True)
        at = format_instant(world.clock.now())
        for name in ("a", "b"):
            world.hear(delivery(name, business_date=day.isoformat(), time=at))
    _to(world, end)

    alarms = [
        (event.data["business_date"], event.time) for event in world.events("tidegate.gate.overdue")
    ]
    wanted = {(day.isoformat(), at) for day, at in due.items() if at <= end and day not in came}
    assert sorted(alarms) == sorted(wanted)
    opened = {event.data["business_date"] for event in world.events("tidegate.gate.opened")}
    assert opened == {day.isoformat() for day in came}


def _to(world: World, at: Instant) -> None:
    world.advance(max(at - world.clock.now(), 0))


def _deadlines(
    start: Instant, end: Instant, zone: str, calendar: str, written: tuple[int, int, bool]
) -> dict[date, Instant]:
    """Of the business dates that are due between two instants."""
    hour, days, business = written
    first = datetime.fromtimestamp(start / 1_000_000, ZoneInfo("UTC")).date() - timedelta(days=12)
    found: dict[date, Instant] = {}
    for number in range(DAYS + 24):
        day = first + timedelta(days=number)
        if is_business_day(day, calendar):
            target = later(day, days, calendar, business=business)
            at = instant(datetime.combine(target, time(hour), ZoneInfo(zone)))
            if start < at <= end:
                found[day] = at
    return found
