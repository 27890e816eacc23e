"""Notices: what people were told, and what could not be delivered, as lists and the API print it."""

from __future__ import annotations

from tidegate.kernel.clock import MINUTE_US, Clock, Day, Instant, format_instant
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.public_id import business_date, parse_public_id, public_id
from tidegate.kernel.spelling import did_you_mean
from tidegate.ports.reader import PAGE_MAX, Listed, Reader, readable
from tidegate.services.page import Page, cursor_of, parse_cursor
from tidegate.services.trail import trail_of
from tidegate.watch.notice import KIND, Notice, Status

SLOW_US = MINUTE_US
"""Whoever is told nothing for so long should know that it is being tried."""
_NUMBERS = {name: number for number, name in KIND.statuses.items() if number}


class Notices:
    """Safe in every thread; reads only."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    def page(
        self,
        *,
        status: str | None = None,
        day: Day | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Json]:
        """One page, the newest business date first. Raises InputError (`input`)."""
        if status is not None and status not in _NUMBERS:
            raise InputError(
                "input",
                f"no notice status is called {status[:80]!r}",
                fix=did_you_mean(status, _NUMBERS, f"one of {', '.join(_NUMBERS)}"),
            )
        found = self._reader.cells(
            KIND.name,
            statuses=(_NUMBERS[status],) if status is not None else (),
            days=(day, day) if day is not None else None,
            after=parse_cursor(KIND.name, cursor) if cursor else None,
            limit=limit,
            newest_first=True,
        )
        following = cursor_of(found[-1].key) if len(found) == limit else None
        known, unreadable = readable(found)
        return Page([self._listed(one) for one in known], following, unreadable)

    def notice(self, id_: str) -> dict[str, Json]:
        """One notice with its data. Raises InputError (`notice.unknown`)."""
        key = parse_public_id(KIND.name, id_)
        stored = self._reader.cell(key) if key is not None else None
        if key is None or stored is None:
            raise InputError(
                "notice.unknown",
                f"there is no notice {id_[:200]!r}",
                fix="list them with `tidegate notice list`",
            )
        state = stored.cell.state
        assert isinstance(state, Notice)
        return {**self._listed(Listed(key, stored, self._clock.now())), "data": dict(state.data)}

    def slow(self) -> int:
        """How many have been sending for over SLOW_US; PAGE_MAX stands for so many or more."""
        sending = (int(Status.SENDING),)
        before = self._clock.now() - SLOW_US
        found = self._reader.cells(KIND.name, statuses=sending, limit=PAGE_MAX)
        return sum(1 for one in found if one.changed_at < before)

    def _listed(self, one: Listed) -> dict[str, Json]:
        """A notice, and while it is being sent how that goes."""
        item = _listed(one)
        if one.stored.cell.state.status == Status.SENDING:
            for row in self._reader.effects_of(one.stored.id):
                waits = row.owner is None and row.tries
                item["tries"] = row.tries
                item["next_try_at"] = format_instant(row.visible_at) if waits else None
                item["error"] = trail_of(row.handle, Instant(0)).trouble or None
        return item

    def undelivered(self) -> int:
        """How many wait for a person; PAGE_MAX stands for so many or more."""
        waiting = (int(Status.UNDELIVERED),)
        return len(self._reader.cells(KIND.name, statuses=waiting, limit=PAGE_MAX))


def _listed(one: Listed) -> dict[str, Json]:
    state = one.stored.cell.state
    assert isinstance(state, Notice)
    return {
        "id": public_id(one.key),
        "status": KIND.statuses[state.status],
        "severity": state.severity,
        "message": state.message,
        "channel": state.channel,
        "receiver": state.receiver,
        "diverted": state.diverted or None,
        "business_date": business_date(one.key),
        "correlation_id": state.correlation_id,
        "told_at": format_instant(state.told_at),
        "ended_at": format_instant(state.ended_at) if state.ended_at is not None else None,
        "error": state.error or None,
        "tries": None,
        "next_try_at": None,
        "sendings": state.sendings,
        "sent_again_by": state.actor,
    }
