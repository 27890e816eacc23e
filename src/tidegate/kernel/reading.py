"""Reading: how a dataset or a business date is read from an event, compiled from its document.

A reader never raises: what cannot be read is an `Unread` with the reason, which goes to the tray of
unmapped events for a person to see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

from tidegate.kernel import expression
from tidegate.kernel.clock import Day, format_instant, parse_day, parse_instant
from tidegate.kernel.context import ExpressionReading, NameReading, Read, paths
from tidegate.kernel.errors import InputError, TidegateError
from tidegate.kernel.event import Event, Json, scope
from tidegate.kernel.expression import Functions
from tidegate.kernel.namepattern import DATASET, Found, parse_name_pattern
from tidegate.kernel.value import MISSING, Path, getter, parse_path, shown

NAME_MAX = 512
"""UTF-8 bytes of a dataset's name or an application's own id: they become parts of keys."""
NAME_FIELDS = ("data.name", "data.key", "data.path", "subject")
"""Where a file's name is looked for when a name pattern does not say."""

_DATE_LENGTH = 10  # of 2024-01-15
_TIME_MAX = 40  # characters of the longest RFC 3339 time anybody writes
_DAYS_MAX = 4096  # dates remembered: eleven years of them
_FIX_DATE = "write it as 2024-01-15"

Take: TypeAlias = Callable[[Event], Json]
"""Reads one value of an event; MISSING when it is not there."""
Compute: TypeAlias = Callable[[Event], "Json | Unread"]
"""A compiled expression over an event."""

ReadDataset: TypeAlias = "Callable[[Event], str | Unread]"
ReadDay: TypeAlias = "Callable[[Event], Day | Unread]"

_OWN: dict[str, Take] = {
    "id": lambda event: event.id,
    "source": lambda event: event.source,
    "type": lambda event: event.type,
    "event_type": lambda event: event.type,
    "time": lambda event: format_instant(event.time),
    "subject": lambda event: MISSING if event.subject is None else event.subject,
}


class Unread(Struct, frozen=True):
    """Why something could not be read."""

    reason: str


# ---- values
def taker(written: tuple[str, ...]) -> Take:
    """Reads the first of these paths that is there; null counts as not there."""
    first, *others = map(_take_path, written)
    if not others:
        return first

    def take_first(event: Event) -> Json:
        value = first(event)
        if value is not MISSING and value is not None:
            return value
        for take in others:
            value = take(event)
            if value is not MISSING and value is not None:
                return value
        return MISSING

    return take_first


def _take_path(written: str) -> Take:
    path = parse_path(written)
    if path[0] == "data":
        return _take_data(path)
    own = _OWN.get(written)
    if own is not None:
        return own
    get = getter(path)
    return lambda event: get(event.extensions)


def _take_data(path: Path) -> Take:
    if len(path) == 2 and not path[1].isdigit():
        name = path[1]

        # The usual path costs no more than its lookup. TypeError: the data is no map.
        def take(event: Event) -> Json:
            try:
                return event.data[name]
            except (KeyError, TypeError):
                return MISSING

        return take
    get = getter(path)
    return lambda event: get({"data": event.data})


# ---- datasets
def dataset_reader(read: Read | None, compute: Compute | None = None) -> ReadDataset:
    """A reader of dataset names; `compute` is the compiled expression where `read` is one.

    None reads what the event was already mapped to, else `data.dataset_name`.
    """
    if read is None:
        read_default = dataset_reader(("data.dataset_name",))
        return lambda event: event.dataset or read_default(event)
    if isinstance(read, NameReading):
        return _dataset_in_name(read)
    take, where = _source(read, compute)

    def read_dataset(event: Event) -> str | Unread:
        value = take(event)
        if type(value) is str and 0 < len(value) <= NAME_MAX // 4:
            return value
        return _odd_dataset(value, where)

    return read_dataset


