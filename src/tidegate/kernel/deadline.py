"""Deadline: a time of day on a business date, or so many days or business days after it.

06:00        on the business date itself
+1d 06:00    on the day after
+1bd 06:00   on the next business day of the calendar
"""

from __future__ import annotations

import re
from datetime import tzinfo

from msgspec import Struct

from tidegate.kernel.clock import Day, Instant
from tidegate.kernel.workday import BusinessCalendar
from tidegate.kernel.zone import format_time_of_day, local_instant, parse_time_of_day, zone

DAYS_MAX = 366
"""Days between a business date and its deadline."""

_DEADLINE = re.compile(r"(?:([+-]\d{1,4})(b?d) +)?(\d{1,2}:\d{2}(?::\d{2})?)", re.ASCII)


class Deadline(Struct, frozen=True):
    """When, relative to a business date."""

    second: int  # of the local day; 86,400 is the midnight that ends it
    days: int = 0
    business: bool = False  # `days` are business days

    def __str__(self) -> str:
        time = format_time_of_day(self.second)
        return f"{self.days:+}{'bd' if self.business else 'd'} {time}" if self.days else time


def parse_deadline(text: str) -> Deadline:
    """A deadline as written in a document. Raises ValueError (`what|fix`)."""
    found = _DEADLINE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f'"{text[:32]}" is no deadline|write 06:00, +1d 06:00 or +1bd 06:00')
    days = int(found[1] or 0)
    if abs(days) > DAYS_MAX:
        raise ValueError(f"{found[1]}{found[2]} is more than {DAYS_MAX} days|write fewer")
    second = parse_time_of_day(found[3])
    return Deadline(second, days, business=days != 0 and found[2] == "bd")


def deadline_at(
    deadline: Deadline, day: Day, where: str | tzinfo, calendar: BusinessCalendar
) -> Instant:
    """The instant of a business date's deadline; gaps and folds as `kernel/zone` says.

    Raises ValueError for an unknown zone, InputError (`calendar.exhausted`).
    """
    target = calendar.shift(day, deadline.days) if deadline.business else day + deadline.days
    return local_instant(
        Day(target), deadline.second, zone(where) if isinstance(where, str) else where
    )
