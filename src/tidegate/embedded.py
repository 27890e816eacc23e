"""Tidegate inside a Python program: ingest events, ask about gates. No server, no HTTP.

    with TidegateSync.open("nightly") as tidegate:
        tidegate.ingest([{"specversion": "1.0", ...}])
        print(tidegate.explain("nightly", date="2026-11-20")["sentence"])

One process writes to a SQLite database at a time; on PostgreSQL it is one replica among others.
What follows from the events (jobs, notices) is performed by the next `tidegate serve`, or by `work`.
"""

from __future__ import annotations

import asyncio
import datetime
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeGuard, cast

import msgspec

from tidegate.kernel.clock import Day
from tidegate.kernel.errors import InputError
from tidegate.services.handed import business_day, no_event, raw_event
from tidegate.services.intake import Pending, Receipt
from tidegate.services.typed_date import parse_date
from tidegate.settings import Settings
from tidegate.wiring import App
from tidegate.working import work_until_idle

BATCH = 1000
AHEAD = 4
"""So many batches are on their way while the next is decoded."""
WORK_SECONDS_MAX = 3600.0
OneEvent: TypeAlias = Mapping[str, Any] | bytes | str
BusinessDate: TypeAlias = datetime.date | str


class TidegateSync:
    """One open database; safe in every thread."""

    def __init__(self, app: App) -> None:
        self._app: App | None = app

    @classmethod
    def open(cls, project: str | Path = ".", database: str | None = None) -> Self:
        """Open (and create) the database and follow the project's documents.

        Raises InputError (`document.invalid`, `config.invalid`), ConflictError (`database.busy`,
        `database.schema`), TransientError (`store.unavailable`).
        """
        settings = Settings.from_environment(os.environ, project=Path(project), database=database)
        app = App(settings).open()
        try:
            app.follow_folder("python")
        except BaseException:
            app.close()
            raise
        return cls(app)

    def ingest(self, events: OneEvent | Iterable[OneEvent]) -> Receipt:
        """Take one event or several in; answers when all are durable, with their verdicts.

        An event is a CloudEvent as a mapping or as JSON. Sending it again is a duplicate. Raises
        InputError (`usage`) for what is no event, and for a `datetime` without a zone in one; then
        none of them is taken in.
        """
        app = self._open()
        total = Receipt(0, 0, 0, ())
        waiting: list[tuple[int, Pending]] = []
        raws = list(_raws(events))
        for first in range(0, len(raws), BATCH):
            waiting.append((first, app.intake.receive(raws[first : first + BATCH], "python")))
            if len(waiting) > AHEAD:
                start, pending = waiting.pop(0)
                total = _sum(total, pending.result(), start)
        for start, pending in waiting:
            total = _sum(total, pending.result(), start)
        return total

    def gates(
        self,
        *,
        rule: str | None = None,
        status: str | None = None,
        date: BusinessDate | None = None,
    ) -> list[dict[str, Any]]:
        """Gates as `tidegate gate list --json` prints them."""
        day = _day(date)
        return list(self._open().asking.all_gates(rule=rule, status=status, day=day))

    def explain(
        self, rule: str, *, date: BusinessDate | None = None, round: int | None = None
    ) -> dict[str, Any]:
        """Why the rule did or did not open for the date, as `tidegate explain --json` prints it."""
        day = _day(date)
        answer: dict[str, Any] = self._open().asking.explain_rule(rule, day, round).answer
        return answer

    def work(self, seconds_max: float = WORK_SECONDS_MAX) -> None:
        """Perform jobs and notices that are due, until nothing is left to do now.

        Raises TransientError (`timeout`).
        """
        asyncio.run(work_until_idle(self._open(), seconds_max))

    def close(self) -> None:
        """Repeating it is safe; nothing else may be asked for afterwards."""
        app, self._app = self._app, None
        if app is not None:
            app.close()

    def _open(self) -> App:
        if self._app is None:
            raise InputError(
                "usage",
                "this database was closed",
                fix="ask inside the `with` block, or open it again",
            )
        return self._app

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Tidegate:
    """The same for asyncio: `async with await Tidegate.open("nightly") as tidegate: ...`."""

    def __init__(self, inner: TidegateSync) -> None:
        self._inner = inner

    @classmethod
    async def open(cls, project: str | Path = ".", database: str | None = None) -> Self:
        return cls(await asyncio.to_thread(TidegateSync.open, project, database))

    async def ingest(self, events: OneEvent | Iterable[OneEvent]) -> Receipt:
        return await asyncio.to_thread(self._inner.ingest, events)

    async def gates(
        self,
        *,
        rule: str | None = None,
        status: str | None = None,
        date: BusinessDate | None = None,
    ) -> list[dict[str, Any]]:
        return await asyncio.to_thread(self._inner.gates, rule=rule, status=status, date=date)

    async def explain(
        self, rule: str, *, date: BusinessDate | None = None, round: int | None = None
    ) -> dict[str, Any]:
        return await asyncio.to_thread(self._inner.explain, rule, date=date, round=round)

    async def work(self, seconds_max: float = WORK_SECONDS_MAX) -> None:
        await asyncio.to_thread(self._inner.work, seconds_max)

    async def close(self) -> None:
        await asyncio.to_thread(self._inner.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _is_one(events: object) -> TypeGuard[OneEvent]:
    return isinstance(events, Mapping | bytes | str)


def _day(date: BusinessDate | None) -> Day | None:
    return parse_date(business_day(date)) if date else None


def _raws(events: object) -> Iterator[bytes]:
    """All of them, before the first is taken in. Raises InputError (`usage`)."""
    if _is_one(events):
        yield raw_event(events)
    elif isinstance(events, Iterable):
        for one in cast("Iterable[object]", events):
            yield raw_event(one)
    else:
        raise no_event(events)


def _sum(total: Receipt, more: Receipt, first: int) -> Receipt:
    moved = tuple(msgspec.structs.replace(one, index=one.index + first) for one in more.rejected)
    remarks = tuple(msgspec.structs.replace(one, index=one.index + first) for one in more.remarks)
    return Receipt(
        total.accepted + more.accepted,
        total.duplicates + more.duplicates,
        total.conflicts + more.conflicts,
        (*total.rejected, *moved),
        (*total.remarks, *remarks),
    )
