"""Zone: time zones by name, and what the clocks of a zone show turned into instants.

Twice a year a wall clock lies. The policy, everywhere in the product:
- A time in a gap (clocks go forward over it) is the first instant after the gap.
- A time in a fold (clocks go back and show it twice) is the first of the two.
- What ends at a time ends when clocks show an earlier one for the last time; so a window in a fold
  is longer than written, and never shorter.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from tidegate.kernel.clock import DAY_US, SECOND_US, Day, Instant, date_day, moment
from tidegate.kernel.spelling import nearest

DAY_SECONDS = 24 * 3600

_FOREIGN = re.compile(r"(?:posix|right)/|localtime$|posixrules$|Factory$")
"""Files beside the zones: what they mean depends on the machine, or counts leap seconds."""
_OFFSET = re.compile(r"(?:UTC|GMT|Z)?([+-])0?(\d{1,2})(?::?00)?", re.ASCII)
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_EPOCH = datetime(1970, 1, 1)
# Zones know the years 1 to 9999; beyond them their first and last offset is taken.
_FIRST_US = date_day(datetime.min.date()) * DAY_US
_LAST_US = date_day(datetime.max.date()) * DAY_US


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """A zone by its IANA name, such as `Europe/Berlin`. Raises ValueError (`what|fix`)."""
    try:
        if _FOREIGN.match(name) is None:
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise ValueError(f'"{name[:64]}" is no time zone|{_zone_fix(name)}')


def parse_time_of_day(text: str) -> int:
    """`06:00`, `6:00`, `23:59:30`, `24:00` to seconds of the day. Raises ValueError (`what|fix`)."""
    found = _TIME.fullmatch(text)
    if found is not None:
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        total = (hours * 60 + minutes) * 60 + seconds
        if minutes < 60 and seconds < 60 and total <= DAY_SECONDS:
            return total
    raise ValueError(f'"{text[:32]}" is no time of day|write it as 06:00')


def format_time_of_day(second: int) -> str:
    """What `parse_time_of_day` reads back."""
    minutes, seconds = divmod(second, 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{seconds:02}" if seconds else text


def local_day(at: Instant, where: tzinfo) -> Day:
    """The date that calendars of the zone show."""
    return date_day(moment(at, where).date())


def local_instant(day: Day, second: int, where: tzinfo) -> Instant:
    """The first instant at which clocks show at least so many seconds of that date."""
    local_us = day * DAY_US + second * SECOND_US
    before, after = _offsets_us(local_us, where)
    if before < after:
        return _end_of_gap(Instant(local_us - after), Instant(local_us - before), where)
    return Instant(local_us - before)


def local_end(day: Day, second: int, where: tzinfo) -> Instant:
    """The instant from which on clocks show at least so many seconds of that date for good."""
    # The microsecond before counts: where a fold begins at this very time, nothing repeats it.
    local_us = day * DAY_US + second * SECOND_US - 1
    before, after = _offsets_us(local_us, where)
    if before < after:
        return _end_of_gap(Instant(local_us - after), Instant(local_us - before), where)
    return Instant(local_us + 1 - after)


def _offsets_us(local_us: int, where: tzinfo) -> tuple[int, int]:
    """Offsets before and after the change nearest to a local time: equal but in a gap or fold."""
    lookup = _EPOCH + timedelta(microseconds=min(max(local_us, _FIRST_US), _LAST_US))
    return (
        _offset_us(lookup.replace(tzinfo=where)),
        _offset_us(lookup.replace(tzinfo=where, fold=1)),
    )


def _end_of_gap(earlier: Instant, later: Instant, where: tzinfo) -> Instant:
    """The one change of offset between two instants; offsets change at whole seconds."""
    low, high = earlier // SECOND_US, later // SECOND_US
    offset = _offset_us(moment(Instant(low * SECOND_US), where))
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_us(moment(Instant(middle * SECOND_US), where)) == offset:
            low = middle
        else:
            high = middle
    return Instant(high * SECOND_US)


def _offset_us(shown: datetime) -> int:
    offset = shown.utcoffset()
    assert offset is not None, "a zone knows its offset"
    return offset // timedelta(microseconds=1)


def _zone_fix(name: str) -> str:
    known = sorted(one for one in available_timezones() if _FOREIGN.match(one) is None)
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        # The sign of these names is the other way round from everybody's habit.
        sign = "-" if offset[1] == "+" else "+"
        fixed = f"Etc/GMT{sign}{int(offset[2])}"
        if fixed in known:
            return f"write a place such as Europe/Berlin, or {fixed} for a fixed offset"
    places = [one for one in known if one.startswith(f"{name}/")]
    if places:
        return f"name a place in it, such as {places[0]}"
    city = name.replace(" ", "_").casefold()
    cities = [one for one in known if one.rpartition("/")[2].casefold() == city]
    found = cities[0] if cities else nearest(name, known)
    return (
        f'did you mean "{found}"?' if found else "write an IANA name such as Europe/Berlin or UTC"
    )
