"""Maintenance window: when nothing starts, for all jobs or for those it names.

It stands in `schedules/*.yaml`, or is added at run time, as printed in the origin:

    {"start": "02:00", "end": "04:00", "description": "Weekly maintenance", "days": ["sunday"]}

What runs when it begins goes on; what is asked for meanwhile is held, and starts at its end.
"""

from __future__ import annotations

from typing import Annotated, Self

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tidegate.kernel.clock import Instant, format_instant
from tidegate.kernel.event import Json
from tidegate.kernel.window import Window, parse_weekday, parse_window
from tidegate.kernel.workday import WEEKDAYS
from tidegate.kernel.zone import format_time_of_day, parse_time_of_day, zone

_FAR = "9999-12-31T23:59:59Z"
JOBS_MAX = 1_000
"""Jobs one window names."""


class MaintenanceWindow(Struct, frozen=True, array_like=True):
    """A window as it is followed."""

    id: str
    window: Window
    description: str = ""
    jobs: tuple[str, ...] = ()  # none: all

    def concerns(self, job: str) -> bool:
        return not self.jobs or job in self.jobs

    def covers(self, at: Instant) -> Instant | None:
        """Its end if this instant lies in it."""
        return self.window.covers(at)

    def is_over(self, at: Instant) -> bool:
        """Whether it never comes again."""
        return self.window.until is not None and self.window.until <= at

    def title(self) -> str:
        return f"{self.id} ({self.description})" if self.description else self.id

    def report(self) -> dict[str, Json]:
        """As it is shown to people."""
        window = self.window
        return {
            "window_id": self.id,
            "start": None if window.start is None else format_time_of_day(window.start),
            "end": None if window.end is None else format_time_of_day(window.end),
            "days": [WEEKDAYS[day] for day in window.days],
            "timezone": window.zone,
            "from": None if window.since is None else format_instant(window.since),
            "until": None if window.until is None else format_instant(window.until),
            "description": self.description,
            "jobs": list(self.jobs),
        }


class WindowDocument(BaseModel):
    """A window as written: `start` and `end` on `days`, or once `from` an instant `until` another."""

    # Each value is right by itself; whether they are a window together is for `to_window` to say.

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=False)

    start: str | None = None
    end: str | None = None
    days: Annotated[tuple[str, ...], Field(max_length=7)] = ()
    timezone: str | None = None
    since: Annotated[str | None, Field(alias="from")] = None
    until: str | None = None
    description: Annotated[str, Field(max_length=500)] = ""
    jobs: Annotated[tuple[str, ...], Field(max_length=JOBS_MAX)] = ()

    @field_validator("start", "end", mode="after")
    @classmethod
    def _is_a_time(cls, text: str | None) -> str | None:
        if text is not None:
            parse_time_of_day(text)
        return text

    @field_validator("days", mode="after")
    @classmethod
    def _are_weekdays(cls, days: tuple[str, ...]) -> tuple[str, ...]:
        for day in days:
            parse_weekday(day)
        return days

    @field_validator("timezone", mode="after")
    @classmethod
    def _is_a_zone(cls, name: str | None) -> str | None:
        if name is not None:
            zone(name)
        return name

    @field_validator("since", "until", mode="after")
    @classmethod
    def _is_an_instant(cls, text: str | None) -> str | None:
        # What follows sees both; alone, a wrong one is pointed at where it stands.
        if text is not None:
            parse_window(since=text, until=_FAR)
        return text

    @property
    def names_zone(self) -> bool:
        """Else its times are in the project's zone."""
        return self.timezone is not None

    def to_window(self, id_: str, default_zone: str) -> MaintenanceWindow:
        """The window to follow. Raises ValueError (`what|fix`), of a checked document never."""
        window = parse_window(
            start=self.start,
            end=self.end,
            days=self.days,
            where=self.timezone or default_zone,
            since=self.since,
            until=self.until,
        )
        return MaintenanceWindow(id_, window, self.description, self.jobs)


class AddedWindow(WindowDocument):
    """A window that comes alone, as a person adds one: its values are a window together."""

    @model_validator(mode="after")
    def _is_a_window(self) -> Self:
        self.to_window("", "UTC")
        return self
