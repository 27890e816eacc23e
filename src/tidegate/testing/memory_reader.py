"""MemoryReader: the reader port over the tables in memory; every answer is a sorted copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice

from tidegate.kernel.bloom import may_hold
from tidegate.kernel.clock import Day, Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import Defect
from tidegate.kernel.ids import CellId, DocId, Pos
from tidegate.kernel.step import Key
from tidegate.ports.reader import (
    PAGE_MAX,
    EffectRow,
    JournalRow,
    Listed,
    ParkedRow,
    RejectRow,
    Snapshot,
    check_limit,
)
from tidegate.ports.store import Activation, LogRow, Stored
from tidegate.testing.memory_tables import CellRow, Tables, by_visibility, fresh


class MemoryReader:
    def __init__(self, codec: Codec, tables: Tables) -> None:
        self._codec = codec
        self._tables = tables

    @contextmanager
    def frozen(self) -> Generator[MemoryReader]:
        with self._tables.held():
            tables = fresh(self._tables)
        yield MemoryReader(self._codec, tables)

    def turn(self) -> Snapshot:
        with self._tables.held():
            turn = self._tables.turn
        return Snapshot(turn.n, turn.next_pos, turn.at, turn.activation, turn.chain)

    def cell(self, key: Key) -> Stored | None:
        with self._tables.held():
            row = self._tables.cells.get(key)
        return None if row is None else row.stored(self._codec)

    def cells(
        self,
        kind: str,
        *,
        scope: str | None = None,
        statuses: Sequence[int] = (),
        days: tuple[Day, Day] | None = None,
        name: str | None = None,
        after: Key | None = None,
        limit: int = PAGE_MAX,
        newest_first: bool = False,
    ) -> Sequence[Listed]:
        check_limit(limit)
        with self._tables.held():
            rows = list(self._tables.cells.values())
        found = [
            row
            for row in rows
            if row.key.kind == kind
            and (scope is None or row.key.scope == scope)
            and (not statuses or row.status in statuses)
            and (days is None or days[0] <= row.key.day <= days[1])
            and (name is None or row.key.name == name or row.key.name.startswith(f"{name}/"))
            and (
                after is None
                or (
                    _place(row.key) < _place(after)
                    if newest_first
                    else _place(row.key) > _place(after)
                )
            )
        ]
        found.sort(key=lambda row: _place(row.key), reverse=newest_first)
        return [Listed(row.key, self._kept(row), row.changed_at) for row in found[:limit]]

    def _kept(self, row: CellRow) -> Stored | Defect:
        try:
            return row.stored(self._codec)
        except Defect as unreadable:
            return unreadable

    def last_day(self, kind: str, until: Day | None = None) -> Day | None:
        with self._tables.held():
            days = [row.key.day for row in self._tables.cells.values() if row.key.kind == kind]
        return max((day for day in days if until is None or day <= until), default=None)

    def counts(self, kind: str) -> Mapping[tuple[str, int], int]:
        with self._tables.held():
            rows = list(self._tables.cells.values())
        return Counter((row.key.scope, row.status) for row in rows if row.key.kind == kind)

    def journal(self, cell: CellId) -> Sequence[JournalRow]:
        with self._tables.held():
            rows = [row for (of, _), row in self._tables.journal.items() if of == cell]
        return sorted(rows, key=lambda row: row.version)

    def rows(self, first: Pos, limit: int) -> Sequence[LogRow]:
        check_limit(limit)
        with self._tables.held():
            rows = list(self._tables.log.values())
        return [row for row in rows if row.first + row.n > first][:limit]

    def rows_before(self, before: Pos, limit: int) -> Sequence[LogRow]:
        check_limit(limit)
        with self._tables.held():
            rows = list(self._tables.log.values())
        return [row for row in reversed(rows) if row.first < before][:limit]

    def find(self, tokens: Sequence[str], before: Pos, limit: int) -> Sequence[LogRow]:
        check_limit(limit)
        with self._tables.held():
            rows = list(self._tables.log.values())
            filters = dict(self._tables.filters)
        found = (
            row
            for row in reversed(rows)
            if row.first < before and any(may_hold(filters[row.first], token) for token in tokens)
        )
        return list(islice(found, limit))

    def strays(self, before: Pos, limit: int) -> Sequence[Pos]:
        check_limit(limit)
        with self._tables.held():
            places = list(self._tables.strays)
        return sorted((pos for pos in places if pos < before), reverse=True)[:limit]

    def rejects(self, before: int, limit: int) -> Sequence[RejectRow]:
        check_limit(limit)
        with self._tables.held():
            rows = list(self._tables.rejects.values())
        return [row for row in reversed(rows) if row.id < before][:limit]

    def parked(self) -> Sequence[ParkedRow]:
        with self._tables.held():
            return [row for _, row in sorted(self._tables.parked.items())]

    def effects(self, limit: int) -> Sequence[EffectRow]:
        check_limit(limit)
        with self._tables.held():
            rows = list(self._tables.effects.values())
        return sorted(rows, key=by_visibility)[:limit]

    def effects_of(self, cell: CellId) -> Sequence[EffectRow]:
        with self._tables.held():
            rows = list(self._tables.effects.values())
        return sorted((row for row in rows if row.cell == cell), key=lambda row: row.call)

    def activation(self, number: int) -> Activation | None:
        with self._tables.held():
            return self._tables.activation(number)

    def followed_from(self, doc: DocId) -> tuple[int, Instant] | None:
        with self._tables.held():
            found = [one for one in self._tables.activations.values() if doc in one.documents]
        first = min(found, key=lambda one: one.id, default=None)
        return None if first is None else (first.id, first.at)

    def replicas(self) -> Sequence[tuple[str, str, int, Instant]]:
        with self._tables.held():
            rows = dict(self._tables.replicas)
        return [(name, *rest) for name, rest in sorted(rows.items())]

    def close(self) -> None:
        """Nothing is held open."""


def _place(key: Key) -> tuple[Day, str, str]:
    return key.day, key.scope, key.name
