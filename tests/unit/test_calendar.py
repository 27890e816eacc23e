from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from tidegate.kernel.calendar import (
    BUSINESS_DAYS,
    CALENDARS,
    EVERY_DAY,
    BusinessCalendar,
    CalendarDocument,
    Window,
    calendars_of,
    check_calendars,
    deadline_at,
    find_calendar,
    local_day,
    local_end,
    local_instant,
    parse_deadline,
    parse_weekday,
    parse_window,
    zone,
)
from tidegate.kernel.clock import Day, Instant, format_day, format_instant, parse_day, parse_instant
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.ids import DocId
from tidegate.kernel.step import Document
from tidegate.kernel.workday import BETWEEN_MAX_DAYS, SEARCH_MAX_DAYS, SHIFT_MAX
from tidegate.services.judging import check_files
from tidegate.testing.checked import checked, only

BERLIN = "Europe/Berlin"


def day(text: str) -> Day:
    return parse_day(text)


def at(text: str) -> Instant:
    return parse_instant(text)[0]


def shown(instant: Instant | None) -> str | None:
    return None if instant is None else format_instant(instant)


def documents(*bodies: Mapping[str, Json]) -> dict[DocId, Document]:
    return {
        DocId(number): Document("calendar", body["name"], body)
        for number, body in enumerate(bodies, 1)
    }


# ---- business days
def test_business_days_are_monday_to_friday() -> None:
    friday, monday = day("2026-11-20"), day("2026-11-23")

    assert BUSINESS_DAYS.next(friday) == monday
    assert BUSINESS_DAYS.previous(monday) == friday
    assert BUSINESS_DAYS.next(day("2026-11-21")) == monday
    assert BUSINESS_DAYS.shift(friday, 6) == day("2026-11-30")
    assert BUSINESS_DAYS.shift(monday, -6) == day("2026-11-13")
    assert BUSINESS_DAYS.shift(day("2026-11-21"), 0) == day("2026-11-21")


def test_between_takes_both_ends() -> None:
    found = BUSINESS_DAYS.between(day("2026-11-20"), day("2026-11-24"))

    assert [format_day(one) for one in found] == ["2026-11-20", "2026-11-23", "2026-11-24"]
    assert BUSINESS_DAYS.between(day("2026-11-24"), day("2026-11-20")) == ()


def test_every_day_is_a_day() -> None:
    assert EVERY_DAY.next(day("2026-11-20")) == day("2026-11-21")


def test_days_before_1970_and_beyond_the_calendar_are_days_too() -> None:
    assert BUSINESS_DAYS.next(day("1969-12-31")) == day("1970-01-01")
    assert find_calendar("DE").is_business_day(Day(4_000_000)) in (True, False)
    assert find_calendar("DE").is_business_day(Day(-4_000_000)) in (True, False)


def test_a_calendar_without_business_days_is_an_error_and_no_endless_search() -> None:
    never = BusinessCalendar("never", weekdays=frozenset())

    for search in (never.next, never.previous):
        with pytest.raises(InputError) as caught:
            search(day("2026-11-20"))

        assert caught.value.code == "calendar.exhausted"
        assert f"within {SEARCH_MAX_DAYS} days" in caught.value.message
        assert "2026-11-20" in caught.value.message


def test_shifts_and_spans_are_limited() -> None:
    with pytest.raises(InputError):
        BUSINESS_DAYS.shift(Day(0), SHIFT_MAX + 1)
    with pytest.raises(InputError):
        BUSINESS_DAYS.between(Day(0), Day(BETWEEN_MAX_DAYS))
    assert len(EVERY_DAY.between(Day(1), Day(BETWEEN_MAX_DAYS))) == BETWEEN_MAX_DAYS


def test_a_closed_day_says_why() -> None:
    germany = find_calendar("DE")
    own = BusinessCalendar("own", holidays={day("2026-11-20"): "", day("2026-11-23"): "Fair"})

    assert germany.closed_for(day("2026-04-03")) == "Good Friday"
    assert germany.closed_for(day("2026-04-04")) == "a Saturday"
    assert germany.closed_for(day("2026-04-02")) is None
    assert own.closed_for(day("2026-11-20")) == "a holiday"
    assert own.closed_for(day("2026-11-23")) == "Fair"


