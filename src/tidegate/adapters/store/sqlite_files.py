"""Files: are the database's files still those that were opened?

A file that was deleted or replaced goes on working for whoever has it open, and everything written
to it is lost. So the names are looked up again before a turn, after its COMMIT and before every
other write: two microseconds a file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

from tidegate.adapters.store.lock import lock_path
from tidegate.kernel.errors import TransientError

_Identity: TypeAlias = tuple[int, int]  # device, inode


class Files:
    """Made when the database is open; `check` may be called from any thread."""

    def __init__(self, database: Path) -> None:
        # Absolute: another working directory later changes nothing. SQLite follows links as well.
        self._database = str(database.resolve())
        self._lock = str(lock_path(database))
        self._wal = f"{self._database}-wal"
        self._known: dict[str, _Identity] = {}
        for name in (self._database, self._lock):
            identity = _identity(name)
            if identity is None:
                raise _gone(name, "is missing")
            self._known[name] = identity

    def check(self) -> None:
        """Raises TransientError (`store.gone`)."""
        for name, known in tuple(self._known.items()):
            found = _identity(name)
            if found != known:
                raise _gone(name, "is missing" if found is None else "is another file now")
        if self._wal not in self._known:
            # SQLite makes it with the first read or write, and keeps it while the database is open.
            found = _identity(self._wal)
            if found is not None:
                self._known[self._wal] = found


def _identity(name: str) -> _Identity | None:
    try:
        found = os.stat(name)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _gone(name: str, what: str) -> TransientError:
    return TransientError(
        "store.gone",
        f"{name} {what}; nothing is taken in, for it would be lost",
        fix="put the file back, or end this process and start it again",
    )
