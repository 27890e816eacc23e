"""Orders persons give about starting: pause, resume, maintenance windows, cancel."""

from __future__ import annotations

from msgspec import Struct

from tidegate.kernel.clock import Instant
from tidegate.schedule.window import MaintenanceWindow


class Pause(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Start nothing of `job` (None: of all jobs) until `until`, or until resumed.

    What runs already goes on. A later pause replaces an earlier one.
    """

    job: str | None = None
    until: Instant | None = None


class Resume(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """End the pause of `job` (None: the one of all jobs; those of single jobs stay)."""

    job: str | None = None


class AddWindow(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Add a maintenance window at run time; it is given an id, whatever stands in `window.id`."""

    window: MaintenanceWindow
    in_project_zone: bool = False  # it names no zone: the project's holds


class RemoveWindow(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Take away a window that was added at run time."""

    window_id: str


class CancelTrigger(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Give up a trigger that has not started; `trigger` is its public id."""

    trigger: str
