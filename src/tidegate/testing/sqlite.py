"""A SQLite database for tests: one file, opened and reopened, and disturbed by a shell.

Log rows of the suites hold any bytes, so what `Writes.keys` said is recorded beside the file and
read back where a program would decode the rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tidegate.adapters.store.read_sql import SqlReader
from tidegate.adapters.store.reading import sqlite_engine
from tidegate.adapters.store.sqlite import SqliteStore
from tidegate.kernel.codec import Codec
from tidegate.kernel.ids import Pos
from tidegate.ports.reader import Reader
from tidegate.ports.store import LogRow, Taken, Writes

Recorded = dict[Pos, Sequence[tuple[int, Pos, int]]]
"""The keys of each log row, by its first place."""


class RecordingStore(SqliteStore):
    """Notes the keys of every committed turn; `keys_of` gives them back."""

    recorded: Recorded

    @classmethod
    def open_recorded(cls, path: Path, codec: Codec, recorded: Recorded) -> Self:
        def keys_of(row: LogRow) -> Sequence[tuple[int, Pos, int]]:
            return recorded.get(row.first, ())

        store = cls.open(path, codec, keys_of=keys_of)
        store.recorded = recorded
        return store

    def commit(self, taken: Taken, writes: Writes) -> None:
        super().commit(taken, writes)
        self.recorded[taken.next_pos] = writes.keys


class SqliteDatabase:
    """One database file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recorded: Recorded = {}

    def open(self, codec: Codec, /) -> SqliteStore:
        return RecordingStore.open_recorded(self.path, codec, self.recorded)

    def reader(self, codec: Codec, /) -> Reader:
        return SqlReader(sqlite_engine(self.path), codec)

    def disturb(self) -> None:
        """Write without asking for the lock, as a shell would."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("UPDATE meta SET value = value WHERE key = 'epoch'")
        connection.close()
