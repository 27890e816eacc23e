"""Link: one connection to PostgreSQL and the only file that speaks to it.

    trip(ask, ask, ...)      one round trip: all statements, one Sync, then all answers

Nothing is fetched inside an open pipeline: a server that waits in an unfinished one counts as busy,
and no timer would free the turn it holds. After an exception no transaction is open: it was rolled
back, or the connection was given up and the next trip makes a new one.

The server's own timeouts do not help when the server process itself stands still, so every wait
has a deadline of ours, looked at ten times a second in the waiting thread itself. The same look
lets a caller act while it waits (see `waiting`): no timer thread, nothing to join, no shared state.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, TypeVar

from tidegate.kernel.clock import Clock
from tidegate.kernel.errors import InputError, TransientError
from tidegate.ports.store import RowFault

try:
    import psycopg
    from psycopg.abc import PQGen
    from psycopg.pq import PipelineStatus, TransactionStatus
except ImportError as missing:
    raise InputError(
        "config.invalid",
        "a postgresql:// database needs the package psycopg",
        fix="pip install 'tidegate[postgres]'",
    ) from missing

from tidegate.adapters.store.postgres_arrays import register
from tidegate.adapters.store.postgres_ask import Ask

CONNECT_MAX_S = 5
STATEMENT_MAX_S = 10
TIMED_FROM = 170_000
"""PostgreSQL 17: the first with transaction_timeout."""
IDLE_MAX_S = 5
"""A transaction that says nothing for so long is undone."""
TRANSACTION_MAX_S = 8
"""How long a transaction may last besides its wait for locks (PostgreSQL 17 and later)."""
ANSWER_MAX_S = 12.0
"""Our own deadline for a round trip: a little longer than the server's."""