# ---- countries
@pytest.mark.parametrize(
    ("name", "closed", "open_"),
    [
        ("DE", "2026-10-03", "2026-10-05"),
        ("US", "2026-11-26", "2026-11-27"),
        ("US", "2026-07-03", "2026-07-02"),  # the 4th is a Saturday
        ("DE-BE", "2027-03-08", "2027-03-09"),  # Women's Day, Berlin alone
        ("DE", "2027-05-06", "2027-03-08"),
        ("SA", "2026-11-20", "2026-11-22"),  # Friday and Saturday are the weekend
        ("HU", "2024-08-19", "2024-08-03"),  # a Saturday worked for the Monday
    ],
)
def test_a_country_code_is_a_calendar(name: str, closed: str, open_: str) -> None:
    calendar = find_calendar(name)

    assert calendar.name == name
    assert not calendar.is_business_day(day(closed))
    assert calendar.is_business_day(day(open_))


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("businessdays", 'did you mean "business_days"?'),
        ("settle", 'did you mean "settlement"?'),
        ("de", 'did you mean "DE"?'),
        ("XX", "write a two-letter code such as DE or US"),
        ("DE-XX", "DE has BB, BE, BW"),
        ("MC-XX", "write MC"),
        ("", "write settlement, business_days, every_day, or a country code such as DE"),
        ("x" * 1000, "write settlement, business_days, every_day, or a country code such as DE"),
    ],
)
def test_an_unknown_calendar_is_an_error_with_a_proposal(name: str, fix: str) -> None:
    with pytest.raises(InputError) as caught:
        find_calendar(name, {"settlement": BUSINESS_DAYS})

    assert caught.value.code == "calendar.unknown"
    assert caught.value.fix.startswith(fix)


# ---- documents
SETTLEMENT: dict[str, Json] = {
    "name": "settlement",
    "based_on": "DE",
    "holidays": ["2026-12-24", {"date": "2026-12-31", "name": "year's end"}],
    "workdays": ["2026-05-01", "2026-05-02"],
}


def test_a_document_adds_to_what_it_is_based_on() -> None:
    calendar = calendars_of(documents(SETTLEMENT))["settlement"]

    assert calendar.closed_for(day("2026-12-24")) == "a holiday"
    assert calendar.closed_for(day("2026-12-31")) == "year's end"
    assert calendar.closed_for(day("2026-12-25")) == "Christmas Day"
    assert calendar.is_business_day(day("2026-05-01"))  # a holiday of the country, worked
    assert calendar.is_business_day(day("2026-05-02"))  # a Saturday, worked


def test_a_document_may_be_based_on_another_and_take_back_what_that_says() -> None:
    child: dict[str, Json] = {
        "name": "child",
        "based_on": "settlement",
        "weekdays": ["monday", "saturday"],
        "holidays": ["2026-05-02"],
        "workdays": ["2026-12-24"],
    }

    calendar = calendars_of(documents(child, SETTLEMENT))["child"]

    assert calendar.is_business_day(day("2026-12-24"))
    assert not calendar.is_business_day(day("2026-05-02"))
    assert not calendar.is_business_day(day("2026-12-31"))
    assert calendar.is_business_day(day("2026-05-01"))  # inherited
    assert calendar.is_business_day(day("2026-11-21"))  # a Saturday
    assert not calendar.is_business_day(day("2026-11-20"))  # a Friday
    assert not calendar.is_business_day(day("2026-12-26"))  # a Saturday, and the country's holiday


def test_the_week_is_that_of_the_base_unless_it_is_written() -> None:
    base: dict[str, Json] = {"name": "base", "weekdays": ["saturday"]}

    found = calendars_of(documents(base, {"name": "child", "based_on": "base"}))

    assert found["child"].weekdays == frozenset({5})


