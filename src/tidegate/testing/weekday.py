"""Weekday: a day of the week that is not near, for weekly windows in what is written to be read.

A window on Sundays holds on Sundays: a page or a reference that shows one would answer something else on
that day than on the others. So it is run with a far day in the place of the shown one, and what it
answers is turned back.
"""

from __future__ import annotations

import re
from typing import Final

from tidegate.adapters.system import SystemClock
from tidegate.kernel.calendar import WeekdayName
from tidegate.kernel.clock import Instant
from tidegate.kernel.workday import weekday
from tidegate.kernel.zone import local_day, zone

SHOWN: Final = "sunday"
"""The day that is shown; a far one stands for it while it is run."""

NAMES: Final[tuple[WeekdayName, ...]] = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip
_AWAY = 3


def far_weekday(now: Instant | None = None) -> WeekdayName:
    """The name of the day three days from now: today in no time zone, nor tomorrow."""
    today = weekday(local_day(SystemClock().now() if now is None else now, zone("UTC")))
    return NAMES[(today + _AWAY) % len(NAMES)]


def exchanged(text: str, far: WeekdayName) -> str:
    """The text with the shown day and the far one in each other's place; twice is the text itself.

    Both ways, because the far day may stand in the text as well, as a name of something.
    """
    other: dict[str, str] = {SHOWN: far, far: SHOWN}
    return re.sub(rf"(?<!\w)(?:{SHOWN}|{far})(?!\w)", lambda found: other[found[0]], text)
