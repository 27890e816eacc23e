"""SqlReader: questions beside the turn, the same statements on SQLite and PostgreSQL.

Every question is one snapshot. Lists go by an index and begin after a key, never by an offset.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, select

from tidegate.adapters.store import read_cells, read_log, schema
from tidegate.adapters.store.reading import Moment, Reading
from tidegate.kernel.clock import Day, Instant
from tidegate.kernel.codec import Codec, unpack
from tidegate.kernel.errors import Defect, InputError
from tidegate.kernel.ids import CellId, DocId, Pos
from tidegate.kernel.step import Cell, Key
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
from tidegate.ports.store import Activation, LogRow, Parking, Reject, Stored, StoredDocument

_NUMBER_MAX = 2**63 - 1
_STATUS_MAX = 2**15 - 1
_EFFECT = select(
    schema.effect.c.cell, schema.effect.c.call, schema.effect.c.kind, schema.effect.c.visible_at,
    schema.effect.c.fence, schema.effect.c.tries, schema.effect.c.owner, schema.effect.c.handle,
    schema.effect.c.body,
)  # fmt: skip


class SqlReader:
    """Owns the engine it is given. Safe in every thread."""

    def __init__(self, engine: Engine | Moment, codec: Codec) -> None:
        self._reading = engine if isinstance(engine, Moment) else Reading(engine)
        self._codec = codec
        # Names are only ever added, so a number once found stays true.
        self._numbers: dict[str, int] = {}

    def close(self) -> None:
        self._reading.close()

    @contextmanager
    def frozen(self) -> Generator[SqlReader]:
        """Holds one connection; beside a writer its write-ahead log, or its dead rows, grow."""
        with self._reading.snapshot() as connection:
            # SQLite's moment is that of the first read.
            connection.execute(select(schema.turn.c.n)).one()
            yield SqlReader(Moment(connection), self._codec)

    # ---- cells
    def turn(self) -> Snapshot:
        row = schema.turn.c
        with self._reading.snapshot() as connection:
            asked = select(row.n, row.next_pos, row.at, row.activation, row.chain)
            return Snapshot(*connection.execute(asked).one())

    def cell(self, key: Key) -> Stored | None:
        if not _storable(key.name) or abs(key.day) > _NUMBER_MAX:
            return None
        with self._reading.snapshot() as connection:
            kind, scope = self._number(connection, key.kind), self._number(connection, key.scope)
            if kind is None or scope is None:
                return None
            row = connection.execute(read_cells.one(kind, key.day, scope, key.name)).first()
        return None if row is None else self._stored(key, *row)

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
        _check_cursor(after)
        possible = [status for status in statuses if abs(status) <= _STATUS_MAX]
        if (statuses and not possible) or not _storable(name or ""):
            return []
        with self._reading.snapshot() as connection:
            kind_number = self._number(connection, kind)
            scope_number = None if scope is None else self._number(connection, scope)
            if kind_number is None or (scope is not None and scope_number is None):
                return []
            asked = read_cells.Filter(
                kind=kind_number,
                scope=scope_number,
                scope_name=scope,
                statuses=possible,
                days=None if days is None else (_day(days[0]), _day(days[1])),
                name=name,
                after=after,
                newest_first=newest_first,
            )
            page = connection.execute(read_cells.page(asked, limit)).all()
            keys = {id_: Key(kind, day, text, name) for id_, day, text, name in page}
            found = connection.execute(read_cells.states(list(keys))).all()
        rows = {row[0]: row for row in found}
        listed: list[Listed] = []
        for id_, key in keys.items():
            _, changed_at, doc, version, format_, body = rows[id_]
            kept: Stored | Defect
            try:
                kept = self._stored(key, id_, doc, version, format_, body)
            except Defect as unreadable:
                kept = unreadable
            listed.append(Listed(key, kept, changed_at))
        return listed

    def last_day(self, kind: str, until: Day | None = None) -> Day | None:
        with self._reading.snapshot() as connection:
            number = self._number(connection, kind)
            if number is None:
                return None
            found = connection.execute(read_cells.last_day(number, until)).scalar()
        return None if found is None else Day(found)

    def counts(self, kind: str) -> Mapping[tuple[str, int], int]:
        with self._reading.snapshot() as connection:
            number = self._number(connection, kind)
            if number is None:
                return {}
            rows = connection.execute(read_cells.counts(number)).all()
        return {(scope, status): many for scope, status, many in rows}

    def journal(self, cell: CellId) -> Sequence[JournalRow]:
        row = schema.journal.c
        with self._reading.snapshot() as connection:
            rows = connection.execute(
                select(row.version, row.pos, row.format, row.body)
                .where(row.cell == _bounded(cell))
                .order_by(row.version)
            ).all()
        return [
            JournalRow(version, pos, unpack(format_, body)) for version, pos, format_, body in rows
        ]

    # ---- the log
    def rows(self, first: Pos, limit: int) -> Sequence[LogRow]:
        check_limit(limit)
        with self._reading.snapshot() as connection:
            return read_log.rows(connection, _bounded(first), limit)

    def rows_before(self, before: Pos, limit: int) -> Sequence[LogRow]:
        check_limit(limit)
        with self._reading.snapshot() as connection:
            return read_log.rows_before(connection, _bounded(before), limit)

    def find(self, tokens: Sequence[str], before: Pos, limit: int) -> Sequence[LogRow]:
        check_limit(limit)
        with self._reading.snapshot() as connection:
            return read_log.find(connection, tokens, _bounded(before), limit) if tokens else []

    # ---- beside the log
    def strays(self, before: Pos, limit: int) -> Sequence[Pos]:
        check_limit(limit)
        pos = schema.stray.c.pos
        with self._reading.snapshot() as connection:
            asked = select(pos).where(pos < _bounded(before)).order_by(pos.desc()).limit(limit)
            return [Pos(place) for place in connection.scalars(asked)]

    def rejects(self, before: int, limit: int) -> Sequence[RejectRow]:
        check_limit(limit)
        row = schema.reject.c
        with self._reading.snapshot() as connection:
            rows = connection.execute(
                select(
                    row.id, row.resubmitted_pos,
                    row.at, row.principal, row.code, row.message, row.body,
                )
                .where(row.id < _bounded(before))
                .order_by(row.id.desc())
                .limit(limit)
            ).all()  # fmt: skip
        return [RejectRow(id_, Reject(*reject), pos) for id_, pos, *reject in rows]

    def parked(self) -> Sequence[ParkedRow]:
        row = schema.parked.c
        with self._reading.snapshot() as connection:
            rows = connection.execute(
                select(row.pos, row.engine, row.error, row.at, row.release).order_by(
                    row.pos, row.engine
                )
            ).all()
        return [
            ParkedRow(Parking(pos, engine, error), at, release)
            for pos, engine, error, at, release in rows
        ]

    def effects(self, limit: int) -> Sequence[EffectRow]:
        check_limit(limit)
        row = schema.effect.c
        with self._reading.snapshot() as connection:
            order = _EFFECT.order_by(row.visible_at, row.cell, row.call)
            rows = connection.execute(order.limit(limit)).all()
        return [EffectRow(*row) for row in rows]

    def effects_of(self, cell: CellId) -> Sequence[EffectRow]:
        if abs(cell) > _NUMBER_MAX:
            return []
        row = schema.effect.c
        with self._reading.snapshot() as connection:
            rows = connection.execute(_EFFECT.where(row.cell == cell).order_by(row.call)).all()
        return [EffectRow(*row) for row in rows]

    def activation(self, number: int) -> Activation | None:
        if abs(number) > _NUMBER_MAX:
            return None
        row, listed, document = (
            schema.activation.c,
            schema.activation_document.c,
            schema.document.c,
        )
        active = select(listed.document).where(listed.activation == number)
        followed = select(schema.cell.c.doc)
        with self._reading.snapshot() as connection:
            found = connection.execute(
                select(row.at, row.functions).where(row.id == number)
            ).first()
            if found is None:
                return None
            at, functions = found
            documents = connection.execute(
                select(
                    document.id, document.kind, document.name, document.n, document.body,
                    document.id.in_(active),
                )
                .where(document.id.in_(active) | document.id.in_(followed))
                .order_by(document.id)
            ).all()  # fmt: skip
        return Activation(
            number,
            at,
            functions,
            tuple(
                StoredDocument(DocId(id_), kind, name, n, body, bool(is_active))
                for id_, kind, name, n, body, is_active in documents
            ),
        )

    def followed_from(self, doc: DocId) -> tuple[int, Instant] | None:
        row, listed = schema.activation.c, schema.activation_document.c
        if abs(doc) > _NUMBER_MAX:
            return None
        with self._reading.snapshot() as connection:
            found = connection.execute(
                select(row.id, row.at)
                .join(schema.activation_document, listed.activation == row.id)
                .where(listed.document == doc)
                .order_by(row.id)
                .limit(1)
            ).first()
        return None if found is None else (found[0], found[1])

    def replicas(self) -> Sequence[tuple[str, str, int, Instant]]:
        row = schema.replica.c
        with self._reading.snapshot() as connection:
            rows = connection.execute(
                select(row.id, row.release, row.activation, row.seen_at).order_by(row.id)
            ).all()
        return [(id_, release, followed, seen_at) for id_, release, followed, seen_at in rows]

    # ---- rows to values
    def _number(self, connection: Connection, text: str) -> int | None:
        """The number of a kind or scope; None for one that no cell ever had."""
        number = self._numbers.get(text)
        if number is None and _storable(text):
            number = connection.scalar(select(schema.name.c.id).where(schema.name.c.text == text))
            if number is not None:
                self._numbers[text] = number
        return number

    def _stored(
        self, key: Key, id_: CellId, doc: DocId, version: int, format_: int, body: bytes
    ) -> Stored:
        return Stored(id_, Cell(self._codec.decode(key, format_, body), doc, version))


def _storable(text: str) -> bool:
    """Whether a column can hold this text; if not, no row has it."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_cursor(after: Key | None) -> None:
    if after is None:
        return
    if not (_storable(after.scope) and _storable(after.name)) or abs(after.day) > _NUMBER_MAX:
        raise InputError(
            "input", f"no list has a key such as {after!r}", fix="page with the last key you got"
        )


def _bounded(value: int) -> int:
    """The nearest number a column can hold."""
    return max(-_NUMBER_MAX, min(value, _NUMBER_MAX))


def _day(value: Day) -> Day:
    return Day(_bounded(value))
