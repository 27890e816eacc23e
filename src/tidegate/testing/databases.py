"""Databases for the suites: each real store with its reader, and the one in memory."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
from psycopg import sql

from tidegate.adapters.store import schema
from tidegate.adapters.store.postgres import PostgresStore
from tidegate.adapters.store.read_sql import SqlReader
from tidegate.adapters.store.reading import postgres_engine, sqlite_engine
from tidegate.adapters.store.sqlite import SqliteStore
from tidegate.kernel.codec import Codec
from tidegate.ports.reader import Reader
from tidegate.ports.store import Store
from tidegate.testing.contracts.kit import keys_of
from tidegate.testing.memory import MemoryStore
from tidegate.testing.memory_reader import MemoryReader
from tidegate.testing.memory_tables import Tables


class MemoryDatabase:
    alone = True

    def __init__(self) -> None:
        self.tables = Tables()

    def open(self, codec: Codec, /) -> Store:
        return MemoryStore(codec, self.tables)

    def reader(self, codec: Codec, /) -> Reader:
        return MemoryReader(codec, self.tables)

    def disturb(self) -> None:
        MemoryStore(Codec(()), self.tables).clear_suspects([])


class SqliteDatabase:
    alone = True

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, codec: Codec, /) -> Store:
        return SqliteStore.open(self.path, codec, keys_of=keys_of)

    def reader(self, codec: Codec, /) -> Reader:
        return SqlReader(sqlite_engine(self.path), codec)

    def disturb(self) -> None:
        """Somebody writes who does not ask for the lock, such as a shell."""
        with closing(sqlite3.connect(self.path)) as shell, shell:
            # Another value each time: what changes nothing is no write to SQLite.
            shell.execute("INSERT OR REPLACE INTO meta VALUES ('disturbed', randomblob(8))")


class PostgresDatabase:
    """One that `migrate.upgrade` has prepared."""

    alone = False

    def __init__(self, url: str) -> None:
        self.url = url

    def open(self, codec: Codec, /) -> Store:
        return PostgresStore.open(self.url, codec, replica="contract")

    def reader(self, codec: Codec, /) -> Reader:
        return SqlReader(postgres_engine(self.url), codec)

    def clear(self) -> None:
        """As empty as it was made, in a tenth of the time a new one takes."""
        with psycopg.connect(self.url) as connection:
            for table in schema.tables("postgresql"):
                if table.name not in ("turn", "meta"):
                    connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
            connection.execute(
                "UPDATE turn SET n = 0, next_pos = 1, next_cell = 1, next_later = 1, at = 0,"
                " activation = 0, chain = ''"
            )

    def disturb(self) -> None:
        """Every other connection is ended by the server."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
