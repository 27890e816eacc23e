"""Store: the turn, as a database sees it, and the few writes beside it.

    take --> (load ...) --> commit          one turn; one at a time anywhere
    take --> abandon                         nothing happened

All methods are called from one thread, the host's; they block. A failure about connection, space
or time is a TransientError `store.unavailable`: nothing of the turn happened, all caches are gone.
Any other database error is a `RowFault`: the host finds the guilty signal. `take`, `load` and
`commit` may raise `TurnLost`, after which the caller takes again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from tidegate.kernel.clock import Instant
from tidegate.kernel.ids import CellId, DocId, Pos
from tidegate.kernel.step import Cell, Durable, Key

LEASE_US = 30_000_000
"""How long a claimed effect is its owner's without renewal."""

STOP = 2
"""Kind of an effect that became a stop; `services/work.STOP_TASK`."""


class TurnLost(Exception):
    """Somebody else wrote meanwhile; nothing was committed, take the turn again."""


class RowFault(Exception):
    """The database refused a value; not about connection, space or time."""


# ---- what a turn takes
class EventKey(Struct, frozen=True, gc=False):
    """Identity of a foreign event: hash of (id, source), digest of its bytes, its index in the turn."""

    hash: int  # signed 64 bit
    digest: int  # signed 64 bit
    index: int  # its place will be next_pos + index


class Claim(Struct, frozen=True, gc=False):
    """An effect as somebody holds it."""

    cell: CellId
    call: str
    fence: int


class Wanted(Struct, frozen=True):
    """What the host wants to see before it decides."""

    now: Instant  # the host's clock
    keys: Sequence[EventKey] = ()  # no two with one hash
    outcomes: Sequence[Claim] = ()
    cells: Sequence[Key] = ()
    later_max: int = 0
    due_max: int = 0


class Stored(Struct, frozen=True, gc=False):
    """A cell as it is stored."""

    id: CellId
    cell: Cell[Durable]


class Hit(Struct, frozen=True, gc=False):
    """An event key that is in the index already."""

    pos: Pos
    digest: int


class Taken(Struct, frozen=True):
    """The turn is ours: what was there.

    A new database has n 0, at 0, activation 0 and no chain; places, cells and `later` count from 1.
    """

    n: int  # number of the last turn
    next_pos: Pos
    next_cell: CellId
    next_later: int
    at: Instant  # the last turn's instant
    now: Instant  # the clock that counts: the host's on SQLite, the database's on PostgreSQL
    activation: int
    chain: bytes
    hits: Mapping[int, Hit]  # by hash
    stale: Sequence[Claim]  # outcomes whose effect has gone or has another fence
    later: Sequence[tuple[int, bytes]]  # (id, body), oldest first
    due: Sequence[Key]  # cells with wake_at <= max(now, at), by (wake_at, id)
    cells: Mapping[Key, Stored]
    """Of `wanted.cells` and `due` those that exist, of kinds we know; of `due` one whose state cannot
    be read is left out, and `load` raises for it (`cell.unreadable`)."""


# ---- what a turn writes
class CellWrite(Struct, frozen=True, gc=False):
    id: CellId
    key: Key
    doc: DocId
    version: int
    format: int
    body: bytes
    state: Durable  # what `body` encodes; for the cache
    begins: bool  # no such cell was stored


class JournalWrite(Struct, frozen=True, gc=False):
    cell: CellId
    version: int
    format: int
    body: bytes
    pos: Pos


class EffectWrite(Struct, frozen=True, gc=False):
    """`body` is msgpack [key, idempotency key, effect]; `kind` counts in services/work."""

    cell: CellId
    call: str
    kind: int
    visible_at: Instant
    fence: int
    owner: str | None
    body: bytes


class Parking(Struct, frozen=True, gc=False):
    pos: Pos
    engine: str
    error: str


class Reject(Struct, frozen=True, gc=False):
    """A delivery refused at the door."""

    at: Instant
    principal: str | None
    code: str
    message: str
    body: bytes


class LogWrite(Struct, frozen=True):
    """One row of the log; its first place is `taken.next_pos`."""

    n: int  # entries
    body: bytes
    chain: bytes
    release: str
    functions: bytes
    bits: bytes  # search filter
    time_min: Instant | None
    time_max: Instant | None


class Writes(Struct, frozen=True, kw_only=True):
    """Everything one transaction writes. Rejects alone make a turn without a log row.

    Every commit counts as a turn (`n + 1`). Deletes go first, so that a dropped key may begin anew
    under a new id; `unwoken` and `shift_wakes_us` come last. Journal rows and stops outlive their cell.
    """

    at: Instant
    log: LogWrite | None
    activation: int  # from the next turn on
    next_cell: CellId
    keys: Sequence[tuple[int, Pos, int]] = ()
    """(hash, place, digest) of newly accepted events: of those taken, these enter the index."""
    outcomes: Sequence[Claim] = ()  # those taken and not stale; their effects go
    cells: Sequence[CellWrite] = ()
    drops: Sequence[tuple[CellId, Key]] = ()
    journal: Sequence[JournalWrite] = ()
    effects: Sequence[EffectWrite] = ()
    stops: Sequence[tuple[CellId, str, bytes]] = ()
    """(cell, call, body): an open effect becomes a stop: kind STOP, fence + 1, visible at `at`, no
    tries, nobody's. Its handle and its own body stay, for whoever stops a task must know the task;
    the `body` given here is not stored. Without a row, or with a stop, nothing happens."""
    later_taken: Sequence[int] = ()
    later: Sequence[bytes] = ()
    strays: Sequence[Pos] = ()
    parked: Sequence[Parking] = ()
    unparked: Sequence[tuple[Pos, str]] = ()
    rejects: Sequence[Reject] = ()
    decided: Sequence[bytes] = ()  # roots that `note_suspect` noted; their notes go
    unwoken: Sequence[Key] = ()  # parked wakes: their column wake_at is cleared, the state stays
    shift_wakes_us: int = 0  # a person accepted a clock jump and moves what waits


