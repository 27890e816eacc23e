"""Expectation: one cell per rule that begins the gate of each business date beforehand.

    wakes at the start of a business day --> asks for that day's gate --> next business day

So a deadline fires although nothing arrived. When the server was down it begins every missed day,
in order; a deadline that has passed meanwhile fires at once.
"""

from __future__ import annotations

from msgspec.structs import replace

from tidegate.correlate.rule import Expect, Rule
from tidegate.kernel.clock import DAY_US, Day, Instant
from tidegate.kernel.deadline import deadline_at
from tidegate.kernel.step import NO_DAY, Durable, Key
from tidegate.kernel.zone import local_day, zone

KIND = "expectation"
DAYS_MAX = 200
"""So many missed days are begun a step; the rest follows at once."""


class Expectation(Durable, frozen=True, array_like=True, kw_only=True):
    """`next_day` is the business date whose gate is begun next."""

    next_day: Day = NO_DAY


def key_of(rule: str) -> Key:
    return Key(KIND, NO_DAY, rule)


def begin(rule: Rule, now: Instant) -> Expectation:
    """From the first business date whose deadline has not passed."""
    expect = _expect(rule)
    today = today_of(expect, now)
    day = expect.calendar.next(Day(today - 8))
    while deadline_of(rule, day) <= now:
        day = expect.calendar.next(day)
    return Expectation(next_day=day, wake_at=_wake(rule, day, now))


def due_days(expectation: Expectation, rule: Rule, now: Instant) -> tuple[Day, ...]:
    """Business dates to begin now, oldest first."""
    expect = _expect(rule)
    days: list[Day] = []
    day = expectation.next_day
    while rule.start_of_day(day) <= now and len(days) < DAYS_MAX:
        days.append(day)
        day = expect.calendar.next(day)
    return tuple(days)


def advance(
    expectation: Expectation, rule: Rule, days: tuple[Day, ...], now: Instant
) -> Expectation:
    expect = _expect(rule)
    day = expect.calendar.next(days[-1]) if days else expectation.next_day
    return replace(expectation, next_day=day, wake_at=_wake(rule, day, now))


def deadline_of(rule: Rule, day: Day) -> Instant:
    """The deadline of a business date; without one, the end of its day."""
    expect = _expect(rule)
    if expect.deadline is None:
        return Instant(rule.start_of_day(day) + DAY_US)
    return deadline_at(expect.deadline, day, expect.zone, expect.calendar)


def today_of(expect: Expect, now: Instant) -> Day:
    return local_day(now, zone(expect.zone))


def _wake(rule: Rule, day: Day, now: Instant) -> Instant:
    return Instant(max(rule.start_of_day(day), now + 1))


def _expect(rule: Rule) -> Expect:
    assert rule.expect is not None, f"{rule.name} expects nothing"
    return rule.expect