def test_a_country_in_a_document_brings_its_own_week() -> None:
    found = calendars_of(documents({"name": "riyadh", "country": "SA"}, {"name": "plain"}))

    assert found["plain"].weekdays == BUSINESS_DAYS.weekdays
    assert not found["riyadh"].is_business_day(day("2026-11-20"))
    assert found["riyadh"].is_business_day(day("2026-11-22"))


def test_of_several_versions_the_active_counts() -> None:
    old = Document("calendar", "a", {"name": "a", "weekdays": ["monday"]}, active=False)
    new = Document("calendar", "a", {"name": "a", "weekdays": ["sunday"]})
    other = Document("rule", "a", {"rule_name": "a"})

    found = calendars_of({DocId(1): new, DocId(2): old, DocId(3): other})

    assert found["a"].weekdays == frozenset({6})


def test_a_base_that_cannot_be_found_is_a_finding_and_leaves_the_calendar_out() -> None:
    written = documents(
        {"name": "a", "based_on": "b"},
        {"name": "b", "based_on": "a"},
        {"name": "c", "based_on": "settlment"},
        SETTLEMENT,
    )

    findings = list(check_calendars(written))

    assert [(one.name, one.path, one.what, one.fix) for one in findings] == [
        ("a", ("based_on",), "it is based on itself: a on b on a", "leave out one based_on"),
        ("b", ("based_on",), "it is based on itself: b on a on b", "leave out one based_on"),
        ("c", ("based_on",), 'no calendar is called "settlment"', 'did you mean "settlement"?'),
    ]
    assert set(calendars_of(written)) == {"settlement"}


def mondays(count: int) -> list[Json]:
    """So many Mondays in a row."""
    return [format_day(Day(day("2026-11-23") + 7 * week)) for week in range(count)]


def test_a_calendar_with_no_business_day_in_reach_is_a_finding_at_its_first_holiday() -> None:
    written = documents(
        {"name": "closed", "weekdays": ["monday"], "holidays": ["2020-05-04", *mondays(57)]},
        {"name": "heir", "based_on": "closed"},
        {"name": "tuesdays", "based_on": "closed", "weekdays": ["tuesday"]},
        {"name": "narrow", "based_on": "wide", "weekdays": ["monday"]},
        {"name": "wide", "holidays": mondays(57)},
        {"name": "year", "weekdays": ["monday"], "holidays": mondays(56)},
    )

    findings = list(check_calendars(written))

    assert [(one.name, one.path, one.code) for one in findings] == [
        ("closed", ("holidays", 1), "calendar.exhausted"),
        ("heir", ("based_on",), "calendar.exhausted"),
        ("narrow", ("weekdays",), "calendar.exhausted"),
    ]
    assert findings[0].what == (
        "calendar 'closed' has no business day within 400 days after 2026-11-16: "
        "a rule that expects by it begins no gate"
    )
    assert findings[0].fix == "give it working weekdays, or fewer holidays"


