"""Window: a stretch of time that comes again (`02:00` to `04:00` on Sundays), or comes once.

    weekly   start and end of day, the weekdays it begins on, a zone; over midnight if end <= start
    once     from one instant until another
    both     a weekly window that holds only between two instants

A window covers its start and not its end. Occurrences that touch are one. One that lies entirely in
the gap of a clock going forward does not happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from tidegate.kernel.clock import Day, Instant, parse_instant
from tidegate.kernel.errors import InputError
from tidegate.kernel.spelling import did_you_mean
from tidegate.kernel.workday import WEEKDAYS, weekday
from tidegate.kernel.zone import (
    DAY_SECONDS,
    local_day,
    local_end,
    local_instant,
    parse_time_of_day,
    zone,
)

JOINED_MAX = 8
"""Touching occurrences looked through for the end; of a window that never ends it is a week ahead."""
AHEAD_MAX_DAYS = 16
"""A weekly window begins within a week, or, where a gap swallows it, within two."""


class Window(Struct, frozen=True, array_like=True):
    """Made by `parse_window`, which checks what this struct takes for granted."""

    start: int | None = None  # seconds of the local day; None: once
    end: int | None = None
    days: tuple[int, ...] = ()  # weekdays it begins on, Monday is 0; none: all
    zone: str = "UTC"
    since: Instant | None = None
    until: Instant | None = None

    def covers(self, at: Instant) -> Instant | None:
        """The end of the window if this instant lies in it."""
        end = self._end(at)
        for _ in range(JOINED_MAX):
            later = self._end(end) if end is not None else None
            if later is None:
                break
            end = later
        return end

    def next_start(self, at: Instant) -> Instant | None:
        """When it next begins after this instant; None if it never does."""
        begin = at if self.since is None else Instant(max(at, self.since - 1))
        starts = (
            first
            for first, _ in self._around(begin, AHEAD_MAX_DAYS)
            if first > at and self._end(Instant(first - 1)) is None
        )
        return min(starts, default=None)

    def _end(self, at: Instant) -> Instant | None:
        ends = (end for first, end in self._around(at, 1) if first <= at < end)
        return max(ends, default=None)

    def _around(self, at: Instant, ahead: int) -> Iterator[tuple[Instant, Instant]]:
        """Start and end of every occurrence from two days back to so many ahead."""
        if self.start is None or self.end is None:
            if self.since is not None and self.until is not None:
                yield self.since, self.until
            return
        where = zone(self.zone)
        today = local_day(at, where)
        for number in range(today - 2, today + ahead + 1):
            day = Day(number)
            if self.days and weekday(day) not in self.days:
                continue
            last_day = Day(day + 1) if self.end <= self.start else day
            first = local_instant(day, self.start, where)
            end = local_end(last_day, self.end, where)
            first = first if self.since is None else Instant(max(first, self.since))
            end = end if self.until is None else Instant(min(end, self.until))
            if first < end:
                yield first, end


def parse_window(
    *,
    start: str | None = None,
    end: str | None = None,
    days: Iterable[str] = (),
    where: str = "UTC",
    since: str | None = None,
    until: str | None = None,
) -> Window:
    """A window as written in a document or a request. Raises ValueError (`what|fix`)."""
    first, last = _bound(since), _bound(until)
    if first is not None and last is not None and last <= first:
        raise ValueError("the window ends before it begins|write an until that lies after from")
    zone(where)
    weekdays = tuple(sorted({parse_weekday(day) for day in days}))
    if start is None and end is None:
        if first is None or last is None:
            raise ValueError(
                "the window has no start and end|write start: and end:, or from: and until:"
            )
        if weekdays:
            raise ValueError(
                "a window that comes once has no days|write start: and end:, or no days"
            )
        return Window(zone=where, since=first, until=last)
    if start is None or end is None:
        missing = "start" if start is None else "end"
        raise ValueError(f"the window has no {missing}|write {missing}: such as 02:00")
    opens, closes = parse_time_of_day(start), parse_time_of_day(end)
    if opens in (closes, DAY_SECONDS):
        raise ValueError(
            f"a window from {start} to {end} has no length"
            "|for a whole day write start: 00:00 and end: 24:00"
        )
    return Window(opens, closes, weekdays, where, first, last)


def parse_weekday(text: str) -> int:
    """`sunday`, `Sun` to 6; Monday is 0. Raises ValueError (`what|fix`)."""
    word = text.strip().casefold()
    for number, name in enumerate(WEEKDAYS):
        if word in (name, name[:3]):
            return number
    fix = did_you_mean(word, WEEKDAYS, "write monday, tuesday, ... sunday")
    raise ValueError(f'"{text[:32]}" is no day of the week|{fix}')


def _bound(text: str | None) -> Instant | None:
    if text is None:
        return None
    try:
        at, naive = parse_instant(text)
    except InputError as error:
        raise ValueError(f"{error.message}|{error.fix}") from error
    if naive:
        raise ValueError(f'"{text}" has no zone|write {text}Z, or an offset such as +01:00')
    return at
