"""Weekday: a day of the week that is not near, for weekly windows in what is written to be read.

A window on Sundays holds on Sundays: a page or a reference that shows one would answer something else on
that day than on the others.
"""

from __future__ import annotations

from typing import Final

from tidegate.adapters.system import SystemClock
from tidegate.kernel.calendar import WeekdayName
from tidegate.kernel.workday import weekday
from tidegate.kernel.zone import local_day, zone

SHOWN: Final = "sunday"
"""The day that is shown; a far one stands for it while it is run."""

_NAMES: tuple[WeekdayName, ...] = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip
_AWAY = 3


def far_weekday() -> WeekdayName:
    """The name of the day three days from now: today in no time zone, nor tomorrow."""
    today = weekday(local_day(SystemClock().now(), zone("UTC")))
    return _NAMES[(today + _AWAY) % len(_NAMES)]