def test_holidays_at_both_ends_of_time_are_checked_at_once() -> None:
    written = documents({"name": "ends", "holidays": ["0001-01-01", "9999-12-31"]})

    assert list(check_calendars(written)) == []


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"name": "business_days"}, '"business_days" names a calendar of its own|choose another'),
        ({"name": "DE"}, '"DE" names a calendar of its own'),
        ({"name": "a", "country": "GER"}, '"GER" is no country code|write a two-letter code'),
        ({"name": "a", "country": "de"}, '"de" is no country code|did you mean "DE"?'),
        ({"name": "a", "country": "DE", "subdivision": "BX"}, 'DE has no subdivision "BX"'),
        ({"name": "a", "subdivision": "BE"}, "a subdivision without its country|write country"),
        ({"name": "a", "holidays": ["2026-02-30"]}, '"2026-02-30" is no date|write it as 2024-01'),
        (
            {"name": "a", "holidays": ["2026-05-01"], "workdays": ["2026-05-01"]},
            "2026-05-01 is a holiday and worked as well|keep one of the two",
        ),
    ],
)
def test_a_wrong_calendar_document_says_what_is_wrong(body: Json, what: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CalendarDocument.model_validate(body)

    assert any(what in str(error.get("ctx", {}).get("error")) for error in caught.value.errors())


def test_calendar_files_become_documents() -> None:
    text = b"name: a\nholidays: [2026-12-24]\n---\nname: b\nweekday: [monday]\n---\n- c\n"

    project = check_files({"calendars/all.yaml": text}, [CALENDARS])

    assert [document.name for document in project.documents] == ["a"]
    assert [fault.headline().partition(": ")[2] for fault in project.faults] == [
        'unknown key "weekday"; fix: did you mean "weekdays"?',
        "the document is a list; fix: write key: value pairs",
    ]


def test_a_closed_calendar_is_pointed_at_in_its_file(tmp_path: Path) -> None:
    lines = "".join(f"  - {date}\n" for date in mondays(57))
    text = f"name: closed\nweekdays: [monday]\nholidays:\n  - 2020-05-04\n{lines}"

    project = checked(tmp_path, calendars__closed=text)

    at_, code, what = only(project)
    assert (at_, code) == ("5:5", "calendar.exhausted")
    assert what.endswith("begins no gate; give it working weekdays, or fewer holidays")
    assert project.faults[0].file == "calendars/closed.yaml"


# ---- zones
@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("Berlin", 'did you mean "Europe/Berlin"?'),
        ("europe/berlin", 'did you mean "Europe/Berlin"?'),
        ("New York", 'did you mean "America/New_York"?'),
        ("UTC+2", "write a place such as Europe/Berlin, or Etc/GMT-2 for a fixed offset"),
        ("-05:00", "write a place such as Europe/Berlin, or Etc/GMT+5 for a fixed offset"),
        ("Europe", "name a place in it, such as Europe/Amsterdam"),
        ("Mars/Phobos", "write an IANA name such as Europe/Berlin or UTC"),
        ("", "write an IANA name such as Europe/Berlin or UTC"),
        ("../../etc/passwd", "write an IANA name"),
        ("\0", "write an IANA name"),
        ("localtime", "write an IANA name"),
        ("right/Europe/Berlin", 'did you mean "Europe/Berlin"?'),
        ("x" * 10_000, "write an IANA name"),
    ],
)
def test_an_unknown_zone_is_an_error_with_a_proposal(name: str, fix: str) -> None:
    with pytest.raises(ValueError, match="is no time zone") as caught:
        zone(name)

    assert str(caught.value).partition("|")[2].startswith(fix)


def test_a_zone_has_its_own_day() -> None:
    late = at("2026-11-20T23:30:00Z")

    assert local_day(late, zone("UTC")) == day("2026-11-20")
    assert local_day(late, zone(BERLIN)) == day("2026-11-21")


