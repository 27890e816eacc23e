"""Look: what `explain` may see, on a reader's connection; and the books a reader reads with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any

from tidegate.kernel.clock import NO_DAY, Day, Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Event, Json
from tidegate.kernel.ids import DocId, Pos
from tidegate.kernel.step import Cell, Engine, Heard, Key, S
from tidegate.ports.reader import PAGE_MAX, Reader
from tidegate.ports.store import LogRow
from tidegate.services.books import Books, ReaderOf, compile_books
from tidegate.services.record import Foreign, Own, Signals, decode_entries

LATEST = Pos(2**62)


class Library:
    """The books of the activation that is followed; compiled once, shared by all who ask."""

    def __init__(self, reader: Reader, engines: Sequence[Engine[Any]], reader_of: ReaderOf) -> None:
        self._reader = reader
        self._engines = engines
        self._reader_of = reader_of
        self._lock = Lock()
        self._books: Books | None = None

    def books(self, doc: DocId = DocId(0)) -> Books:
        """Today's books; compiled again when `doc`, which a cell follows, is missing from them."""
        number = self._reader.turn().activation
        with self._lock:
            books = self._books
            known = books is not None and books.activation == number
            if books is not None and known and (not doc or doc in books.documents):
                return books
            stored = self._reader.activation(number) if number else None
            self._books = compile_books(stored, self._engines, self._reader_of)
            return self._books


class ReaderLook:
    """A `Look` over a reader: cells, events by place, strays, rejects."""

    def __init__(
        self, reader: Reader, codec: Codec, signals: Signals, books: Books, now: Instant
    ) -> None:
        self._reader = reader
        self._codec = codec
        self._signals = signals
        self._books = books
        self._now = now

    @property
    def now(self) -> Instant:
        return self._now

    def cell(self, key: Key, state: type[S], /) -> Cell[S]:
        found = self._reader.cell(key)
        if found is None:
            kind = self._codec.kind(key.kind)
            doc = self._books.active.get((kind.follows or "", key.scope), DocId(0))
            return Cell(state(), doc)
        stored = found.cell.state
        assert isinstance(stored, state), f"{key} holds no {state.__name__}"
        return Cell(stored, found.cell.doc, found.cell.version)

    def events(self, places: Iterable[Pos], /) -> tuple[Event, ...]:
        return tuple(event for _, event in self.events_at(places))

    def events_at(self, places: Iterable[Pos]) -> list[tuple[Pos, Event]]:
        """Events by place, each row of the log read once."""
        found: list[tuple[Pos, Event]] = []
        row: LogRow | None = None
        for pos in sorted(set(places), reverse=True):
            if row is None or not row.first <= pos < row.first + row.n:
                rows = self._reader.rows(pos, 1)
                row = rows[0] if rows else None
            if row is None or not row.first <= pos < row.first + row.n:
                continue
            event = event_at(row, pos, self._books, self._signals)
            if event is not None:
                found.append((pos, event))
        return found

    def parts(self, key: Key, /) -> tuple[Key, ...]:
        page = self._reader.cells(
            key.kind, scope=key.scope, days=(key.day, key.day), name=key.name, limit=PAGE_MAX
        )
        return tuple(one.key for one in page if one.key != key)

    def siblings(self, key: Key, days: int, /) -> tuple[Key, ...]:
        span = (Day(max(key.day - days, NO_DAY)), Day(key.day + days))
        page = self._reader.cells(key.kind, scope=key.scope, days=span, limit=PAGE_MAX)
        return tuple(one.key for one in page if one.key != key)

    def strays(self, limit: int, /) -> tuple[tuple[Pos, Event], ...]:
        places = self._reader.strays(LATEST, min(limit, PAGE_MAX))
        return tuple(self.events_at(places))

    def rejects(self, limit: int, /) -> tuple[Json, ...]:
        rows = self._reader.rejects(LATEST, min(limit, PAGE_MAX))
        return tuple(
            {
                "id": row.id,
                "at": row.reject.at,
                "principal": row.reject.principal,
                "code": row.reject.code,
                "message": row.reject.message,
                "body": row.reject.body,
            }
            for row in rows
        )


def event_at(row: LogRow, pos: Pos, books: Books, signals: Signals) -> Event | None:
    """The event at a place of a row, read under these books; None when it holds none."""
    entry = decode_entries(row.body)[pos - row.first]
    if isinstance(entry, Foreign):
        return read_kept(entry, books)
    if isinstance(entry, Own):
        signal = signals.decode(entry.signal)
        return signal.event if isinstance(signal, Heard) else None
    return None


def read_kept(entry: Foreign, books: Books) -> Event | None:
    """A kept event; None when an application has become strict and would refuse it today."""
    try:
        return books.read.kept(entry.raw, entry.received)
    except InputError:
        return None
