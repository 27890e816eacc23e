"""Time as values: instants, business days, durations. No clock is read here.

An `Instant` is whole microseconds since 1970 UTC; a `Day` is days since 1970, the number of a
business date. Aware datetimes and texts appear at the borders only.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, NewType, Protocol

from tidegate.kernel.errors import InputError

Instant = NewType("Instant", int)
Day = NewType("Day", int)

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
NO_DAY = Day(0)
DURATION_MAX_US = 3_660 * DAY_US
"""Ten years: longer waits are a typing error."""

DAYS_KEPT: Final = 4096
"""Days whose text is remembered: nearly all events of a while speak of the same few dates."""

INSTANTS_KEPT: Final = 1024
"""Instants whose text is remembered: all that happens in a turn happens at one instant."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_DURATION = re.compile(
    r"(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:(\d{1,8})h)?(?:(\d{1,9})m)?(?:(\d{1,11})s)?(?:(\d{1,14})ms)?",
    re.ASCII,
)
_IN_WORDS = re.compile(
    r"(\d{1,9})\s*([wdhms])(?:eeks?|ays?|(?:ou)?rs?|in(?:ute)?s?|ec(?:ond)?s?)?", re.IGNORECASE
)
_UNITS_US = (7 * DAY_US, DAY_US, HOUR_US, MINUTE_US, SECOND_US, 1000)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:[.,](\d{1,9})\d*)?([Zz]|[+-]\d{2}:\d{2})?",
    re.ASCII,
)


class Clock(Protocol):
    """Where now comes from; `adapters/system.py` has the machine's, `testing/world.py` a seeded one."""

    def now(self) -> Instant:
        """The wall clock, which may step."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never steps back, counts through sleep."""
        ...


# ---- instants
def instant(moment: datetime) -> Instant:
    """An aware datetime as an instant."""
    delta = moment - _EPOCH
    return Instant(
        delta.days * DAY_US + delta.seconds * SECOND_US + delta.microseconds,
    )


def moment(at: Instant, zone: tzinfo = UTC) -> datetime:
    """An instant as an aware datetime. Raises OverflowError outside the years 1 to 9999."""
    return (_EPOCH + timedelta(microseconds=at)).astimezone(zone)


def parse_instant(text: str) -> tuple[Instant, bool]:
    """RFC 3339 to an instant; True when the text had no zone and was read as UTC.

    A leap second (`:60`) is read as the last microsecond of its minute's 59th second.
    Raises InputError (`event.time`).
    """
    try:
        # The fast road: what nearly every sender writes.
        parsed = datetime.fromisoformat(text)
        if _TIME.fullmatch(text) is None:
            raise ValueError("not RFC 3339")
    except ValueError as error:
        found = _TIME.fullmatch(text)
        if found is not None and text != text.upper():
            return parse_instant(text.upper())  # RFC 3339 allows t and z, Python does not
        if found is None or not found[2].endswith(":60"):
            raise InputError(
                "event.time",
                f"time {text[:64]!r} is not RFC 3339",
                fix="write 2024-01-15T10:30:00Z",
            ) from error
        at, naive = parse_instant(f"{text[:17]}59{text[19:]}")
        return Instant(at // SECOND_US * SECOND_US + SECOND_US - 1), naive
    if parsed.tzinfo is None:
        return instant(parsed.replace(tzinfo=UTC)), True
    return instant(parsed), False


def _format_instant(at: Instant) -> str:
    text = (_EPOCH + timedelta(microseconds=at)).isoformat()
    return text.replace("+00:00", "Z")


format_instant: Callable[[Instant], str] = lru_cache(maxsize=INSTANTS_KEPT)(_format_instant)
"""RFC 3339 with Z; no fraction when it is zero. Raises OverflowError outside the years 1 to 9999."""


def format_second(at: Instant) -> str:
    """An instant as sentences have it: whole seconds."""
    return format_instant(Instant(at // SECOND_US * SECOND_US))


# ---- business days
def _parse_day(text: str) -> Day:
    if _DATE.fullmatch(text) is None:
        raise ValueError(f"{text[:32]!r} is not a date such as 2024-01-15")
    try:
        return Day(date.fromisoformat(text).toordinal() - _EPOCH_ORDINAL)
    except ValueError as error:
        raise ValueError(f"there is no {text}: {_why_no_day(text)}") from error


def _why_no_day(text: str) -> str:
    year, month = int(text[:4]), int(text[5:7])
    if not 1 <= month <= 12:
        return "a year has 12 months"
    if not year:
        return "years begin with 0001"
    return f"{text[:7]} has {monthrange(year, month)[1]} days"


def _format_day(day: Day) -> str:
    return day_date(day).isoformat()


parse_day: Callable[[str], Day] = lru_cache(maxsize=DAYS_KEPT)(_parse_day)
"""`2024-01-15` to a day. Raises ValueError."""
format_day: Callable[[Day], str] = lru_cache(maxsize=DAYS_KEPT)(_format_day)
"""A day as `2024-01-15`. Raises ValueError or OverflowError outside the years 1 to 9999."""


def day_date(day: Day) -> date:
    return date.fromordinal(day + _EPOCH_ORDINAL)


def date_day(value: date) -> Day:
    return Day(value.toordinal() - _EPOCH_ORDINAL)


# ---- durations
def shifted(at: Instant | None, by_us: int) -> Instant | None:
    """So much later, where there is an instant."""
    return None if at is None else Instant(at + by_us)


def require_unit(value: object) -> object:
    """A number where a duration should be lacks its unit; all else is for `parse_duration`.

    Raises ValueError (`what; fix`).
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"{value} has no unit; write {_with_units(str(value))}")
    return value


def _with_units(number: str) -> str:
    return f"{number}s, {number}m or {number}h" if number.isdigit() else "it as 1h30m"


def parse_duration(text: str) -> int:
    """`1d12h30m`, `24h`, `90s`, `250ms` to microseconds; units largest first, each once.

    Raises ValueError with what to write instead.
    """
    if text.isascii() and text.isdigit():
        raise ValueError(f"{text[:32]} has no unit; write {_with_units(text[:32])}")
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        words = _IN_WORDS.fullmatch(text.strip())
        meant = "it as 1d12h30m (units w d h m s ms, largest first)"
        if words:
            meant = f"{words[1]}{words[2].lower()}"
        raise ValueError(f"{text[:32]!r} is not a duration; write {meant}")
    total = sum(
        int(count or 0) * unit for count, unit in zip(found.groups(), _UNITS_US, strict=True)
    )
    if total > DURATION_MAX_US:
        raise ValueError(f"{text[:32]!r} is longer than ten years")
    return total


def format_duration(duration_us: int) -> str:
    """The shortest text `parse_duration` reads back; `0s` for nothing. Rounds down to a millisecond."""
    parts: list[str] = []
    rest = duration_us
    for unit, name in zip(_UNITS_US[1:], ("d", "h", "m", "s", "ms"), strict=True):
        count, rest = divmod(rest, unit)
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts) or "0s"
