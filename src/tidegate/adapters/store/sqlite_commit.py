"""What a turn writes on SQLite, row by row, inside the caller's transaction.

Deletes go first, so that a dropped key may begin anew under a new id. Nothing in memory changes
here: what must change after COMMIT comes back as `Staged`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from sqlite3 import Connection

from msgspec import Struct

from tidegate.adapters.store import turn_sql as sql
from tidegate.adapters.store.beside_sql import CLEAR_SUSPECTS
from tidegate.adapters.store.keys import KeyIndex, StagedKeys
from tidegate.adapters.store.names import Names
from tidegate.adapters.store.turn_sql import Value, insert, padded
from tidegate.kernel.clock import Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import Defect
from tidegate.kernel.ids import Pos
from tidegate.ports.store import RowFault, Taken, TurnLost, Writes

WAITING_PAGE = 1000


class Staged(Struct, frozen=True):
    """What memory learns once the turn is committed."""

    names: Sequence[tuple[int, str]]
    keys: StagedKeys


def write_turn(
    connection: Connection, names: Names, index: KeyIndex, taken: Taken, writes: Writes
) -> Staged:
    """Every write of a turn but those of `shift_waiting`; raises TurnLost, RowFault, sqlite3.Error."""
    _delete(connection, writes)
    _write_log(connection, taken, writes)
    assert writes.log is not None or not writes.keys, "accepted events have a place"
    last = Pos(taken.next_pos + (writes.log.n if writes.log is not None else 0) - 1)
    keys = index.stage(writes.keys, last)
    new_names = _write_cells(connection, names, writes)
    _write_effects(connection, writes)
    _write_inbox(connection, writes)
    if writes.unwoken:
        unwoken = [columns for key in writes.unwoken if (columns := names.columns(key))]
        _each(connection, sql.UPDATE_UNWOKEN, [value for row in unwoken for value in row])
    _write_turn(connection, taken, writes)
    return Staged(new_names, keys)


def shift_waiting(connection: Connection, codec: Codec, shift_us: int) -> None:
    """Move every `wake_at` that waits, in column and state. Reads every such cell: for a clock jump."""
    known = {kind.name for kind in codec.kinds}
    names = Names(connection.execute(sql.SELECT_NAMES))  # with those of this very turn
    after = 0
    while True:
        page = connection.execute(sql.SELECT_WAITING, (after, WAITING_PAGE)).fetchall()
        for id_, kind, day, scope, name, _, _, format_, body, column in page:
            key, wake_at = names.key(kind, day, scope, name), Instant(column + shift_us)
            if key.kind in known:
                with suppress(Defect):  # what cannot be read is woken then, and is parked
                    state = codec.shifted(key, codec.decode(key, format_, body), shift_us)
                    format_, body = codec.encode(key, state)
            connection.execute(sql.UPDATE_WAITING, (wake_at, format_, body, id_))
            after = id_
        if len(page) < WAITING_PAGE:
            return


# ---- the parts of a turn
def _delete(connection: Connection, writes: Writes) -> None:
    if writes.outcomes:
        flat = [value for one in writes.outcomes for value in (one.cell, one.call, one.fence)]
        if _each(connection, sql.DELETE_OUTCOMES, flat) != len(set(writes.outcomes)):
            # Claimed or stopped between the take and now: the outcome has become stale.
            raise TurnLost
    if writes.later_taken:
        _each(connection, sql.DELETE_LATER, writes.later_taken)
    if writes.drops:
        _each(connection, sql.DELETE_CELLS, [id_ for id_, _ in writes.drops])
    if writes.decided:
        _each(connection, CLEAR_SUSPECTS, writes.decided)
    if writes.unparked:
        _each(connection, sql.DELETE_PARKED, [value for row in writes.unparked for value in row])


def _write_log(connection: Connection, taken: Taken, writes: Writes) -> None:
    log = writes.log
    if log is None:
        return
    # On one writer the turn's number is as good an id of the try as a random one.
    attempt = (taken.n + 1).to_bytes(8, "big")
    connection.execute(
        sql.INSERT_LOG,
        (
            taken.next_pos, log.n, writes.at, taken.activation, attempt, log.chain, log.release,
            log.functions, log.body,
        ),
    )  # fmt: skip
    connection.execute(sql.INSERT_FILTER, (taken.next_pos, log.time_min, log.time_max, log.bits))


def _write_cells(connection: Connection, names: Names, writes: Writes) -> list[tuple[int, str]]:
    """Cells and journal; answers the names that are new."""
    new = names.unknown([write.key for write in writes.cells])
    for _, text in new:
        _check_text(text)
    insert(connection, sql.INSERT_NAMES, [value for row in new for value in row])
    number = names.numbers(new)
    flat: list[Value] = []
    for write in writes.cells:
        key, state = write.key, write.state
        if write.begins and "\0" in key.name:
            _check_text(key.name)
        flat += (
            write.id,
            number[key.kind],
            key.day,
            number[key.scope],
            key.name,
            write.doc,
            write.version,
            write.format,
            state.status,
            state.wake_at,
            writes.at,
            write.body,
        )
    insert(connection, sql.INSERT_CELLS, flat)
    if writes.journal:
        rows: list[Value] = []
        for row in writes.journal:
            rows += (row.cell, row.version, row.pos, row.format, row.body)
        insert(connection, sql.INSERT_JOURNAL, rows)
    return new


def _write_effects(connection: Connection, writes: Writes) -> None:
    """New effects, then the stops, which may meet one of this very turn."""
    flat: list[Value] = []
    for one in writes.effects:
        _check_text(one.call)
        flat += (
            one.cell, one.call, one.kind, one.visible_at, one.fence, 0, one.owner, one.body,
        )  # fmt: skip
    insert(connection, sql.INSERT_EFFECTS, flat)
    stops = [value for cell, call, _ in writes.stops for value in (cell, call, writes.at)]
    insert(connection, sql.UPDATE_STOPS, stops)


def _write_inbox(connection: Connection, writes: Writes) -> None:
    """What waits for a person or for the next turn, and what nobody cared for."""
    insert(connection, sql.INSERT_STRAYS, writes.strays)
    release = writes.log.release if writes.log is not None else ""
    parked: list[Value] = []
    for row in writes.parked:
        parked += (row.pos, row.engine, row.error, writes.at, release)
    insert(connection, sql.INSERT_PARKED, parked)
    if writes.rejects:
        (last,) = connection.execute(sql.MAX_REJECT).fetchone()
        rejects: list[Value] = []
        for number, one in enumerate(writes.rejects, last + 1):
            rejects += (number, one.at, one.principal, one.code, one.message, one.body)
        insert(connection, sql.INSERT_REJECTS, rejects)


def _write_turn(connection: Connection, taken: Taken, writes: Writes) -> None:
    later: list[Value] = []
    for number, body in enumerate(writes.later, taken.next_later):
        later += (number, body)
    insert(connection, sql.INSERT_LATER, later)
    log = writes.log
    next_pos = taken.next_pos + (log.n if log is not None else 0)
    done = connection.execute(
        sql.UPDATE_TURN,
        (
            next_pos,
            writes.next_cell,
            taken.next_later + len(writes.later),
            writes.at,
            writes.activation,
            log.chain if log is not None else taken.chain,
            taken.n,
        ),
    )
    if done.rowcount != 1:
        raise TurnLost


# ---- helpers
def _each(connection: Connection, rows: sql.Rows, flat: Sequence[Value]) -> int:
    """Run a statement over all rows; answers how many rows of the table it changed."""
    return sum(
        connection.execute(statement, values).rowcount for statement, values in padded(rows, flat)
    )


def _check_text(text: str) -> None:
    """SQLite would keep a NUL, but cut the text there in its functions; PostgreSQL refuses it."""
    if "\0" in text:
        raise RowFault(f"{text[:80]!r} holds a NUL")
