"""A process that writes turns to a SQLite database until it is killed, or kills itself.

    python -m tidegate.testing.crash_writer DATABASE TURN STATEMENT

It prints the number of each turn that was committed. In turn TURN it kills itself with SIGKILL just
before the first statement that begins with STATEMENT; `after` is the moment after the commit.
Turn n always writes the same, so a test can say what must be there: see `expected`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from tidegate.adapters.store.sqlite import SqliteStore
from tidegate.kernel.ids import CellId, Pos
from tidegate.kernel.step import Key
from tidegate.ports.store import EventKey, JournalWrite, Store, Wanted
from tidegate.testing.contracts.kit import (
    CODEC,
    NOON,
    Box,
    cell,
    claim,
    commit,
    effect,
    find_cell,
    gate,
    keys_of,
    log_row,
    look,
)

KEYS_A_TURN = 100
"""All in one bucket: every fifth turn writes it."""


class Seen(Struct, frozen=True):
    """Everything that a turn changes."""

    n: int
    next_pos: Pos
    hits: int
    standing: int  # version of the cell that every turn changes
    alive: Sequence[int]  # cells that begin in one turn and go in the next
    later: Sequence[bytes]
    open_calls: Sequence[tuple[CellId, str]]


def begun(n: int) -> Key:
    return gate(f"rule-{n}")


def expected(n: int) -> Seen:
    """What is there after n turns."""
    return Seen(
        n=n,
        next_pos=Pos(n * KEYS_A_TURN + 1),
        hits=n * KEYS_A_TURN,
        standing=n,
        alive=[n] if n else [],
        later=[b"%d" % n] if n else [],
        open_calls=[(CellId(n + 1), "call")] if n else [],
    )


def seen(store: Store, turns: int) -> Seen:
    """What is there; looks for what up to so many turns may have written."""
    keys = [EventKey(hash_, 0, hash_) for hash_ in range(turns * KEYS_A_TURN)]
    cells = [begun(n) for n in range(1, turns + 1)]
    taken = store.take(Wanted(NOON, keys=keys, cells=cells, later_max=10))
    open_calls = store.open_calls([CellId(n + 1) for n in range(1, turns + 1)])
    store.abandon()
    standing = find_cell(store, gate("standing"))
    return Seen(
        n=taken.n,
        next_pos=taken.next_pos,
        hits=len(taken.hits),
        standing=standing.cell.version if standing else 0,
        alive=[n for n in range(1, turns + 1) if begun(n) in taken.cells],
        later=[body for _, body in taken.later],
        open_calls=open_calls,
    )


def write_turn(store: Store, n: int) -> None:
    """Turn n touches nearly every table."""
    first = (n - 1) * KEYS_A_TURN
    outcomes = [claim(n, "call", 0)] if n > 1 else []
    taken = store.take(Wanted(NOON, outcomes=outcomes, later_max=10))
    commit(
        store,
        taken,
        log=log_row(KEYS_A_TURN),
        keys=[(first + i, Pos(taken.next_pos + i), 0) for i in range(KEYS_A_TURN)],
        outcomes=outcomes,
        cells=[
            cell(1, gate("standing"), Box(data=bytes(2_000)), version=n),
            cell(n + 1, begun(n)),
        ],
        next_cell=n + 2,
        drops=[(CellId(n), begun(n - 1))] if n > 1 else [],
        journal=[JournalWrite(CellId(1), n, 1, b"journal", taken.next_pos)],
        effects=[effect(n + 1, "call")],
        later_taken=[number for number, _ in taken.later],
        later=[b"%d" % n],
        strays=[taken.next_pos],
    )


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(path: Path, turn: int, statement: str) -> None:
    store = SqliteStore.open(path, CODEC, keys_of=keys_of)
    n = look(store, Wanted(NOON)).n
    while True:
        n += 1
        if n == turn:
            # The suite looks from outside, so this one looks inside.
            store._connection.set_trace_callback(  # pyright: ignore[reportPrivateUsage]
                lambda running: die() if running.startswith(statement) else None
            )
        write_turn(store, n)
        if n == turn:
            die()
        print(n, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
