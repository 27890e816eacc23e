"""Plans: how a database answers the statements that a reader sends it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

Sent = list[tuple[str, Any]]
"""Statements with their parameters, as the driver got them."""


@contextmanager
def recorded(engine: Engine) -> Generator[Sent]:
    """The SELECTs that go over this engine meanwhile."""
    sent: Sent = []

    def note(
        connection: Connection, cursor: object, statement: str, parameters: Any, *_: object
    ) -> None:
        del connection, cursor
        if statement.startswith("SELECT"):
            sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def plans(engine: Engine, ask: Callable[[], object]) -> list[str]:
    """The lines of the plans of everything this question sends."""
    with recorded(engine) as sent:
        ask()
    sqlite = engine.dialect.name == "sqlite"
    lines: list[str] = []
    with engine.connect() as connection:
        if not sqlite:
            # Small tables are read whole because that is quicker; here we ask whether an index fits.
            connection.exec_driver_sql("SET enable_seqscan = off")
        for statement, parameters in sent:
            explain = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "
            rows = connection.exec_driver_sql(explain + statement, parameters)
            lines += [str(row[-1]) for row in rows]
        connection.rollback()
    return lines
