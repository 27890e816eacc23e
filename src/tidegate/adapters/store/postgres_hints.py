"""Hints: a replica that sleeps hears that another one committed.

    wait --somebody committed--> True          wait --time passed, or closed--> False

A hint may be lost and says nothing about what there is to do, so whoever sleeps also looks by
itself from time to time. On a connection of its own, for a thread of its own.
"""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from threading import Lock

from tidegate.adapters.store import postgres_sql as sql
from tidegate.adapters.store.postgres_ask import Ask
from tidegate.adapters.store.postgres_link import Link
from tidegate.adapters.system import SystemClock
from tidegate.kernel.clock import Clock
from tidegate.kernel.errors import TransientError


class PostgresHints:
    def __init__(self, url: str, *, replica: str, clock: Clock | None = None) -> None:
        clock = SystemClock() if clock is None else clock
        self._link = Link(url, f"tidegate {replica} hints", clock, lock_s=1)
        self._listening = 0  # number of the connection that listens
        self._held = Lock()
        self._closed = False
        self._woken, self._wake = socket.socketpair()

    def wait(self, timeout_s: float) -> bool:
        """Until somebody commits, at most so long. Also True after a new connection was made: what
        was said meanwhile was lost."""
        with self._held:
            if self._closed:
                return False
            with suppress(TransientError):
                return self._listen() or self._hear(timeout_s)
            with suppress(TransientError):
                return self._listen()
            # The database is away; there is nothing to hear, but the time passes.
            select.select([self._woken], (), (), timeout_s)
            return False

    def close(self) -> None:
        """From any thread; a wait ends at once."""
        self._closed = True
        with suppress(OSError):
            self._wake.send(b".")
        with self._held:
            self._link.drop()
            self._woken.close()
            self._wake.close()

    def _listen(self) -> bool:
        """Whether listening has only just begun."""
        self._link.connect()
        if self._listening == self._link.connections:
            return False
        self._link.trip(Ask(sql.LISTEN))
        self._listening = self._link.connections
        return True

    def _hear(self, timeout_s: float) -> bool:
        server = self._link.connect().fileno()
        ready, _, _ = select.select([server, self._woken.fileno()], (), (), timeout_s)
        return server in ready and self._link.heard() > 0
