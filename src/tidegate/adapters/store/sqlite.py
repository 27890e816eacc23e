"""SqliteStore: the turn on SQLite, the embedded default.

    open: lock, schema, names and newest keys into memory
    take -----> load ... -----> commit: BEGIN IMMEDIATE, nobody else wrote, write all, COMMIT
    reads       reads                   only now memory changes

One process writes: `flock` on `<database>.lock` proves it, and `PRAGMA data_version` notices the
one that does not ask (a shell). Then, and after any doubt, what is in memory is forgotten and read
again. Everything happens on one connection, of the thread that opened it. Beside busy threads that
thread needs `sys.setswitchinterval(0.0005)`, which is the program's to set.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tidegate.adapters import system
from tidegate.adapters.store import turn_sql as sql
from tidegate.adapters.store.cells import CACHE_BYTES, CellCache, weight
from tidegate.adapters.store.keys import KeyIndex, KeysOf
from tidegate.adapters.store.lock import LastTurn, WriterLock, lock_path
from tidegate.adapters.store.meta import (
    SCHEMA,
    SCHEMA_NEWEST,
    RandomBytes,
    Version,
    identity,
    parse_version,
)
from tidegate.adapters.store.names import Names
from tidegate.adapters.store.sqlite_beside import SqliteBeside
from tidegate.adapters.store.sqlite_commit import shift_waiting, write_turn
from tidegate.adapters.store.sqlite_connection import connect, translate
from tidegate.adapters.store.turn_sql import Value, padded
from tidegate.kernel.clock import Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import ConflictError, Defect
from tidegate.kernel.ids import CellId, DocId, Pos
from tidegate.kernel.step import Cell, Key
from tidegate.ports.store import Claim, LogRow, Stored, Taken, TurnLost, Wanted, Writes

EMPTY_LOG_MS_MAX = 500
"""How long one that ends waits for readers, to empty the write-ahead log."""


class SqliteStore(SqliteBeside):
    """The store port over one file; open it with `open`, on the thread that uses it."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        lock: WriterLock,
        codec: Codec,
        keys_of: KeysOf,
        cache_bytes: int,
    ) -> None:
        super().__init__(connection, path)
        self._lock = lock
        self._codec = codec
        self._known = frozenset(kind.name for kind in codec.kinds)
        self._cells = CellCache(cache_bytes)
        self._names = Names()
        self._data_version = -1
        self._in_doubt = True  # memory may differ from the database
        self._taken: Taken | None = None
        self._outcomes: frozenset[tuple[CellId, str]] = frozenset()
        with self._guarded():
            self._identity = identity(dict(connection.execute(sql.SELECT_META)))
            self._keys = KeyIndex(connection, keys_of, self._identity.hash_seed)
            self._recall()

    @classmethod
    def open(
        cls,
        path: Path,
        codec: Codec,
        *,
        keys_of: KeysOf,
        random_bytes: RandomBytes = system.random_bytes,
        cache_bytes: int = CACHE_BYTES,
    ) -> Self:
        """Lock the database, bring it to this release's schema, and remember what is needed.

        `keys_of` reads the accepted events out of a log row; `random_bytes` names a new database.
        Raises ConflictError `database.busy` and `database.schema`, TransientError
        `store.unavailable`.
        """
        lock = WriterLock.acquire(path)
        try:
            connection = _prepared(path, random_bytes, lock.last)
            try:
                return cls(connection, path, lock, codec, keys_of, cache_bytes)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            lock.release()
            raise

    def close(self, *, clean: bool = True) -> None:
        """Give the database back; of one that ends well the file alone is the whole database."""
        self._taken = None
        if clean:
            # Readers of this process may close after it, and they cannot empty the log. Where
            # somebody reads it this very moment it stays, and is as good as before.
            with suppress(sqlite3.Error):
                self._connection.execute(f"PRAGMA busy_timeout = {EMPTY_LOG_MS_MAX}")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
        self._lock.release(clean=clean)

    @property
    def unclean(self) -> bool:
        """The process that wrote before this one did not close its store."""
        return self._lock.left is not None

    def describe(self, url: str, token: str, shift_us: int = 0) -> None:
        """Tell other processes where this one listens, and by which clock: see `lock.read_lock`."""
        self._lock.describe(url, token, shift_us)

    @property
    def epoch(self) -> str:
        return self._identity.epoch

    @property
    def hash_seed(self) -> int:
        return self._identity.hash_seed

    # ---- the turn
    def take(self, wanted: Wanted) -> Taken:
        assert self._taken is None, "a turn is taken already"
        with self._guarded():
            self._files.check()
            if self._in_doubt or self._foreign_writes():
                self._recall()
            execute = self._connection.execute
            n, next_pos, next_cell, next_later, at, activation, chain = execute(
                sql.SELECT_TURN
            ).fetchone()
            held = self._held(wanted.outcomes)
            due, cells = self._due(max(wanted.now, at), wanted.due_max)
            cells.update(self._find(wanted.cells))
            later = execute(sql.SELECT_LATER, (wanted.later_max,)) if wanted.later_max else ()
            taken = Taken(
                n=n,
                next_pos=next_pos,
                next_cell=next_cell,
                next_later=next_later,
                at=at,
                now=wanted.now,
                activation=activation,
                chain=chain,
                hits=self._keys.hits(wanted.keys),
                stale=[claim for claim in wanted.outcomes if claim not in held],
                later=[(number, body) for number, body in later],
                due=due,
                cells=cells,
            )
        self._outcomes = frozenset((claim.cell, claim.call) for claim in held)
        self._taken = taken
        return taken

    def load(self, keys: Sequence[Key]) -> Mapping[Key, Stored]:
        assert self._taken is not None, "no turn is taken"
        with self._guarded():
            return self._find(keys)

    def open_calls(self, cells: Sequence[CellId]) -> Sequence[tuple[CellId, str]]:
        assert self._taken is not None, "no turn is taken"
        calls: set[tuple[CellId, str]] = set()
        with self._guarded():
            for statement, values in padded(sql.SELECT_CALLS, cells):
                calls.update(self._connection.execute(statement, values))
        return sorted(calls - self._outcomes)

    def commit(self, taken: Taken, writes: Writes) -> None:
        assert self._taken is taken, "this turn is not taken"
        self._taken = None
        connection = self._connection
        with self._guarded():
            connection.execute("BEGIN IMMEDIATE")
            if self._in_doubt or self._foreign_writes():
                raise TurnLost
            staged = write_turn(connection, self._names, self._keys, taken, writes)
            if writes.shift_wakes_us:
                shift_waiting(connection, self._codec, writes.shift_wakes_us)
            self._in_doubt = True  # until memory has followed, whatever happens in between
            connection.execute("COMMIT")
            self._files.check()  # what was written to a deleted file is not answered
            self._lock.committed(LastTurn(self._identity.epoch, taken.n + 1))
            self._names.adopt(staged.names)
            self._keys.adopt(staged.keys)
            self._keep(writes)
            self._in_doubt = False

    def abandon(self) -> None:
        self._taken = None

    def row_at(self, pos: Pos) -> LogRow | None:
        with self._guarded():
            found = self._connection.execute(sql.SELECT_LOG_AT, (pos,)).fetchone()
        row = None if found is None else LogRow(*found)
        return row if row is not None and pos < row.first + row.n else None

    # ---- reading
    def _held(self, claims: Sequence[Claim]) -> set[Claim]:
        """Those whose effect is there under their fence."""
        flat: list[Value] = [value for one in claims for value in (one.cell, one.call, one.fence)]
        held: set[Claim] = set()
        for statement, values in padded(sql.SELECT_HELD, flat):
            held.update(Claim(*row) for row in self._connection.execute(statement, values))
        return held

    def _due(self, now: Instant, limit: int) -> tuple[list[Key], dict[Key, Stored]]:
        due: list[Key] = []
        cells: dict[Key, Stored] = {}
        rows = self._connection.execute(sql.SELECT_DUE, (now, limit)) if limit else ()
        for row in rows:
            _, kind, day, scope, name, *_ = row
            key = self._names.key(kind, day, scope, name)
            due.append(key)
            if key.kind in self._known:
                with suppress(Defect):  # whoever is woken by it loads it again, and is charged
                    cells[key] = self._cells.get(key) or self._remember(key, row)
        return due, cells

    def _find(self, keys: Iterable[Key]) -> dict[Key, Stored]:
        found: dict[Key, Stored] = {}
        missing: list[Value] = []
        for key in keys:
            stored = self._cells.get(key)
            if stored is not None:
                found[key] = stored
            elif key.kind in self._known:
                missing += self._names.columns(key) or ()
        for statement, values in padded(sql.SELECT_CELLS, missing):
            for row in self._connection.execute(statement, values):
                _, kind, day, scope, name, *_ = row
                key = self._names.key(kind, day, scope, name)
                if key not in found:
                    found[key] = self._remember(key, row)
        return found

    def _remember(self, key: Key, row: tuple[Any, ...]) -> Stored:
        id_, _, _, _, _, doc, version, format_, body, *_ = row
        state = self._codec.decode(key, format_, body)
        stored = Stored(CellId(id_), Cell(state, DocId(doc), version))
        self._cells.put(key, stored, weight(format_, body))
        return stored

    # ---- memory
    def _keep(self, writes: Writes) -> None:
        """The cells of a committed turn."""
        if writes.shift_wakes_us:
            self._cells.clear()
            return
        for _, key in writes.drops:
            self._cells.drop(key)
        for write in writes.cells:
            stored = Stored(write.id, Cell(write.state, write.doc, write.version))
            self._cells.put(write.key, stored, weight(write.format, write.body))

    def _foreign_writes(self) -> bool:
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        changed: bool = version != self._data_version
        return changed

    def _recall(self) -> None:
        """Read anew what memory holds. The version comes first: a write meanwhile is noticed later."""
        self._in_doubt = True
        (self._data_version,) = self._connection.execute("PRAGMA data_version").fetchone()
        self._cells.clear()
        self._names = Names(self._connection.execute(sql.SELECT_NAMES))
        self._keys.rebuild()
        self._in_doubt = False

    def _doubt(self, *, row_fault: bool) -> None:
        """After a refused row the database is as it was, and so are names and keys."""
        self._taken = None
        self._cells.clear()
        if not row_fault:
            self._in_doubt = True


