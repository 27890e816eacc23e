"""Handed: an event as a Python program hands it over, as the bytes a sender would have sent.

What JSON has no word for is refused here when the program can mend it (a time without a zone, a
set, an object); numbers and texts that are wrong go on as they are, and are rejected like anybody's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, TypeGuard, cast

import msgspec

from tidegate.kernel.errors import InputError
from tidegate.kernel.value import INTEGER_MAX, INTEGER_MIN, is_unicode

DEPTH_MAX = 500
"""Levels that are looked into; an event may have far fewer, and says so itself."""
_FIX = 'ingest({"specversion": "1.0", "id": ..., "source": ..., "type": ..., "data": ...})'


def raw_event(event: object) -> bytes:
    """Raises InputError (`usage`) for what is no event."""
    if isinstance(event, bytes):
        return event
    if isinstance(event, str):
        return event.encode("utf-8", "surrogatepass")
    if _is_mapping(event):
        return _raw(dict(event))
    raise no_event(event)


def no_event(value: object) -> InputError:
    what = f"an event is a mapping or JSON, not {type(value).__name__}"
    return InputError("usage", what, fix=_FIX)


def business_day(day: date | str) -> str:
    """A business date as `parse_date` reads it. Raises InputError (`usage`) for an instant."""
    if isinstance(day, datetime):
        raise InputError(
            "usage", f"a business date is a day, not the instant {day}", fix="give its .date()"
        )
    return day.isoformat() if isinstance(day, date) else day


def _raw(event: dict[Any, Any]) -> bytes:
    # `any` would end at the first one, and a time without a zone may stand behind it.
    beyond = sum(_is_beyond(place, value) for place, value in _values(event))
    try:
        if beyond:  # msgspec makes null of NaN, and cannot write the others
            return json.dumps(event, default=msgspec.to_builtins).encode()
        return msgspec.json.encode(event)
    except (TypeError, ValueError) as error:
        raise InputError("usage", f"this mapping is no JSON: {error}", fix=_FIX) from error


def _values(event: object) -> Iterator[tuple[str, object]]:
    """Everything in it that holds nothing else, with its place."""
    waiting: list[tuple[str, int, object]] = [("", 0, event)]
    while waiting:
        place, depth, value = waiting.pop()
        if depth > DEPTH_MAX:
            raise InputError("usage", f"{place[:80]} is nested too deeply", fix="send it flatter")
        if _is_mapping(value):
            inner = value.items()
            waiting += [(f"{place}.{name}".lstrip("."), depth + 1, one) for name, one in inner]
        elif isinstance(value, list | tuple):
            members = enumerate(cast("list[Any]", value))
            waiting += [(f"{place}[{number}]", depth + 1, one) for number, one in members]
        else:
            yield place, value


def _is_beyond(place: str, value: object) -> bool:
    """A number or text that JSON, or a column, cannot carry. Raises InputError (`usage`)."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InputError(
                "usage",
                f"{place} is the time {value}, which has no zone",
                fix="give it one: datetime.now(timezone.utc), or .replace(tzinfo=...)",
            )
        return False
    if isinstance(value, set | frozenset):
        raise InputError(
            "usage",
            f"{place} is a set, which has no order: the same event would differ from run to run",
            fix="give a list: sorted(...)",
        )
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, int):
        return not INTEGER_MIN <= value <= INTEGER_MAX
    return isinstance(value, str) and not value.isascii() and not is_unicode(value)


def _is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)
