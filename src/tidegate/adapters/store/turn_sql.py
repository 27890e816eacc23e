"""Turn SQL: the statements of a turn on SQLite, and how many rows go into one of them.

Each call into SQLite gives the interpreter's lock away, and beside a busy thread it takes a switch
interval to come back: 500 rows as 500 calls (`executemany`) took 344 ms where one statement took
12. So rows go as one list of VALUES. The texts come in few sizes, so that nearly all of them are
found prepared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from sqlite3 import Connection
from typing import TypeAlias

from msgspec import Struct

from tidegate.ports.store import STOP

Value: TypeAlias = int | str | bytes | None


class Rows(Struct, frozen=True):
    """A statement over many rows: `before`, so many times a row's placeholders, `after`."""

    before: str
    width: int  # columns of a row
    after: str = ""
    rows_max: int = 250


def insert(connection: Connection, rows: Rows, flat: Sequence[Value]) -> None:
    """Every row exactly once: the largest size that fits, then half of it, and so on."""
    count, width, size = len(flat) // rows.width, rows.width, rows.rows_max
    done = 0
    while done < count:
        while size > count - done:
            size >>= 1
        part = flat if size == count else flat[done * width : (done + size) * width]
        connection.execute(_text(rows, size), part)
        done += size


def padded(rows: Rows, flat: Sequence[Value]) -> Iterator[tuple[str, Sequence[Value]]]:
    """Statements over all rows, the last row as often as the size asks: where repeating is harmless."""
    count, width = len(flat) // rows.width, rows.width
    for start in range(0, count, rows.rows_max):
        part = flat[start * width : (start + rows.rows_max) * width]
        held = len(part) // width
        size = min(1 << (held - 1).bit_length(), rows.rows_max)
        values = list(part)
        values.extend(values[-width:] * (size - held))
        yield _text(rows, size), values


@cache
def _text(rows: Rows, size: int) -> str:
    one = f"({','.join('?' * rows.width)})"
    return rows.before + ",".join([one] * size) + rows.after


# ---- taking
SELECT_TURN = "SELECT n, next_pos, next_cell, next_later, at, activation, chain FROM turn"
SELECT_KEYS = Rows("SELECT hash, pos, digest FROM event_key WHERE hash IN (", 1, ")", 500)
SELECT_HELD = Rows(
    "WITH claim(cell, call, fence) AS (VALUES ",
    3,
    ") SELECT effect.cell, effect.call, effect.fence FROM claim CROSS JOIN effect"
    " ON effect.cell = claim.cell AND effect.call = claim.call AND effect.fence = claim.fence",
)
SELECT_LATER = "SELECT id, body FROM later ORDER BY id LIMIT ?"
_CELL = "cell.id, cell.kind, cell.day, cell.scope, cell.name, doc, version, format, state"
SELECT_DUE = f"SELECT {_CELL} FROM cell WHERE wake_at <= ? ORDER BY wake_at, id LIMIT ?"
# CROSS JOIN keeps the order: one probe of cell_key for each wanted key, never a scan of `cell`.
SELECT_CELLS = Rows(
    "WITH wanted(kind, day, scope, name) AS (VALUES ",
    4,
    f") SELECT {_CELL} FROM wanted CROSS JOIN cell ON cell.kind = wanted.kind"
    " AND cell.day = wanted.day AND cell.scope = wanted.scope AND cell.name = wanted.name",
)
SELECT_CALLS = Rows(
    f"SELECT cell, call FROM effect WHERE kind <> {STOP} AND cell IN (", 1, ")", 500
)
_LOG = "first, n, at, activation, chain, release, functions, body"
SELECT_LOG_AT = f"SELECT {_LOG} FROM log WHERE first <= ? ORDER BY first DESC LIMIT 1"
SELECT_BODIES = (
    "SELECT first, body FROM log WHERE first >="
    " coalesce((SELECT max(first) FROM log WHERE first <= ?), 0) ORDER BY first"
)
SELECT_NAMES = "SELECT id, text FROM name"
SELECT_BUCKETS = "SELECT bucket, pos FROM key_bucket"
SELECT_META_EXISTS = "SELECT 1 FROM sqlite_master WHERE name = 'meta'"
SELECT_META = "SELECT key, value FROM meta"

