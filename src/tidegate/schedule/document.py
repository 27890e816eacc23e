"""The `schedule` document: `schedules/*.yaml`. In this version: maintenance windows.

    name: nightly                     # optional; two files need two names
    maintenance:
      - {start: "02:00", end: "04:00", days: [sunday], description: Weekly maintenance}
      - {from: 2026-12-24T12:00:00Z, until: 2026-12-27T06:00:00Z, jobs: [daily_report]}

What later versions follow (schedules, conditions, adaptive scheduling, ...) is a fault here, never
silently passed over: a schedule that looks active and does not fire would be worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, TypeAlias

import msgspec
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from tidegate.kernel.event import Json
from tidegate.kernel.step import DocumentKind, Finding
from tidegate.kernel.value import is_list, is_map
from tidegate.kernel.wording import split
from tidegate.schedule.window import WindowDocument

WINDOWS_MAX = 500
"""Maintenance windows in one file."""
UNNAMED = "maintenance"
_TIMES = ("start", "end", "from", "until")


def _later(value: Json) -> None:
    raise ValueError("this version does not follow it|take it out until a version does")


Later: TypeAlias = Annotated[None, BeforeValidator(_later)]


class ScheduleDocument(BaseModel, frozen=True, defer_build=True, extra="forbid"):
    """One file of schedules."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^/\s]+$")] = UNNAMED
    description: str = ""
    maintenance: Annotated[tuple[WindowDocument, ...], Field(max_length=WINDOWS_MAX)] = ()
    # The eight areas of schedule_config.yaml and what else the specification names:
    schedules: Later = None
    environments: Later = None
    business_patterns: Later = None
    triggers: Later = None
    conditional_execution: Later = None
    adaptive_scheduling: Later = None
    monitoring: Later = None
    resource_management: Later = None
    security: Later = None
    conditions: Later = None
    blackouts: Later = None
    cron: Later = None
    interval: Later = None
    pattern: Later = None


def _entries(body: Json) -> Iterable[tuple[str, Json, tuple[str | int, ...]]]:
    name: Json = body.get("name") if is_map(body) else None
    return ((name if isinstance(name, str) else UNNAMED, body, ()),)


def _check(name: str, body: Json) -> Iterator[Finding]:
    """Windows whose values are right each, and no window together."""
    windows = body.get("maintenance") if is_map(body) else None
    for number, written in enumerate(windows if is_list(windows) else ()):
        window = _readable(written)
        if window is None:
            continue  # the model says so
        try:
            window.to_window("", "UTC")
        except ValueError as error:
            yield Finding("schedule", name, ("maintenance", number), *split(str(error)))


def _readable(written: Json) -> WindowDocument | None:
    """A window, or what its times alone are; None where these cannot be read."""
    if not is_map(written):
        return None
    times = {key: value for key, value in written.items() if key in _TIMES}
    for part in (written, times):
        try:
            return WindowDocument.model_validate_json(msgspec.json.encode(part))
        except ValidationError:
            continue
    return None


DOCUMENT = DocumentKind(
    name="schedule", folder="schedules", model=ScheduleDocument, entries=_entries, check=_check
)
