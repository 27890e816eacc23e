"""Typed date: a business date as people type it."""

from __future__ import annotations

import re

from tidegate.kernel.clock import Day, parse_day
from tidegate.kernel.errors import InputError

_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})[-/. ]?(?P<month>0?[1-9]|1[0-2])[-/. ]?(?P<day>0[1-9]|[12]\d|3[01]|[1-9])",
    re.ASCII,
)
_DAY_FIRST = re.compile(
    r"(?P<day>0?[1-9]|[12]\d|3[01])\.(?P<month>0?[1-9]|1[0-2])\.(?P<year>\d{4})", re.ASCII
)


def parse_date(text: str) -> Day:
    """A business date as people type it. Raises InputError (`input`)."""
    try:
        return parse_day(text)
    except ValueError as error:
        raise InputError("input", str(error), fix=f"write {_meant_date(text)}") from error


def _meant_date(text: str) -> str:
    """The date as it is to be written, where another way of writing it tells day from month."""
    found = _YEAR_FIRST.fullmatch(text) or _DAY_FIRST.fullmatch(text)
    if found is None:
        return "the year, the month and the day, such as 2024-01-15"
    parts = found.groupdict()
    meant = f"{parts['year']}-{int(parts['month']):02d}-{int(parts['day']):02d}"
    try:
        parse_day(meant)
    except ValueError:
        return "a day that there is, such as 2024-01-15"
    return meant
