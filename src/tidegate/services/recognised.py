"""Recognised: what a refused delivery says of itself, as far as it can be read.

It was refused because something in it is wrong, so each value is taken by itself, and only what
is text. Where it cannot be mapped, the plain field says its business date.
"""

from __future__ import annotations

import json

from tidegate.kernel.clock import DAY_US, Day, Instant, parse_day
from tidegate.kernel.errors import TidegateError
from tidegate.kernel.event import Json
from tidegate.kernel.value import is_map
from tidegate.services.books import Read

ATTRIBUTES = ("id", "source", "type")
_TIMES = (Instant(30 * DAY_US), Instant(900 * DAY_US))
"""Two times that no mapping takes for one business date."""


def attributes(body: bytes) -> dict[str, Json] | None:
    """`id`, `source` and `type` of one event, each None where it cannot be read; None if all are."""
    sent = _object(body)
    found: dict[str, Json] = {}
    for name in ATTRIBUTES:
        value = sent.get(name)
        found[name] = _printable(value) if isinstance(value, str) and value else None
    return found if any(found.values()) else None


def business_date(body: bytes, read: Read) -> Day | None:
    """The date it is about, by today's mappings; None where it cannot be read, or hangs on its time.

    Its time may be what is wrong with it. So it is read without one, as of two times: where both
    give one date, that is its date.
    """
    sent = _object(body)
    try:
        said = {name: value for name, value in sent.items() if name != "time"}
        timeless = json.dumps(said).encode()
        early, late = (read(timeless, now).day for now in _TIMES)
    except (TidegateError, RecursionError):
        return _plain_date(sent.get("data"))
    return early if early == late else None


def _plain_date(data: Json) -> Day | None:
    written = data.get("business_date") if is_map(data) else None
    try:
        return parse_day(written) if isinstance(written, str) else None
    except ValueError:
        return None


def _printable(value: str) -> str:
    """Half a surrogate pair, for which an event may have been refused, is no text of an answer."""
    return value.encode("utf-8", "backslashreplace").decode()


def _object(body: bytes) -> dict[str, Json]:
    """Also of numbers that no event may hold, such as NaN."""
    try:
        sent: Json = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return sent if is_map(sent) else {}
