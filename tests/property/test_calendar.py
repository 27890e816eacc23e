"""Laws of days, deadlines and windows, against oracles that count one by one."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.kernel.calendar import (
    BUSINESS_DAYS,
    BusinessCalendar,
    Deadline,
    Window,
    calendars_of,
    deadline_at,
    find_calendar,
    local_end,
    local_instant,
    parse_deadline,
    zone,
)
from tidegate.kernel.clock import (
    DAY_US,
    MINUTE_US,
    Day,
    Instant,
    date_day,
    day_date,
    format_day,
    instant,
    moment,
    parse_day,
)
from tidegate.kernel.ids import DocId
from tidegate.kernel.step import Document

# ---- business days
FIRST = parse_day("2023-12-20")
days = st.integers(FIRST, FIRST + 400).map(Day)
dates = st.lists(days.map(format_day), max_size=6, unique=True)
weekdays = st.lists(
    st.sampled_from(["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]),
    min_size=1,
    unique=True,
)
NAMES = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


@cache
def nationwide(country: str) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=range(2023, 2026)))


@st.composite
def calendars(draw: st.DrawFn) -> tuple[BusinessCalendar, set[date]]:
    """A calendar of two documents, and all its business days around FIRST, counted out."""
    closed, worked = draw(dates), draw(dates)
    base_closed, base_worked = draw(dates), draw(dates)
    worked = [one for one in worked if one not in closed]
    base_worked = [one for one in base_worked if one not in base_closed]
    country = draw(st.sampled_from([None, "DE", "US"]))
    week = draw(st.none() | weekdays)
    base = {"name": "base", "holidays": base_closed, "workdays": base_worked}
    top = {"name": "top", "based_on": "base", "holidays": closed, "workdays": worked}
    base |= {"country": country} if country else {}
    top |= {"weekdays": week} if week else {}
    found = calendars_of(
        {DocId(1): Document("calendar", "top", top), DocId(2): Document("calendar", "base", base)}
    )
    national = nationwide(country) if country else frozenset[date]()
    open_days: set[date] = set()
    for number in range(760):
        one = date(2023, 7, 1) + timedelta(days=number)
        in_week = NAMES[one.weekday()] in (week or NAMES[:5])
        is_open = in_week and one not in national
        for shut, made in ((base_closed, base_worked), (closed, worked)):
            is_open = (is_open and str(one) not in shut) or str(one) in made
        if is_open:
            open_days.add(one)
    return found["top"], open_days


@settings(deadline=None)
@given(calendars(), days)
def test_a_business_day_is_what_the_documents_say(
    calendar: tuple[BusinessCalendar, set[date]], day: Day
) -> None:
    found, open_days = calendar

    assert found.is_business_day(day) == (day_date(day) in open_days)
    assert (found.closed_for(day) is None) == found.is_business_day(day)


@settings(deadline=None)
@given(calendars(), days, st.integers(-8, 8))
def test_shifting_counts_business_days(
    calendar: tuple[BusinessCalendar, set[date]], day: Day, count: int
) -> None:
    found, open_days = calendar
    ordered = sorted(open_days)
    start = day_date(day)
    if count > 0:
        expected = [one for one in ordered if one > start][count - 1]
    elif count < 0:
        expected = [one for one in ordered if one < start][count]
    else:
        expected = start

    assert found.shift(day, count) == date_day(expected)
    if count == 1:
        assert found.next(day) == found.shift(day, 1)


@settings(deadline=None)
@given(calendars(), days, st.integers(-5, 60))
def test_between_lists_them(
    calendar: tuple[BusinessCalendar, set[date]], day: Day, length: int
) -> None:
    found, open_days = calendar
    last = Day(day + length)

    listed = [day_date(one) for one in found.between(day, last)]

    assert listed == sorted(one for one in open_days if day <= date_day(one) <= last)


@pytest.mark.parametrize("country", ["DE", "US", "GB", "SA", "HU", "CN", "AE", "JP"])
def test_a_country_works_as_its_own_calendar_says(country: str) -> None:
    calendar = find_calendar(country)
    for year in (2021, 2022, 2024, 2026):
        own = holidays.country_holidays(country, years=year)
        for number in range(365):
            one = date(year, 1, 1) + timedelta(days=number)
            assert calendar.is_business_day(date_day(one)) == own.is_working_day(one), one


# ---- wall clocks: a grid of every quarter of an hour of a year
STEP_US = 15 * MINUTE_US
CLOCKS = [
    ("UTC", 2026), ("Europe/Berlin", 2026), ("America/New_York", 2026), ("Europe/Dublin", 2026),
    ("Australia/Lord_Howe", 2026), ("Africa/Casablanca", 2026), ("Asia/Kathmandu", 2026),
    ("America/Sao_Paulo", 2018), ("Pacific/Apia", 2011), ("Antarctica/Troll", 2026),
]  # fmt: skip


@lru_cache(maxsize=len(CLOCKS))
def readings(name: str, year: int) -> list[tuple[datetime, int]]:
    """What clocks of a zone show, and when, from a week before the year to a week after."""
    where = ZoneInfo(name)
    first = instant(datetime(year, 1, 1, tzinfo=ZoneInfo("UTC"))) - 7 * DAY_US
    return [
        (moment(Instant(at), where).replace(tzinfo=None, fold=0), at)
        for at in range(first, first + 380 * DAY_US, STEP_US)
    ]


@lru_cache(maxsize=len(CLOCKS))
def bounds(name: str, year: int) -> tuple[dict[datetime, int], dict[datetime, int]]:
    """Of every quarter on a clock's face: when at least it is first shown, and from when for good."""
    shown = readings(name, year)
    first: dict[datetime, int] = {}
    wanted = shown[0][0]
    for local, at in shown:
        while wanted <= local:
            first[wanted] = at
            wanted += timedelta(minutes=15)
    good: dict[datetime, int] = {}
    wanted = shown[-1][0]
    for local, at in reversed(shown):
        while wanted > local:
            good[wanted] = at + STEP_US
            wanted -= timedelta(minutes=15)
    return first, good


