"""Expectation: one cell per rule that begins the gate of each business date beforehand.

    wakes at the start of a business day --> asks for that day's gate --> next business day

So a deadline fires although nothing arrived. When the server was down it begins every missed day,
in order; a deadline that has passed meanwhile fires at once. Where its calendar has no business day
in reach it looks again every day: nothing is decided by an error, and `explain` says it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tidegate.correlate.rule import Expect, Rule
from tidegate.kernel.clock import DAY_US, Day, Instant, instant
from tidegate.kernel.deadline import Deadline, deadline_at
from tidegate.kernel.errors import InputError
from tidegate.kernel.step import NO_DAY, Durable, Key
from tidegate.kernel.workday import SEARCH_MAX_DAYS, BusinessCalendar
from tidegate.kernel.zone import local_day, zone

KIND = "expectation"
DAYS_MAX = 200
"""So many missed days are begun a step; the rest follows at once."""
ORDERS_MAX = 900
"""Orders one step may cause; a turn allows some more."""

FIRST, LAST = instant(datetime.min.replace(tzinfo=UTC)), instant(datetime.max.replace(tzinfo=UTC))
"""The instants that can be written."""


class Expectation(Durable, frozen=True, array_like=True, kw_only=True):
    """`next_day` is the business date whose gate is begun next, or a day before which none is."""

    next_day: Day = NO_DAY


def key_of(rule: str) -> Key:
    return Key(KIND, NO_DAY, rule)


def begin(rule: Rule, now: Instant, before: Expectation | None = None) -> Expectation:
    """From the first business date whose deadline has not passed, or from where `before` stands.

    A new version of the rule, or of its calendar, leaves no day out that was still to begin.
    """
    expect = _expect(rule)
    today = local_day(now, zone(expect.zone))
    day = _date_after(rule, Day(_far_back(expect, today) - 1))
    while day is not None and deadline_of(rule, day) <= now:
        day = _date_after(rule, day)
    first = today if day is None else day
    return _waiting(rule, first if before is None else min(first, before.next_day), now)


def due_days(expectation: Expectation, rule: Rule, now: Instant) -> tuple[Day, ...]:
    """Business dates to begin now, oldest first."""
    days: list[Day] = []
    day = _date_from(rule, expectation.next_day, now)
    while day is not None and opens_at(rule, day) <= now and len(days) < _days_max(rule):
        days.append(day)
        day = _date_after(rule, day)
    return tuple(days)


def advance(
    expectation: Expectation, rule: Rule, days: tuple[Day, ...], now: Instant
) -> Expectation:
    return _waiting(rule, Day(days[-1] + 1) if days else expectation.next_day, now)


# ---- instants of a business date
def deadline_of(rule: Rule, day: Day) -> Instant:
    """The last deadline of a business date; without any, the end of its day."""
    return max(deadlines(rule, day), default=rule.start_of_day(Day(day + 1)))


def next_deadline(rule: Rule, day: Day, now: Instant, received: frozenset[str]) -> Instant | None:
    """The first deadline that is not over, or that inputs not among `received` have missed."""
    expect = _expect(rule)
    if expect.deadline is not None:
        return _at(expect.deadline, day, expect.zone, expect.calendar)
    found = [(_at(one.deadline, day, one.zone, one.calendar), one.input) for one in expect.due]
    return min(
        (at for at, name in found if at is not None and (at > now or name not in received)),
        default=None,
    )


def deadlines(rule: Rule, day: Day) -> list[Instant]:
    """The rule's own deadline wins; without one its datasets' hold."""
    expect = _expect(rule)
    if expect.deadline is not None:
        found = [_at(expect.deadline, day, expect.zone, expect.calendar)]
    else:
        found = [_at(one.deadline, day, one.zone, one.calendar) for one in expect.due]
    return [at for at in found if at is not None]


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


def _at(deadline: Deadline, day: Day, where: str, calendar: BusinessCalendar) -> Instant | None:
    """None where the calendar has no business day in reach to count by."""
    try:
        at = deadline_at(deadline, day, where, calendar)
    except InputError:
        return None
    # A date such as 9999-12-31 is real, and its deadline may be an instant nobody can write.
    return min(max(at, FIRST), LAST)


def uncounted(rule: Rule, day: Day) -> str | None:
    """Why a date has a deadline that cannot be counted; None where all can."""
    expect = _expect(rule)
    written = [(one.deadline, one.zone, one.calendar) for one in expect.due]
    if expect.deadline is not None:
        written = [(expect.deadline, expect.zone, expect.calendar)]
    for deadline, where, calendar in written:
        try:
            deadline_at(deadline, day, where, calendar)
        except InputError as error:
            return error.message
    return None


# ---- days
def next_date(rule: Rule, day: Day) -> Day:
    """The first business date after a day. Raises InputError (`calendar.exhausted`)."""
    found = _expect(rule).calendar.next(day)
    while never_was(rule, found):
        found = _expect(rule).calendar.next(found)
    return found


def never_was(rule: Rule, day: Day) -> bool:
    """The rule's zone went from the day before to the day after, as Samoa did over 2011-12-30."""
    return rule.start_of_day(day) == rule.start_of_day(Day(day + 1))


def _waiting(rule: Rule, day: Day, now: Instant) -> Expectation:
    found = _date_from(rule, day, now)
    if found is None:
        return Expectation(next_day=day, wake_at=Instant(now + DAY_US))
    return Expectation(next_day=found, wake_at=Instant(max(opens_at(rule, found), now + 1)))


def _date_after(rule: Rule, day: Day) -> Day | None:
    """None where the calendar has no business day in reach."""
    try:
        return next_date(rule, day)
    except InputError:
        return None


def _date_from(rule: Rule, day: Day, now: Instant) -> Day | None:
    """The first business date from a day on, else from today: a calendar may be closed for years."""
    found = _date_after(rule, Day(day - 1))
    if found is not None:
        return found
    return _date_after(rule, Day(local_day(now, zone(_expect(rule).zone)) - 1))


def _far_back(expect: Expect, today: Day) -> Day:
    """A day whose deadline has surely passed."""
    written = [(one.deadline, one.calendar) for one in expect.due]
    if expect.deadline is not None:
        written = [(expect.deadline, expect.calendar)]
    return min([_before(*one, today) for one in written], default=Day(today - 2))


def _before(deadline: Deadline, calendar: BusinessCalendar, today: Day) -> Day:
    if not deadline.business:
        return Day(today - deadline.days - 2)
    try:
        return calendar.shift(today, -(deadline.days + 2))
    except InputError:
        return Day(today - SEARCH_MAX_DAYS // 2)  # what is in reach lies around today


def _days_max(rule: Rule) -> int:
    # Every action may cause a request, its start and a notice.
    orders = 3 * len(rule.on_timeout) + len(rule.inputs) + 1
    return max(1, min(DAYS_MAX, ORDERS_MAX // orders))


def _expect(rule: Rule) -> Expect:
    assert rule.expect is not None, f"{rule.name} expects nothing"
    return rule.expect
