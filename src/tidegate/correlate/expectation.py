"""Expectation: one cell per rule that begins the gate of each business date beforehand.

    wakes at the start of a business day --> asks for that day's gate --> next business day

So a deadline fires although nothing arrived. When the server was down it begins every missed day,
in order; a deadline that has passed meanwhile fires at once.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tidegate.correlate.rule import Expect, Rule
from tidegate.kernel.clock import DAY_US, Day, Instant, instant
from tidegate.kernel.deadline import Deadline, deadline_at
from tidegate.kernel.step import NO_DAY, Durable, Key
from tidegate.kernel.workday import BusinessCalendar
from tidegate.kernel.zone import local_day, zone

KIND = "expectation"
DAYS_MAX = 200
"""So many missed days are begun a step; the rest follows at once."""
ORDERS_MAX = 900
"""Orders one step may cause; a turn allows some more."""

FIRST, LAST = instant(datetime.min.replace(tzinfo=UTC)), instant(datetime.max.replace(tzinfo=UTC))
"""The instants that can be written."""


class Expectation(Durable, frozen=True, array_like=True, kw_only=True):
    """`next_day` is the business date whose gate is begun next."""

    next_day: Day = NO_DAY


def key_of(rule: str) -> Key:
    return Key(KIND, NO_DAY, rule)


def begin(rule: Rule, now: Instant, before: Expectation | None = None) -> Expectation:
    """From the first business date whose deadline has not passed, or from where `before` stands.

    A new version of the rule, or of its calendar, leaves no day out that was still to begin.
    """
    expect = _expect(rule)
    today = local_day(now, zone(expect.zone))
    day = expect.calendar.next(Day(_far_back(expect, today) - 1))
    while deadline_of(rule, day) <= now:
        day = expect.calendar.next(day)
    if before is not None:
        day = min(day, before.next_day)
    return _waiting(rule, day, now)


def due_days(expectation: Expectation, rule: Rule, now: Instant) -> tuple[Day, ...]:
    """Business dates to begin now, oldest first."""
    calendar = _expect(rule).calendar
    days: list[Day] = []
    day = _business_day(calendar, expectation.next_day)
    while opens_at(rule, day) <= now and len(days) < _days_max(rule):
        days.append(day)
        day = calendar.next(day)
    return tuple(days)


def advance(
    expectation: Expectation, rule: Rule, days: tuple[Day, ...], now: Instant
) -> Expectation:
    day = _expect(rule).calendar.next(days[-1]) if days else expectation.next_day
    return _waiting(rule, day, now)


# ---- instants of a business date
def deadline_of(rule: Rule, day: Day) -> Instant:
    """The last deadline of a business date; without any, the end of its day."""
    return max(deadlines(rule, day), default=rule.start_of_day(Day(day + 1)))


def next_deadline(rule: Rule, day: Day, now: Instant, received: frozenset[str]) -> Instant | None:
    """The first deadline that is not over, or that inputs not among `received` have missed."""
    expect = _expect(rule)
    if expect.deadline is not None:
        return _at(expect.deadline, day, expect.zone, expect.calendar)
    found = [
        at
        for one in expect.due
        if (at := _at(one.deadline, day, one.zone, one.calendar)) > now or one.input not in received
    ]
    return min(found, default=None)


def deadlines(rule: Rule, day: Day) -> list[Instant]:
    """The rule's own deadline wins; without one its datasets' hold."""
    expect = _expect(rule)
    if expect.deadline is not None:
        return [_at(expect.deadline, day, expect.zone, expect.calendar)]
    return [_at(one.deadline, day, one.zone, one.calendar) for one in expect.due]


def warning_of(rule: Rule, day: Day) -> Instant | None:
    expect = _expect(rule)
    if expect.warn is None:
        return None
    return _at(expect.warn, day, expect.zone, expect.calendar)


def opens_at(rule: Rule, day: Day) -> Instant:
    """When its gate is begun: with the day, or a day before what is due earlier than that."""
    start, warning = rule.start_of_day(day), warning_of(rule, day)
    first = min([*deadlines(rule, day), start if warning is None else warning], default=start)
    return start if first >= start else Instant(first - DAY_US)


def _at(deadline: Deadline, day: Day, where: str, calendar: BusinessCalendar) -> Instant:
    # A date such as 9999-12-31 is real, and its deadline may be an instant nobody can write.
    at = deadline_at(deadline, day, where, calendar)
    return min(max(at, FIRST), LAST)


# ---- days
def _waiting(rule: Rule, day: Day, now: Instant) -> Expectation:
    day = _business_day(_expect(rule).calendar, day)
    return Expectation(next_day=day, wake_at=Instant(max(opens_at(rule, day), now + 1)))


def _business_day(calendar: BusinessCalendar, day: Day) -> Day:
    """The day itself, unless its calendar has changed since it was chosen."""
    return day if calendar.is_business_day(day) else calendar.next(day)


def _far_back(expect: Expect, today: Day) -> Day:
    """A day whose deadline has surely passed."""
    written = [(one.deadline, one.calendar) for one in expect.due]
    if expect.deadline is not None:
        written = [(expect.deadline, expect.calendar)]
    return min([_before(*one, today) for one in written], default=Day(today - 2))


def _before(deadline: Deadline, calendar: BusinessCalendar, today: Day) -> Day:
    if deadline.business:
        return calendar.shift(today, -(deadline.days + 2))
    return Day(today - deadline.days - 2)


def _days_max(rule: Rule) -> int:
    # Every action may cause a request, its start and a notice.
    orders = 3 * len(rule.on_timeout) + len(rule.inputs) + 1
    return max(1, min(DAYS_MAX, ORDERS_MAX // orders))


def _expect(rule: Rule) -> Expect:
    assert rule.expect is not None, f"{rule.name} expects nothing"
    return rule.expect
