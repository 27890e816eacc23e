"""Holds: what keeps jobs from starting now: pauses, and maintenance windows of files and run time."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.kernel.clock import Clock, format_instant
from tidegate.kernel.event import Json
from tidegate.ports.reader import PAGE_MAX, Listed, Reader
from tidegate.schedule import engine as schedule
from tidegate.schedule.hold import ALL, Hold, Status, current
from tidegate.schedule.window import MaintenanceWindow
from tidegate.services.downstream import book_of
from tidegate.services.look import Library


class Holds:
    """Safe in every thread; reads only."""

    def __init__(self, reader: Reader, library: Library, clock: Clock) -> None:
        self._reader = reader
        self._library = library
        self._clock = clock

    def listed(self) -> dict[str, Json]:
        """Pauses that hold now, and every maintenance window that is followed."""
        now = self._clock.now()
        pauses: list[Json] = []
        added: tuple[MaintenanceWindow, ...] = ()
        for one in self._holds():
            state = one.stored.cell.state
            assert isinstance(state, Hold)
            hold = current(state, now)
            if hold.status == Status.PAUSED:
                pauses.append(
                    {
                        "job": None if one.key == ALL else one.key.scope,
                        "since": format_instant(hold.paused_at) if hold.paused_at else None,
                        "until": format_instant(hold.until) if hold.until else None,
                        "actor": hold.actor,
                        "reason": hold.reason,
                    }
                )
            added = (*added, *hold.windows)
        written = book_of(self._library.books(), schedule).windows
        return {
            "pauses": pauses,
            "windows": [
                *(self._window(one, "schedules/*.yaml") for one in written if not one.is_over(now)),
                *(self._window(one, "run time") for one in added),
            ],
        }

    def _window(self, window: MaintenanceWindow, written: str) -> Json:
        until = window.covers(self._clock.now())
        return {
            **window.report(),
            "written": written,
            "holds_until": format_instant(until) if until is not None else None,
        }

    def _holds(self) -> Iterator[Listed]:
        """Holds without the queues below them."""
        after = None
        while True:
            page = self._reader.cells("hold", after=after, limit=PAGE_MAX)
            yield from (one for one in page if isinstance(one.stored.cell.state, Hold))
            if len(page) < PAGE_MAX:
                return
            after = page[-1].key
