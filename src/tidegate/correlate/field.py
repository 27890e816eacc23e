"""Field: a name a rule writes, read from an event.

`event_type`, `source`, `id`, `subject`, `time`, `application`, `dataset`, `business_date`,
`context_id` are the event's own; `data.x` lies in its data; `context.x` and other dotted names in
its extensions. A bare name means `data.<name>`, else `data.<name>_seconds` (events spell
`processing_duration_seconds` what rules call `processing_duration`), else the extension.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import TypeAlias, cast

from tidegate.kernel.clock import format_day, format_instant
from tidegate.kernel.event import Event, Json
from tidegate.kernel.value import MISSING, Path, getter, parse_path

Read: TypeAlias = Callable[[Event], Json]
"""MISSING when the event has no such field."""

READERS_KEPT = 4096
"""Fields whose readers are shared."""

NORMALISED_ID = "normalized_context_id"

_OWN: dict[str, Read] = {
    "event_type": attrgetter("type"),
    "type": attrgetter("type"),
    "source": attrgetter("source"),
    "id": attrgetter("id"),
    "subject": lambda event: MISSING if event.subject is None else event.subject,
    "time": lambda event: format_instant(event.time),
    "application": lambda event: event.application or MISSING,
    "dataset": lambda event: MISSING if event.dataset is None else event.dataset,
    "business_date": lambda event: MISSING if event.day is None else format_day(event.day),
    "context_id": lambda event: MISSING if event.context_id is None else event.context_id,
    "normalized_priority": lambda event: event.priority or "normal",
}
OWN_NAMES = frozenset(_OWN)
"""What every event has, or may have, by itself."""
BUSINESS_DATE = frozenset({"business_date", "data.business_date"})
"""Both spellings mean the mapped business date, wherever the sender wrote it."""
DATASET = frozenset({"dataset", "dataset_name", "data.dataset_name"})


@lru_cache(maxsize=READERS_KEPT)
def reader(name: str) -> Read:
    """How to read a field by the name a rule gives it. Raises InputError (`expression.invalid`).

    The same for all rules: a thousand of their own would not stay in the processor's cache.
    """
    own = _OWN.get(name)
    if own is not None:
        return own
    if name in BUSINESS_DATE:
        return _mapped_date(name)
    if name in DATASET:
        return _mapped_dataset(name)
    path = parse_path(name)
    if path[0] == "data" and len(path) > 1:
        return _in_data(path[1:])
    if len(path) > 1:
        return _in_extensions(path)
    return _bare(name)


def written(name: str) -> str:
    """A field as people read it: a bare name with the `data.` it means."""
    if name in _OWN or "." in name:
        return name
    return f"data.{name}"


def one_name(field: str) -> str:
    """The one name of a field that has several."""
    if field in BUSINESS_DATE:
        return "business_date"
    if field in DATASET:
        return "dataset"
    return "event_type" if field == "type" else written(field)


def _in_data(path: Path) -> Read:
    if len(path) == 1:
        return _data_field(path[0])
    get = getter(path)

    def read(event: Event) -> Json:
        data = event.data
        return get(cast("Mapping[str, Json]", data)) if type(data) is dict else MISSING

    return read


def _data_field(name: str) -> Read:
    def read(event: Event) -> Json:
        data: dict[str, Json] = event.data
        return data.get(name, MISSING) if type(data) is dict else MISSING

    return read


def _in_extensions(path: Path) -> Read:
    get = getter(path)
    return lambda event: get(event.extensions)


def _bare(name: str) -> Read:
    in_seconds = f"{name}_seconds"

    def read(event: Event) -> Json:
        data: dict[str, Json] = event.data
        if type(data) is dict:
            found = data.get(name, MISSING)
            if found is MISSING:
                found = data.get(in_seconds, MISSING)
            if found is not MISSING:
                return found
        return event.extensions.get(name, MISSING)

    return read


def _mapped_date(name: str) -> Read:
    """What the application's mapping read, else what stands in the data under this name."""
    direct = _direct(name)

    def read(event: Event) -> Json:
        return direct(event) if event.day is None else format_day(event.day)

    return read


def _mapped_dataset(name: str) -> Read:
    direct = _direct(name)

    def read(event: Event) -> Json:
        return direct(event) if event.dataset is None else event.dataset

    return read


def _direct(name: str) -> Read:
    path = parse_path(name)
    return _in_data(path[1:] if path[0] == "data" else path)
