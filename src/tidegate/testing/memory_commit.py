"""What a commit means, said plainly: the checks of a database's keys, then every write in order."""

from __future__ import annotations

from msgspec import structs

from tidegate.kernel.clock import Instant
from tidegate.kernel.codec import Codec, unpack
from tidegate.kernel.ids import CellId, Pos
from tidegate.kernel.step import Key
from tidegate.ports.reader import EffectRow, JournalRow, ParkedRow, RejectRow
from tidegate.ports.store import STOP, Hit, LogRow, RowFault, Taken, Writes
from tidegate.testing.memory_tables import Tables, row_of


def check(tables: Tables, writes: Writes) -> None:
    """Refuses what a primary or a unique key would, before anything is written. Raises RowFault."""
    dropped = {id_ for id_, _ in writes.drops}
    ended = {(one.cell, one.call) for one in writes.outcomes if tables.held_by(one)}
    parked = tables.parked.keys() - set(writes.unparked)
    ids: dict[Key, CellId] = {}
    for cell in writes.cells:
        known = tables.cells.get(cell.key)
        stays = known is not None and known.id not in dropped
        if ids.setdefault(cell.key, known.id if known and stays else cell.id) != cell.id:
            raise RowFault(f"{cell.key} is stored under another id")
    for effect in writes.effects:
        if (effect.cell, effect.call) in tables.effects.keys() - ended:
            raise RowFault(f"call {effect.call!r} of cell {effect.cell} is open")
    for entry in writes.journal:
        if (entry.cell, entry.version) in tables.journal:
            raise RowFault(f"version {entry.version} of cell {entry.cell} has a journal row")
    for parking in writes.parked:
        if (parking.pos, parking.engine) in parked:
            raise RowFault(f"place {parking.pos} is parked by {parking.engine}")


def apply(tables: Tables, codec: Codec, taken: Taken, writes: Writes) -> None:
    """Every write of one turn; total, after `check`."""
    _remove(tables, writes)
    _write_log(tables, taken, writes)
    _write_cells(tables, codec, writes)
    _write_effects(tables, writes)
    _write_inbox(tables, writes)
    tables.turn = structs.replace(
        tables.turn,
        n=taken.n + 1,
        next_cell=writes.next_cell,
        next_later=taken.next_later + len(writes.later),
        at=writes.at,
        activation=writes.activation,
    )


def _remove(tables: Tables, writes: Writes) -> None:
    for claim in writes.outcomes:
        if tables.held_by(claim) is not None:
            del tables.effects[claim.cell, claim.call]
    for _, key in writes.drops:
        tables.drop_cell(key)
    for number in writes.later_taken:
        tables.later.pop(number, None)
    for root in writes.decided:
        tables.suspects.pop(root, None)
    for parked in writes.unparked:
        tables.parked.pop(parked, None)


def _write_log(tables: Tables, taken: Taken, writes: Writes) -> None:
    tables.keys.update({hash_: Hit(pos, digest) for hash_, pos, digest in writes.keys})
    tables.later.update(enumerate(writes.later, taken.next_later))
    log = writes.log
    if log is None:
        return
    first = taken.next_pos
    tables.log[first] = LogRow(
        first, log.n, writes.at, taken.activation, log.chain, log.release, log.functions, log.body
    )
    tables.filters[first] = log.bits
    tables.turn = structs.replace(tables.turn, next_pos=Pos(first + log.n), chain=log.chain)


def _write_cells(tables: Tables, codec: Codec, writes: Writes) -> None:
    for cell in writes.cells:
        tables.put_cell(row_of(cell, writes.at))
    for row in writes.journal:
        body = unpack(row.format, row.body)
        tables.journal[row.cell, row.version] = JournalRow(row.version, row.pos, body)
    for key in writes.unwoken:
        if key in tables.cells:
            tables.put_cell(structs.replace(tables.cells[key], wake_at=None))
    if writes.shift_wakes_us:
        for key in list(tables.wakes):
            tables.put_cell(tables.cells[key].shifted(codec, writes.shift_wakes_us))


def _write_effects(tables: Tables, writes: Writes) -> None:
    for new in writes.effects:
        tables.effects[new.cell, new.call] = EffectRow(
            new.cell, new.call, new.kind, new.visible_at, new.fence, 0, new.owner, None, new.body
        )
    for cell, call, _ in writes.stops:
        row = tables.effects.get((cell, call))
        if row is not None and row.kind != STOP:
            tables.effects[cell, call] = _stop(row, writes.at)


def _stop(row: EffectRow, at: Instant) -> EffectRow:
    return structs.replace(row, kind=STOP, visible_at=at, fence=row.fence + 1, tries=0, owner=None)


def _write_inbox(tables: Tables, writes: Writes) -> None:
    tables.strays.update(writes.strays)
    release = writes.log.release if writes.log is not None else ""
    for parking in writes.parked:
        place = parking.pos, parking.engine
        tables.parked[place] = ParkedRow(parking, writes.at, release)
    for number, reject in enumerate(writes.rejects, len(tables.rejects) + 1):
        tables.rejects[number] = RejectRow(number, reject, None)