@pytest.mark.parametrize(
    ("where", "date", "second", "first", "last"),
    [
        (BERLIN, "2026-07-01", 6 * 3600, "2026-07-01T04:00:00Z", "2026-07-01T04:00:00Z"),
        (BERLIN, "2026-03-29", 9000, "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"),
        (BERLIN, "2026-10-25", 9000, "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
        (BERLIN, "2026-10-25", 7200, "2026-10-25T00:00:00Z", "2026-10-25T00:00:00Z"),
        (BERLIN, "2026-10-25", 10800, "2026-10-25T02:00:00Z", "2026-10-25T02:00:00Z"),
        # Half an hour; a gap at midnight; a whole day that was left out.
        ("Australia/Lord_Howe", "2026-10-04", 8100, "2026-10-03T15:30:00Z", "2026-10-03T15:30:00Z"),
        ("America/Sao_Paulo", "2018-11-04", 0, "2018-11-04T03:00:00Z", "2018-11-04T03:00:00Z"),
        ("Pacific/Apia", "2011-12-30", 43200, "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z"),
        ("UTC", "2026-01-01", 86400, "2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z"),
    ],
)
def test_a_wall_clock_that_lies_is_read_by_the_stated_policy(
    where: str, date: str, second: int, first: str, last: str
) -> None:
    assert shown(local_instant(day(date), second, zone(where))) == first
    assert shown(local_end(day(date), second, zone(where))) == last


def test_days_that_no_calendar_knows_have_instants_too() -> None:
    assert local_instant(Day(10**7), 0, zone(BERLIN)) < local_instant(
        Day(10**7 + 1), 0, zone("UTC")
    )
    assert local_instant(Day(-(10**7)), 0, zone("UTC")) == Instant(-(10**7) * 86_400_000_000)


# ---- deadlines
@pytest.mark.parametrize(
    ("text", "printed", "instant"),
    [
        ("06:00", "06:00", "2026-11-20T05:00:00Z"),
        (" 6:00 ", "06:00", "2026-11-20T05:00:00Z"),
        ("06:00:30", "06:00:30", "2026-11-20T05:00:30Z"),
        ("24:00", "24:00", "2026-11-20T23:00:00Z"),
        ("+1d 06:00", "+1d 06:00", "2026-11-21T05:00:00Z"),
        ("+1bd 06:00", "+1bd 06:00", "2026-11-23T05:00:00Z"),
        ("-1bd 18:00", "-1bd 18:00", "2026-11-19T17:00:00Z"),
        ("+0bd 06:00", "06:00", "2026-11-20T05:00:00Z"),
    ],
)
def test_a_deadline_is_read_printed_and_placed(text: str, printed: str, instant: str) -> None:
    deadline = parse_deadline(text)

    assert str(deadline) == printed
    assert parse_deadline(str(deadline)) == deadline
    assert shown(deadline_at(deadline, day("2026-11-20"), BERLIN, BUSINESS_DAYS)) == instant


@pytest.mark.parametrize(
    "text",
    ["", "6", "6:5", "25:00", "24:01", "06:60", "06:00:60", "+1d", "1d 06:00", "+1w 06:00",
     "+90m", "+400d 06:00", "06:00 CET", "٠٦:٠٠"],
)  # fmt: skip
def test_what_is_no_deadline_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\|write"):
        parse_deadline(text)


def test_a_deadline_of_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        deadline_at(parse_deadline("06:00"), Day(0), "Nowhere", BUSINESS_DAYS)


# ---- windows
SUNDAYS = parse_window(start="02:00", end="04:00", days=["sunday"])


def test_a_window_covers_its_start_and_not_its_end() -> None:
    assert SUNDAYS.covers(at("2026-11-22T01:59:59.999999Z")) is None
    assert shown(SUNDAYS.covers(at("2026-11-22T02:00:00Z"))) == "2026-11-22T04:00:00Z"
    assert shown(SUNDAYS.covers(at("2026-11-22T03:59:59.999999Z"))) == "2026-11-22T04:00:00Z"
    assert SUNDAYS.covers(at("2026-11-22T04:00:00Z")) is None
    assert SUNDAYS.covers(at("2026-11-23T03:00:00Z")) is None


def test_a_window_knows_when_it_next_begins() -> None:
    assert shown(SUNDAYS.next_start(at("2026-11-22T01:59:59Z"))) == "2026-11-22T02:00:00Z"
    assert shown(SUNDAYS.next_start(at("2026-11-22T02:00:00Z"))) == "2026-11-29T02:00:00Z"


def test_a_window_goes_over_midnight_from_the_day_it_begins_on() -> None:
    window = parse_window(start="22:00", end="04:00", days=["Sun"], where=BERLIN)

    assert shown(window.covers(at("2026-11-23T01:00:00Z"))) == "2026-11-23T03:00:00Z"
    assert window.covers(at("2026-11-22T01:00:00Z")) is None
    assert window.covers(at("2026-11-22T20:59:59Z")) is None


def test_a_window_comes_once_between_two_instants() -> None:
    window = parse_window(since="2026-11-22T18:00:00+01:00", until="2026-11-22T20:00:00Z")

    assert shown(window.covers(at("2026-11-22T17:00:00Z"))) == "2026-11-22T20:00:00Z"
    assert window.covers(at("2026-11-22T20:00:00Z")) is None
    assert shown(window.next_start(at("2026-01-01T00:00:00Z"))) == "2026-11-22T17:00:00Z"
    assert window.next_start(at("2026-11-22T17:00:00Z")) is None


def test_a_window_may_come_again_between_two_instants_only() -> None:
    window = parse_window(
        start="02:00", end="04:00", since="2026-11-22T03:00:00Z", until="2026-11-24T03:00:00Z"
    )

    assert window.covers(at("2026-11-22T02:30:00Z")) is None
    assert shown(window.next_start(at("2026-01-01T00:00:00Z"))) == "2026-11-22T03:00:00Z"
    assert shown(window.covers(at("2026-11-23T02:30:00Z"))) == "2026-11-23T04:00:00Z"
    assert shown(window.covers(at("2026-11-24T02:30:00Z"))) == "2026-11-24T03:00:00Z"
    assert window.next_start(at("2026-11-24T02:30:00Z")) is None


def test_windows_that_touch_are_one() -> None:
    weekend = parse_window(start="00:00", end="24:00", days=["saturday", "sunday"])

    assert shown(weekend.covers(at("2026-11-21T12:00:00Z"))) == "2026-11-23T00:00:00Z"
    assert shown(weekend.next_start(at("2026-11-21T12:00:00Z"))) == "2026-11-28T00:00:00Z"


def test_a_window_without_end_begins_never_and_ends_ahead() -> None:
    always = parse_window(start="00:00", end="24:00")

    assert shown(always.covers(at("2026-11-21T12:00:00Z"))) == "2026-11-30T00:00:00Z"
    assert always.next_start(at("2026-11-21T12:00:00Z")) is None


def test_a_window_in_a_gap_does_not_happen_and_one_in_a_fold_is_never_shorter() -> None:
    window = parse_window(start="02:15", end="02:45", where=BERLIN)

    assert shown(window.next_start(at("2026-03-28T12:00:00Z"))) == "2026-03-30T00:15:00Z"
    assert window.covers(at("2026-03-29T01:00:00Z")) is None
    assert shown(window.covers(at("2026-10-25T00:15:00Z"))) == "2026-10-25T01:45:00Z"
    assert shown(window.covers(at("2026-10-25T01:30:00Z"))) == "2026-10-25T01:45:00Z"


def test_a_window_that_is_nothing_covers_nothing() -> None:
    assert Window().covers(Instant(0)) is None
    assert Window().next_start(Instant(0)) is None


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ({}, "the window has no start and end|"),
        ({"start": "02:00"}, "the window has no end|"),
        ({"end": "02:00"}, "the window has no start|"),
        ({"start": "02:00", "end": "02:00"}, "a window from 02:00 to 02:00 has no length|"),
        ({"start": "24:00", "end": "02:00"}, "a window from 24:00 to 02:00 has no length|"),
        ({"start": "2", "end": "3"}, '"2" is no time of day|write it as 06:00'),
        ({"start": "02:00", "end": "03:00", "days": ["sonntag"]}, '"sonntag" is no day of the'),
        ({"start": "02:00", "end": "03:00", "where": "Berlin"}, '"Berlin" is no time zone|'),
        ({"since": "2026-11-22T18:00:00Z"}, "the window has no start and end|"),
        ({"since": "yesterday", "until": "2026-11-22T18:00:00Z"}, "time 'yesterday' is not RFC"),
        (
            {"since": "2026-11-22T18:00:00", "until": "2026-11-23T18:00:00Z"},
            '"2026-11-22T18:00:00" has no zone|write 2026-11-22T18:00:00Z, or an offset',
        ),
        (
            {"since": "2026-11-23T18:00:00Z", "until": "2026-11-23T18:00:00Z"},
            "the window ends before it begins|",
        ),
        (
            {"since": "2026-11-22T18:00:00Z", "until": "2026-11-23T18:00:00Z", "days": ["mon"]},
            "a window that comes once has no days|",
        ),
    ],
)
def test_a_wrong_window_is_refused(written: Json, what: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_window(**written)

    assert str(caught.value).startswith(what)


def test_weekdays_are_read_short_and_long() -> None:
    assert [parse_weekday(text) for text in ("monday", "Tue", " SUNDAY ")] == [0, 1, 6]
    with pytest.raises(ValueError, match="did you mean"):
        parse_weekday("sundy")
