"""Product: the same stream through the Python API, until nothing is left to decide.

Open the project, send batches as `tidegate event send` does (a few on their way at a time), wait
until the own events are heard as well, and look into the database for what opened. CPU time is that
of the whole process, user and system, from the first batch on.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg

from bench.correlate.stream import digest
from tidegate.correlate.gate import Status
from tidegate.kernel.clock import Day, format_day
from tidegate.kernel.delivery import split_text
from tidegate.services.intake import Pending
from tidegate.settings import Settings
from tidegate.wiring import App

PENDING_MAX = 4
WAIT_SECONDS_MAX = 600.0

Ask = Callable[[str], list[tuple[Any, ...]]]


def run(
    project: Path,
    database: str,
    events: Sequence[bytes],
    batch: int,
    part: int,
    parts: int,
    stuck: int,
) -> dict[str, Any]:
    """`part` of `parts`: with several replicas each sends its share of the batches."""
    started = time.perf_counter()
    app = App(Settings(project=project, database=database)).open()
    start_s = time.perf_counter() - started
    try:
        app.follow_folder()
        if stuck:
            _send(app, events[:batch], batch)
            _idle(app)
            app.close()
            prefill(Path(database), stuck)
            started = time.perf_counter()
            app = App(Settings(project=project, database=database)).open()
            start_s = time.perf_counter() - started
            events = events[batch:]
        rss_mb = _rss_mb()
        began, cpu = time.perf_counter(), _cpu()
        shares = range(part * batch, len(events), batch * parts)
        counts = _send(app, [one for at in shares for one in events[at : at + batch]], batch)
        if parts == 1:
            _idle(app)
        cpu_s, wall_s = _cpu() - cpu, time.perf_counter() - began
    finally:
        app.close()
    return {"n": sum(counts), "cpu_s": cpu_s, "wall_s": wall_s, "accepted": counts[0],
            "duplicates": counts[1], "conflicts": counts[2], "rejected": counts[3],
            "start_s": round(start_s, 2), "rss_before_mb": rss_mb,
            "rss_mb": _rss_mb()}  # fmt: skip


def _send(app: App, events: Sequence[bytes], batch: int) -> list[int]:
    counts = [0, 0, 0, 0]
    waiting: deque[Pending] = deque()

    def take() -> None:
        receipt = waiting.popleft().result(WAIT_SECONDS_MAX)
        counts[0] += receipt.accepted
        counts[1] += receipt.duplicates
        counts[2] += receipt.conflicts
        counts[3] += len(receipt.rejected)

    for at in range(0, len(events), batch):
        waiting.append(app.intake.receive(events[at : at + batch], "bench"))
        if len(waiting) > PENDING_MAX:
            take()
    while waiting:
        take()
    return counts


def _idle(app: App) -> None:
    """Until everything that was said has been heard."""
    while app.host.call(lambda store: store.has_later()).result(WAIT_SECONDS_MAX):
        pass


def prefill(database: Path, count: int) -> None:
    """So many gates that wait for ever: copies of a real waiting one under other names."""
    connection = sqlite3.connect(database, isolation_level=None)
    kind, status = _gate(lambda text: connection.execute(text).fetchall()), int(Status.WAITING)
    row = connection.execute(
        "select scope, doc, version, format, changed_at, state from cell"
        " where kind = ? and status = ? limit 1",
        (kind, status),
    ).fetchone()
    (first,) = connection.execute("select next_cell from turn").fetchone()
    scope, doc, version, format_, changed_at, state = row
    far = 4_102_444_800_000_000  # the year 2100
    connection.execute("begin immediate")
    connection.executemany(
        "insert into cell (id, kind, day, scope, name, doc, version, format, status, wake_at,"
        " changed_at, state) values (?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            (first + n, kind, 18262 + n // 1000 % 400, scope, f"data.process=s{n:07d}", doc,
             version, format_, status, far + n, changed_at, state)
            for n in range(count)
        ),
    )  # fmt: skip
    connection.execute("update turn set next_cell = ?", (first + count,))
    connection.execute("commit")
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()


# ---- what came of it
def outcome(database: str) -> dict[str, Any]:
    """What is in the database: rounds that opened, executions, and effects to be performed."""
    if database.startswith("postgresql"):
        with psycopg.connect(database) as opened:
            return _outcome(lambda text: opened.execute(text.encode()).fetchall())
    connection = sqlite3.connect(database)
    try:
        return _outcome(lambda text: connection.execute(text).fetchall())
    finally:
        connection.close()


def log_rows(database: str) -> int:
    """How many rows the log of a PostgreSQL database has."""
    with psycopg.connect(database) as opened:
        ((rows,),) = opened.execute("select count(*) from log").fetchall()
    return int(rows)


def _outcome(ask: Ask) -> dict[str, Any]:
    opened = ask(
        "select day, name, count(*) from cell where kind = "
        f"{_gate(ask)} and status = {int(Status.OPEN)} group by day, name"
    )
    rounds = [
        f"{format_day(Day(day))} {name.rpartition('=')[2]}"
        for day, name, count in opened
        for _ in range(count)
    ]
    kinds = ask(
        "select name.text, count(*) from cell join name on name.id = cell.kind group by name.text"
    )
    ((effects,),) = ask("select count(*) from effect where kind = 1")
    ((parked,),) = ask("select count(*) from parked")
    return {
        "opened": len(rounds),
        "digest": digest(rounds),
        "cells": dict(sorted(kinds)),
        "effects": effects,
        "parked": parked,
    }


def _gate(ask: Ask) -> int:
    ((kind,),) = ask("select id from name where text = 'gate'")
    return int(kind)


def _rss_mb() -> int:
    """Memory of this process as it is now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() >> 20


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("database")
    parser.add_argument("file", type=Path)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--limit", type=int, help="only so many events; 0 activates the project")
    parser.add_argument("--stuck", type=int, default=0)
    given = parser.parse_args()
    events = split_text(given.file.read_bytes())[: given.limit]
    measured = run(
        given.project, given.database, events, given.batch, given.part, given.parts, given.stuck
    )
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
