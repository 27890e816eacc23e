"""Business calendar: on which days a business works. Arithmetic on days, no clock.

Holidays of countries come from the package `holidays`, which is loaded when a calendar first needs
one; its answers depend on the year alone and are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct

from tidegate.kernel.clock import Day, date_day, day_date, format_day
from tidegate.kernel.errors import InputError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WORKING_WEEK = frozenset(range(5))
SEARCH_MAX_DAYS = 400
"""Days without business in a row; a calendar with more is a mistake."""
SHIFT_MAX = 10_000
"""Business days of one `shift`."""
BETWEEN_MAX_DAYS = 36_600
"""A hundred years: days of one `between`."""

_FIRST_DAY = date_day(day_date(Day(0)).min)
_LAST_DAY = date_day(day_date(Day(0)).max)


class BusinessCalendar(Struct, frozen=True):
    """Which days are business days. What is said of a date goes before countries and weekdays."""

    name: str
    weekdays: frozenset[int] | None = WORKING_WEEK
    """Working days of the week, Monday is 0; None: those of the countries."""
    holidays: Mapping[Day, str] = {}  # with their names, "" where none was given
    workdays: frozenset[Day] = frozenset()  # worked although weekday or country say otherwise
    countries: tuple[tuple[str, str], ...] = ()  # with their subdivision or ""

    def is_business_day(self, day: Day) -> bool:
        if day in self.workdays:
            return True
        if day in self.holidays:
            return False
        if self.weekdays is None:
            return not any(day in _year(*place, day).closed for place in self.countries)
        return weekday(day) in self.weekdays and not any(
            day in _year(*place, day).names for place in self.countries
        )

    def next(self, day: Day) -> Day:
        """The first business day after this day. Raises InputError (`calendar.exhausted`)."""
        return self._search(day, 1)

    def previous(self, day: Day) -> Day:
        """The last business day before this day. Raises InputError (`calendar.exhausted`)."""
        return self._search(day, -1)

    def exhausted(self) -> tuple[Day, InputError] | None:
        """The first day after which no business day is in reach, and what says so.

        Weekdays come again, so only holidays that were written can close a calendar for so long.
        """
        reached: Day | None = None
        for day in sorted(self.holidays):
            if reached is not None and day < reached:
                continue
            before = day
            try:
                before = self.previous(day)
                reached = self.next(before)
            except InputError as error:
                return before, error
        return None

    def shift(self, day: Day, count: int) -> Day:
        """So many business days later, or earlier; 0 leaves any day as it is.

        From a day without business the first step goes to the nearest one in that direction.
        Raises InputError (`calendar.exhausted`).
        """
        if abs(count) > SHIFT_MAX:
            raise InputError(
                "calendar.exhausted",
                f"{count} business days are further than {SHIFT_MAX:,}",
                fix="shift by less",
            )
        for _ in range(abs(count)):
            day = self._search(day, 1 if count > 0 else -1)
        return day

    def between(self, first: Day, last: Day) -> tuple[Day, ...]:
        """The business days from one day to another, both included; none if `last` is earlier.

        Raises InputError (`calendar.exhausted`).
        """
        if last - first >= BETWEEN_MAX_DAYS:
            raise InputError(
                "calendar.exhausted",
                f"{last - first + 1:,} days are more than {BETWEEN_MAX_DAYS:,}",
                fix="ask for a shorter span",
            )
        return tuple(Day(day) for day in range(first, last + 1) if self.is_business_day(Day(day)))

    def closed_for(self, day: Day) -> str | None:
        """Why there is no business: `Good Friday`, `a Sunday`, `a holiday`; None on a business day."""
        if self.is_business_day(day):
            return None
        names = [self.holidays.get(day, "")]
        names += [_year(*place, day).names.get(day, "") for place in self.countries]
        named = next((name for name in names if name), None)
        if named is not None or day in self.holidays:
            return named or "a holiday"
        return f"a {WEEKDAYS[weekday(day)].capitalize()}"

    def _search(self, day: Day, step: int) -> Day:
        for distance in range(1, SEARCH_MAX_DAYS + 1):
            found = Day(day + step * distance)
            if self.is_business_day(found):
                return found
        side = "after" if step > 0 else "before"
        raise InputError(
            "calendar.exhausted",
            f"calendar {self.name!r} has no business day within {SEARCH_MAX_DAYS} days "
            f"{side} {_shown(day)}",
            fix="give it working weekdays, or fewer holidays",
            calendar=self.name,
        )


BUSINESS_DAYS = BusinessCalendar("business_days")
"""Monday to Friday; no holidays."""
EVERY_DAY = BusinessCalendar("every_day", weekdays=frozenset(range(7)))


def weekday(day: Day) -> int:
    """Monday is 0; 1 January 1970 was a Thursday."""
    return (day + 3) % 7


def subdivisions(country: str) -> tuple[str, ...] | None:
    """The subdivisions of a country by its two-letter code that have holidays; None: no country."""
    found = country_codes().get(country)
    return None if found is None else tuple(found)


@lru_cache(maxsize=1)
def country_codes() -> Mapping[str, list[str]]:
    """Two-letter codes of countries, with the codes of their subdivisions."""
    import holidays

    return holidays.list_supported_countries(include_aliases=False)


def country_calendar(country: str, subdivision: str = "") -> BusinessCalendar:
    """A country's own week and holidays; the codes must be known."""
    name = f"{country}-{subdivision}" if subdivision else country
    return BusinessCalendar(name, weekdays=None, countries=((country, subdivision),))


# ---- years of countries
class _Year(NamedTuple):
    names: Mapping[Day, str]  # holidays
    closed: frozenset[Day]  # holidays and weekends, less weekend days that are worked


_NO_YEAR = _Year({}, frozenset())


def _year(country: str, subdivision: str, day: Day) -> _Year:
    if not _FIRST_DAY <= day <= _LAST_DAY:
        return _NO_YEAR
    return _country_year(country, subdivision, day_date(day).year)


@lru_cache(maxsize=4096)
def _country_year(country: str, subdivision: str, year: int) -> _Year:
    import holidays

    # A language is named, else the names would follow the environment of this process.
    found = holidays.country_holidays(
        country, subdiv=subdivision or None, years=year, language="en_US"
    )
    names = {date_day(date): name for date, name in found.items()}
    first = date_day(day_date(Day(0)).replace(year=year))
    last = date_day(day_date(Day(0)).replace(year=year, month=12, day=31))
    closed = frozenset(
        Day(day) for day in range(first, last + 1) if not found.is_working_day(day_date(Day(day)))
    )
    return _Year(names, closed)


def _shown(day: Day) -> str:
    return format_day(day) if _FIRST_DAY <= day <= _LAST_DAY else f"day {day}"
