"""business_day: the function of expressions that turns a time into a business date.

    business_day(time, -1, "DE", "Europe/Berlin", "06:00")

The date that the clocks of the zone show at `time` is taken; before the cutoff it still counts as
the day before. From that day so many business days are gone back or forth; 0 stays on a business
day, and goes back to the last one from any other.
"""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.kernel.calendar import BusinessCalendar, find_calendar
from tidegate.kernel.clock import Day, Instant, format_day, parse_instant
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.expression import Functions
from tidegate.kernel.value import kind, shown
from tidegate.kernel.zone import local_day, local_instant, parse_time_of_day, zone

NAME = "business_day"


def business_day_function(calendars: Mapping[str, BusinessCalendar]) -> Functions:
    """`business_day` over these calendars, the built-in ones and those of countries."""

    def business_day(
        time: str,
        offset: int = 0,
        calendar: str = "business_days",
        timezone: str = "UTC",
        cutoff: str = "00:00",
    ) -> str:
        for argument, value, wanted in (
            ("time", time, str), ("offset", offset, int), ("calendar", calendar, str),
            ("timezone", timezone, str), ("cutoff", cutoff, str),
        ):  # fmt: skip
            _check_kind(argument, value, wanted)
        days = find_calendar(calendar, calendars)
        at, _ = parse_instant(time)
        day = _counted_day(at, timezone, cutoff)
        if offset:
            return format_day(days.shift(day, offset))
        return format_day(day if days.is_business_day(day) else days.previous(day))

    return {NAME: business_day}


def _counted_day(at: Instant, timezone: str, cutoff: str) -> Day:
    try:
        where, second = zone(timezone), parse_time_of_day(cutoff)
    except ValueError as error:
        what, _, fix = str(error).partition("|")
        raise InputError("expression.type", what, fix=fix) from error
    day = local_day(at, where)
    return day if at >= local_instant(day, second, where) else Day(day - 1)


def _check_kind(argument: str, value: Json, wanted: type) -> None:
    # bool is an int to Python, and never a number of days.
    if type(value) is not wanted:
        raise InputError(
            "expression.type",
            f"{NAME}() got {kind(value)} {shown(value)} as {argument}",
            fix=f'write {NAME}(time, -1, "business_days", "Europe/Berlin", "06:00")',
        )
