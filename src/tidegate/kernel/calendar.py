"""Calendars by name: `business_days`, `every_day`, a country code, or a document of `calendars/`.

    name: settlement
    based_on: DE            # its weekdays, holidays and worked days, then what follows
    holidays: [2026-12-24, {date: 2026-12-31, name: year's end}]
    workdays: [2026-05-02]

The arithmetic is in `kernel/workday`, deadlines in `kernel/deadline`, windows in `kernel/window`;
their names can be had from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ValidationInfo,
    field_validator,
)

from tidegate.kernel.clock import Day, parse_day
from tidegate.kernel.deadline import Deadline, deadline_at, parse_deadline
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.ids import DocId
from tidegate.kernel.place import EACH
from tidegate.kernel.spelling import did_you_mean, listed
from tidegate.kernel.step import Document, DocumentKind, Finding
from tidegate.kernel.window import Window, parse_weekday, parse_window
from tidegate.kernel.workday import (
    BUSINESS_DAYS,
    EVERY_DAY,
    SEARCH_MAX_DAYS,
    WEEKDAYS,
    BusinessCalendar,
    country_calendar,
    country_codes,
    subdivisions,
)
from tidegate.kernel.zone import local_day, local_end, local_instant, zone

DATES_MAX = 5_000
"""Holidays, or worked days, of one calendar document."""

_BUILT_IN = {calendar.name: calendar for calendar in (BUSINESS_DAYS, EVERY_DAY)}
_COUNTRY = re.compile(r"([A-Z]{2})(?:-([A-Za-z0-9]{1,10}))?", re.ASCII)


def _date(text: str) -> str:
    try:
        parse_day(text)
    except ValueError as error:
        raise ValueError(f'"{text[:32]}" is no date|write it as 2024-01-15') from error
    return text


DateText = Annotated[str, AfterValidator(_date)]
WeekdayName = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
CalendarName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.\- ]{0,99}$")]


class HolidayEntry(BaseModel, frozen=True, defer_build=True, extra="forbid"):
    date: DateText
    name: Annotated[str, Field(max_length=200)] = ""


class CalendarDocument(BaseModel, frozen=True, defer_build=True, extra="forbid"):
    """One calendar: calendars/*.yaml."""

    name: CalendarName
    description: Annotated[str, Field(max_length=2000)] = ""
    based_on: str | None = None
    """Another calendar's name; what is said here is added to it, and goes before it."""
    weekdays: Annotated[tuple[WeekdayName, ...], Field(min_length=1, max_length=7)] | None = None
    country: str | None = None
    subdivision: str | None = None
    holidays: Annotated[tuple[DateText | HolidayEntry, ...], Field(max_length=DATES_MAX)] = ()
    workdays: Annotated[tuple[DateText, ...], Field(max_length=DATES_MAX)] = ()
    """Days that are worked although a weekend or a holiday says otherwise."""

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in _BUILT_IN or _COUNTRY.fullmatch(name):
            raise ValueError(f'"{name}" names a calendar of its own|choose another name')
        return name

    @field_validator("country")
    @classmethod
    def _known_country(cls, country: str | None) -> str | None:
        if country is not None and subdivisions(country) is None:
            raise ValueError(f'"{country[:32]}" is no country code|{_country_fix(country)}')
        return country

    @field_validator("subdivision")
    @classmethod
    def _known_subdivision(cls, subdivision: str | None, info: ValidationInfo) -> str | None:
        country = cast("str | None", info.data.get("country"))
        if subdivision is None or ("country" not in info.data):
            return subdivision
        if country is None:
            raise ValueError("a subdivision without its country|write country: such as DE")
        known = subdivisions(country) or ()
        if subdivision not in known:
            fix = did_you_mean(subdivision, known, f"write one of {listed(known)}")
            raise ValueError(f'{country} has no subdivision "{subdivision[:32]}"|{fix}')
        return subdivision

    @field_validator("workdays")
    @classmethod
    def _not_both(cls, workdays: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        holidays = cast("tuple[str | HolidayEntry, ...]", info.data.get("holidays", ()))
        dates = {entry if isinstance(entry, str) else entry.date for entry in holidays}
        both = sorted(dates & set(workdays))
        if both:
            raise ValueError(f"{both[0]} is a holiday and worked as well|keep one of the two")
        return workdays

    def dates(self) -> Iterator[HolidayEntry]:
        """The holidays, all in the long form."""
        for entry in self.holidays:
            yield HolidayEntry(date=entry) if isinstance(entry, str) else entry


def _entries(document: Json) -> Iterable[tuple[str, Json, tuple[str | int, ...]]]:
    fields = cast("dict[str, Json]", document) if isinstance(document, dict) else {}
    name = fields.get("name")
    return ((name if isinstance(name, str) else "", cast("Json", document), ()),)


CALENDARS = DocumentKind(
    name="calendar", folder="calendars", model=CalendarDocument, entries=_entries
)


# ---- finding one
def find_calendar(
    name: str, calendars: Mapping[str, BusinessCalendar] | None = None
) -> BusinessCalendar:
    """A calendar by name: of a document, built in, or a country's.

    Raises InputError (`calendar.unknown`).
    """
    own = calendars or {}
    found = own.get(name) or _BUILT_IN.get(name) or _country(name)
    if found is not None:
        return found
    country = _COUNTRY.fullmatch(name) or name.upper() in country_codes()
    fix = (
        _country_fix(name)
        if country
        else did_you_mean(name, (*own, *_BUILT_IN), _calendar_fix(own))
    )
    raise InputError(
        "calendar.unknown", f'no calendar is called "{name[:64]}"', fix=fix, calendar=name
    )


def calendars_of(documents: Mapping[DocId, Document]) -> dict[str, BusinessCalendar]:
    """The calendars that documents define; one whose base cannot be found is left out.

    Of several versions the active one counts, else the newest.
    """
    written = _written(documents)
    found: dict[str, BusinessCalendar] = {}
    for name in written:
        calendar = _resolve(name, written, ())
        if isinstance(calendar, BusinessCalendar):
            found[name] = calendar
    return found


def check_calendars(documents: Mapping[DocId, Document]) -> Iterator[Finding]:
    """Calendars based on one that is unknown or in the end on themselves, or closed for too long."""
    written = _written(documents)
    for name in written:
        found = _resolve(name, written, ())
        if isinstance(found, str):
            if not _is_to_blame(name, written):
                continue
            what, _, fix = found.partition("|")
            lacking = _lacking(name, written)
            lacks = "calendar" if lacking else ""
            where: tuple[str | int, ...] = ("based_on",)
            yield Finding("calendar", name, where, what, fix, lacks=lacks, lacking=lacking)
        elif (closed := found.exhausted()) is not None:
            day, error = closed
            what = f"{error.message}: a rule that expects by it begins no gate"
            where = _closing(written[name], day)
            heeds = (
                ("country",),
                ("holidays", EACH, "date"),
                ("weekdays", EACH),
                ("workdays", EACH),
            )
            yield Finding("calendar", name, where, what, error.fix, code=error.code, heeds=heeds)


def _is_to_blame(name: str, written: Mapping[str, CalendarDocument]) -> bool:
    """It names the base that is lacking, or is in the circle: not just based on one that does."""
    base = written[name].based_on
    seen: set[str] = set()
    while base is not None and base in written and base not in seen:
        if base == name:
            return True
        seen.add(base)
        base = written[base].based_on
    return written[name].based_on not in written


def _lacking(name: str, written: Mapping[str, CalendarDocument]) -> str:
    """The name at the end of the line of bases that no document has; "" where it is a circle."""
    seen: set[str] = set()
    while name in written and name not in seen:
        seen.add(name)
        name = written[name].based_on or name
    return "" if name in seen else name


def _closing(document: CalendarDocument, after: Day) -> tuple[str | int, ...]:
    """What in a document closes its calendar after a day: a holiday of its own, or the week."""
    dates = [(parse_day(one.date), number) for number, one in enumerate(document.dates())]
    own = [one for one in dates if 0 < one[0] - after <= SEARCH_MAX_DAYS]
    if own:
        return ("holidays", min(own)[1])
    return ("weekdays",) if document.weekdays is not None else ("based_on",)


def _written(documents: Mapping[DocId, Document]) -> dict[str, CalendarDocument]:
    chosen: dict[str, tuple[bool, DocId]] = {}
    for doc, document in documents.items():
        if document.kind == CALENDARS.name:
            rank = (document.active, doc)
            chosen[document.name] = max(chosen.get(document.name, rank), rank)
    return {
        name: CalendarDocument.model_validate(documents[chosen[name][1]].body)
        for name in sorted(chosen)
    }


def _resolve(
    name: str, written: Mapping[str, CalendarDocument], line: tuple[str, ...]
) -> BusinessCalendar | str:
    """A calendar with all it is based on, or `what|fix` of what stands in the way."""
    document = written.get(name)
    if document is None:
        try:
            return find_calendar(name)
        except InputError as error:
            return f"{error.message}|{did_you_mean(name, written, error.fix)}"
    if name in line:
        return f"it is based on itself: {' on '.join((*line, name))}|leave out one based_on"
    base: BusinessCalendar | str | None = None
    if document.based_on is not None:
        base = _resolve(document.based_on, written, (*line, name))
    return base if isinstance(base, str) else _merged(document, base)


def _merged(document: CalendarDocument, base: BusinessCalendar | None) -> BusinessCalendar:
    weekdays: frozenset[int] | None = BUSINESS_DAYS.weekdays
    if document.weekdays is not None:
        weekdays = frozenset(WEEKDAYS.index(name) for name in document.weekdays)
    elif base is not None:
        weekdays = base.weekdays
    elif document.country is not None:
        weekdays = None
    holidays = {parse_day(entry.date): entry.name for entry in document.dates()}
    workdays = frozenset(parse_day(date) for date in document.workdays)
    countries: tuple[tuple[str, str], ...] = ()
    if document.country is not None:
        countries = ((document.country, document.subdivision or ""),)
    if base is not None:
        inherited: dict[Day, str] = {
            day: name for day, name in base.holidays.items() if day not in workdays
        }
        holidays = inherited | holidays
        workdays = (base.workdays - holidays.keys()) | workdays
        countries = tuple(dict.fromkeys((*base.countries, *countries)))
    return BusinessCalendar(document.name, weekdays, holidays, workdays, countries)


# ---- countries
def _country(name: str) -> BusinessCalendar | None:
    found = _COUNTRY.fullmatch(name)
    if found is None:
        return None
    country, subdivision = found[1], found[2] or ""
    known = subdivisions(country)
    if known is None or (subdivision and subdivision not in known):
        return None
    return country_calendar(country, subdivision)


def _country_fix(name: str) -> str:
    country, _, subdivision = name.partition("-")
    known = subdivisions(country)
    if known is not None and subdivision:
        return f"{country} has {listed(known)}" if known else f"write {country}"
    upper = country.upper()
    if upper in country_codes():
        return f'did you mean "{upper}"?'
    return "write a two-letter code such as DE or US"


def _calendar_fix(own: Mapping[str, BusinessCalendar]) -> str:
    return f"write {listed((*own, *_BUILT_IN))}, or a country code such as DE"


__all__ = [
    "BUSINESS_DAYS", "CALENDARS", "EVERY_DAY", "BusinessCalendar", "CalendarDocument", "Deadline",
    "Window", "calendars_of", "check_calendars", "deadline_at", "find_calendar", "local_day",
    "local_end", "local_instant", "parse_deadline", "parse_weekday", "parse_window", "zone",
]  # fmt: skip
