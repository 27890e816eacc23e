"""Link: a connection to PostgreSQL that is there when it is asked.

    trip(ask, ask, ...)      one round trip: all statements, one Sync, all answers

After an exception no transaction is open: it was rolled back, or the connection was given up and
the next trip makes a new one.

The server's own timeouts do not help when the server's process itself stands still, so every wait
has a deadline of ours, looked at ten times a second in the waiting thread itself. The same look
lets a caller act while it waits (see `waiting`): no timer thread, nothing to join, no shared state.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tidegate.kernel.clock import Clock
from tidegate.kernel.errors import InputError, TransientError
from tidegate.ports.store import RowFault

try:
    import psycopg
except ImportError as missing:
    raise InputError(
        "config.invalid",
        "a postgresql:// database needs the package psycopg",
        fix="pip install 'tidegate[postgres]'",
    ) from missing

from tidegate.adapters.store import postgres_sql as sql
from tidegate.adapters.store.postgres_ask import Ask
from tidegate.adapters.store.postgres_session import Look, Refused, Session, Unstorable

CONNECT_MAX_S = 5
STATEMENT_MAX_S = 10
IDLE_MAX_S = 5
"""A transaction that says nothing for so long is undone."""
TIMED_FROM = 170_000
"""PostgreSQL 17: the first with transaction_timeout."""
TRANSACTION_MAX_S = 8
"""How long a transaction may last besides its wait for locks (from 17 on)."""
ANSWER_MAX_S = 12.0
"""Our own deadline for a round trip: a little longer than the server's."""

_CONNECT_OPTIONS: dict[str, Any] = {
    "connect_timeout": CONNECT_MAX_S,
    "client_encoding": "utf8",
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
    "", "08", "0A", "25", "26", "28", "3D", "3F", "40", "42", "53", "55", "57", "58", "F0", "XX",
})  # fmt: skip
"""SQLSTATE classes that no value of a row causes: connection, space, time, rights, schema, server."""

Waiting = Callable[[float], None]
"""Called while a trip waits, with the seconds since it began."""


class Link:
    def __init__(self, url: str, name: str, clock: Clock, *, lock_s: int) -> None:
        """`name` is shown in pg_stat_activity; no lock is waited for longer than `lock_s`."""
        self.connections = 0  # made so far
        self.pid = 0
        self.times_turns = False  # the server can limit how long a transaction lasts
        self._url = url
        self._name = name
        self._clock = clock
        self._lock_s = lock_s
        self._session: Session | None = None

    def trip(
        self,
        *asks: Ask,
        within_s: float = ANSWER_MAX_S,
        waiting: Waiting | None = None,
        inside: bool = False,
    ) -> None:
        """One round trip; every ask then has its rows, its count and its tag.

        With `inside` it belongs to a transaction that is open, and never begins on a new
        connection. Raises TransientError (`store.unavailable`) and RowFault; then no transaction
        is open.
        """
        session = self._begun() if inside else self.connect()
        try:
            session.talk(asks, self._look(within_s, waiting))
        except Exception as error:
            raise self._refusal(error) from error
        except BaseException:
            self.drop()
            raise

    def connect(self) -> Session:
        """The connection, made now where there is none. Raises TransientError."""
        if self._session is not None:
            return self._session
        try:
            session = Session(
                psycopg.connect(
                    self._url, autocommit=True, application_name=self._name[:63], **_CONNECT_OPTIONS
                )
            )
        except psycopg.Error as error:
            raise _unavailable(f"the database cannot be reached: {error}") from error
        self._session = session
        self.connections += 1
        self._set_up(session)
        return session

    def drop(self) -> None:
        """Give the connection up; the server undoes what was open."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def undo(self) -> None:
        """Roll back what is open; harmless when nothing is."""
        session = self._session
        if session is None or session.is_idle:
            return
        with suppress(TransientError, RowFault):
            self.trip(Ask(sql.ROLLBACK))

    def second(self, *, lock_s: int) -> Link:
        """Another connection to the same database."""
        return Link(self._url, self._name, self._clock, lock_s=lock_s)

    def heard(self) -> int:
        """How many notifications have come. Raises TransientError."""
        try:
            return self.connect().heard()
        except psycopg.Error as error:
            raise self._refusal(error) from error

    def _begun(self) -> Session:
        """The connection with its open transaction; without one nothing may be written."""
        session = self._session
        if session is None or not session.in_transaction:
            self.drop()
            raise _unavailable("the connection that held the turn is lost")
        return session

    def _set_up(self, session: Session) -> None:
        self.times_turns = session.server_version >= TIMED_FROM
        settings = {**_SETTINGS, "lock_timeout": f"{self._lock_s}s"}
        if self.times_turns:
            # Counts the wait for a lock as well; the turn sets its own when it has begun.
            settings["transaction_timeout"] = f"{self._lock_s + TRANSACTION_MAX_S}s"
        said = [f"set_config('{name}', '{value}', false)" for name, value in settings.items()]
        ask = Ask(f"SELECT pg_backend_pid(), {', '.join(said)}")
        self.trip(ask)
        self.pid = ask.rows[0][0]

    def _look(self, within_s: float, waiting: Waiting | None) -> Look:
        began = self._clock.monotonic()

        def look() -> None:
            passed = self._clock.monotonic() - began
            if passed > within_s:
                raise _Late(f"no answer from the database within {within_s:.0f} s")
            if waiting is not None:
                waiting(passed)

        return look

    def _refusal(self, error: Exception) -> Exception:
        """What the caller is told; leaves no transaction behind."""
        if isinstance(error, Unstorable) or (
            isinstance(error, Refused) and error.sqlstate[:2] not in _SYSTEMIC
        ):
            # Anything unknown is taken for a row's fault, so that one signal parks, not all.
            self.undo()
            return RowFault(str(error))
        self.drop()
        if isinstance(error, Refused):
            return _unavailable(str(error), error.sqlstate)
        if isinstance(error, _Late | psycopg.OperationalError):
            return _unavailable(str(error).strip())
        return error


class _Late(Exception):
    """Our own deadline has passed."""


def _unavailable(what: str, sqlstate: str = "") -> TransientError:
    return TransientError(
        "store.unavailable",
        what[:500],
        fix="see that PostgreSQL runs, can be reached and has space; it is tried again",
        **({"sqlstate": sqlstate} if sqlstate else {}),
    )
