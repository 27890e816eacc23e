from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.kernel.clock import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    Day,
    Instant,
    format_day,
    format_duration,
    format_instant,
    moment,
    parse_day,
    parse_duration,
    parse_instant,
)
from tidegate.kernel.errors import InputError


def test_a_duration_reads_as_printed() -> None:
    assert parse_duration("1d12h30m") == DAY_US + 12 * HOUR_US + 30 * MINUTE_US


@pytest.mark.parametrize(
    "text", ["", "1d12x", "12", "1h1d", "-1h", "1.5h", "99999999999999ms", "١h"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|ten years|no unit"):
        parse_duration(text)


@given(st.integers(0, 3660 * 24 * 3600 * 1000))
def test_a_duration_comes_back_from_its_text(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds * 1000)) == milliseconds * 1000


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_an_instant_comes_back_from_its_text(at: int) -> None:
    assert parse_instant(format_instant(Instant(at))) == (at, False)


def test_a_naive_time_is_read_as_utc_and_said_so() -> None:
    assert parse_instant("2024-01-15T10:30:00") == (parse_instant("2024-01-15T10:30:00Z")[0], True)


def test_a_leap_second_is_the_end_of_the_minute() -> None:
    at, _ = parse_instant("2016-12-31T23:59:60Z")
    assert format_instant(at) == "2016-12-31T23:59:59.999999Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-01-15",
        "20240115T103000Z",
        "2024-13-01T00:00:00Z",
        "2024-W01-1T00:00:00Z",
    ],
)
def test_what_is_no_rfc_3339_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_instant(text)

    assert caught.value.code == "event.time"


@given(st.integers(-700_000, 2_900_000))
def test_a_day_comes_back_from_its_text(day: int) -> None:
    assert parse_day(format_day(Day(day))) == day


def test_an_instant_knows_its_moment() -> None:
    assert moment(Instant(0)).isoformat() == "1970-01-01T00:00:00+00:00"
