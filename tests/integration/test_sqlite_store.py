"""SQLite: one writer, foreign writers noticed, refused rows, a full disk, and size."""

from __future__ import annotations

import os
import resource
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tidegate.adapters.store.lock import LockNote, WriterLock, is_held, lock_path, read_lock
from tidegate.adapters.store.read_sql import SqlReader
from tidegate.adapters.store.reading import sqlite_engine
from tidegate.adapters.store.sqlite import SqliteStore
from tidegate.adapters.store.sqlite_connection import ROW_BYTES_MAX
from tidegate.adapters.system import SystemClock
from tidegate.answering import open_answers
from tidegate.kernel.clock import DAY_US, SECOND_US, Instant
from tidegate.kernel.errors import ConflictError, Defect, TransientError
from tidegate.kernel.ids import CellId
from tidegate.ports.store import EffectWrite, EventKey, RowFault, TurnLost, Wanted
from tidegate.settings import Settings
from tidegate.testing.contracts.kit import (
    CODEC,
    DAY,
    FUTURE,
    NOON,
    PAST,
    Box,
    Rest,
    Slot,
    cell,
    claim,
    commit,
    effect,
    find_cell,
    gate,
    keys_of,
    look,
    turn,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tidegate.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(path, CODEC, keys_of=keys_of)
    yield opened
    opened.close()


@contextmanager
def shell(path: Path) -> Generator[sqlite3.Connection, None, None]:
    """Somebody who writes without asking for the lock; committed at the end."""
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


# ---- the end
def test_of_a_store_that_ended_well_the_file_alone_is_the_whole_database(
    tmp_path: Path, path: Path
) -> None:
    store = SqliteStore.open(path, CODEC, keys_of=keys_of)
    reader = SqlReader(sqlite_engine(path), CODEC)
    taken = store.take(Wanted(NOON))
    commit(store, taken, cells=[cell(1, gate("a"))])
    places = reader.turn().next_pos

    store.close()
    reader.close()

    copied = tmp_path / "copy.db"
    copied.write_bytes(path.read_bytes())
    again = SqliteStore.open(copied, CODEC, keys_of=keys_of)
    assert find_cell(again, gate("a")) is not None
    assert look(again, Wanted(NOON)).next_pos == places
    again.close()


def test_a_store_ends_beside_somebody_who_reads(path: Path) -> None:
    store = SqliteStore.open(path, CODEC, keys_of=keys_of)
    turn(store)

    with shell(path) as reading:
        reading.execute("begin")
        reading.execute("select * from turn").fetchone()
        store.close()

    again = SqliteStore.open(path, CODEC, keys_of=keys_of)
    assert not again.unclean
    again.close()


# ---- one writer
def test_a_second_writer_is_told_who_writes_and_where_it_listens(
    store: SqliteStore, path: Path
) -> None:
    store.describe("http://127.0.0.1:5000", "token")

    with pytest.raises(ConflictError) as refused:
        SqliteStore.open(path, CODEC, keys_of=keys_of)

    assert refused.value.code == "database.busy"
    assert refused.value.details == {"pid": os.getpid(), "url": "http://127.0.0.1:5000"}
    assert str(os.getpid()) in refused.value.message
    turn(store)


def test_another_process_is_told_who_writes(store: SqliteStore, path: Path) -> None:
    store.describe("http://127.0.0.1:5000", "token")

    ended = subprocess.run(
        [sys.executable, "-m", "tidegate.testing.crash_writer", str(path), "0", ""],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].endswith(
        f"{path} is being written by process {os.getpid()}, which listens on"
        " http://127.0.0.1:5000; fix: send to that process, or end it first"
    )


def test_only_its_owner_reads_the_lock_file(store: SqliteStore, path: Path) -> None:
    store.describe("http://127.0.0.1:5000/a-long-one", "token")
    store.describe("http://127.0.0.1:5000", "token")

    assert read_lock(path) == LockNote(os.getpid(), "http://127.0.0.1:5000", "token")
    assert stat.S_IMODE(lock_path(path).stat().st_mode) == 0o600


def test_a_lock_is_held_until_its_owner_ends_whatever_he_left_in_it(tmp_path: Path) -> None:
    database = tmp_path / "tidegate.db"
    before = is_held(database)
    lock = WriterLock.acquire(database)

    held = is_held(database)
    lock.release(clean=False)

    assert (before, held, is_held(database)) == (False, True, False)
    assert read_lock(database) is not None
    WriterLock.acquire(database).release()
    assert not is_held(database)


def test_who_asks_beside_a_server_takes_the_time_from_its_clock(
    store: SqliteStore, path: Path
) -> None:
    turn(store)
    store.describe("http://127.0.0.1:5000", "token", -3 * DAY_US)

    opened = open_answers(Settings(project=path.parent, database=str(path)))
    apart = SystemClock().now() - opened.clock.now()
    opened.close()

    assert abs(apart - 3 * DAY_US) < 10 * SECOND_US


def test_a_closed_store_leaves_the_database_to_others(store: SqliteStore, path: Path) -> None:
    turn(store, cells=[cell(1, gate())])
    store.close()
    store.close()

    assert read_lock(path) is None
    again = SqliteStore.open(path, CODEC, keys_of=keys_of)
    assert not again.unclean
    assert find_cell(again, gate()) is not None
    again.close()


def test_a_closed_store_is_unavailable(path: Path) -> None:
    store = SqliteStore.open(path, CODEC, keys_of=keys_of)
    store.close()

    with pytest.raises(TransientError, match="closed"):
        store.take(Wanted(NOON))
    with pytest.raises(TransientError, match="closed"):
        store.has_later()


def test_a_store_belongs_to_the_thread_that_opened_it(store: SqliteStore) -> None:
    raised: list[BaseException] = []

    def use() -> None:
        try:
            store.has_later()
        except Defect as error:
            raised.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()

    assert [type(one) for one in raised] == [Defect]


# ---- what cannot be opened
def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none" / "tidegate.db"

    with pytest.raises(TransientError, match=r"none/tidegate\.db\.lock cannot be opened"):
        SqliteStore.open(path, CODEC, keys_of=keys_of)


def test_a_file_that_is_no_database_is_refused_and_left_unlocked(path: Path) -> None:
    path.write_bytes(b"no database " * 1000)

    for _ in range(2):
        with pytest.raises(TransientError, match="file is not a database") as refused:
            SqliteStore.open(path, CODEC, keys_of=keys_of)
        assert refused.value.code == "store.unavailable"


# ---- foreign writers
def test_a_foreign_write_loses_the_turn_and_what_was_remembered(
    store: SqliteStore, path: Path
) -> None:
    turn(store, cells=[cell(1, gate("a"), Box(text="ours")), cell(2, gate("b"))])
    taken = store.take(Wanted(NOON, cells=[gate("a")]))
    with shell(path) as foreign:
        foreign.execute(
            "UPDATE cell SET version = 7, state = ? WHERE id = 1",
            (CODEC.encode(gate("a"), Box(text="theirs"))[1],),
        )
        foreign.execute("DELETE FROM cell WHERE id = 2")
        foreign.execute("INSERT INTO event_key VALUES (5, 1, 50)")

    with pytest.raises(TurnLost):
        commit(store, taken, cells=[cell(1, gate("a"), version=2)])

    after = look(store, Wanted(NOON, keys=[EventKey(5, 50, 0)], cells=[gate("a"), gate("b")]))
    assert after.n == 1
    assert after.hits.keys() == {5}
    assert after.cells.keys() == {gate("a")}
    assert after.cells[gate("a")].cell.version == 7
    assert after.cells[gate("a")].cell.state == Box(text="theirs")


def test_a_foreign_write_between_turns_is_seen_by_the_next(store: SqliteStore, path: Path) -> None:
    turn(store, cells=[cell(1, gate())])
    with shell(path) as foreign:
        foreign.execute("DELETE FROM cell")

    taken = store.take(Wanted(NOON, cells=[gate()]))

    commit(store, taken, cells=[cell(2, gate("new"))])
    assert taken.cells == {}
    assert look(store, Wanted(NOON)).n == 2


def test_a_foreign_name_is_learned(store: SqliteStore, path: Path) -> None:
    turn(store, cells=[cell(1, gate("orders"))])
    with shell(path) as foreign:
        foreign.execute("INSERT INTO name VALUES (3, 'stock')")

    turn(store, cells=[cell(2, gate("stock")), cell(3, gate("new"))])

    with shell(path) as foreign:
        names = dict(foreign.execute("SELECT text, id FROM name"))
    assert names == {"gate": 1, "orders": 2, "stock": 3, "new": 4}


def test_own_writes_beside_the_turn_do_not_lose_it(store: SqliteStore) -> None:
    turn(store, cells=[cell(1, gate())], effects=[effect(1, "a")])
    taken = store.take(Wanted(NOON))

    store.note_suspect(b"root", NOON)
    store.claim(NOON, "me", 5)
    store.see_replica("me", "1.0", 1, b"", NOON)
    commit(store, taken)

    assert look(store, Wanted(NOON)).n == 2


def test_an_outcome_whose_effect_was_claimed_meanwhile_loses_the_turn(store: SqliteStore) -> None:
    turn(store, cells=[cell(1, gate())], effects=[effect(1, "a", fence=1)])
    mine = claim(1, "a", 1)
    taken = store.take(Wanted(NOON, outcomes=[mine]))
    store.claim(NOON, "me", 5)

    with pytest.raises(TurnLost):
        commit(store, taken, outcomes=[mine])

    assert list(look(store, Wanted(NOON, outcomes=[mine])).stale) == [mine]


# ---- what fails
REFUSED: dict[str, Callable[[], Rest]] = {
    "a NUL in a name": lambda: {"cells": [cell(9, gate(name="a\0b"))]},
    "a NUL in a scope": lambda: {"cells": [cell(9, gate("a\0b"))]},
    "a NUL in a call": lambda: {"effects": [effect(1, "a\0b")]},
    "half a character": lambda: {"cells": [cell(9, gate("a\ud800"))]},
    "a number beyond 64 bits": lambda: {"cells": [cell(9, gate("new"), version=2**63)]},
    "a value that is too large": lambda: {"later": [bytes(ROW_BYTES_MAX + 1)]},
    "a value of another type": lambda: {
        "effects": [EffectWrite(CellId(1), "a", 1, NOON, 0, None, "text")]  # type: ignore[arg-type]
    },
}


@pytest.mark.parametrize("writes", REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_row_changes_nothing_and_the_store_works_on(
    store: SqliteStore, writes: Callable[[], Rest]
) -> None:
    turn(store, cells=[cell(1, gate(), Box(text="kept"))])
    taken = store.take(Wanted(NOON, keys=[EventKey(5, 50, 0)]))

    refused = writes()
    refused["keys"] = [(5, taken.next_pos, 50)]

    with pytest.raises(RowFault):
        commit(store, taken, **refused)
    store.abandon()

    turn(store, cells=[cell(2, gate("next"))])
    asked = [gate(), gate("next"), gate("new")]
    after = look(store, Wanted(NOON, keys=[EventKey(5, 50, 0)], cells=asked))
    assert (after.n, after.next_pos, after.hits) == (2, 3, {})
    assert after.cells.keys() == {gate(), gate("next")}
    assert after.cells[gate()].cell.state == Box(text="kept")


def test_a_full_disk_refuses_the_turn_and_the_store_works_on(
    store: SqliteStore, path: Path
) -> None:
    turn(store, cells=[cell(1, gate(), Box(text="kept"))])
    big = cell(1, gate(), Box(data=os.urandom(1_000_000)), version=2)
    taken = store.take(Wanted(NOON, keys=[EventKey(5, 50, 0)], cells=[gate()]))

    with files_no_larger_than(100_000), pytest.raises(TransientError) as refused:
        commit(store, taken, keys=[(5, taken.next_pos, 50)], cells=[big])
    store.abandon()

    after = look(store, Wanted(NOON, keys=[EventKey(5, 50, 0)], cells=[gate()]))
    assert refused.value.code == "store.unavailable"
    assert str(path) in refused.value.message
    assert (after.n, after.hits) == (1, {})
    assert after.cells[gate()].cell.state == Box(text="kept")
    turn(store, cells=[big])
    found = find_cell(store, gate())
    assert found is not None
    assert found.cell.state == big.state


@contextmanager
def files_no_larger_than(size_bytes: int) -> Generator[None, None, None]:
    """A disk that is full, as far as this process can see."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# ---- size
def test_an_execution_of_16_mebibytes_is_kept(store: SqliteStore) -> None:
    state = Box(data=os.urandom(16 * 1024 * 1024 - 64))

    turn(store, cells=[cell(1, gate(), state)])

    found = find_cell(store, gate())
    assert found is not None
    assert found.cell.state == state


def test_thousands_of_waiting_cells_are_moved_by_an_accepted_clock_jump(
    store: SqliteStore,
) -> None:
    count = 2_300
    parts = [gate(name="map").child(str(n)) for n in range(count)]
    for start in range(0, count, 1_000):
        numbers = range(start, min(start + 1_000, count))
        waiting = [
            cell(n + 1, parts[n], Slot(count=n, wake_at=Instant(FUTURE + n))) for n in numbers
        ]
        turn(store, cells=waiting)

    turn(store, shift_wakes_us=PAST - FUTURE)

    taken = look(store, Wanted(NOON, due_max=count + 1))
    assert list(taken.due) == parts
    assert taken.cells[parts[7]].cell.state == Slot(count=7, wake_at=Instant(PAST + 7))


def test_a_turn_beside_a_hundred_thousand_cells_costs_what_it_costs_beside_a_thousand(
    store: SqliteStore, path: Path
) -> None:
    turn(store, cells=[cell(1, gate("rule"), Box(wake_at=PAST)), cell(2, gate("rule", "x"))])

    def ask() -> None:
        taken = look(store, Wanted(NOON, cells=[gate("rule", "x"), gate("gate-7")], due_max=500))
        assert [key.scope for key in taken.due] == ["rule"]
        assert store.next_wake() == PAST

    _fill(path, 3, 1_000)
    few = _fastest(ask)
    _fill(path, 1_003, 99_000)
    many = _fastest(ask)

    assert many < 5 * few + 0.001


def test_a_page_of_a_hundred_thousand_cells_is_there_at_once(
    store: SqliteStore, path: Path
) -> None:
    turn(store, cells=[cell(1, gate("rule")), cell(2, gate("rule", "x"))])
    _fill(path, 3, 100_000)
    reader = SqlReader(sqlite_engine(path), CODEC)

    def ask() -> None:
        assert len(reader.cells("gate", limit=100)) == 100
        assert len(reader.cells("gate", after=gate("rule", "x", DAY + 5), limit=100)) == 100

    seconds = _fastest(ask)
    reader.close()

    assert seconds < 0.1


def _fill(path: Path, first: int, count: int) -> None:
    """So many more gates of ten days, half of them waiting."""
    format_, body = CODEC.encode(gate(), Box())
    with shell(path) as foreign:
        foreign.execute(
            "WITH RECURSIVE n(i) AS (VALUES (:first) UNION ALL SELECT i + 1 FROM n"
            " WHERE i + 1 < :first + :count)"
            " INSERT INTO cell SELECT i, 1, :day + i % 10, 2, 'gate-' || i, 0, 1, :format, 0,"
            " CASE WHEN i % 2 THEN :future + i END, 0, :state FROM n",
            {
                "first": first,
                "count": count,
                "day": DAY,
                "format": format_,
                "future": FUTURE,
                "state": body,
            },
        )


def _fastest(work: Callable[[], None]) -> float:
    seconds: list[float] = []
    for _ in range(7):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