def watched(name: str, year: int) -> list[datetime]:
    """Every quarter around each change of a zone's clocks, and a few of every other day."""
    shown = readings(name, year)
    offsets = [(local, instant(local.replace(tzinfo=ZoneInfo("UTC"))) - at) for local, at in shown]
    changes = {
        (local + timedelta(days=days)).date()
        for (local, offset), (_, before) in zip(offsets[1:], offsets, strict=False)
        if offset != before
        for days in (-1, 0, 1)
    }
    faces = [datetime(year, 1, 1) + timedelta(minutes=15 * number) for number in range(365 * 96)]
    return [face for face in faces if face.date() in changes or face.hour % 12 == face.minute == 0]


@pytest.mark.parametrize(("name", "year"), CLOCKS)
def test_local_times_of_a_whole_year_are_those_of_a_clock_that_is_watched(
    name: str, year: int
) -> None:
    first, good = bounds(name, year)
    where = zone(name)
    for local in watched(name, year):
        day, second = date_day(local.date()), local.hour * 3600 + local.minute * 60
        assert local_instant(day, second, where) == first[local], local
        assert local_end(day, second, where) == good[local], local


@pytest.mark.parametrize(("name", "year"), CLOCKS)
@pytest.mark.parametrize(
    "text", ["02:30", "00:00", "24:00", "+1d 02:00", "-1d 01:15", "+2bd 02:45"]
)
def test_deadlines_of_a_whole_year_are_met_on_a_clock_that_is_watched(
    name: str, year: int, text: str
) -> None:
    first, _ = bounds(name, year)
    deadline = parse_deadline(text)
    hours, minutes = map(int, text.split()[-1].split(":"))
    for number in range(360):
        day = date(year, 1, 1) + timedelta(days=number)
        target = day
        if "bd" in text:
            weekdays_after = (
                one for one in (day + timedelta(days=n) for n in range(1, 9)) if one.weekday() < 5
            )
            target = list(islice(weekdays_after, 2))[-1]
        elif "d" in text:
            target = day + timedelta(days=int(text[:2]))
        midnight = datetime(target.year, target.month, target.day)

        found = deadline_at(deadline, date_day(day), name, BUSINESS_DAYS)

        assert found == first[midnight + timedelta(hours=hours, minutes=minutes)], day


@given(st.integers(0, 86_400), st.integers(-366, 366), st.booleans())
def test_a_deadline_comes_back_from_its_text(second: int, count: int, business: bool) -> None:
    deadline = Deadline(second, count, business and count != 0)

    assert parse_deadline(str(deadline)) == deadline


# ---- windows
quarters = st.integers(0, 95)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(CLOCKS),
    quarters,
    st.integers(1, 96),
    st.lists(st.integers(0, 6), unique=True, max_size=4),
    st.integers(0, 364 * 96 - 14 * 96),
    st.none() | st.integers(0, 10 * 96),
    st.none() | st.integers(0, 14 * 96),
)
def test_a_window_covers_what_a_watched_clock_shows(
    clock: tuple[str, int],
    start: int,
    end: int,
    on: list[int],
    begin: int,
    since: int | None,
    until: int | None,
) -> None:
    if start == end:
        return
    name, year = clock
    first, good = bounds(name, year)
    grid = readings(name, year)[7 * 96 + begin : 7 * 96 + begin + 10 * 96]
    lower = Instant(grid[0][1] + since * STEP_US) if since is not None else None
    upper = Instant(grid[0][1] + until * STEP_US) if until is not None else None
    window = Window(start * 900, end * 900, tuple(sorted(on)), name, lower, upper)
    covered = occurrences(grid[0][0].date(), start, end, on, first, good)
    covered = [(max(a, lower or a), min(b, upper or b)) for a, b in covered]
    instants = [at for _, at in grid]
    inside = {at for at in instants if any(a <= at < b for a, b in covered)}

    for at in instants[begin % 24 :: 24]:
        assert (window.covers(Instant(at)) is not None) == (at in inside)
        stop = window.covers(Instant(at))
        if stop is not None and stop <= instants[-1]:
            assert all(one in inside for one in range(at, stop, STEP_US))
            assert stop not in inside or stop - at >= 7 * DAY_US
        following = window.next_start(Instant(at))
        starts = [
            one for one in instants if one > at and one in inside and one - STEP_US not in inside
        ]
        if starts and starts[0] != instants[0]:
            assert following == starts[0]
        elif following is not None:
            assert following > instants[-1]


def occurrences(
    day: date, start: int, end: int, on: list[int],
    first: dict[datetime, int], good: dict[datetime, int],
) -> list[tuple[int, int]]:  # fmt: skip
    """Every time the window happens from three days before `day` to four weeks after."""
    found: list[tuple[int, int]] = []
    for number in range(-3, 28):
        one = day + timedelta(days=number)
        if on and one.weekday() not in on:
            continue
        midnight = datetime(one.year, one.month, one.day)
        opens = midnight + timedelta(minutes=15 * start)
        closes = midnight + timedelta(minutes=15 * end, days=0 if end > start else 1)
        if opens in first and closes in good and first[opens] < good[closes]:
            found.append((first[opens], good[closes]))
    return found
