"""Reader: questions beside the turn. Every method may be called from any thread; each answers from
one consistent snapshot. Raises TransientError `store.unavailable`, and InputError `input` for a
limit outside 1 to PAGE_MAX. Texts are ordered by their code points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from msgspec import Struct

from tidegate.kernel.clock import Day, Instant
from tidegate.kernel.errors import Defect, InputError
from tidegate.kernel.ids import CellId, DocId, Pos
from tidegate.kernel.step import Key
from tidegate.ports.store import Activation, LogRow, Parking, Reject, Stored

PAGE_MAX = 1000


def check_limit(limit: int) -> None:
    """Every list has a limit a caller may not pass. Raises InputError (`input`)."""
    if not 1 <= limit <= PAGE_MAX:
        raise InputError(
            "input", f"limit {limit} of a list", fix=f"ask for 1 to {PAGE_MAX}, then for the next"
        )


class Listed(Struct, frozen=True):
    """One cell of a list. One whose state cannot be read has its place in it like the others."""

    key: Key
    kept: Stored | Defect
    changed_at: Instant

    @property
    def stored(self) -> Stored:
        """Raises Defect (`cell.unreadable`)."""
        if isinstance(self.kept, Defect):
            raise self.kept
        return self.kept


def readable(page: Sequence[Listed]) -> tuple[list[Listed], list[Defect]]:
    """Those that can be read, and why the others cannot, both in their order."""
    return (
        [one for one in page if not isinstance(one.kept, Defect)],
        [one.kept for one in page if isinstance(one.kept, Defect)],
    )


class Snapshot(Struct, frozen=True):
    """Where the log stands."""

    n: int
    next_pos: Pos
    at: Instant
    activation: int
    chain: bytes


class ParkedRow(Struct, frozen=True):
    parking: Parking
    at: Instant
    release: str


class RejectRow(Struct, frozen=True):
    id: int
    reject: Reject
    resubmitted_pos: Pos | None


class EffectRow(Struct, frozen=True):
    cell: CellId
    call: str
    kind: int
    visible_at: Instant
    fence: int
    tries: int
    owner: str | None
    handle: str | None
    body: bytes


class JournalRow(Struct, frozen=True):
    version: int
    pos: Pos
    body: bytes


class Reader(Protocol):
    def turn(self) -> Snapshot: ...
    def cell(self, key: Key) -> Stored | None: ...
    def cells(
        self,
        kind: str,
        *,
        scope: str | None = None,
        statuses: Sequence[int] = (),
        days: tuple[Day, Day] | None = None,  # first and last
        name: str | None = None,  # this name and what lies below it
        after: Key | None = None,
        limit: int = PAGE_MAX,
        newest_first: bool = False,
    ) -> Sequence[Listed]:
        """Cells in the order of (day, scope, name), parts among them, or in exactly the reverse.

        `after` is a key of the list, in its order; the page begins behind it.
        """
        ...

    def last_day(self, kind: str, until: Day | None = None) -> Day | None:
        """The greatest day of any cell of that kind, not after `until`; None where there is none."""
        ...

    def counts(self, kind: str) -> Mapping[tuple[str, int], int]:
        """How many cells by (scope, status), parts among them."""
        ...

    def journal(self, cell: CellId) -> Sequence[JournalRow]:
        """By version; bodies are unpacked."""
        ...

    def rows(self, first: Pos, limit: int) -> Sequence[LogRow]:
        """Log rows from the one that holds `first` on, in order."""
        ...

    def rows_before(self, before: Pos, limit: int) -> Sequence[LogRow]:
        """Log rows that begin before this place, newest first."""
        ...

    def find(self, tokens: Sequence[str], before: Pos, limit: int) -> Sequence[LogRow]:
        """Rows that begin before this place and whose filter may hold one of the tokens, newest first."""
        ...

    def strays(self, before: Pos, limit: int) -> Sequence[Pos]:
        """Places before this one, newest first."""
        ...

    def rejects(self, before: int, limit: int) -> Sequence[RejectRow]:
        """Those with a smaller id, newest first."""
        ...

    def parked(self) -> Sequence[ParkedRow]:
        """All, by (pos, engine)."""
        ...

    def effects(self, limit: int) -> Sequence[EffectRow]:
        """Open effects and stops, by (visible_at, cell, call)."""
        ...

    def effects_of(self, cell: CellId) -> Sequence[EffectRow]:
        """Open effects and stops of one cell, by call."""
        ...

    def activation(self, number: int) -> Activation | None: ...
    def followed_from(self, doc: DocId) -> tuple[int, Instant] | None:
        """Number and instant of the first activation with this version; None where there is none."""
        ...

    def replicas(self) -> Sequence[tuple[str, str, int, Instant]]:
        """(id, release, activation, last seen), by id."""
        ...

    def frozen(self) -> AbstractContextManager[Reader]:
        """A reader of one moment, whatever is written meanwhile; for one thread, and not for long."""
        ...

    def close(self) -> None: ...
