"""A day that is not near stands for the shown one, on whatever day it is."""

from __future__ import annotations

import pytest

from tidegate.kernel.calendar import WeekdayName
from tidegate.kernel.clock import DAY_US, HOUR_US, Instant
from tidegate.kernel.workday import weekday
from tidegate.kernel.zone import local_day, zone
from tidegate.testing.gates import at
from tidegate.testing.weekday import NAMES, exchanged, far_weekday

WEEK = [Instant(at("2027-12-29T00:00:00Z") + hour * HOUR_US) for hour in range(7 * 24)]


@pytest.mark.parametrize("where", ["Etc/GMT+12", "UTC", "Pacific/Kiritimati"])
def test_a_far_weekday_is_neither_today_nor_tomorrow_in_any_zone(where: str) -> None:
    near = [
        far_weekday(now)
        for now in WEEK
        for later in (now, Instant(now + DAY_US))
        if far_weekday(now) == NAMES[weekday(local_day(later, zone(where)))]
    ]

    assert near == []


@pytest.mark.parametrize("far", NAMES)
def test_a_text_is_itself_again_when_days_are_exchanged_twice(far: WeekdayName) -> None:
    text = f"--day sunday --key {far} person.{far} {far}s Sunday"

    there = exchanged(text, far)

    assert there == f"--day {far} --key sunday person.sunday {far}s Sunday"
    assert exchanged(there, far) == text
