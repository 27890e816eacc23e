"""The `schedule` document: `schedules/*.yaml`. In this version: maintenance windows.

    name: nightly                     # optional; two files need two names
    maintenance:
      - {start: "02:00", end: "04:00", days: [sunday], description: Weekly maintenance}
      - {from: 2026-12-24T12:00:00Z, until: 2026-12-27T06:00:00Z, jobs: [daily_report]}

What later versions follow (schedules, conditions, adaptive scheduling, ...) is a fault here, never
silently passed over: a schedule that looks active and does not fire would be worse.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, Field

from tidegate.kernel.event import Json
from tidegate.kernel.step import DocumentKind
from tidegate.kernel.value import is_map
from tidegate.schedule.window import WindowDocument

WINDOWS_MAX = 500
"""Maintenance windows in one file."""
UNNAMED = "maintenance"


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


DOCUMENT = DocumentKind(
    name="schedule", folder="schedules", model=ScheduleDocument, entries=_entries
)