# ---- opening
def _prepared(path: Path, random_bytes: RandomBytes, last: LastTurn | None) -> sqlite3.Connection:
    """A connection to a database of this release's schema, with all that was committed to it."""
    try:
        is_new = not path.exists() or not path.stat().st_size
        connection = connect(path)
    except sqlite3.Error as error:
        raise translate(error, path) from error
    try:
        if last is not None and not is_new:
            _check_whole(connection, path, last)
        if not _is_current(connection):
            # Imported here: it takes longer than all else a command does with an up-to-date file.
            from sqlalchemy import URL

            from tidegate.adapters.store.migrate import upgrade

            upgrade(URL.create("sqlite", database=str(path)), random_bytes)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise translate(error, path) from error
        raise
    return connection


def _check_whole(connection: sqlite3.Connection, path: Path, last: LastTurn) -> None:
    """Raises ConflictError (`store.older`). The file of another database says nothing of this one."""
    n = 0
    if connection.execute(sql.SELECT_META_EXISTS).fetchone() is not None:
        if identity(dict(connection.execute(sql.SELECT_META))).epoch != last.epoch:
            return
        (n, *_) = connection.execute(sql.SELECT_TURN).fetchone()
    if n < last.n:
        raise ConflictError(
            "store.older",
            f"{path} ends with turn {n:,}, and turn {last.n:,} was written to it: {path.name}-wal was "
            "deleted, or an older copy was put in its place",
            fix=f"put {path.name}-wal back; where the older state is meant, delete {lock_path(path)} "
            "and start again",
        )


def _is_current(connection: sqlite3.Connection) -> bool:
    if connection.execute(sql.SELECT_META_EXISTS).fetchone() is None:
        return False
    rows: dict[str, bytes] = dict(connection.execute(sql.SELECT_META))
    return SCHEMA in rows and parse_version(rows[SCHEMA]) == Version(SCHEMA_NEWEST)
