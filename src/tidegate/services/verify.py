"""Verify: decide the log again from nothing, and hold the cells against it.

Each row is decided with the activation, the instant and the marks it carries. The law: that gives
byte-equal cells. From the first row of another release or other functions on, only chain, places
and marks are checked, unless `everything` is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct, field, structs

from tidegate.kernel.clock import Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import Defect, TidegateError
from tidegate.kernel.ids import CellId, Pos
from tidegate.kernel.public_id import cell_name
from tidegate.kernel.step import Cell, Engine, Heard, Key, Order, Signal, Woke
from tidegate.ports.reader import PAGE_MAX, Reader
from tidegate.ports.store import LogRow, Stored
from tidegate.services.books import Books, ReaderOf, compile_books
from tidegate.services.decision import Deciding, Decision, decide
from tidegate.services.draft import Part
from tidegate.services.orders import HOST_ORDERS, AcceptClock, ReleaseParked
from tidegate.services.record import (
    ACCEPTED,
    PARKED,
    REFUSED,
    STALE,
    Entry,
    Foreign,
    Mark,
    Own,
    decode_entries,
    link,
    signals_of,
)
from tidegate.services.turn import EVERY, Root
from tidegate.services.unfold import kept_signal

ROWS_A_PAGE = 200
DIFFERENCES_MAX = 100


class Difference(Struct, frozen=True):
    what: str
    where: str
    detail: str = ""


class Report(Struct):
    """What was checked, and what does not fit."""

    signals: int = 0
    cells: int = 0
    differences: list[Difference] = field(default_factory=list[Difference])
    notes: list[str] = field(default_factory=list[str])

    @property
    def equal(self) -> bool:
        return not self.differences

    def differs(self, what: str, where: str, detail: str = "") -> None:
        if len(self.differences) < DIFFERENCES_MAX:
            self.differences.append(Difference(what, where, detail))


class Replay:
    """An empty store, as far as deciding needs one."""

    def __init__(
        self, reader: Reader, engines: Sequence[Engine[Any]], codec: Codec, reader_of: ReaderOf
    ) -> None:
        self._reader = reader
        self._engines = engines
        self._codec = codec
        self._reader_of = reader_of
        self._signals = signals_of(engines)
        self._books: dict[int, Books] = {}
        self.cells: dict[Key, tuple[Stored, int, bytes]] = {}
        self._next_cell = 1
        self._shift_us = 0  # how far the row moves what waits
        self._asleep: set[Key] = set()  # parked wakes: their cells are woken no more

    def decide(self, row: LogRow) -> None:
        """Decide one row again. Raises whatever a damaged row raises."""
        books = self.books_of(row.activation)
        roots, parked = self.roots(row, books)
        expected = set(parked)
        decision = self.decided(roots, parked, books, row.at)
        unexpected = set(decision.parked) - expected
        if unexpected:
            index, engine = min(unexpected)
            why = decision.parked[(index, engine)]
            raise TidegateError("reducer.failed", f"place {roots[index].pos}: {why}")
        self.keep(decision)
        signals = (roots[index].signal for index, _ in parked)
        self._asleep.update(signal.key for signal in signals if isinstance(signal, Woke))
        self._shift()

    def decided(
        self, roots: Sequence[Root], parked: dict[Part, str], books: Books, now: Instant
    ) -> Decision:
        by = Deciding(
            seats=books.seats,
            active=books.active,
            codec=self._codec,
            signals=self._signals,
            load=self._load,
            open_calls=lambda cells: (),
        )
        return decide(roots, by, now, parked)

    def keep(self, decision: Decision) -> None:
        """The cells as this decision leaves them."""
        for key, _ in decision.drops:
            del self.cells[key]
            self._asleep.discard(key)
        for put in decision.puts:
            self._asleep.discard(put.key)
            staged = put.staged
            if staged.stored is None:
                id_ = CellId(self._next_cell)
                self._next_cell += 1
            else:
                id_ = staged.stored.id
            stored = Stored(id_, Cell(staged.state, staged.doc, staged.version))
            self.cells[put.key] = (stored, put.format, put.body)

    def _shift(self) -> None:
        """A person accepted a jump of the clock and moved what waits."""
        by_us, self._shift_us = self._shift_us, 0
        for key, (stored, _, _) in list(self.cells.items()) if by_us else ():
            state = stored.cell.state
            if state.wake_at is not None and key not in self._asleep:
                state = self._codec.shifted(key, state, by_us)
                moved = Stored(stored.id, structs.replace(stored.cell, state=state))
                self.cells[key] = (moved, *self._codec.encode(key, state))

    def _load(self, keys: Sequence[Key]) -> Mapping[Key, Stored]:
        return {key: self.cells[key][0] for key in keys if key in self.cells}

    def books_of(self, activation: int) -> Books:
        found = self._books.get(activation)
        if found is None:
            stored = self._reader.activation(activation) if activation else None
            found = compile_books(stored, self._engines, self._reader_of)
            self._books[activation] = found
        return found

    def roots(self, row: LogRow, books: Books) -> tuple[list[Root], dict[Part, str]]:
        """What the row was given, and the parts that its marks say are parked."""
        roots: list[Root] = []
        parked: dict[Part, str] = {}
        for offset, entry in enumerate(decode_entries(row.body)):
            pos = Pos(row.first + offset)
            if entry is not None and _is_parked_whole(entry.marks):
                self._leave(entry)
                continue
            root = self._root(pos, entry, books)
            if root is None:
                continue
            assert entry is not None
            for mark in entry.marks:
                if mark.mark == PARKED:
                    parked[(len(roots), mark.engine)] = mark.error
            roots.append(root)
        return roots, parked

    def _leave(self, entry: Foreign | Own) -> None:
        """Nobody decided it, and perhaps it cannot even be read."""
        with suppress(Exception):
            signal = self._signals.decode(entry.signal) if isinstance(entry, Own) else None
            if isinstance(signal, Woke):
                self._asleep.add(signal.key)

    def _root(self, pos: Pos, entry: Entry, books: Books) -> Root | None:
        if entry is None or _is_undecided(entry.marks):
            return None
        if isinstance(entry, Foreign):
            if entry.verdict != ACCEPTED:
                return None
            return Root(pos, Heard(books.read.kept(entry.raw, entry.received)))
        signal: Signal = self._signals.decode(entry.signal)
        match signal:
            case Order(ReleaseParked(pos=first, engine=engine)):
                found = self._reader.rows(first, 1)
                kept = kept_signal(found[0] if found else None, first, books, self._signals)
                if kept is None:
                    return None
                return Root(first, kept, None if engine == EVERY else engine, pos)
            case Order(AcceptClock(by_us=by_us)):
                self._shift_us = by_us
                return None
            case Order(body) if isinstance(body, HOST_ORDERS):
                return None
            case _:
                return Root(pos, signal)


def verify(
    reader: Reader,
    engines: Sequence[Engine[Any]],
    codec: Codec,
    reader_of: ReaderOf,
    release: str,
    functions: bytes,
    *,
    everything: bool = False,
) -> Report:
    """Check the whole log, then every cell, as of one moment: others may write meanwhile."""
    with reader.frozen() as moment:
        return _verify(moment, engines, codec, reader_of, release, functions, everything)


def _verify(
    reader: Reader,
    engines: Sequence[Engine[Any]],
    codec: Codec,
    reader_of: ReaderOf,
    release: str,
    functions: bytes,
    everything: bool,
) -> Report:
    report = Report()
    replay = Replay(reader, engines, codec, reader_of)
    chain = b""
    expected = Pos(1)
    deciding = True
    for row in _rows(reader):
        if row.first != expected:
            report.differs("places", str(row.first), f"expected {expected}")
        if report.signals == 0 and row.first != 1:
            report.notes.append(f"the log begins at place {row.first}: what was before is gone")
            deciding = False
        elif link(chain, row.body) != row.chain:
            report.differs("chain", str(row.first), "the row or one before it was changed")
        chain, expected = row.chain, Pos(row.first + row.n)
        report.signals += row.n
        same = (row.release, row.functions) == (release, functions)
        if deciding and not same and not everything:
            report.notes.append(
                f"from place {row.first} on release {row.release} decided; only the chain is checked"
            )
            deciding = False
        if deciding:
            try:
                replay.decide(row)
            except TidegateError as error:
                report.differs("decision", str(row.first), str(error))
    if chain != reader.turn().chain:
        report.differs("chain", "turn", "the last row is not the one the turn remembers")
    if deciding:
        _compare(reader, replay, codec, report)
    return report


def _rows(reader: Reader) -> Iterator[LogRow]:
    place = Pos(0)
    while rows := reader.rows(place, ROWS_A_PAGE):
        yield from rows
        place = Pos(rows[-1].first + rows[-1].n)
        if place >= reader.turn().next_pos:
            return


def _compare(reader: Reader, replay: Replay, codec: Codec, report: Report) -> None:
    left = dict(replay.cells)
    for kind in codec.kinds:
        after: Key | None = None
        while True:
            page = reader.cells(kind.name, after=after, limit=PAGE_MAX)
            for listed in page:
                report.cells += 1
                found = left.pop(listed.key, None)
                if isinstance(listed.kept, Defect):
                    report.differs("cell", cell_name(listed.key), str(listed.kept))
                    continue
                _compare_one(listed.key, listed.stored, found, codec, report)
            if len(page) < PAGE_MAX:
                break
            after = page[-1].key
    for key in left:
        report.differs("cell", cell_name(key), "decided by the log, but not stored")


def _compare_one(
    key: Key,
    stored: Stored,
    found: tuple[Stored, int, bytes] | None,
    codec: Codec,
    report: Report,
) -> None:
    if found is None:
        report.differs("cell", cell_name(key), "stored, but the log does not lead to it")
        return
    again, format_, body = found
    if codec.encode(key, stored.cell.state) != (format_, body):
        report.differs("cell", cell_name(key), "the state differs from what the log leads to")
    elif (stored.cell.version, stored.cell.doc) != (again.cell.version, again.cell.doc):
        report.differs(
            "cell",
            cell_name(key),
            f"version {stored.cell.version} of document {stored.cell.doc}, "
            f"the log leads to {again.cell.version} of {again.cell.doc}",
        )


def _is_parked_whole(marks: Sequence[Mark]) -> bool:
    return any(mark.mark == PARKED and mark.engine == EVERY for mark in marks)


def _is_undecided(marks: Sequence[Mark]) -> bool:
    """A stale outcome, or an order the host itself refused."""
    return any(
        mark.mark == STALE or (mark.mark == REFUSED and mark.engine == EVERY) for mark in marks
    )
