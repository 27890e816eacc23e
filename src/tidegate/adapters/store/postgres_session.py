"""Session: one live connection, spoken to in whole round trips.

    encode all --> send all, Sync --> read until the Sync's answer --> decode all

What cannot be encoded is refused before anything is sent. After a Sync nothing more is sent: the
server starts the timer that ends an idle transaction when it answers the Sync, and even a Flush
stops that timer again. The driver's own pipeline ends with such a Flush, so a host that stood still
would have kept the turn; that is why this file speaks to libpq itself.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import psycopg
from psycopg import abc
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from tidegate.adapters.store.postgres_arrays import register
from tidegate.adapters.store.postgres_ask import Ask

LOOK_EVERY_MS = 100

Look = Callable[[], None]
"""Called ten times a second or oftener while nothing comes; what it raises ends the wait."""


class Refused(Exception):
    """The server refused a statement; `sqlstate` says why, empty where libpq itself refused."""

    def __init__(self, message: str, sqlstate: str) -> None:
        super().__init__(f"{message} ({sqlstate})" if sqlstate else message)
        self.sqlstate = sqlstate


class Unstorable(Exception):
    """A value has no form in PostgreSQL; nothing was sent."""


class Session:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._prepared: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._numbers = count()
        register(connection)

    @property
    def server_version(self) -> int:
        return self._connection.info.server_version

    @property
    def in_transaction(self) -> bool:
        """A transaction is open and has not failed."""
        return self._libpq.transaction_status == TransactionStatus.INTRANS

    @property
    def is_idle(self) -> bool:
        return self._libpq.transaction_status == TransactionStatus.IDLE

    def fileno(self) -> int:
        return self._libpq.socket

    def close(self) -> None:
        """The server undoes what is open."""
        self._connection.close()

    def talk(self, asks: Sequence[Ask], look: Look) -> None:
        """One round trip. Raises Unstorable, Refused, psycopg.OperationalError."""
        transformer: abc.Transformer = Transformer(self._connection)
        encoded = [_encode(transformer, ask) for ask in asks]
        libpq = self._libpq
        libpq.enter_pipeline_mode()
        expected: list[Ask | tuple[str, tuple[int, ...]]] = []
        for ask, (values, types, formats) in zip(asks, encoded, strict=True):
            key = (ask.statement, types)
            name = self._prepared.get(key)
            if name is None:
                name = self._prepared[key] = f"t{next(self._numbers)}".encode()
                libpq.send_prepare(name, ask.statement.encode(), types)
                expected.append(key)
            libpq.send_query_prepared(name, values, formats, Format.BINARY)
            expected.append(ask)
        libpq.pipeline_sync()
        answers = self._answers(look)
        libpq.exit_pipeline_mode()
        self._settle(expected, answers)
        for sent, answer in zip(expected, answers, strict=True):
            if isinstance(sent, Ask):
                _decode(transformer, sent, answer)

    def heard(self) -> int:
        """How many notifications have come unasked. Raises psycopg.OperationalError."""
        self._libpq.consume_input()
        count = 0
        while self._libpq.notifies() is not None:
            count += 1
        return count

    def _answers(self, look: Look) -> list[PGresult]:
        """One for each statement, up to the answer of the Sync."""
        libpq = self._libpq
        answers: list[PGresult] = []
        while True:
            self._await(look)
            result = libpq.get_result()
            if result is None:
                # Between two statements; on a dead connection it would be so for ever.
                if libpq.status == ConnStatus.BAD:
                    raise psycopg.OperationalError(libpq.get_error_message())
            elif result.status == ExecStatus.PIPELINE_SYNC:
                return answers
            else:
                answers.append(result)

    def _await(self, look: Look) -> None:
        """Send what is left to send and read, until a result is complete."""
        libpq = self._libpq
        poll = select.poll()
        while True:
            unsent = libpq.flush()
            if not unsent and not libpq.is_busy():
                return
            poll.register(libpq.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
            events = poll.poll(LOOK_EVERY_MS)
            if events and events[0][1] & ~select.POLLOUT:
                libpq.consume_input()
            else:
                look()

    def _settle(
        self, expected: Sequence[Ask | tuple[str, tuple[int, ...]]], answers: Sequence[PGresult]
    ) -> None:
        """Forget what was not prepared after all. Raises Refused for the first failure."""
        refused: PGresult | None = None
        for sent, answer in zip(expected, answers, strict=True):
            if answer.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
                continue
            if not isinstance(sent, Ask):
                del self._prepared[sent]
            refused = refused or answer
        if refused is not None:
            raise _refused(refused)


def _encode(
    transformer: abc.Transformer, ask: Ask
) -> tuple[Sequence[Any], tuple[int, ...], Sequence[Format]]:
    try:
        values = transformer.dump_sequence(ask.parameters, [PyFormat.BINARY] * len(ask.parameters))
    except (psycopg.DataError, OverflowError) as error:
        raise Unstorable(str(error)) from error
    return values, transformer.types or (), transformer.formats or ()


def _decode(transformer: abc.Transformer, ask: Ask, answer: PGresult) -> None:
    ask.tag = (answer.command_status or b"").decode()
    ask.count = answer.command_tuples or 0
    ask.rows = []
    if answer.status == ExecStatus.TUPLES_OK:
        transformer.set_pgresult(answer)
        ask.rows = transformer.load_rows(0, answer.ntuples, tuple)


def _refused(result: PGresult) -> Refused:
    message = _field(result, DiagnosticField.MESSAGE_PRIMARY) or result.get_error_message()
    return Refused(message, _field(result, DiagnosticField.SQLSTATE))


def _field(result: PGresult, field: DiagnosticField) -> str:
    return (result.error_field(field) or b"").decode("utf-8", "replace")