# ---- beside the turn
class Claimed(Struct, frozen=True):
    """An effect that is ours until `lease_until`."""

    cell: CellId
    call: str
    kind: int
    fence: int
    tries: int
    handle: str | None
    body: bytes
    lease_until: Instant


class StoredDocument(Struct, frozen=True):
    id: DocId
    kind: str
    name: str
    n: int
    body: str  # canonical JSON
    active: bool = True


class Activation(Struct, frozen=True):
    """The versions to follow, with the others that live cells still follow (`active` False), by id."""

    id: int
    at: Instant
    functions: bytes
    documents: tuple[StoredDocument, ...]


class DocumentDraft(Struct, frozen=True):
    kind: str
    name: str
    digest: bytes
    body: str


class LogRow(Struct, frozen=True):
    """One turn of the log as it is stored; `body` is zstd(msgpack([entry, ...]))."""

    first: Pos
    n: int
    at: Instant
    activation: int
    chain: bytes
    release: str
    functions: bytes
    body: bytes


class Store(Protocol):
    """The database, for the one thread that writes."""

    @property
    def epoch(self) -> str:
        """Identity of this database and how often it was restored; part of idempotency keys."""
        ...

    @property
    def hash_seed(self) -> int: ...

    def take(self, wanted: Wanted) -> Taken: ...
    def load(self, keys: Sequence[Key]) -> Mapping[Key, Stored]:
        """Further cells of the turn that was taken; those that exist."""
        ...

    def open_calls(self, cells: Sequence[CellId]) -> Sequence[tuple[CellId, str]]:
        """Open effects of these cells, inside the turn; no stops, none of this turn's outcomes."""
        ...

    def commit(self, taken: Taken, writes: Writes) -> None: ...
    def abandon(self) -> None:
        """Give the turn back; harmless when none was taken."""
        ...

    def is_parked(self, pos: Pos, engine: str) -> bool:
        """This engine's signal at this place waits in the inbox."""
        ...

    def row_at(self, pos: Pos) -> LogRow | None:
        """The log row that holds this place."""
        ...

    # effects; `now` is the caller's reading of the clock that counts (`Taken.now`)
    def claim(
        self, now: Instant, owner: str, limit: int, but: Collection[int] = ()
    ) -> Sequence[Claimed]:
        """Visible effects become ours under a new fence, the first by (visible_at, cell, call).

        Those of the kinds `but`, two at most, are left alone.
        """
        ...

    def renew(self, now: Instant, owner: str, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Leases until `now + LEASE_US`, lapsed ones too; answers the claims that are still ours."""
        ...

    def defer(self, claim: Claim, visible_at: Instant, handle: str | None, tries: int) -> bool:
        """Look at it again later, by anybody; the fence stays. False when it is no longer ours."""
        ...

    def end_stop(self, claim: Claim) -> bool:
        """A stop was carried out: its row goes. It has no outcome."""
        ...

    def next_wake(self) -> Instant | None: ...
    def next_visible(self) -> Instant | None: ...
    def has_later(self) -> bool: ...

    # documents
    def activation(self, number: int) -> Activation | None: ...
    def add_activation(
        self, now: Instant, functions: bytes, drafts: Sequence[DocumentDraft]
    ) -> Activation:
        """Write the versions that changed and an activation of all; nobody follows it yet.

        A draft with the digest of the newest version of its (kind, name) keeps that version.
        """
        ...

    # what was being decided when a host died
    def note_suspect(self, root: bytes, now: Instant) -> None:
        """It is about to be decided; whatever becomes of the turn, the note stays until one decides
        it (`Writes.decided`). One that was noted before keeps its deaths."""
        ...

    def clear_suspects(self, roots: Sequence[bytes]) -> None:
        """Whoever noted them did not die of them."""
        ...

    def count_deaths(self) -> Mapping[bytes, int]:
        """After an unclean end: one death more for all that were noted since the last count.

        Answers every note that is there. `now` of a note is later than 1970.
        """
        ...

    # replicas
    def see_replica(
        self, replica: str, release: str, activation: int, functions: bytes, now: Instant
    ) -> None: ...
    def others_since(self, replica: str, since: Instant) -> int:
        """How many other replicas were seen at that instant or later."""
        ...

    def take_over(self, owner: str) -> None:
        """At start, where a lock proves that every owner but this one has gone (SQLite).

        Their effects become nobody's and visible at once (`visible_at` 0); fences stay. Where
        others may live, nothing happens.
        """
        ...

    def check(self) -> None:
        """From any thread. Raises TransientError where every write would be in vain (`store.gone`)."""
        ...

    def close(self, *, clean: bool = True) -> None:
        """Harmless when done twice. Not `clean`: whoever comes next shall know of an unclean end."""
        ...
