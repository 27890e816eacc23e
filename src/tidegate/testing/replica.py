"""Replica: a small writer over a store, as a function and as a process of its own, and its audit.

Every event adds one to a tally; the log says which. So the cells, the index and the log must agree
whatever happened to the writers: `audit` counts the log again and compares.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
import psycopg

from tidegate.adapters.store.postgres import PostgresStore
from tidegate.kernel.clock import Day, Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import TransientError
from tidegate.kernel.ids import CellId, DocId, Pos
from tidegate.kernel.step import Durable, Key, Kind
from tidegate.ports.store import CellWrite, EventKey, LogWrite, Store, Taken, Wanted, Writes

DAY = Day(20_468)
TALLIES = 40
_STRIDE = 0x9E3779B97F4A7C15


class Tally(Durable, frozen=True, array_like=True, kw_only=True):
    """How many events came here."""

    count: int = 0


CODEC = Codec([Kind(name="tally", state=Tally)])


def tally_key(event: int) -> Key:
    """Several scopes, so that names are numbered by whoever comes first."""
    number = event % TALLIES
    return Key("tally", DAY, f"scope{number % 5}", f"k={number}")


def hash_of(event: int) -> int:
    """Spread over the signed 64 bits; no two alike."""
    return (event * _STRIDE & (1 << 64) - 1) - (1 << 63)


def take(store: Store, events: Sequence[int]) -> Taken:
    return store.take(
        Wanted(
            Instant(0),
            keys=[EventKey(hash_of(event), event, n) for n, event in enumerate(events)],
            cells=sorted({tally_key(event) for event in events}),
        )
    )


def writes_of(taken: Taken, events: Sequence[int], *, padding: bytes = b"") -> Writes:
    """One to the tally of every event that is new."""
    new = [(n, event) for n, event in enumerate(events) if hash_of(event) not in taken.hits]
    added = Counter(tally_key(event) for _, event in new)
    body = msgspec.msgpack.encode([[event, hash_of(event) in taken.hits] for event in events])
    next_cell = taken.next_cell
    cells: list[CellWrite] = []
    for key, more in sorted(added.items()):
        stored = taken.cells.get(key)
        before = stored.cell.state if stored is not None else Tally()
        assert isinstance(before, Tally)
        state = Tally(count=before.count + more)
        id_ = stored.id if stored is not None else next_cell
        next_cell = CellId(next_cell + (stored is None))
        version = stored.cell.version + 1 if stored is not None else 1
        format_, encoded = CODEC.encode(key, state)
        cells.append(
            CellWrite(id_, key, DocId(0), version, format_, encoded, state, stored is None)
        )
    chain = blake2b(taken.chain + body, digest_size=32).digest()
    return Writes(
        at=taken.now,
        log=LogWrite(len(events), body, chain, "1.0", b"", b"", None, None),
        activation=0,
        next_cell=next_cell,
        keys=[(hash_of(event), Pos(taken.next_pos + n), event) for n, event in new],
        cells=cells,
        later=[padding] if padding else [],
    )


def run_turn(store: Store, events: Sequence[int]) -> None:
    taken = take(store, events)
    store.commit(taken, writes_of(taken, events))


def run_turns(store: Store, seed: int, turns: int, *, pool: int, size_max: int = 5) -> int:
    """So many turns of a few events out of a pool that others share; how many were refused."""
    rng = random.Random(seed)
    refused = 0
    for _ in range(turns):
        events = rng.sample(range(pool), rng.randint(1, size_max))
        try:
            run_turn(store, events)
        except TransientError:
            refused += 1
    return refused


def audit(url: str) -> int:
    """Counts the log again. Asserts that nothing is missing, doubled or half done; answers `n`."""
    with psycopg.connect(url) as connection:

        def rows(text: bytes) -> list[tuple[Any, ...]]:
            return connection.execute(text).fetchall()

        turn = rows(b"SELECT n, next_pos, next_cell, chain FROM turn")[0]
        log = rows(b"SELECT first, n, chain, body FROM log ORDER BY first")
        keys = dict(rows(b"SELECT hash, pos FROM event_key"))
        cells = rows(b"SELECT id, name, version, format, state FROM cell ORDER BY id")
    place, chain = 1, b""
    accepted: dict[int, int] = {}
    tallies: Counter[str] = Counter()
    for first, n, said_chain, body in log:
        assert first == place, f"a gap before place {first}"
        chain = blake2b(chain + body, digest_size=32).digest()
        assert said_chain == chain, f"the chain breaks at place {first}"
        for offset, (event, known) in enumerate(msgspec.msgpack.decode(body)):
            assert known == (hash_of(event) in accepted), f"event {event} at {first + offset}"
            if not known:
                accepted[hash_of(event)] = first + offset
                tallies[tally_key(event).name] += 1
        place += n
    assert turn == (len(log), place, len(cells) + 1, chain)
    assert keys == accepted
    states = {
        name: CODEC.decode(tally_key(0), format_, body) for _, name, _, format_, body in cells
    }
    assert {name: getattr(state, "count", None) for name, state in states.items()} == tallies
    assert [id_ for id_, *_ in cells] == list(range(1, len(cells) + 1))
    return len(log)


# ---- as a process: python -m tidegate.testing.replica URL NAME MODE ...
def main(url: str, name: str, mode: str, *arguments: str) -> None:
    """Says on standard output what it does; `hold` and `flood` wait for a line before they go on."""
    store = PostgresStore.open(url, CODEC, replica=name)
    _MODES[mode](store, *arguments)
    store.close()


def _say(word: str) -> None:
    print(word, flush=True)


def _turns(store: Store, seed: str, turns: str, pool: str) -> None:
    _say("begins")
    _say(f"refused {run_turns(store, int(seed), int(turns), pool=int(pool))}")


def _hold(store: Store, event: str, padding: str) -> None:
    """Take the turn, wait to be told, commit with so many bytes of padding."""
    taken = take(store, [int(event)])
    writes = writes_of(taken, [int(event)], padding=b"\x00" * int(padding))
    _say("held")
    sys.stdin.readline()
    try:
        store.commit(taken, writes)
        _say("committed")
    except TransientError as error:
        _say(error.code)


_MODES: dict[str, Callable[..., None]] = {"turns": _turns, "hold": _hold}

if __name__ == "__main__":
    main(*sys.argv[1:])
