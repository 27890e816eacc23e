"""`python -m bench.measures`: each measure against what it replaced; nothing of it is a switch.

Small on purpose: a measure is worth its code only while its row shows it. Medians of three.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from bench.correlate.stream import deliveries, lines
from tidegate.correlate import engine as correlate
from tidegate.kernel.clock import Instant
from tidegate.kernel.cloudevent import decode
from tidegate.kernel.step import Heard
from tidegate.run import engine as run
from tidegate.services.turn import Seat

RUNS = 3
ROWS = 20_000
Pair = tuple[float, float]
NOW = Instant(1_800_000_000_000_000)


# ---- tools
@contextmanager
def database(*statements: str) -> Generator[sqlite3.Connection]:
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "measure.db", isolation_level=None)
        for statement in ("pragma journal_mode=wal", "pragma synchronous=full", *statements):
            connection.execute(statement)
        try:
            yield connection
        finally:
            connection.close()


def cpu(work: Callable[[], object], events: int) -> float:
    """Microseconds of CPU an item, the median."""
    found: list[float] = []
    for _ in range(RUNS):
        began = time.process_time()
        work()
        found.append((time.process_time() - began) / events * 1e6)
    return statistics.median(found)


def commits(connection: sqlite3.Connection, write: Callable[[], object]) -> None:
    connection.execute("begin immediate")
    write()
    connection.execute("commit")


# ---- the measures
def one_statement() -> Pair:
    """Milliseconds a commit of 500 rows takes beside a busy thread."""
    interval = sys.getswitchinterval()
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            sum(range(1000))

    threading.Thread(target=busy, daemon=True).start()
    flat = list(range(1000))
    rows = list(zip(flat[::2], flat[1::2], strict=True))
    many = "insert or replace into t values " + ",".join(["(?,?)"] * 500)
    try:
        with database("create table t(a integer primary key, b int)") as opened:
            single = "insert or replace into t values (?,?)"
            before = _wall(lambda: commits(opened, lambda: opened.executemany(single, rows)))
            sys.setswitchinterval(0.0005)
            after = _wall(lambda: commits(opened, lambda: opened.execute(many, flat)))
    finally:
        stop.set()
        sys.setswitchinterval(interval)
    return before, after


def _wall(work: Callable[[], object]) -> float:
    found: list[float] = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1000)
    return statistics.median(found)


def deferred_keys() -> Pair:
    """A random key a row at once in every turn, or sorted when its bucket is full."""
    chance = random.Random(1)
    keys = [chance.getrandbits(63) for _ in range(10 * ROWS)]
    turns = [keys[at : at + 1000] for at in range(0, len(keys), 1000)]

    def write(opened: sqlite3.Connection, part: Sequence[int]) -> None:
        for at in range(0, len(part), 500):
            chunk = part[at : at + 500]
            marks = ",".join(["(?)"] * len(chunk))
            opened.execute(f"insert or ignore into k values {marks}", chunk)

    def at_once() -> None:
        with database("create table k(h integer primary key)") as opened:
            for turn in turns:
                commits(opened, lambda turn=turn: write(opened, sorted(turn)))  # type: ignore[misc]

    def in_buckets() -> None:
        buckets: list[list[int]] = [[] for _ in range(256)]
        with database("create table k(h integer primary key)") as opened:
            for turn in turns:
                for key in turn:
                    buckets[key >> 55].append(key)
                opened.execute("begin immediate")
                for bucket in buckets:
                    if len(bucket) >= 500:
                        write(opened, sorted(bucket))
                        bucket.clear()
                opened.execute("commit")

    return cpu(at_once, len(keys)), cpu(in_buckets, len(keys))


def packed_log(events: Sequence[bytes]) -> Pair:
    """A row an event, or one packed row a turn."""

    def rows() -> None:
        with database("create table log(pos integer primary key, body blob)") as opened:
            for at in range(0, len(events), 1000):
                part = events[at : at + 1000]
                flat = [value for n, one in enumerate(part, at) for value in (n, one)]
                marks = ",".join(["(?,?)"] * len(part))
                text = f"insert into log values {marks}"
                commits(opened, lambda text=text, flat=flat: opened.execute(text, flat))  # type: ignore[misc]

    def turns() -> None:
        pack, encode = zstandard.ZstdCompressor(level=1).compress, msgspec.msgpack.encode
        with database("create table log(pos integer primary key, body blob)") as opened:
            for at in range(0, len(events), 1000):
                body = pack(encode(events[at : at + 1000]))
                row = (at, body)
                commits(
                    opened,
                    lambda row=row: opened.execute("insert into log values (?,?)", row),  # type: ignore[misc]
                )

    return cpu(rows, len(events)), cpu(turns, len(events))


def typed_decoder(events: Sequence[bytes]) -> Pair:
    """JSON to dicts and a look at five fields, or to a struct of the fields that are named."""
    names = ("dataset_name", "business_date", "process", "ingestion_status", "data_quality_score")
    data = msgspec.defstruct("data", [(name, Any, None) for name in names], gc=False)
    event = msgspec.defstruct(
        "event",
        [("id", str), ("source", str), ("type", str), ("time", str), ("data", data)],
        gc=False,
    )
    plain, typed = msgspec.json.Decoder().decode, msgspec.json.Decoder(event).decode
    fields = attrgetter(*(f"data.{name}" for name in names))

    def dicts() -> None:
        for one in events:
            found = plain(one)["data"]
            for name in names:
                found.get(name)

    def structs() -> None:
        for one in events:
            fields(typed(one))

    return cpu(dicts, len(events)), cpu(structs, len(events))


def day_first() -> Pair:
    """A gate with its wake in a row of its own, scope first, or day first and the wake a column."""
    cells = [(n, n % 1000, n // 1000, f"data.process=p{n % 1000:04d}", n) for n in range(ROWS)]

    def fill(columns: str, wake: str, timers: bool) -> None:
        with database(
            f"create table c(id integer primary key, scope int, day int, name text{wake})",
            f"create unique index c_key on c({columns})",
            "create table timer(at int, cell int, primary key(at, cell)) without rowid",
            "" if timers else "create index c_wake on c(wake) where wake is not null",
        ) as opened:
            width = 4 if timers else 5
            for at in range(0, ROWS, 1000):
                part = cells[at : at + 1000]
                opened.execute("begin immediate")
                marks = ",".join([f"({','.join('?' * width)})"] * 1000)
                flat = [value for cell in part for value in cell[:width]]
                opened.execute(f"insert into c values {marks}", flat)
                if timers:
                    marks = ",".join(["(?,?)"] * 1000)
                    due = [value for cell in part for value in (cell[4], cell[0])]
                    opened.execute(f"insert into timer values {marks}", due)
                opened.execute("commit")

    return (
        cpu(lambda: fill("scope, day, name", "", timers=True), ROWS),
        cpu(lambda: fill("day, scope, name", ", wake int", timers=False), ROWS),
    )


def named_types(events: Sequence[bytes]) -> Pair:
    """An engine asked about every event, or only about those it says it hears."""
    heard = [Heard(decode(one, now=NOW)) for one in events]
    seats: list[Seat[Any]] = [
        Seat(run, run.compile({})),
        Seat(correlate, correlate.compile({})),
    ]

    def all_of_them() -> None:
        for seat in seats:
            for signal in heard:
                tuple(seat.needs(signal))

    def those_it_hears() -> None:
        for seat in seats:
            hears = seat.hears
            for signal in heard:
                if hears is None or signal.event.type in hears:
                    tuple(seat.needs(signal))

    return cpu(all_of_them, len(events)), cpu(those_it_hears, len(events))


def main() -> None:
    events = list(lines(deliveries(ROWS), 1000))
    table: list[tuple[str, str, Pair]] = [
        ("500 rows in one statement, switch interval 0.5 ms", "ms a commit", one_statement()),
        ("keys written when their bucket is full", "us a key", deferred_keys()),
        ("one packed log row a turn", "us an event", packed_log(events)),
        ("decoder of the named fields", "us an event", typed_decoder(events)),
        ("day first, wake as a column", "us a gate", day_first()),
        ("engines name the types they hear", "us an event", named_types(events)),
    ]
    rows = ["| measure | unit | without | with |", "|---|---|---|---|"]
    rows += [
        f"| {name} | {unit} | {before:.2f} | {after:.2f} |" for name, unit, (before, after) in table
    ]
    text = "# Measures\n\n" + "\n".join(rows) + "\n"
    results = Path(__file__).resolve().parents[1] / "results"
    results.mkdir(exist_ok=True)
    (results / "measures.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
