"""What the suites share: kinds of cells, short ways to say what a turn writes, the fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypedDict, Unpack

import msgspec
import pytest
from msgspec import structs

from tidegate.kernel import bloom
from tidegate.kernel.clock import DAY_US, SECOND_US, Day, Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.ids import CellId, DocId, Pos
from tidegate.kernel.step import Cell, Durable, Key, Kind
from tidegate.ports.reader import Reader
from tidegate.ports.store import (
    CellWrite,
    Claim,
    EffectWrite,
    JournalWrite,
    LogWrite,
    Parking,
    Reject,
    Store,
    Stored,
    Taken,
    Wanted,
    Writes,
)


# ---- cells
class Box(Durable, frozen=True, array_like=True, kw_only=True):
    """A state with something in it."""

    text: str = ""
    data: bytes = b""


class Slot(Durable, frozen=True, array_like=True, kw_only=True):
    """A part of a box."""

    count: int = 0


LONG_KIND = "k" * 512
KINDS = (
    Kind(name="gate", state=Box, part=Slot),
    Kind(name="trigger", state=Box, part=Slot),
    Kind(name=LONG_KIND, state=Box),
)
CODEC = Codec(KINDS)

NOON = Instant(20_468 * DAY_US + DAY_US // 2)  # 2026-01-15T12:00:00Z
PAST = Instant(11_323 * DAY_US)  # 2001-01-01: due by every clock
FUTURE = Instant(47_482 * DAY_US)  # 2100-01-01: due by none
DAY = Day(20_468)
UNTIL = Instant(NOON + 30 * SECOND_US)  # the end of a lease that begins at noon


def gate(scope: str = "orders", name: str = "", day: int = DAY, *, kind: str = "gate") -> Key:
    return Key(kind, Day(day), scope, name)


# ---- what a turn writes
def log_row(
    n: int = 1,
    *,
    body: bytes = b"body",
    chain: bytes = b"chain",
    release: str = "1.0",
    functions: bytes = b"functions",
    tokens: Sequence[str] = (),
) -> LogWrite:
    return LogWrite(n, body, chain, release, functions, bloom.make(tokens), PAST, NOON)


def cell(
    id_: int, key: Key, state: Durable | None = None, *, version: int = 1, doc: int = 0
) -> CellWrite:
    """A blank one unless a state is given; one that begins has version 1."""
    state = CODEC.kind(key.kind).holds(key)() if state is None else state
    format_, body = CODEC.encode(key, state)
    return CellWrite(
        CellId(id_), key, DocId(doc), version, format_, body, state, begins=version == 1
    )


def stored(id_: int, state: Durable, *, version: int = 1, doc: int = 0) -> Stored:
    return Stored(CellId(id_), Cell(state, DocId(doc), version))


def effect(
    cell_id: int,
    call: str,
    *,
    visible_at: int = NOON,
    fence: int = 0,
    owner: str | None = None,
    kind: int = 1,
    body: bytes = b"work",
) -> EffectWrite:
    return EffectWrite(CellId(cell_id), call, kind, Instant(visible_at), fence, owner, body)


def claim(cell_id: int, call: str, fence: int) -> Claim:
    return Claim(CellId(cell_id), call, fence)


class Rest(TypedDict, total=False):
    """The fields of Writes that are empty unless a test says otherwise."""

    keys: Sequence[tuple[int, Pos, int]]
    outcomes: Sequence[Claim]
    cells: Sequence[CellWrite]
    drops: Sequence[tuple[CellId, Key]]
    journal: Sequence[JournalWrite]
    effects: Sequence[EffectWrite]
    stops: Sequence[tuple[CellId, str, bytes]]
    later_taken: Sequence[int]
    later: Sequence[bytes]
    strays: Sequence[Pos]
    parked: Sequence[Parking]
    unparked: Sequence[tuple[Pos, str]]
    rejects: Sequence[Reject]
    decided: Sequence[bytes]
    unwoken: Sequence[Key]
    shift_wakes_us: int


class Changes(Rest, total=False):
    at: Instant
    log: LogWrite | None
    activation: int
    next_cell: int


_ONE_ENTRY = log_row()
_KEYS = b"keys "  # how the body of a test's row begins when it holds the identities of events


def keys_of(first: Pos, body: bytes, hash_seed: int) -> Sequence[tuple[int, Pos, int]]:
    """The identities of accepted events in a row of these suites; for stores that rebuild indexes."""
    del first, hash_seed
    if not body.startswith(_KEYS):
        return ()
    return msgspec.msgpack.decode(body[len(_KEYS) :], type=list[tuple[int, Pos, int]])


def commit(
    store: Store,
    taken: Taken,
    *,
    at: Instant = NOON,
    log: LogWrite | None = _ONE_ENTRY,
    activation: int | None = None,
    next_cell: int | None = None,
    **rest: Unpack[Rest],
) -> None:
    """Commit what is said; the next cell follows those that begin, the row's body holds the keys."""
    keys = rest.get("keys")
    if log is not None and keys:
        log = structs.replace(log, body=_KEYS + msgspec.msgpack.encode(keys))
    begun = sum(write.begins for write in rest.get("cells", ()))
    writes = Writes(
        at=at,
        log=log,
        activation=taken.activation if activation is None else activation,
        next_cell=CellId(taken.next_cell + begun if next_cell is None else next_cell),
        **rest,
    )
    store.commit(taken, writes)


def turn(store: Store, wanted: Wanted | None = None, **changes: Unpack[Changes]) -> Taken:
    """One whole turn; answers what was taken."""
    taken = store.take(wanted or Wanted(NOON))
    commit(store, taken, **changes)
    return taken


def look(store: Store, wanted: Wanted) -> Taken:
    """Take a turn only to see what is there."""
    taken = store.take(wanted)
    store.abandon()
    return taken


def find_cell(store: Store, key: Key) -> Stored | None:
    return look(store, Wanted(NOON, cells=[key])).cells.get(key)


# ---- the fixtures
class Database(Protocol):
    """One empty database; what an adapter's author provides."""

    @property
    def alone(self) -> bool:
        """Whether an open store is the only one, so that whoever held effects before has gone."""
        ...

    def open(self, codec: Codec, /) -> Store:
        """A store over it; the suite closes one before it opens the next."""
        ...

    def reader(self, codec: Codec, /) -> Reader: ...
    def disturb(self) -> None:
        """Lose the turn that is taken, as it may be lost here: another writer, a dead connection."""
        ...


class Contract:
    """The fixtures of all suites; a subclass overrides `database`."""

    @pytest.fixture
    def database(self) -> Database:
        raise NotImplementedError("say which database: override the fixture `database`")

    @pytest.fixture
    def opened(self, database: Database) -> Iterator[list[Store]]:
        """The stores of this test, in order; only the last is open."""
        stores = [database.open(CODEC)]
        yield stores
        stores[-1].close()

    @pytest.fixture
    def store(self, opened: list[Store]) -> Store:
        return opened[0]

    @pytest.fixture
    def reopen(self, database: Database, opened: list[Store]) -> Callable[..., Store]:
        """Close the store and open the database again."""

        def again(codec: Codec = CODEC) -> Store:
            opened[-1].close()
            opened.append(database.open(codec))
            return opened[-1]

        return again

    @pytest.fixture
    def reader(self, database: Database, opened: list[Store]) -> Iterator[Reader]:
        reader = database.reader(CODEC)
        yield reader
        reader.close()