# ---- committing: what goes
DELETE_OUTCOMES = Rows(
    # Said like this it probes the primary key; `(cell, call, fence) IN (VALUES ...)` scans.
    "DELETE FROM effect WHERE (cell, call) IN (WITH claim(cell, call, fence) AS (VALUES ",
    3,
    ") SELECT effect.cell, effect.call FROM claim CROSS JOIN effect"
    " ON effect.cell = claim.cell AND effect.call = claim.call AND effect.fence = claim.fence)",
)
DELETE_LATER = Rows("DELETE FROM later WHERE id IN (", 1, ")", 500)
DELETE_CELLS = Rows("DELETE FROM cell WHERE id IN (", 1, ")", 500)
DELETE_PARKED = Rows(
    "DELETE FROM parked WHERE rowid IN (WITH freed(pos, engine) AS (VALUES ",
    2,
    ") SELECT parked.rowid FROM freed CROSS JOIN parked"
    " ON parked.pos = freed.pos AND parked.engine = freed.engine)",
)

# ---- committing: what comes
INSERT_LOG = (
    "INSERT INTO log (first, n, at, activation, turn, chain, release, functions, body)"
    " VALUES (?,?,?,?,?,?,?,?,?)"
)
INSERT_FILTER = "INSERT INTO log_filter (first, time_min, time_max, bits) VALUES (?,?,?,?)"
INSERT_NAMES = Rows("INSERT INTO name (id, text) VALUES ", 2)
INSERT_KEYS = Rows(
    # A key that is there already stays: the first place wins.
    "INSERT INTO event_key (hash, pos, digest) VALUES ",
    3,
    " ON CONFLICT (hash) DO NOTHING",
    500,
)
INSERT_BUCKETS = Rows(
    "INSERT INTO key_bucket (bucket, pos) VALUES ",
    2,
    " ON CONFLICT (bucket) DO UPDATE SET pos = excluded.pos",
)
INSERT_CELLS = Rows(
    "INSERT INTO cell (id, kind, day, scope, name, doc, version, format, status, wake_at,"
    " changed_at, state) VALUES ",
    12,
    " ON CONFLICT (id) DO UPDATE SET doc = excluded.doc, version = excluded.version,"
    " format = excluded.format, status = excluded.status, wake_at = excluded.wake_at,"
    " changed_at = excluded.changed_at, state = excluded.state",
)
INSERT_JOURNAL = Rows("INSERT INTO journal (cell, version, pos, format, body) VALUES ", 5)
INSERT_EFFECTS = Rows(
    "INSERT INTO effect (cell, call, kind, visible_at, fence, tries, owner, body) VALUES ", 8
)
UPDATE_STOPS = Rows(
    "WITH stop(cell, call, visible_at) AS (VALUES ",
    3,
    f") UPDATE effect SET kind = {STOP}, visible_at = stop.visible_at, fence = fence + 1,"
    " tries = 0, owner = NULL FROM stop"
    f" WHERE effect.cell = stop.cell AND effect.call = stop.call AND effect.kind <> {STOP}",
)
INSERT_LATER = Rows("INSERT INTO later (id, body) VALUES ", 2)
INSERT_STRAYS = Rows("INSERT INTO stray (pos) VALUES ", 1, "", 500)
INSERT_PARKED = Rows("INSERT INTO parked (pos, engine, error, at, release) VALUES ", 5)
MAX_REJECT = "SELECT coalesce(max(id), 0) FROM reject"
INSERT_REJECTS = Rows("INSERT INTO reject (id, at, principal, code, message, body) VALUES ", 6)
UPDATE_UNWOKEN = Rows(
    "UPDATE cell SET wake_at = NULL WHERE id IN (WITH wanted(kind, day, scope, name) AS (VALUES ",
    4,
    ") SELECT cell.id FROM wanted CROSS JOIN cell ON cell.kind = wanted.kind"
    " AND cell.day = wanted.day AND cell.scope = wanted.scope AND cell.name = wanted.name)",
)
SELECT_WAITING = (
    f"SELECT {_CELL}, wake_at FROM cell WHERE wake_at IS NOT NULL AND id > ? ORDER BY id LIMIT ?"
)
UPDATE_WAITING = "UPDATE cell SET wake_at = ?, format = ?, state = ? WHERE id = ?"
UPDATE_TURN = (
    "UPDATE turn SET n = n + 1, next_pos = ?, next_cell = ?, next_later = ?, at = ?,"
    " activation = ?, chain = ? WHERE n = ?"
)
