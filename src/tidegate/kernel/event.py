"""Event: what every engine hears; a CloudEvent whose application, dataset and date were read once.

`kernel/cloudevent` makes it from what a sender wrote, `kernel/mapping` fills in what the documents
map. Nothing past those two reads a raw event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from tidegate.kernel.clock import Day, Instant, format_day, format_instant

Json: TypeAlias = Any
"""A JSON value: None, bool, int within 64 bits, float, str, list or dict of them; never changed."""

# What is true of an event besides its content; bits of `Event.marks`.
NORMALISED = 1
"""It was no valid CloudEvent and was read leniently."""
NAIVE_TIME = 2
"""Its time had no zone and was read as UTC."""
ANCIENT = 4
"""Its time lies before 1970."""
LONG_INTEGER = 8
"""An integer beyond 64 bits was kept as text."""
UNKNOWN_SOURCE = 16
"""No application claims its source."""
UNMAPPED = 32
"""Its dataset or business date could not be read; `unmapped` says why."""
NO_TIME = 64
"""It had no time and was given the instant it arrived."""

PRIORITIES = ("low", "normal", "high", "critical")


class Event(Struct, frozen=True, gc=False):
    """One fact. `data` is usually a mapping; `extensions` are all further top-level attributes."""

    id: str
    source: str
    type: str
    time: Instant
    data: Json = None
    subject: str | None = None
    extensions: Mapping[str, Json] = {}
    marks: int = 0
    # Read once by kernel/mapping:
    application: str = ""
    dataset: str | None = None
    day: Day | None = None  # its business date
    context_id: str | None = None  # the application's own id of the batch or run
    priority: str | None = None  # one of PRIORITIES
    owner: str | None = None
    unmapped: str = ""


def unread(event: Event) -> str:
    """Why nothing, or not all, could be read out of it; "" when all was."""
    unknown = f"unknown source {event.source}" if event.marks & UNKNOWN_SOURCE else ""
    return ": ".join(filter(None, (unknown, event.unmapped)))


def scope(event: Event) -> dict[str, Json]:
    """The names an expression or a template over this event sees.

    The core attributes, every extension under its own name (`context`, `context_id`, ...), `data`,
    and what was mapped: `application`, `dataset`, `business_date`, `ds`, `normalized_priority`.
    """
    names: dict[str, Json] = dict(event.extensions)
    names.update(
        id=event.id,
        source=event.source,
        type=event.type,
        event_type=event.type,
        time=format_instant(event.time),
        subject=event.subject,
        data=event.data,
        application=event.application,
        dataset=event.dataset,
        owner=event.owner,
        normalized_priority=event.priority or "normal",
    )
    if event.context_id is not None:
        names["context_id"] = event.context_id
    if event.day is not None:
        names["business_date"] = names["ds"] = format_day(event.day)
    return names
