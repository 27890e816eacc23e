"""Databases are made, brought forward in halves, and refused when they are not ours or too new."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

import pytest
import sqlalchemy
from alembic import op
from sqlalchemy import Column, NullPool, Text, create_engine
from sqlalchemy.exc import DBAPIError

from tidegate.adapters.store.meta import SCHEMA_NEWEST, Version
from tidegate.adapters.store.migrate import check, upgrade, version
from tidegate.adapters.store.revisions import REVISIONS, Revision
from tidegate.adapters.store.sqlite import SqliteStore
from tidegate.kernel.errors import ConflictError, TransientError
from tidegate.testing.contracts.kit import CODEC, Box, cell, find_cell, gate, keys_of, stored, turn

# What the specification prints, without what only PostgreSQL has.
PRINTED = """
CREATE TABLE turn (one INTEGER PRIMARY KEY CHECK (one = 1), n INTEGER NOT NULL, next_pos INTEGER NOT NULL, next_cell INTEGER NOT NULL, next_later INTEGER NOT NULL,
  at INTEGER NOT NULL, activation INTEGER NOT NULL, chain BLOB NOT NULL) STRICT;
CREATE TABLE log (first INTEGER PRIMARY KEY, n INTEGER NOT NULL, at INTEGER NOT NULL, activation INTEGER NOT NULL, turn BLOB NOT NULL, chain BLOB NOT NULL,
  release TEXT NOT NULL, functions BLOB NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE log_filter (first INTEGER PRIMARY KEY, time_min INTEGER, time_max INTEGER, bits BLOB NOT NULL) STRICT;
CREATE TABLE event_key (hash INTEGER PRIMARY KEY, pos INTEGER NOT NULL, digest INTEGER NOT NULL) STRICT;
CREATE TABLE key_bucket (bucket INTEGER PRIMARY KEY, pos INTEGER NOT NULL) STRICT;
CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE cell (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, day INTEGER NOT NULL, scope INTEGER NOT NULL, name TEXT NOT NULL, doc INTEGER NOT NULL,
  version INTEGER NOT NULL, format INTEGER NOT NULL, status INTEGER NOT NULL, wake_at INTEGER, changed_at INTEGER NOT NULL, state BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX cell_key ON cell (kind, day, scope, name);
CREATE INDEX cell_wake ON cell (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX cell_care ON cell (kind, status, day) WHERE status >= 100;
CREATE TABLE journal (cell INTEGER NOT NULL, version INTEGER NOT NULL, pos INTEGER NOT NULL, format INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (cell, version)) STRICT, WITHOUT ROWID;
CREATE TABLE effect (cell INTEGER NOT NULL, call TEXT NOT NULL, kind INTEGER NOT NULL, visible_at INTEGER NOT NULL, fence INTEGER NOT NULL,
  tries INTEGER NOT NULL, owner TEXT, handle TEXT, body BLOB NOT NULL, PRIMARY KEY (cell, call)) STRICT, WITHOUT ROWID;
CREATE INDEX effect_visible ON effect (visible_at);
CREATE TABLE later (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE parked (pos INTEGER NOT NULL, engine TEXT NOT NULL, error TEXT NOT NULL, at INTEGER NOT NULL, release TEXT NOT NULL, PRIMARY KEY (pos, engine)) STRICT;
CREATE TABLE suspect (root BLOB PRIMARY KEY, deaths INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE stray (pos INTEGER PRIMARY KEY) STRICT;
CREATE TABLE reject (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, principal TEXT, code TEXT NOT NULL, message TEXT NOT NULL, body BLOB NOT NULL, resubmitted_pos INTEGER) STRICT;
CREATE TABLE document (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, n INTEGER NOT NULL, digest BLOB NOT NULL, body TEXT NOT NULL, UNIQUE (kind, name, n)) STRICT;
CREATE TABLE activation (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, functions BLOB NOT NULL) STRICT;
CREATE TABLE activation_document (activation INTEGER NOT NULL, document INTEGER NOT NULL, PRIMARY KEY (activation, document)) STRICT, WITHOUT ROWID;
CREATE TABLE projection (name TEXT PRIMARY KEY, pos INTEGER NOT NULL, format INTEGER NOT NULL) STRICT;
CREATE TABLE replica (id TEXT PRIMARY KEY, release TEXT NOT NULL, activation INTEGER NOT NULL, functions BLOB NOT NULL, seen_at INTEGER NOT NULL) STRICT;
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
"""
Row = tuple[object, ...]


def count_up(n: int) -> bytes:
    """No randomness at all."""
    return bytes(range(n))


def _always(value: bytes) -> Callable[[int], bytes]:
    return lambda n: value[:n]


def upgrade_plainly(url: str) -> Version:
    return upgrade(url, count_up)


# ---- revisions as a later release would bring them
def add_note() -> None:
    op.add_column("later", Column("note", Text(), nullable=True))


def fill_note() -> None:
    op.execute("UPDATE later SET note = ''")


def break_off() -> None:
    op.execute("INSERT INTO stray (pos) VALUES (77)")
    raise KeyboardInterrupt


NEXT = Revision(SCHEMA_NEWEST + 1, add_note, fill_note)
AFTER_NEXT = Revision(SCHEMA_NEWEST + 2, lambda: op.drop_column("later", "note"))
PRE, POST = Version(NEXT.number, complete=False), Version(NEXT.number)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tidegate.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'tidegate.db'}"
    made: str = request.getfixturevalue("postgres_empty_url")
    return made


# ---- the schema
def test_sqlite_has_the_tables_that_the_specification_prints(url: str, path: Path) -> None:
    upgrade(url, count_up)

    with closing(sqlite3.connect(":memory:")) as printed, closing(sqlite3.connect(path)) as made:
        printed.executescript(PRINTED)
        assert _tables(made) == _tables(printed)
        assert _indexes(made) == _indexes(printed)


def test_a_new_sqlite_database_is_written_ahead_in_pages_of_four_kibibytes(
    url: str, path: Path
) -> None:
    upgrade(url, count_up)

    with closing(sqlite3.connect(path)) as made:
        assert made.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert made.execute("PRAGMA page_size").fetchone() == (4096,)


def test_strict_tables_refuse_a_value_of_another_type(url: str, path: Path) -> None:
    upgrade(url, count_up)

    with closing(sqlite3.connect(path)) as made, pytest.raises(sqlite3.IntegrityError):
        made.execute("INSERT INTO stray (pos) VALUES ('here')")


def _tables(connection: sqlite3.Connection) -> dict[str, list[Row]]:
    """Strictness, row ids and columns by table; a rowid alias may say NOT NULL or not."""
    listed = connection.execute("PRAGMA table_list").fetchall()
    tables = [row for row in listed if not row[1].startswith("sqlite_")]
    return {
        name: [
            (without_rowid, strict),
            *(
                (column, type_, notnull or key, default, key)
                for _, column, type_, notnull, default, key in connection.execute(
                    f"PRAGMA table_info({name})"
                )
            ),
        ]
        for _, name, _, _, without_rowid, strict in tables
    }


def _indexes(connection: sqlite3.Connection) -> set[Row]:
    """Unique or not, partial or not, and the columns of each index."""
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    return {
        (
            table,
            index if not index.startswith("sqlite_") else origin,
            unique,
            partial,
            *(column for _, _, column in connection.execute(f"PRAGMA index_info({index})")),
        )
        for table in names
        for _, index, unique, origin, partial in connection.execute(f"PRAGMA index_list({table})")
    }


# ---- creating
def test_an_empty_database_gets_the_newest_schema_once(empty: str) -> None:
    before = version(empty)

    first = upgrade(empty, count_up)
    rows = _meta(empty)
    second = upgrade(empty, lambda n: b"\xff" * n)

    assert before is None
    assert first == second == version(empty) == check(empty) == Version(SCHEMA_NEWEST)
    assert _meta(empty) == rows
    assert rows == {
        "schema": b"1",
        "hash_seed": bytes(range(8)),
        "database": b"0001020304050607",
        "epoch": b"1",
    }


def test_replicas_that_begin_at_once_make_one_database(empty: str) -> None:
    seeds = [bytes([n]) * 8 for n in range(4)]
    replicas = [Thread(target=upgrade, args=(empty, _always(seed))) for seed in seeds]

    for replica in replicas:
        replica.start()
    for replica in replicas:
        replica.join()

    rows = _meta(empty)
    assert rows["hash_seed"] in seeds
    assert rows["database"] == rows["hash_seed"].hex().encode()
    assert _count(empty, "turn") == 1


def test_a_database_of_somebody_else_is_left_alone(empty: str) -> None:
    _execute(empty, "CREATE TABLE invoices (id INTEGER)")

    for ask in (version, check, upgrade_plainly):
        with pytest.raises(ConflictError, match="invoices") as refused:
            ask(empty)
        assert refused.value.code == "database.schema"


def test_an_empty_database_is_no_database_to_work_with(empty: str) -> None:
    with pytest.raises(ConflictError, match="is empty, this release needs 1"):
        check(empty)


def test_a_database_that_is_not_there_is_unavailable() -> None:
    for url in ("sqlite:////nowhere/at/all.db", "postgresql://x:secret@127.0.0.1:1/x"):
        with pytest.raises(TransientError) as refused:
            version(url)
        assert refused.value.code == "store.unavailable"
        assert "secret" not in str(refused.value)


# ---- upgrading
def test_an_older_database_takes_both_halves_of_the_next_version(empty: str) -> None:
    upgrade(empty, count_up)
    _execute(empty, "INSERT INTO later (id, body) SELECT 1, chain FROM turn")

    reached = upgrade(empty, count_up, revisions=[NEXT])

    assert reached == version(empty) == POST
    assert _select(empty, "SELECT note FROM later") == [("",)]


def test_the_first_half_alone_is_for_both_releases(empty: str) -> None:
    upgrade(empty, count_up)

    reached = upgrade(empty, count_up, half="pre", revisions=[NEXT])
    again = upgrade(empty, count_up, half="pre", revisions=[NEXT])

    assert reached == again == version(empty) == PRE
    assert str(PRE) == "2-pre"
    assert check(empty) == PRE
    assert upgrade(empty, count_up) == PRE, "the older release leaves it alone"
    assert upgrade(empty, count_up, revisions=[NEXT]) == POST


def test_a_first_half_goes_through_the_versions_between(empty: str) -> None:
    upgrade(empty, count_up)

    reached = upgrade(empty, count_up, half="pre", revisions=[NEXT, AFTER_NEXT])

    assert reached == Version(AFTER_NEXT.number), "the last one has no second half"
    with pytest.raises(DBAPIError):
        _select(empty, "SELECT note FROM later")


def test_a_newer_database_is_refused(empty: str) -> None:
    upgrade(empty, count_up)
    upgrade(empty, count_up, revisions=[NEXT])

    for ask in (check, upgrade_plainly):
        with pytest.raises(ConflictError, match="has schema 2, this release knows 1") as refused:
            ask(empty)
        assert refused.value.code == "database.schema"


def test_an_upgrade_that_is_broken_off_left_nothing_and_goes_on(empty: str) -> None:
    upgrade(empty, count_up)
    broken = Revision(NEXT.number, add_note, break_off)

    with pytest.raises(KeyboardInterrupt):
        upgrade(empty, count_up, revisions=[broken])

    assert version(empty) == PRE
    assert _count(empty, "stray") == 0
    assert upgrade(empty, count_up, revisions=[NEXT]) == POST


def test_revisions_lead_to_the_schema_of_this_release() -> None:
    numbers = [revision.number for revision in REVISIONS]

    assert numbers == list(range(2, SCHEMA_NEWEST + 1))


# ---- the store
def test_a_store_makes_its_database_and_knows_it_again(path: Path) -> None:
    store = SqliteStore.open(path, CODEC, keys_of=keys_of, random_bytes=count_up)
    turn(store, cells=[cell(1, gate(), Box(text="kept"))])
    store.close()

    again = SqliteStore.open(path, CODEC, keys_of=keys_of)

    assert (again.epoch, again.hash_seed) == ("0001020304050607.1", 0x0001020304050607)
    assert find_cell(again, gate()) == stored(1, Box(text="kept"))
    again.close()


def test_a_store_refuses_a_newer_database_and_lets_go_of_it(path: Path, url: str) -> None:
    upgrade(url, count_up)
    upgrade(url, count_up, revisions=[NEXT])

    for _ in range(2):
        with pytest.raises(ConflictError, match="has schema 2"):
            SqliteStore.open(path, CODEC, keys_of=keys_of)


# ---- asking from outside
@contextmanager
def _connection(url: str) -> Generator[sqlalchemy.Connection, None, None]:
    """Committed at the end."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


def _execute(url: str, statement: str) -> None:
    with _connection(url) as connection:
        connection.exec_driver_sql(statement)


def _select(url: str, statement: str) -> list[Row]:
    with _connection(url) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


def _count(url: str, table: str) -> object:
    return _select(url, f"SELECT count(*) FROM {table}")[0][0]


def _meta(url: str) -> dict[str, bytes]:
    with _connection(url) as connection:
        rows = connection.exec_driver_sql("SELECT key, value FROM meta")
        return {key: bytes(value) for key, value in rows}
