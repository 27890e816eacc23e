"""Public ids: what people and programs call a trigger or an execution: job, business date, name.

One shape for both, so an execution has the id of the trigger it came from.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tidegate.kernel import ids
from tidegate.kernel.clock import NO_DAY, format_day, parse_day
from tidegate.kernel.step import Key

NO_DATE = "-"

_SEGMENT = re.compile(r"[A-Za-z0-9_.:+%~-]+", re.ASCII)


@lru_cache(maxsize=4096)
def public_id(key: Key) -> str:
    # A start names its trigger and execution in several answers and events at once.
    return ids.public(key.scope, business_date(key) or NO_DATE, key.name)


def cell_name(key: Key) -> str:
    """Any cell, as it is named to people who look after the database."""
    return f"{key.kind} {key.scope} {business_date(key) or NO_DATE} {key.name}".rstrip()


def parse_public_id(kind: str, text: str) -> Key | None:
    """The key of that kind `public_id` made this text of; None for any other text."""
    try:
        scope, date, name = ids.parse_public(text)
        day = NO_DAY if date == NO_DATE else parse_day(date)
    except ValueError:
        return None
    if not all(_SEGMENT.fullmatch(part) and len(part) <= ids.SEGMENT_MAX for part in (scope, name)):
        return None
    return Key(kind, day, scope, name)


def business_date(key: Key) -> str | None:
    """The business date of a cell, if it has one, as it is written in events."""
    return format_day(key.day) if key.day != NO_DAY else None
