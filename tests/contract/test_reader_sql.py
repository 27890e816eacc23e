"""What only the reader of a real database must do: go by indexes, change nothing, report outages."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from tidegate.adapters.store.read_sql import SqlReader
from tidegate.adapters.store.reading import CONNECTIONS_MAX, postgres_engine, sqlite_engine
from tidegate.kernel.clock import Day
from tidegate.kernel.errors import TransientError
from tidegate.kernel.ids import CellId, Pos
from tidegate.ports.reader import Reader
from tidegate.testing.contracts import CODEC
from tidegate.testing.contracts.kit import Box, cell, effect, gate, log_row, turn
from tidegate.testing.databases import PostgresDatabase, SqliteDatabase
from tidegate.testing.plans import plans

Ask = Callable[[Reader], object]
DAYS = Day(3), Day(5)
LISTS: dict[str, tuple[Ask, str]] = {
    "a cell": (lambda reader: reader.cell(gate("rule-1", "n7", 3)), "cell_key"),
    "all cells": (lambda reader: reader.cells("gate"), "cell_key"),
    "a page": (lambda reader: reader.cells("gate", after=gate("rule-1", "n", 4)), "cell_key"),
    "some days": (lambda reader: reader.cells("gate", days=DAYS), "cell_key"),
    "a scope": (lambda reader: reader.cells("gate", scope="rule-1"), "cell_key"),
    "a name": (
        lambda reader: reader.cells("gate", scope="rule-1", days=(Day(3), Day(3)), name="n7"),
        "cell_key",
    ),
    "what needs care": (lambda reader: reader.cells("gate", statuses=[100, 101]), "cell_care"),
    "counts": (lambda reader: reader.counts("gate"), "cell_key"),
    "the last day": (lambda reader: reader.last_day("gate"), "cell_key"),
    "the last day until": (lambda reader: reader.last_day("gate", Day(5)), "cell_key"),
}
PLACES: dict[str, tuple[Ask, str]] = {
    "journal": (lambda reader: reader.journal(CellId(7)), "journal"),
    "rows": (lambda reader: reader.rows(Pos(40), 10), "log"),
    "rows before": (lambda reader: reader.rows_before(Pos(40), 10), "log"),
    "search": (lambda reader: reader.find(["id-1"], Pos(40), 10), "log_filter"),
    "strays": (lambda reader: reader.strays(Pos(40), 10), "stray"),
    "rejects": (lambda reader: reader.rejects(40, 10), "reject"),
}


def fill(database: SqliteDatabase | PostgresDatabase) -> None:
    """Some hundred cells and a few rows of everything."""
    store = database.open(CODEC)
    turn(
        store,
        log=log_row(50, tokens=["id-1"]),
        cells=[
            cell(n, gate(f"rule-{n % 7}", f"n{n}", n % 9), Box(status=n % 2 * 100))
            for n in range(1, 401)
        ],
        effects=[effect(1, "call")],
        strays=[Pos(3), Pos(4)],
    )
    store.close()


# ---- plans
@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    path = tmp_path / "tidegate.db"
    fill(SqliteDatabase(path))
    return path


@pytest.fixture(scope="module")
def postgres_filled(contract_url: str) -> Iterator[Engine]:
    fill(PostgresDatabase(contract_url))
    engine = postgres_engine(contract_url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("asked", [*LISTS, *PLACES])
def test_every_list_goes_by_an_index_on_sqlite(sqlite_path: Path, asked: str) -> None:
    ask, table = (LISTS | PLACES)[asked]
    engine = sqlite_engine(sqlite_path)
    reader = SqlReader(engine, CODEC)

    lines = plans(engine, lambda: ask(reader))

    reader.close()
    scans = [line for line in lines if line.startswith(f"SCAN {table.partition('_')[0]}")]
    assert scans == []
    assert any(line.startswith("SEARCH") and table in line for line in lines), lines


@pytest.mark.parametrize("scope", [None, "rule-1"])
def test_a_page_begins_at_its_day_on_sqlite(sqlite_path: Path, scope: str | None) -> None:
    engine = sqlite_engine(sqlite_path)
    reader = SqlReader(engine, CODEC)
    after = gate("rule-1", "n", 4)

    lines = plans(engine, lambda: reader.cells("gate", scope=scope, after=after))

    reader.close()
    assert any("cell_key (kind=? AND day>?" in line for line in lines), lines


def test_effects_are_walked_in_their_order_on_sqlite(sqlite_path: Path) -> None:
    engine = sqlite_engine(sqlite_path)
    reader = SqlReader(engine, CODEC)

    lines = plans(engine, lambda: reader.effects(10))

    reader.close()
    assert lines == ["SCAN effect USING INDEX effect_visible"]


def test_effects_of_a_cell_are_found_by_the_primary_key_on_sqlite(sqlite_path: Path) -> None:
    engine = sqlite_engine(sqlite_path)
    reader = SqlReader(engine, CODEC)

    lines = plans(engine, lambda: reader.effects_of(CellId(1)))

    reader.close()
    assert lines == ["SEARCH effect USING PRIMARY KEY (cell=?)"]


@pytest.mark.parametrize("asked", [*LISTS, *PLACES])
def test_every_list_goes_by_an_index_on_postgres(postgres_filled: Engine, asked: str) -> None:
    ask, table = (LISTS | PLACES)[asked]
    reader = SqlReader(postgres_filled, CODEC)

    lines = plans(postgres_filled, lambda: ask(reader))

    assert [line for line in lines if "Seq Scan" in line] == []
    assert any("Index" in line and table in line for line in lines), lines


@pytest.mark.parametrize("scope", [None, "rule-1"])
def test_a_page_begins_at_its_day_on_postgres(postgres_filled: Engine, scope: str | None) -> None:
    reader = SqlReader(postgres_filled, CODEC)
    after = gate("rule-1", "n", 4)

    lines = plans(postgres_filled, lambda: reader.cells("gate", scope=scope, after=after))

    assert any("Index Cond" in line and "day >= " in line for line in lines), lines


# ---- nothing is changed
def test_a_reading_connection_of_sqlite_cannot_write(sqlite_path: Path) -> None:
    engine = sqlite_engine(sqlite_path)

    with engine.connect() as connection, pytest.raises(DBAPIError, match="readonly"):
        connection.exec_driver_sql("DELETE FROM cell")

    engine.dispose()


def test_a_question_to_postgres_is_read_only_and_of_one_moment(postgres_filled: Engine) -> None:
    seen: list[tuple[str, str]] = []

    def note(connection: Connection, cursor: object, statement: str, *_: object) -> None:
        del cursor
        if statement.startswith("SELECT turn"):
            isolation, read_only = connection.exec_driver_sql(
                "SELECT current_setting('transaction_isolation'),"
                " current_setting('transaction_read_only')"
            ).one()
            seen.append((isolation, read_only))

    event.listen(postgres_filled, "before_cursor_execute", note)
    SqlReader(postgres_filled, CODEC).turn()
    event.remove(postgres_filled, "before_cursor_execute", note)

    assert seen == [("repeatable read", "on")]


def test_both_statements_of_a_list_see_one_moment(sqlite_path: Path) -> None:
    # Between the page and the states of its cells, somebody drops every second cell.
    engine = sqlite_engine(sqlite_path)
    reader = SqlReader(engine, CODEC)

    def drop(connection: object, cursor: object, statement: str, *_: object) -> None:
        del connection, cursor
        if "cell.state" in statement:
            with closing(sqlite3.connect(sqlite_path)) as shell, shell:
                shell.execute("DELETE FROM cell WHERE id % 2 = 0")

    event.listen(engine, "before_cursor_execute", drop)
    before = reader.cells("gate")
    event.remove(engine, "before_cursor_execute", drop)
    after = reader.cells("gate")
    reader.close()

    assert (len(before), len(after)) == (400, 200)


# ---- outages
def test_a_missing_file_is_unavailable_and_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "missing.db"
    reader = SqlReader(sqlite_engine(path), CODEC)

    with pytest.raises(TransientError) as raised:
        reader.turn()

    reader.close()
    assert raised.value.code == "store.unavailable"
    assert not path.exists()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "noise.db"
    path.write_bytes(b"this is no database" * 1000)
    reader = SqlReader(sqlite_engine(path), CODEC)

    with pytest.raises(TransientError, match="not a database"):
        reader.turn()

    reader.close()


def test_a_path_with_signs_of_a_uri_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory&x#y%20 z.db"
    fill(SqliteDatabase(path))
    reader = SqlReader(sqlite_engine(path), CODEC)

    assert reader.turn().n == 1

    reader.close()


def test_a_reader_survives_the_end_of_its_connections(contract_url: str) -> None:
    database = PostgresDatabase(contract_url)
    reader = database.reader(CODEC)
    first = reader.turn()

    database.disturb()
    second = reader.turn()

    reader.close()
    assert first == second


def test_an_unreachable_server_is_unavailable(contract_url: str) -> None:
    nobody = contract_url.rpartition("/")[0] + "/no_such_database"
    reader = SqlReader(postgres_engine(nobody), CODEC)

    with pytest.raises(TransientError) as raised:
        reader.cells("gate")

    reader.close()
    assert raised.value.code == "store.unavailable"


def test_more_threads_than_connections_are_answered(sqlite_path: Path) -> None:
    reader = SqlReader(sqlite_engine(sqlite_path), CODEC)

    with ThreadPoolExecutor(CONNECTIONS_MAX * 2) as threads:
        asked = [threads.submit(reader.cells, "gate") for _ in range(CONNECTIONS_MAX * 4)]
        found = [len(one.result()) for one in asked]

    reader.close()
    assert found == [400] * (CONNECTIONS_MAX * 4)