_CONNECT_OPTIONS: dict[str, Any] = {
    "connect_timeout": CONNECT_MAX_S,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
# Every statement of ours goes by an index. A plan is made once, perhaps on an empty table, and must
# still be right when the table has grown; so scans and hash joins are not considered.
_SETTINGS = {
    "default_transaction_isolation": "read committed",
    "synchronous_commit": "on",
    "statement_timeout": f"{STATEMENT_MAX_S}s",
    "idle_in_transaction_session_timeout": f"{IDLE_MAX_S}s",
    "tcp_user_timeout": "10s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}
_SYSTEMIC = frozenset({
    "08", "0A", "25", "26", "28", "3D", "3F", "40", "42", "53", "55", "57", "58", "F0", "XX",
})  # fmt: skip
"""SQLSTATE classes that no value of a row causes: connection, space, time, rights, schema, server."""

T = TypeVar("T")
Waiting = Callable[[float], None]
"""Called while a trip waits, with the seconds since it began; may raise."""


class Link:
    """A connection that is there when it is asked."""

    def __init__(self, url: str, name: str, clock: Clock, *, lock_s: int) -> None:
        """`name` is shown in pg_stat_activity; no lock is waited for longer than `lock_s`."""
        self.connections = 0  # made so far
        self.pid = 0
        self.times_turns = False  # the server can limit how long a transaction lasts
        self._url = url
        self._name = name
        self._clock = clock
        self._lock_s = lock_s
        self._connection: _Connection | None = None

    def trip(
        self,
        *asks: Ask,
        within_s: float = ANSWER_MAX_S,
        waiting: Waiting | None = None,
        inside: bool = False,
    ) -> None:
        """One round trip; every ask then has its rows and its tag.

        With `inside` it belongs to a transaction that is open, and never begins on a new
        connection. Raises TransientError (`store.unavailable`) and RowFault; then no transaction
        is open.
        """
        connection = self._begun() if inside else self.connect()
        connection.look = self._watch(within_s, waiting)
        try:
            _run(connection, asks)
        except Exception as error:
            raise self._refusal(connection, error) from error
        except BaseException:
            self.drop()
            raise

    def connect(self) -> _Connection:
        """The connection, made now where there is none. Raises TransientError."""
        if self._connection is not None and not self._connection.closed:
            return self._connection
        try:
            connection = _Connection.connect(
                self._url, autocommit=True, prepare_threshold=0,
                application_name=self._name[:63], **_CONNECT_OPTIONS,
            )  # fmt: skip
        except psycopg.Error as error:
            raise _unavailable(f"the database cannot be reached: {error}") from error
        self._connection = connection
        self.connections += 1
        register(connection)
        connection.look = self._watch(ANSWER_MAX_S, None)
        try:
            self._set_up(connection)
        except psycopg.Error as error:
            self.drop()
            raise _unavailable(f"the database refuses our settings: {error}") from error
        return connection

    def drop(self) -> None:
        """Give the connection up; the server undoes what was open."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def undo(self) -> None:
        """Roll back what is open; harmless when nothing is."""
        if self._connection is not None:
            self._roll_back(self._connection)

    def second(self, *, lock_s: int) -> Link:
        """Another connection to the same database."""
        return Link(self._url, self._name, self._clock, lock_s=lock_s)

    def _begun(self) -> _Connection:
        """The connection with its open transaction; without one nothing may be written."""
        connection = self._connection
        if connection is None or connection.info.transaction_status != TransactionStatus.INTRANS:
            self.drop()
            raise _unavailable("the connection that held the turn is lost")
        return connection

    def _set_up(self, connection: _Connection) -> None:
        self.times_turns = connection.info.server_version >= TIMED_FROM
        lock_s = self._lock_s
        settings = {**_SETTINGS, "lock_timeout": f"{lock_s}s"}
        if self.times_turns:
            # Counts the wait for a lock as well; the turn sets its own when it has begun.
            settings["transaction_timeout"] = f"{lock_s + TRANSACTION_MAX_S}s"
        said = [f"set_config('{name}', '{value}', false)" for name, value in settings.items()]
        row = connection.execute(f"SELECT pg_backend_pid(), {', '.join(said)}".encode()).fetchone()
        assert row is not None
        self.pid = row[0]

    def _watch(self, within_s: float, waiting: Waiting | None) -> Callable[[], None]:
        began = self._clock.monotonic()

        def look() -> None:
            passed = self._clock.monotonic() - began
            if passed > within_s:
                # Closed before the exception travels: nothing on its way may wait again.
                self.drop()
                raise _Late(f"no answer from the database within {within_s:.0f} s")
            if waiting is not None:
                waiting(passed)

        return look

    def _refusal(self, connection: _Connection, error: Exception) -> Exception:
        """What the caller is told; leaves no transaction behind."""
        cause = _cause(error)
        if isinstance(cause, psycopg.Error) and _is_of_a_row(cause):
            self._roll_back(connection)
            return RowFault(_said(cause))
        self.drop()
        if isinstance(cause, _Late | psycopg.OperationalError | psycopg.InterfaceError) or (
            isinstance(cause, psycopg.Error) and cause.sqlstate is not None
        ):
            return _unavailable(_said(cause), getattr(cause, "sqlstate", None))
        return error

    def _roll_back(self, connection: _Connection) -> None:
        state = connection.info.transaction_status
        if connection.closed or connection.pgconn.pipeline_status != PipelineStatus.OFF:
            self.drop()
        elif state != TransactionStatus.IDLE:
            connection.look = self._watch(ANSWER_MAX_S, None)
            with suppress(psycopg.Error, _Late):
                connection.execute(b"ROLLBACK")
                return
            self.drop()


class _Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that looks around while it waits."""

    look: Callable[[], None] = staticmethod(lambda: None)

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        return super().wait(self._looking(gen), interval, timeout)

    def _looking(self, gen: PQGen[T]) -> Generator[Any, Any, T]:
        """The same generator; nothing came within the interval when `ready` is 0."""
        try:
            state = next(gen)
            while True:
                ready = yield state
                if not ready:
                    self.look()
                state = gen.send(ready)
        except StopIteration as end:
            value: T = end.value
            return value


class _Late(Exception):
    """Our own deadline has passed; the connection is gone."""


def _run(connection: _Connection, asks: tuple[Ask, ...]) -> None:
    cursors = [connection.cursor(binary=True) for _ in asks]
    if len(asks) == 1:
        cursors[0].execute(asks[0].statement.encode(), asks[0].parameters)
    else:
        with connection.pipeline():
            for ask, cursor in zip(asks, cursors, strict=True):
                cursor.execute(ask.statement.encode(), ask.parameters)
    for ask, cursor in zip(asks, cursors, strict=True):
        ask.rows = cursor.fetchall() if cursor.description is not None else []
        ask.tag = cursor.statusmessage or ""
        ask.count = cursor.rowcount


def _cause(error: BaseException) -> BaseException:
    """The first failure of a pipeline; what stood behind it was only left out."""
    while isinstance(error, psycopg.errors.PipelineAborted) and error.__context__ is not None:
        error = error.__context__
    return error


def _is_of_a_row(error: psycopg.Error) -> bool:
    """Whether a value was refused; anything unknown is taken for that, so that one signal parks."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.DataError)
    return error.sqlstate[:2] not in _SYSTEMIC


def _said(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    state = getattr(error, "sqlstate", None)
    return f"{text} ({state})" if state else text


def _unavailable(what: str, sqlstate: str | None = None) -> TransientError:
    return TransientError(
        "store.unavailable",
        what[:500],
        fix="see that PostgreSQL runs, can be reached and has space; it is tried again",
        **({"sqlstate": sqlstate} if sqlstate else {}),
    )
