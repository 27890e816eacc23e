"""What one turn writes, as the statements of one round trip; in the order the port asks for.

Pure: rows become columns here, and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tidegate.adapters.store import postgres_sql as sql
from tidegate.adapters.store.names import Names
from tidegate.adapters.store.postgres_ask import Ask, Blobs, Numbers, Texts
from tidegate.kernel.ids import Pos
from tidegate.kernel.step import Key
from tidegate.ports.store import STOP, CellWrite, Hit, LogWrite, Taken, Writes


def key_columns(
    names: Names, keys: Sequence[Key]
) -> tuple[tuple[Numbers, Numbers, Numbers, Texts], list[Key]]:
    """Four columns of keys, and which keys they are: those that some cell can have."""
    kinds, days, scopes, texts = Numbers(), Numbers(), Numbers(), Texts()
    asked: list[Key] = []
    for key in keys:
        columns = names.columns(key)
        if columns is not None:
            kind, day, scope, text = columns
            kinds.append(kind)
            days.append(day)
            scopes.append(scope)
            texts.append(text)
            asked.append(key)
    return (kinds, days, scopes, texts), asked


def writing(
    taken: Taken,
    writes: Writes,
    *,
    names: Names,
    entered: Mapping[int, Hit],
    attempt: bytes,
) -> Iterator[Ask]:
    """Every write of a turn but its COMMIT.

    `names` knows all kinds and scopes; `entered` are the event keys that taking the turn put into
    the index; `attempt` is the random id under which a lost answer to COMMIT is looked up.
    """
    yield from _removing(writes)
    yield from _keys(writes, entered)
    yield from _log(taken, writes, attempt)
    if writes.cells:
        yield _cells(writes, names)
    yield from _of_cells(writes)
    yield from _inbox(writes)
    if writes.unwoken:
        columns, asked = key_columns(names, writes.unwoken)
        if asked:
            yield Ask(sql.UNWOKEN, *columns)
    yield _turn(taken, writes)


def _removing(writes: Writes) -> Iterator[Ask]:
    if writes.drops:
        yield Ask(sql.DROPS, Numbers(id_ for id_, _ in writes.drops))
    if writes.later_taken:
        yield Ask(sql.LATER_TAKEN, Numbers(writes.later_taken))
    if writes.decided:
        yield Ask(sql.SUSPECTS_CLEARED, Blobs(writes.decided))
    if writes.unparked:
        yield Ask(
            sql.UNPARKED,
            Numbers(pos for pos, _ in writes.unparked),
            Texts(engine for _, engine in writes.unparked),
        )


def _keys(writes: Writes, entered: Mapping[int, Hit]) -> Iterator[Ask]:
    """Taking the turn entered every new key; only where fewer were accepted is there work left."""
    accepted = {hash_: Hit(pos, digest) for hash_, pos, digest in writes.keys}
    if accepted == entered:
        return
    back = [hash_ for hash_ in entered if hash_ not in accepted]
    if back:
        yield Ask(sql.KEYS_BACK, Numbers(back))
    other = {hash_: hit for hash_, hit in accepted.items() if entered.get(hash_) != hit}
    if other:
        yield Ask(
            sql.KEYS_SET,
            Numbers(other),
            Numbers(hit.pos for hit in other.values()),
            Numbers(hit.digest for hit in other.values()),
        )


def _log(taken: Taken, writes: Writes, attempt: bytes) -> Iterator[Ask]:
    log = writes.log
    if log is not None:
        yield Ask(
            sql.LOG, taken.next_pos, log.n, writes.at, taken.activation, attempt, log.chain,
            log.release, log.functions, log.body,
        )  # fmt: skip
        yield Ask(sql.LOG_FILTER, taken.next_pos, log.time_min, log.time_max, log.bits)
    if writes.later:
        ids = range(taken.next_later, taken.next_later + len(writes.later))
        yield Ask(sql.LATER_NEW, Numbers(ids), Blobs(writes.later))


def _cells(writes: Writes, names: Names) -> Ask:
    """Begun and changed cells alike."""
    cells: Sequence[CellWrite] = writes.cells
    columns, asked = key_columns(names, [cell.key for cell in cells])
    assert len(asked) == len(cells), "every name is known before its cells are written"
    return Ask(
        sql.CELLS_PUT,
        writes.at,
        Numbers(cell.id for cell in cells),
        *columns,
        Numbers(cell.doc for cell in cells),
        Numbers(cell.version for cell in cells),
        Numbers(cell.format for cell in cells),
        Numbers(cell.state.status for cell in cells),
        Numbers(cell.state.wake_at for cell in cells),
        Blobs(cell.body for cell in cells),
    )


def _of_cells(writes: Writes) -> Iterator[Ask]:
    """What hangs on cells: journal, effects, stops."""
    if writes.journal:
        yield Ask(
            sql.JOURNAL,
            Numbers(row.cell for row in writes.journal),
            Numbers(row.version for row in writes.journal),
            Numbers(row.pos for row in writes.journal),
            Numbers(row.format for row in writes.journal),
            Blobs(row.body for row in writes.journal),
        )
    if writes.effects:
        yield Ask(
            sql.EFFECTS,
            Numbers(row.cell for row in writes.effects),
            Texts(row.call for row in writes.effects),
            Numbers(row.kind for row in writes.effects),
            Numbers(row.visible_at for row in writes.effects),
            Numbers(row.fence for row in writes.effects),
            Texts(row.owner for row in writes.effects),
            Blobs(row.body for row in writes.effects),
        )
    if writes.stops:
        # After the effects: a stop may meet one of this very turn.
        yield Ask(
            sql.STOPS,
            STOP,
            writes.at,
            Numbers(cell for cell, _, _ in writes.stops),
            Texts(call for _, call, _ in writes.stops),
        )


def _inbox(writes: Writes) -> Iterator[Ask]:
    """What waits for a person, and what nobody cared for."""
    if writes.strays:
        yield Ask(sql.STRAYS, Numbers(writes.strays))
    if writes.parked:
        yield Ask(
            sql.PARKED,
            writes.at,
            writes.log.release if writes.log is not None else "",
            Numbers(row.pos for row in writes.parked),
            Texts(row.engine for row in writes.parked),
            Texts(row.error for row in writes.parked),
        )
    if writes.rejects:
        yield Ask(
            sql.REJECTS,
            Numbers(row.at for row in writes.rejects),
            Texts(row.principal for row in writes.rejects),
            Texts(row.code for row in writes.rejects),
            Texts(row.message for row in writes.rejects),
            Blobs(row.body for row in writes.rejects),
        )


def _turn(taken: Taken, writes: Writes) -> Ask:
    log: LogWrite | None = writes.log
    return Ask(
        sql.TURN_DONE,
        taken.n + 1,
        Pos(taken.next_pos + (log.n if log is not None else 0)),
        writes.next_cell,
        taken.next_later + len(writes.later),
        writes.at,
        writes.activation,
        log.chain if log is not None else taken.chain,
    )
