"""Lock: one process writes to a SQLite database, and the others learn which one.

The lock is `flock` on `<database>.lock`; the file says who holds it and where it listens. The
kernel gives the lock back when the process ends, however it ends; the text then stays and is stale,
so only the lock itself proves anything. The file is never removed: a second process could then
lock another file of the same name.

Its second line says which turn was committed last. It is written after the commit and never synced,
so it may lag behind the database, and is ahead of it only where something was taken from that.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR
from threading import Event

import msgspec
from msgspec import Struct

from tidegate.kernel.errors import ConflictError, InputError, TransientError

_NOTE_MAX = 4096
_GLANCE_SECONDS = 0.02
"""Whoever looks whether the lock is held has it himself for less than this."""


class LockNote(Struct, frozen=True):
    """Who writes to this database, and how to reach it."""

    pid: int
    url: str = ""  # empty: it does not listen
    token: str = ""  # what its API lets in; the file is readable by its owner only
    shift_us: int = 0  # so far its clock is ahead of the machine's


def lock_path(database: Path) -> Path:
    """Beside the file itself, by whatever name it is called."""
    database = database.resolve()
    return database.with_name(database.name + ".lock")


def read_lock(database: Path) -> LockNote | None:
    """What the last owner wrote; None when nobody did or gave it back. It may have ended since."""
    try:
        text = lock_path(database).read_bytes()[:_NOTE_MAX]
        return msgspec.json.decode(text.partition(b"\n")[0], type=LockNote)
    except (OSError, msgspec.DecodeError):
        return None


def is_held(database: Path) -> bool:
    """A process writes to this database now, whatever the file says."""
    if read_lock(database) is None:
        return False  # given back, and whoever has it writes a note at once
    try:
        descriptor = os.open(lock_path(database), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


class LastTurn(Struct, frozen=True):
    """The last turn that was committed to the database of this epoch."""

    epoch: str
    n: int


class WriterLock:
    """The right to write to one database."""

    def __init__(
        self, descriptor: int, left: LockNote | None, last: LastTurn | None, path: Path
    ) -> None:
        self._descriptor = descriptor
        self._path = path
        self._second_line = 0  # where it begins
        self.left = left
        """What the owner before left behind because it did not end well; None after a clean end."""
        self.last = last
        """None where no turn was committed yet, or nobody knows."""

    @classmethod
    def acquire(cls, database: Path) -> WriterLock:
        """Raises ConflictError `database.busy` with `pid` and `url` of the owner, InputError
        `config.invalid` for a file with a second name, or a folder.
        """
        _check_one_name(database)
        try:
            descriptor = os.open(lock_path(database), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise TransientError(
                "store.unavailable",
                f"the lock file {lock_path(database)} cannot be opened: {error.strerror}",
                fix="see that the folder exists and that this user may write there",
            ) from error
        try:
            _take(descriptor)
        except BlockingIOError as error:
            os.close(descriptor)
            raise _busy(database) from error
        lock = cls(descriptor, read_lock(database), _read_last(database), lock_path(database))
        try:
            os.fchmod(descriptor, 0o600)  # whatever made the file before us
            lock.describe("", "")
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, OSError):
                raise lock._unwritable(error) from error
            raise
        return lock

    def describe(self, url: str, token: str, shift_us: int = 0) -> None:
        """Say where this process listens; others read it with `read_lock`. Raises TransientError."""
        try:
            self._write(LockNote(os.getpid(), url, token, shift_us))
        except OSError as error:
            raise self._unwritable(error) from error

    def committed(self, last: LastTurn) -> None:
        """Some microseconds a turn. Where it cannot be written, less is noticed and nothing is wrong."""
        self.last = last
        with suppress(OSError):
            os.pwrite(self._descriptor, msgspec.json.encode(last) + b"\n", self._second_line)

    def _unwritable(self, error: OSError) -> TransientError:
        return TransientError(
            "store.unavailable",
            f"the lock file {self._path} cannot be written: {error.strerror}",
            fix="see that the disk has space and that the file belongs to this user",
        )

    def _write(self, note: LockNote | None) -> None:
        text = (b"" if note is None else msgspec.json.encode(note)) + b"\n"
        assert len(text) <= _NOTE_MAX, "a URL and a token are short"
        self._second_line = len(text)
        if self.last is not None:
            text += msgspec.json.encode(self.last) + b"\n"
        # In place: the lock hangs on this file. One short write, then the rest of the old goes.
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))

    def release(self, *, clean: bool = True) -> None:
        """Give it back; harmless when done twice. Not `clean`: the note stays, as after a kill."""
        if self._descriptor >= 0:
            if clean:
                self._write(None)
            os.close(self._descriptor)
            self._descriptor = -1


def _read_last(database: Path) -> LastTurn | None:
    try:
        text = lock_path(database).read_bytes()[: 2 * _NOTE_MAX]
        return msgspec.json.decode(text.partition(b"\n")[2].partition(b"\n")[0], type=LastTurn)
    except (OSError, msgspec.DecodeError):
        return None


def _take(descriptor: int) -> None:
    """Raises BlockingIOError where somebody else has it, and not only to look."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        Event().wait(_GLANCE_SECONDS)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _check_one_name(database: Path) -> None:
    """SQLite keeps its write-ahead log by the name of the file: under two names there would be two."""
    try:
        found = database.stat()
    except OSError:
        return  # it is not there yet, or whoever opens it says why it cannot
    if S_ISDIR(found.st_mode):
        raise InputError(
            "config.invalid",
            f"{database} is a folder, and no database",
            fix="move it away, or name a file with --database",
        )
    if found.st_nlink > 1:
        raise InputError(
            "config.invalid",
            f"{database} is one of {found.st_nlink} names of one file (hard links)",
            fix="remove the other names, or copy the database with `cp` while no server has it",
        )


def _busy(database: Path) -> ConflictError:
    note = read_lock(database)
    who = "another process" if note is None else f"process {note.pid}"
    listens = f", which listens on {note.url}" if note and note.url else ""
    return ConflictError(
        "database.busy",
        f"{database} is being written by {who}{listens}",
        fix="send to that process, or end it first",
        pid=note.pid if note else None,
        url=note.url if note else "",
    )
