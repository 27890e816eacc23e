"""Application: who sent an event, compiled from its mapping; maps one event.

What cannot be read leaves its field None, the mark UNMAPPED, and the reason in `unmapped`. Mapping
never raises. An event mapped before keeps what this mapping says nothing of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tidegate.kernel.businessday import business_day_function
from tidegate.kernel.calendar import BusinessCalendar, find_calendar
from tidegate.kernel.context import (
    ApplicationMapping,
    ExpressionReading,
    Read,
    paths,
    reading,
)
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import PRIORITIES, UNKNOWN_SOURCE, UNMAPPED, Event, Json
from tidegate.kernel.expression import NO_FUNCTIONS, Functions
from tidegate.kernel.reading import (
    NAME_MAX,
    Compute,
    ReadDataset,
    ReadDay,
    Take,
    Unread,
    computer,
    dataset_reader,
    day_reader,
    taker,
)
from tidegate.kernel.value import MISSING, is_map, shown

OWN_SOURCE = "tidegate"
"""The source of what Tidegate itself says."""
NO_CALENDARS: Final[Mapping[str, BusinessCalendar]] = MappingProxyType({})


class Application(Struct, frozen=True, kw_only=True):
    """One application, compiled."""

    name: str
    strict: bool = False
    marks: int = 0
    tray: bool = True  # what cannot be read is for a person to see
    take_context_id: Take
    take_priority: Take | None = None
    take_owner: Take | None = None
    read_dataset: ReadDataset
    read_day: ReadDay
    takes: tuple[tuple[str, Take, bool], ...] = ()
    """Names of the normalised context; True where the event's own context has the first word."""

    def apply(self, event: Event) -> Event:
        """The event as this application means it."""
        unread: tuple[str, ...] = ()
        context_id = self.take_context_id(event)
        if type(context_id) is not str or not 0 < len(context_id) <= NAME_MAX // 4:
            context_id, unread = _odd_context_id(context_id)
        dataset = self.read_dataset(event)
        if type(dataset) is Unread:
            unread = (*unread, dataset.reason)
        day = self.read_day(event)
        if type(day) is Unread:
            unread = (*unread, day.reason)
        marks = event.marks & ~(UNMAPPED | UNKNOWN_SOURCE) | self.marks
        in_tray = bool(unread) and self.tray
        # All fields in their order: half the time of a copy with changes.
        return Event(
            event.id,
            event.source,
            event.type,
            event.time,
            event.data,
            event.subject,
            self._normalise(event) if self.takes else event.extensions,
            marks | UNMAPPED if in_tray else marks,
            self.name,
            None if isinstance(dataset, Unread) else dataset,
            None if isinstance(day, Unread) else day,
            context_id,
            _priority(self.take_priority(event)) if self.take_priority else event.priority,
            _owner(self.take_owner(event)) if self.take_owner else event.owner,
            "; ".join(unread) if in_tray else "",
        )

    def _normalise(self, event: Event) -> Mapping[str, Json]:
        """The extensions, with every normalised name in `context`; the event's own are not changed."""
        context = event.extensions.get("context")
        if context is None:
            context = {}
        if not is_map(context):
            return event.extensions
        found: dict[str, Json] = {}
        for name, take, in_place in self.takes:
            if in_place and context.get(name) is not None:
                continue
            value = take(event)
            if value is not MISSING and value is not None:
                found[name] = value
        if not found:
            return event.extensions
        return {**event.extensions, "context": {**context, **found}}


# ---- compiling
def compile_application(
    name: str,
    mapping: ApplicationMapping,
    *,
    calendars: Mapping[str, BusinessCalendar] = NO_CALENDARS,
    functions: Functions = NO_FUNCTIONS,
) -> Application:
    """One mapping, compiled. Raises InputError (`calendar.unknown`, `expression.invalid`)."""
    plain = mapping.plain()
    others = plain.others()
    for fault in faults_of(plain, calendars=calendars, functions=functions):
        raise fault[1]
    settings = _settings(plain)
    known = {**functions, **business_day_function(calendars)}

    def compute(read: Read | None) -> Compute | None:
        if isinstance(read, ExpressionReading):
            return computer(read.expression, settings, known)
        return None

    dataset, day = reading(plain.dataset_mapping), reading(plain.business_date_mapping)
    return Application(
        name=name,
        strict=plain.strict,
        take_context_id=_context_id(paths(plain.context_id_mapping)),
        take_priority=taker(others["priority"]) if "priority" in others else None,
        take_owner=taker(others["owner"]) if "owner" in others else None,
        read_dataset=dataset_reader(dataset, compute(dataset)),
        read_day=day_reader(day, compute(day)),
        takes=tuple(
            (target, taker(written), written[0] == f"context.{target}")
            for target, written in others.items()
        ),
    )


def faults_of(
    mapping: ApplicationMapping,
    *,
    calendars: Mapping[str, BusinessCalendar] = NO_CALENDARS,
    functions: Functions = NO_FUNCTIONS,
) -> Iterator[tuple[str, InputError]]:
    """What the model could not see: the key, and why its value cannot be compiled."""
    try:
        find_calendar(mapping.calendar, calendars)
    except InputError as error:
        yield "calendar", error
    known = {**functions, **business_day_function(calendars)}
    for key in ("dataset_mapping", "business_date_mapping"):
        read = reading(getattr(mapping, key))
        if isinstance(read, ExpressionReading):
            try:
                computer(read.expression, _settings(mapping), known)
            except InputError as error:
                yield key, error


def _settings(mapping: ApplicationMapping) -> dict[str, Json]:
    """The names a mapping's expressions have beside those of the event."""
    return {
        "calendar": mapping.calendar,
        "timezone": mapping.timezone,
        "cutoff": mapping.cutoff,
    }


def _context_id(written: tuple[str, ...]) -> Take:
    if written:
        return taker(written)

    def take_default(event: Event) -> Json:
        if event.context_id is not None:
            return event.context_id
        # As the origin writes it, and as CloudEvents allows.
        value = event.extensions.get("context_id")
        return event.extensions.get("contextid") if value is None else value

    return take_default


UNKNOWN = Application(
    name="",
    marks=UNKNOWN_SOURCE,
    take_context_id=_context_id(()),
    read_dataset=dataset_reader(None),
    read_day=day_reader(None),
)
"""For sources nobody claims; read by the defaults."""
OWN = replace(UNKNOWN, name=OWN_SOURCE, marks=0, tray=False)
"""Tidegate itself."""


# ---- odd values
def _odd_context_id(value: Json) -> tuple[str | None, tuple[str, ...]]:
    """An application's own id that is no short text, and why it cannot be used."""
    if value is MISSING or value is None or value == "":
        return None, ()
    if type(value) is int:
        return str(value), ()
    if type(value) is not str:
        return None, (f"no context id: it is {shown(value, 64)}, not text",)
    size = len(value.encode())
    if size > NAME_MAX:
        return None, (f"no context id: it has {size} bytes, {NAME_MAX} are allowed",)
    return value, ()


def _priority(value: Json) -> str | None:
    if value is MISSING or value is None:
        return None
    if type(value) is not str:
        return "normal"
    if value in PRIORITIES:
        return value
    word = value.strip().lower()
    return word if word in PRIORITIES else "normal"


def _owner(value: Json) -> str | None:
    """Who is told; whatever is no name is nobody."""
    if type(value) is str and 0 < len(value) <= NAME_MAX // 4:
        return value
    return None
