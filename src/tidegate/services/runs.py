"""Runs: executions and triggers, and the pauses that hold them, as lists and the API print them."""

from __future__ import annotations

from typing import Any

import msgspec

from tidegate.kernel.clock import Clock, Day, format_instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.ids import DocId
from tidegate.kernel.public_id import business_date, parse_public_id, public_id
from tidegate.kernel.step import Key
from tidegate.kernel.value import is_map
from tidegate.ports.reader import PAGE_MAX, Listed, Reader
from tidegate.run import engine as run
from tidegate.run.execution import Execution
from tidegate.schedule import engine as schedule
from tidegate.schedule.hold import Hold
from tidegate.schedule.hold import Status as HoldStatus
from tidegate.schedule.trigger import Trigger
from tidegate.services.asking import Page, printed
from tidegate.services.books import Books
from tidegate.services.look import Library, ReaderLook
from tidegate.services.record import Signals


class Runs:
    """Safe in every thread; reads only."""

    def __init__(
        self, reader: Reader, library: Library, codec: Codec, signals: Signals, clock: Clock
    ) -> None:
        self._reader = reader
        self._library = library
        self._codec = codec
        self._signals = signals
        self._clock = clock

    # ---- executions
    def executions(
        self,
        *,
        job: str | None = None,
        status: str | None = None,
        day: Day | None = None,
        limit: int = 100,
    ) -> Page:
        """Executions, the latest business date first."""
        found = self._listed("execution", job, status, day)
        items = [self._execution(one) for one in found]
        items.sort(key=lambda item: item["started_at"] or "", reverse=True)
        return Page(items[:limit], None)

    def execution(self, id_: str) -> Json:
        """One execution with its journal. Raises InputError (`not_found`)."""
        key, one = self._find("execution", id_)
        item = self._execution(one)
        item["journal"] = [
            {"version": row.version, "pos": row.pos, **_journal(row.body)}
            for row in self._reader.journal(one.stored.id)
        ]
        item["why"] = printed(run.explain(key, self._look(one), _book(self._library.books(), run)))
        return item

    # ---- triggers
    def triggers(self, *, status: str | None = None, limit: int = 100) -> Page:
        found = self._listed("trigger", None, status, None)
        return Page([self._trigger(one) for one in found][:limit], None)

    def trigger(self, id_: str) -> Json:
        """One trigger and what holds it. Raises InputError (`trigger.unknown`)."""
        key, one = self._find("trigger", id_)
        item = self._trigger(one)
        books = self._library.books()
        item["why"] = printed(schedule.explain(key, self._look(one), _book(books, schedule)))
        return item

    # ---- holds
    def holds(self) -> dict[str, Json]:
        """Pauses that hold now, and the maintenance windows added at run time."""
        pauses: list[Json] = []
        windows: list[Json] = []
        for one in self._reader.cells("hold", limit=PAGE_MAX):
            state = one.stored.cell.state
            if not isinstance(state, Hold):
                continue
            if state.status == HoldStatus.PAUSED:
                pauses.append(
                    {
                        "job": None if one.key.scope == "all" else one.key.scope,
                        "until": format_instant(state.until) if state.until else None,
                        "actor": state.actor,
                        "reason": state.reason,
                    }
                )
            windows += [window.report() for window in state.windows]
        return {"pauses": pauses, "windows": windows}

    # ---- printing
    def _execution(self, one: Listed) -> dict[str, Json]:
        state = one.stored.cell.state
        assert isinstance(state, Execution)
        asked = state.asked
        return {
            "id": public_id(one.key),
            "job": asked.job,
            "business_date": business_date(one.key),
            "status": self._status("execution", state.status),
            "attempt": state.attempt,
            "attempts_max": state.retry.attempts_max,
            "started_at": format_instant(state.started_at) if state.started_at else None,
            "ended_at": format_instant(state.ended_at) if state.ended_at else None,
            "retry_at": format_instant(state.retry_at) if state.retry_at else None,
            "correlation_id": asked.correlation_id,
            "trigger": state.trigger,
            "origin": asked.origin,
            "request": asked.request,
            "parameters": state.parameters,
            "error": state.error or None,
            "cause": state.cause or None,
            "output": state.output,
        }

    def _trigger(self, one: Listed) -> dict[str, Json]:
        state = one.stored.cell.state
        assert isinstance(state, Trigger)
        asked = state.asked
        return {
            "trigger_id": public_id(one.key),
            "job": asked.job,
            "business_date": business_date(one.key),
            "status": self._status("trigger", state.status),
            "origin": asked.origin,
            "priority": asked.priority,
            "correlation_id": asked.correlation_id,
            "parameters": asked.parameters,
            "requested_at": format_instant(state.requested_at),
            "held": [
                {
                    "what": reason.what,
                    "text": reason.text,
                    "until": format_instant(reason.until) if reason.until else None,
                }
                for reason in state.reasons
            ],
        }

    def _status(self, kind: str, status: int) -> str:
        return self._codec.kind(kind).statuses.get(status, str(status))

    # ---- finding
    def _listed(
        self, kind: str, scope: str | None, status: str | None, day: Day | None
    ) -> list[Listed]:
        numbers = {name: number for number, name in self._codec.kind(kind).statuses.items()}
        if status is not None and status not in numbers:
            raise InputError(
                "input",
                f"no {kind} status is called {status!r}",
                fix=f"one of {', '.join(numbers)}",
            )
        found: list[Listed] = []
        after: Key | None = None
        while True:
            page = self._reader.cells(
                kind,
                scope=scope,
                statuses=(numbers[status],) if status is not None else (),
                days=(day, day) if day is not None else None,
                after=after,
                limit=PAGE_MAX,
            )
            found += [one for one in page if "/" not in one.key.name]
            if len(page) < PAGE_MAX:
                return found
            after = page[-1].key

    def _find(self, kind: str, id_: str) -> tuple[Key, Listed]:
        key = parse_public_id(kind, id_)
        stored = self._reader.cell(key) if key is not None else None
        if key is None or stored is None:
            code = "trigger.unknown" if kind == "trigger" else "not_found"
            raise InputError(code, f"there is no {kind} {id_[:200]!r}")
        return key, Listed(key, stored, self._clock.now())

    def _look(self, one: Listed) -> ReaderLook:
        books = self._library.books(one.stored.cell.doc or DocId(0))
        return ReaderLook(self._reader, self._codec, self._signals, books, self._clock.now())


def _book(books: Books, engine: Any) -> Any:
    return next(seat.book for seat in books.seats if seat.engine is engine)


def _journal(body: bytes) -> dict[str, Json]:
    entry: Json = msgspec.msgpack.decode(body)
    return entry if is_map(entry) else {"entry": entry}
