"""business_day: from a time to a business date."""

from __future__ import annotations

import pytest

from tidegate.kernel import expression
from tidegate.kernel.businessday import business_day_function
from tidegate.kernel.clock import parse_day
from tidegate.kernel.errors import InputError
from tidegate.kernel.workday import BusinessCalendar

CALENDARS = {"ours": BusinessCalendar("ours", holidays={parse_day("2024-01-15"): "founders' day"})}
FUNCTIONS = business_day_function(CALENDARS)


def evaluate(call: str) -> object:
    return expression.compile(call, functions=FUNCTIONS).evaluate({})


@pytest.mark.parametrize(
    ("call", "date"),
    [
        # 15 January 2024 was a Monday.
        ('business_day("2024-01-15T10:30:00Z")', "2024-01-15"),
        ('business_day("2024-01-15T10:30:00Z", -1)', "2024-01-12"),
        ('business_day("2024-01-13T10:30:00Z")', "2024-01-12"),
        ('business_day("2024-01-13T10:30:00Z", -1)', "2024-01-12"),
        ('business_day("2024-01-13T10:30:00Z", 1)', "2024-01-15"),
        ('business_day("2024-01-12T10:30:00Z", 2)', "2024-01-16"),
        ('business_day("2024-01-16T10:30:00Z", -1, "ours")', "2024-01-12"),
        ('business_day("2024-01-15T23:30:00Z", 0, "every_day", "Europe/Berlin")', "2024-01-16"),
        ('business_day("2024-01-16T04:59:59Z", 0, "business_days", "Europe/Berlin", "06:00")', "2024-01-15"),
        ('business_day("2024-01-16T05:00:00Z", 0, "business_days", "Europe/Berlin", "06:00")', "2024-01-16"),
        ('business_day(time="2024-01-16T05:00:00+01:00", offset=-1, cutoff="04:30")', "2024-01-12"),
    ],
)  # fmt: skip
def test_a_time_has_a_business_date(call: str, date: str) -> None:
    assert evaluate(call) == date


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ('business_day("yesterday")', "event.time"),
        ("business_day(5)", "expression.type"),
        ('business_day("2024-01-15T10:30:00Z", "1")', "expression.type"),
        ('business_day("2024-01-15T10:30:00Z", true)', "expression.type"),
        ('business_day("2024-01-15T10:30:00Z", 1, "nowhere")', "calendar.unknown"),
        ('business_day("2024-01-15T10:30:00Z", 1, "ours", "Nowhere")', "expression.type"),
        ('business_day("2024-01-15T10:30:00Z", 1, "ours", "UTC", "noon")', "expression.type"),
        ('business_day("2024-01-15T10:30:00Z", 1000000)', "calendar.exhausted"),
        ('business_day("0001-01-01T00:00:00Z", -1)', "expression.function"),
    ],
)
def test_what_has_no_business_date_says_why(call: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(call)

    assert caught.value.code == code