def _odd_dataset(value: Json, where: str) -> str | Unread:
    if isinstance(value, Unread):
        return Unread(f"no dataset: {value.reason}")
    if type(value) is str and value:
        size = len(value.encode())
        if size <= NAME_MAX:
            return value
        return Unread(f"no dataset: {where} has {size} bytes, {NAME_MAX} are allowed")
    if value is MISSING or value is None or value == "":
        return Unread(f"no dataset: {where} is missing")
    return Unread(f"no dataset: {where} is {shown(value, 64)}, not a name")


def _dataset_in_name(read: NameReading) -> ReadDataset:
    read_name = _name_reader(read, "dataset")

    def read_dataset(event: Event) -> str | Unread:
        found = read_name(event)
        if isinstance(found, Unread):
            return found
        return _odd_dataset(found.fields[DATASET], read.pattern)

    return read_dataset


# ---- business dates
def day_reader(read: Read | None, compute: Compute | None = None) -> ReadDay:
    """A reader of business dates: a date, the date part of a time, a name, or an expression.

    None reads what the event was already mapped to, else `data.business_date`.
    """
    if read is None:
        read_default = day_reader(("data.business_date",))
        return lambda event: read_default(event) if event.day is None else event.day
    if isinstance(read, NameReading):
        return _day_in_name(read)
    take, where = _source(read, compute)

    def read_day(event: Event) -> Day | Unread:
        value = take(event)
        if type(value) is str and len(value) <= _TIME_MAX:
            day = _parse(value)
            if day is not None:
                return day
        return _odd_day(value, where)

    return read_day


def _day_in_name(read: NameReading) -> ReadDay:
    read_name = _name_reader(read, "business date")

    def read_day(event: Event) -> Day | Unread:
        found = read_name(event)
        if isinstance(found, Unread):
            return found
        assert found.day is not None, "a pattern for dates reads one, or does not match"
        return found.day

    return read_day


@lru_cache(maxsize=_DAYS_MAX)
def _parse(text: str) -> Day | None:
    """A date as it is written; of a time its date as written, in whatever zone that is."""
    try:
        if len(text) != _DATE_LENGTH:
            parse_instant(text)
        return parse_day(text[:_DATE_LENGTH])
    except (ValueError, InputError):
        return None


def _odd_day(value: Json, where: str) -> Unread:
    if isinstance(value, Unread):
        return Unread(f"no business date: {value.reason}")
    if value is MISSING or value is None or value == "":
        return Unread(f"no business date: {where} is missing")
    return Unread(f"no business date: {where} is {shown(value, 64)}; {_FIX_DATE}")


# ---- where a reading looks
def _source(read: tuple[str, ...] | ExpressionReading, compute: Compute | None) -> tuple[Take, str]:
    """What to take the value from, and how to call that place."""
    if isinstance(read, tuple):
        return taker(read), " or ".join(read)
    assert compute is not None, "an expression comes compiled"
    return compute, read.expression


def computer(source: str, settings: Mapping[str, Json], functions: Functions) -> Compute:
    """An expression over an event and the mapping's own settings, which go before the event's names.

    Raises InputError (`expression.invalid`).
    """
    compiled = expression.compile(source, functions=functions)

    def compute(event: Event) -> Json | Unread:
        try:
            return compiled.evaluate({**scope(event), **settings})
        except expression.Missing as missing:
            return Unread(str(missing))
        except TidegateError as error:
            return Unread(error.message)

    return compute


def _name_reader(read: NameReading, wanted: str) -> Callable[[Event], Found | Unread]:
    pattern = parse_name_pattern(read.pattern)
    fields = paths(read.field) or NAME_FIELDS
    take, where = taker(fields), " or ".join(fields)

    def read_name(event: Event) -> Found | Unread:
        name = take(event)
        if type(name) is int:
            name = str(name)
        if type(name) is not str:
            return Unread(f"no {wanted}: {where} holds no name to read it from")
        found = pattern.match(name)
        if found is None:
            return Unread(f"no {wanted}: {shown(name, 120)} does not match {pattern.text}")
        return found

    return read_name
