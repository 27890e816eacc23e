"""MemoryStore: the store port without a database, plain enough to be seen right.

It is the simulator's store and the oracle the databases are compared with. States pass through
their encoding, several stores may share one `Tables`, and a turn somebody else wrote into is lost,
as on SQLite.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress

from msgspec import structs

from tidegate.kernel.clock import Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import Defect, TransientError
from tidegate.kernel.ids import CellId, DocId, Pos
from tidegate.kernel.step import Key
from tidegate.ports.reader import EffectRow
from tidegate.ports.store import (
    LEASE_US,
    STOP,
    Activation,
    Claim,
    Claimed,
    DocumentDraft,
    LogRow,
    Stored,
    StoredDocument,
    Taken,
    TurnLost,
    Wanted,
    Writes,
)
from tidegate.testing.memory_commit import apply, check
from tidegate.testing.memory_reader import MemoryReader
from tidegate.testing.memory_tables import (
    ActivationRow,
    DocumentRow,
    Fault,
    Tables,
)


def _no_fault(point: str) -> None:
    del point


class MemoryStore:
    def __init__(
        self, codec: Codec, tables: Tables | None = None, *, fault: Fault = _no_fault
    ) -> None:
        self.tables = Tables() if tables is None else tables
        self._codec = codec
        self._fault = fault
        self._taken: Taken | None = None
        self._outcomes: frozenset[Claim] = frozenset()
        self._seen = 0  # tables.changes when the turn was taken
        self._closed = False

    def reader(self) -> MemoryReader:
        return MemoryReader(self._codec, self.tables)

    @property
    def epoch(self) -> str:
        return self.tables.epoch

    @property
    def hash_seed(self) -> int:
        return self.tables.hash_seed

    # ---- the turn
    def take(self, wanted: Wanted) -> Taken:
        assert self._taken is None, "a turn is taken already"
        self._fault("before_take")
        tables = self._open()
        with tables.held():
            turn = tables.turn
            due = self._due(max(wanted.now, turn.at), wanted.due_max)
            stale = [claim for claim in wanted.outcomes if tables.held_by(claim) is None]
            taken = Taken(
                n=turn.n,
                next_pos=turn.next_pos,
                next_cell=turn.next_cell,
                next_later=turn.next_later,
                at=turn.at,
                now=wanted.now,
                activation=turn.activation,
                chain=turn.chain,
                hits={k.hash: tables.keys[k.hash] for k in wanted.keys if k.hash in tables.keys},
                stale=stale,
                later=sorted(tables.later.items())[: wanted.later_max],
                due=due,
                cells={**self._readable(due), **self._stored(wanted.cells)},
            )
            self._seen = tables.changes
        self._fault("after_take")
        self._outcomes = frozenset(wanted.outcomes).difference(stale)
        self._taken = taken
        return taken

    def load(self, keys: Sequence[Key]) -> Mapping[Key, Stored]:
        assert self._taken is not None, "no turn is taken"
        self._fault("at_load")
        with self._open().held():
            return self._stored(keys)

    def open_calls(self, cells: Sequence[CellId]) -> Sequence[tuple[CellId, str]]:
        assert self._taken is not None, "no turn is taken"
        ended = {(claim.cell, claim.call) for claim in self._outcomes}
        with self._open().held():
            return sorted(
                call
                for call, row in self.tables.effects.items()
                if row.cell in cells and row.kind != STOP and call not in ended
            )

    def commit(self, taken: Taken, writes: Writes) -> None:
        assert self._taken is taken, "this turn is not taken"
        self._taken = None
        self._fault("before_commit")
        tables = self._open()
        with tables.held():
            if tables.changes != self._seen:
                raise TurnLost
            tables.must_be_writable()
            check(tables, writes)
            apply(tables, self._codec, taken, writes)
            self._touch()
        self._fault("after_commit")

    def abandon(self) -> None:
        self._taken = None

    def row_at(self, pos: Pos) -> LogRow | None:
        with self._open().held():
            return self.tables.row_at(pos)

    # ---- effects
    def claim(
        self, now: Instant, owner: str, limit: int, but: Collection[int] = ()
    ) -> Sequence[Claimed]:
        claimed: list[Claimed] = []
        with self._open().held():
            for row in self.tables.visible(now, limit, but):
                ours = structs.replace(
                    row, visible_at=Instant(now + LEASE_US), fence=row.fence + 1, owner=owner
                )
                self._put_effect(ours)
                claimed.append(_claimed(ours))
        return claimed

    def renew(self, now: Instant, owner: str, claims: Sequence[Claim]) -> Sequence[Claim]:
        ours: list[Claim] = []
        with self._open().held():
            for claim in claims:
                row = self.tables.held_by(claim)
                if row is not None and row.owner == owner:
                    self._put_effect(structs.replace(row, visible_at=Instant(now + LEASE_US)))
                    ours.append(claim)
        return ours

    def defer(self, claim: Claim, visible_at: Instant, handle: str | None, tries: int) -> bool:
        with self._open().held():
            row = self.tables.held_by(claim)
            if row is None:
                return False
            self._put_effect(
                structs.replace(row, visible_at=visible_at, handle=handle, tries=tries, owner=None)
            )
            return True

    def end_stop(self, claim: Claim) -> bool:
        with self._open().held():
            if self.tables.held_by(claim) is None:
                return False
            del self.tables.effects[claim.cell, claim.call]
            self._touch()
            return True

    def next_wake(self) -> Instant | None:
        with self._open().held():
            return min((wake_at for wake_at, _ in self.tables.wakes.values()), default=None)

    def next_visible(self) -> Instant | None:
        with self._open().held():
            return min((row.visible_at for row in self.tables.effects.values()), default=None)

    def has_later(self) -> bool:
        with self._open().held():
            return bool(self.tables.later)

    # ---- documents
    def activation(self, number: int) -> Activation | None:
        with self._open().held():
            return self.tables.activation(number)

    def add_activation(
        self, now: Instant, functions: bytes, drafts: Sequence[DocumentDraft]
    ) -> Activation:
        with self._open().held():
            tables = self.tables
            followed = frozenset(self._version(draft) for draft in drafts)
            number = len(tables.activations) + 1
            tables.activations[number] = ActivationRow(number, now, functions, followed)
            self._touch()
            added = tables.activation(number)
            assert added is not None
            return added

    # ---- suspects and replicas
    def is_parked(self, pos: Pos, engine: str) -> bool:
        tables = self._open()
        with tables.held():
            return (pos, engine) in tables.parked

    def note_suspect(self, root: bytes, now: Instant) -> None:
        with self._open().held():
            deaths, _ = self.tables.suspects.get(root, (0, now))
            self.tables.suspects[root] = deaths, now
            self._touch()

    def clear_suspects(self, roots: Sequence[bytes]) -> None:
        with self._open().held():
            for root in roots:
                self.tables.suspects.pop(root, None)
            self._touch()

    def count_deaths(self) -> Mapping[bytes, int]:
        with self._open().held():
            counted = {root: n + (at > 0) for root, (n, at) in self.tables.suspects.items()}
            self.tables.suspects = {root: (n, Instant(0)) for root, n in counted.items()}
            self._touch()
            return counted

    def see_replica(
        self, replica: str, release: str, activation: int, functions: bytes, now: Instant
    ) -> None:
        del functions
        with self._open().held():
            self.tables.must_be_writable()
            self.tables.replicas[replica] = (release, activation, now)
            self._touch()

    def others_since(self, replica: str, since: Instant) -> int:
        with self._open().held():
            return sum(
                name != replica and seen_at >= since
                for name, (_, _, seen_at) in self.tables.replicas.items()
            )

    def take_over(self, owner: str) -> None:
        with self._open().held():
            for row in list(self.tables.effects.values()):
                if row.owner is not None and row.owner != owner:
                    self._put_effect(structs.replace(row, owner=None, visible_at=Instant(0)))

    def check(self) -> None:
        """Memory does not go away."""

    def close(self, *, clean: bool = True) -> None:
        del clean
        self._taken = None
        self._closed = True

    # ---- reading, while the tables are held
    def _open(self) -> Tables:
        if self._closed:
            raise TransientError("store.unavailable", "the store in memory was closed")
        return self.tables

    def _due(self, now: Instant, limit: int) -> Sequence[Key]:
        due = [(*wake, key) for key, wake in self.tables.wakes.items() if wake[0] <= now]
        return [key for _, _, key in sorted(due)[:limit]]

    def _stored(self, keys: Iterable[Key]) -> Mapping[Key, Stored]:
        kinds = {kind.name for kind in self._codec.kinds}
        rows = (self.tables.cells.get(key) for key in keys if key.kind in kinds)
        return {row.key: row.stored(self._codec) for row in rows if row is not None}

    def _readable(self, keys: Iterable[Key]) -> Mapping[Key, Stored]:
        found: dict[Key, Stored] = {}
        for key in keys:
            with suppress(Defect):
                found.update(self._stored([key]))
        return found

    # ---- writing, while the tables are held
    def _touch(self) -> None:
        """Count a write; one of our own does not lose the turn we took."""
        if self._seen == self.tables.changes:
            self._seen += 1
        self.tables.changes += 1

    def _put_effect(self, row: EffectRow) -> None:
        self.tables.effects[row.cell, row.call] = row
        self._touch()

    def _version(self, draft: DocumentDraft) -> DocId:
        """The newest version of this document, a new one when the digest differs."""
        documents = self.tables.documents
        versions = [
            row
            for row in documents
            if (row.stored.kind, row.stored.name) == (draft.kind, draft.name)
        ]
        if versions and versions[-1].digest == draft.digest:
            return versions[-1].stored.id
        id_ = DocId(len(documents) + 1)
        stored = StoredDocument(id_, draft.kind, draft.name, len(versions) + 1, draft.body)
        documents.append(DocumentRow(stored, draft.digest))
        return id_


def _claimed(row: EffectRow) -> Claimed:
    return Claimed(
        row.cell, row.call, row.kind, row.fence, row.tries, row.handle, row.body, row.visible_at
    )
