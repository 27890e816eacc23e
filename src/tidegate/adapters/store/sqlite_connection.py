"""Connection: how the writer opens a SQLite database, and what its errors mean to a caller."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tidegate.kernel.errors import Defect, TransientError
from tidegate.ports.store import RowFault

ROW_BYTES_MAX = 64 * 1024 * 1024
"""Of one row or one statement; more is refused as a RowFault."""
BUSY_SECONDS = 5.0
"""How long a write waits for a foreign one, such as a shell's."""
_STATEMENTS_KEPT = 512
_PRAGMAS = (
    "PRAGMA page_size = 4096",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 16000",
    "PRAGMA cache_size = -65536",  # KiB
    "PRAGMA temp_store = MEMORY",
)

# Corruption is no row's fault either: no signal may be parked for it.
_NOT_THE_ROW = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)


def connect(path: Path) -> sqlite3.Connection:
    """The writer's connection, for the calling thread only; transactions are begun by hand."""
    connection = sqlite3.connect(
        path,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        cached_statements=_STATEMENTS_KEPT,
    )
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, ROW_BYTES_MAX)
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def translate(error: Exception, path: Path) -> TransientError | RowFault | Defect:
    """What an error of SQLite, or of a value on its way there, means."""
    if isinstance(error, sqlite3.ProgrammingError) and "thread" in str(error):
        return Defect("defect", f"the store of {path} was used by another thread than its own")
    if isinstance(error, sqlite3.Error) and _is_about_the_database(error):
        return TransientError(
            "store.unavailable",
            f"the database {path} cannot be used: {error}",
            fix="see that the disk has space and that nobody else holds the file",
        )
    return RowFault(f"{type(error).__name__}: {error}")


def _is_about_the_database(error: sqlite3.Error) -> bool:
    code: int | None = getattr(error, "sqlite_errorcode", None)  # extended; the low byte is primary
    if code is None:
        return "closed database" in str(error)
    return code & 0xFF in _NOT_THE_ROW
