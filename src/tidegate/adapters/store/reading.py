"""Reading: connections beside the writer, and one snapshot for each question.

    with reading.snapshot() as connection: ...      all statements see one moment

SQLite: read-only connections in a small pool; a snapshot is a transaction of the WAL, and neither
waits for the writer nor keeps it waiting. PostgreSQL: REPEATABLE READ READ ONLY.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from tidegate.kernel.errors import TransientError

CONNECTIONS_MAX = 16
"""Questions answered at once; the next one waits."""
WAIT_MAX_S = 10.0
"""For a connection of the pool, and for a lock of SQLite."""
STATEMENT_MAX_S = 30
CONNECT_MAX_S = 5
_UNDEFINED_TABLE = "42P01"  # PostgreSQL's name for it
_KEPT = 4  # connections that stay open


def sqlite_engine(path: Path) -> Engine:
    """Connections that read an existing database file; they never create or change it."""
    uri = f"{path.absolute().as_uri()}?mode=ro"

    def connect() -> sqlite3.Connection:
        # The pool hands a connection to one thread at a time. SQLAlchemy begins and ends.
        return sqlite3.connect(
            uri, uri=True, timeout=WAIT_MAX_S, isolation_level=None, check_same_thread=False
        )

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=_KEPT,
        max_overflow=CONNECTIONS_MAX - _KEPT,
        pool_timeout=WAIT_MAX_S,
    )
    event.listen(engine, "begin", _begin)
    return engine


def postgres_engine(url: str) -> Engine:
    """Connections for reading; one that broke while it rested is replaced."""
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=_KEPT,
        max_overflow=CONNECTIONS_MAX - _KEPT,
        pool_timeout=WAIT_MAX_S,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_MAX_S,
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "options": f"-c statement_timeout={STATEMENT_MAX_S}s -c jit=off",
        },
    )


class Reading:
    """An engine whose every transaction is a snapshot; owns the engine."""

    def __init__(self, engine: Engine) -> None:
        self._pool = engine
        self._engine = engine
        if engine.dialect.name == "postgresql":
            self._engine = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @contextmanager
    def snapshot(self) -> Generator[Connection]:
        """One moment of the database. Raises TransientError `store.unavailable`."""
        try:
            with self._engine.connect() as connection, connection.begin():
                yield connection
        except PoolTimeout as error:
            _unavailable(error, f"{CONNECTIONS_MAX} questions are being answered already")
        except DBAPIError as error:
            if _lacks_tables(error):
                raise TransientError(
                    "store.unavailable",
                    "the database has no tables yet",
                    fix="`tidegate serve` makes them when it starts; if it is starting, try again",
                ) from error
            # Statements and values are ours, so whatever is refused is for a reason of the database.
            _unavailable(error, str(error.orig))

    def close(self) -> None:
        self._pool.dispose()


class Moment:
    """One snapshot that answers every question; whoever made it ends it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def snapshot(self) -> Generator[Connection]:
        """Raises TransientError `store.unavailable`."""
        try:
            yield self._connection
        except DBAPIError as error:
            _unavailable(error, str(error.orig))

    def close(self) -> None:
        """Nothing is owned."""


def _begin(connection: Connection) -> None:
    # Python's sqlite3 begins nothing before a SELECT.
    connection.exec_driver_sql("BEGIN")


def _lacks_tables(error: DBAPIError) -> bool:
    missing = getattr(error.orig, "sqlstate", "") == _UNDEFINED_TABLE
    return missing or str(error.orig).startswith("no such table")


def _unavailable(error: Exception, seen: str) -> NoReturn:
    raise TransientError(
        "store.unavailable",
        f"the database cannot be read now: {seen}",
        fix="try again; see that the database runs and can be reached",
    ) from error
