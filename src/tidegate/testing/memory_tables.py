"""Tables: what a disk would be to the store in memory; they outlive the stores over them.

Every row is frozen and every table a plain dict under its primary key, so a reader that copies
references under the lock has its snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from threading import Lock
from typing import Literal

from msgspec import Struct, structs

from tidegate.kernel.clock import Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import Defect, TransientError
from tidegate.kernel.ids import CellId, DocId, Pos
from tidegate.kernel.step import Cell, Key
from tidegate.ports.reader import EffectRow, JournalRow, ParkedRow, RejectRow
from tidegate.ports.store import Activation, CellWrite, Claim, Hit, LogRow, Stored, StoredDocument

FaultPoint = Literal["before_take", "after_take", "at_load", "before_commit", "after_commit"]
Fault = Callable[[FaultPoint], None]
"""Called at each point of a turn; may raise TransientError. `after_commit` is a lost answer."""


class Turn(Struct, frozen=True):
    """The one row that numbers everything."""

    n: int = 0
    next_pos: Pos = Pos(1)
    next_cell: CellId = CellId(1)
    next_later: int = 1
    at: Instant = Instant(0)
    activation: int = 0
    chain: bytes = b""


class CellRow(Struct, frozen=True):
    """A cell; `wake_at` is the column, which a parked wake clears."""

    id: CellId
    key: Key
    doc: DocId
    version: int
    format: int
    body: bytes
    status: int
    wake_at: Instant | None
    changed_at: Instant

    def stored(self, codec: Codec) -> Stored:
        state = codec.decode(self.key, self.format, self.body)
        return Stored(self.id, Cell(state, self.doc, self.version))

    def shifted(self, codec: Codec, shift_us: int) -> CellRow:
        """The same cell, waiting so much longer, in the state and in the column."""
        assert self.wake_at is not None
        wake_at = Instant(self.wake_at + shift_us)
        format_, body = self.format, self.body
        with suppress(Defect):
            state = codec.shifted(self.key, codec.decode(self.key, format_, body), shift_us)
            format_, body = codec.encode(self.key, state)
        return structs.replace(self, wake_at=wake_at, format=format_, body=body)


def row_of(write: CellWrite, at: Instant) -> CellRow:
    state = write.state
    return CellRow(
        write.id, write.key, write.doc, write.version, write.format, write.body,
        state.status, state.wake_at, at,
    )  # fmt: skip


class DocumentRow(Struct, frozen=True):
    stored: StoredDocument
    digest: bytes


class ActivationRow(Struct, frozen=True):
    id: int
    at: Instant
    functions: bytes
    documents: frozenset[DocId]


class Tables:
    """A database in memory. Change it only while `held`."""

    def __init__(self, epoch: str = "memory.1", hash_seed: int = 1) -> None:
        self.epoch = epoch
        self.hash_seed = hash_seed
        self.changes = 0  # how often anybody wrote
        self.readable = True  # False plays a database that cannot be reached
        self.writable = True  # False plays one whose disk is full
        self.turn = Turn()
        self.log: dict[Pos, LogRow] = {}
        self.filters: dict[Pos, bytes] = {}
        self.keys: dict[int, Hit] = {}
        self.cells: dict[Key, CellRow] = {}
        self.wakes: dict[Key, tuple[Instant, CellId]] = {}  # the cells whose column is not null
        self.journal: dict[tuple[CellId, int], JournalRow] = {}
        self.effects: dict[tuple[CellId, str], EffectRow] = {}
        self.later: dict[int, bytes] = {}
        self.parked: dict[tuple[Pos, str], ParkedRow] = {}
        self.strays: set[Pos] = set()
        self.rejects: dict[int, RejectRow] = {}
        self.documents: list[DocumentRow] = []
        self.activations: dict[int, ActivationRow] = {}
        self.suspects: dict[bytes, tuple[int, Instant]] = {}  # deaths, when it was noted
        self.replicas: dict[str, tuple[str, int, Instant]] = {}
        self._lock = Lock()

    @contextmanager
    def held(self) -> Generator[None]:
        """Nobody else reads or writes meanwhile. Raises TransientError `store.unavailable`."""
        with self._lock:
            if not self.readable:
                raise TransientError("store.unavailable", "the store in memory cannot be reached")
            yield

    def must_be_writable(self) -> None:
        """Raises TransientError `store.unavailable`."""
        if not self.writable:
            raise TransientError("store.unavailable", "the store in memory is full")

    def held_by(self, claim: Claim) -> EffectRow | None:
        """The effect, if this claim still counts."""
        row = self.effects.get((claim.cell, claim.call))
        return row if row is not None and row.fence == claim.fence else None

    def put_cell(self, row: CellRow) -> None:
        self.cells[row.key] = row
        self.wakes.pop(row.key, None)
        if row.wake_at is not None:
            self.wakes[row.key] = row.wake_at, row.id

    def drop_cell(self, key: Key) -> None:
        self.cells.pop(key, None)
        self.wakes.pop(key, None)

    def row_at(self, pos: Pos) -> LogRow | None:
        for row in reversed(self.log.values()):
            if row.first <= pos:
                return row if pos < row.first + row.n else None
        return None

    def visible(self, now: Instant, limit: int, but: Collection[int] = ()) -> Sequence[EffectRow]:
        """The effects anybody may claim, the longest visible first."""
        due = (
            row for row in self.effects.values() if row.visible_at <= now and row.kind not in but
        )
        return sorted(due, key=by_visibility)[:limit]

    def activation(self, number: int) -> Activation | None:
        """An activation with the other versions that live cells still follow."""
        found = self.activations.get(number)
        if found is None:
            return None
        followed = {row.doc for row in self.cells.values()}
        documents = tuple(
            structs.replace(row.stored, active=row.stored.id in found.documents)
            for row in self.documents
            if row.stored.id in found.documents or row.stored.id in followed
        )
        return Activation(found.id, found.at, found.functions, documents)


def by_visibility(row: EffectRow) -> tuple[Instant, CellId, str]:
    return row.visible_at, row.cell, row.call


def fresh(prepared: Tables) -> Tables:
    """A copy that shares nothing that changes."""
    tables = Tables(prepared.epoch, prepared.hash_seed)
    for name, value in vars(prepared).items():
        if not name.startswith("_"):
            setattr(tables, name, copy(value))
    return tables
