"""Floor: bare durable loops that give the same answer, and nothing else.

    floor   a row an event with its raw bytes, a unique index over (id, source), a row a round, a
            row an opening: the durable loop as one would write it
    lean    one log row a batch, a 64-bit hash an event as dedup key, integer-keyed rounds: the
            leanest layout we know

One process, all state in memory, SQLite with `synchronous=FULL`. No mapping, no evidence, no
explanation, no filter, no replay. What the product is held against, in the same run.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import struct
import time
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from bench.correlate.stream import APPLICATIONS, DAY, PAIR, QUALITY_MIN, digest

PRAGMAS = (
    "pragma journal_mode=wal",
    "pragma synchronous=FULL",
    "pragma cache_size=-262144",
)
FULL = (
    "create table event(seq integer primary key, source text, id text, body blob)",
    "create unique index event_id on event(id, source)",
    "create table round(rule int, process text, bdate text, t0 real, side int, done int,"
    " primary key(rule, process, bdate)) without rowid",
    "create table fire(rule int, process text, bdate text, ev text,"
    " primary key(rule, process, bdate)) without rowid",
)
LEAN = (
    "create table log(seq integer primary key, n int, body blob)",
    "create table seen(h integer primary key)",
    "create table round(id integer primary key, rule int, process text, bdate text, t0 real,"
    " side int, done int, first_id text)",
    "create table fire(round integer primary key, ev text)",
)


class Data(msgspec.Struct, gc=False):
    dataset_name: str = ""
    business_date: str = ""
    process: str = ""
    ingestion_status: str = ""
    data_quality_score: float = 0.0


class Event(msgspec.Struct, gc=False):
    id: str
    source: str
    type: str
    time: str
    data: Data


Key = tuple[int, str, str]  # rule, process, business date
Index = dict[tuple[str, str], tuple[int, int]]  # (type, dataset) to (rule, side)


def run(file: Path, database: Path, rules: int, batch: int, *, lean: bool) -> dict[str, Any]:
    index = {
        (APPLICATIONS[kind].type, APPLICATIONS[kind].dataset + _suffix(number, rules)): (
            number,
            side,
        )
        for number in range(rules)
        for side, kind in enumerate(PAIR)
    }
    events = file.read_bytes().split(b"\n")[:-1]
    connection = sqlite3.connect(database, isolation_level=None)
    for statement in (*PRAGMAS, *(LEAN if lean else FULL)):
        connection.execute(statement)
    loop = _lean if lean else _full
    began, cpu = time.perf_counter(), time.process_time()
    opened, duplicates = loop(connection, events, index, batch)
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - began
    connection.close()
    return {
        "n": len(events),
        "cpu_s": cpu_s,
        "wall_s": wall_s,
        "opened": len(opened),
        "digest": digest(opened),
        "duplicates": duplicates,
    }


def _full(
    connection: sqlite3.Connection, events: list[bytes], index: Index, batch: int
) -> tuple[list[str], int]:
    decode = msgspec.json.Decoder(Event).decode
    execute, many = connection.execute, connection.executemany
    seen: set[tuple[str, str]] = set()
    rounds: dict[Key, tuple[float, int, int]] = {}
    opened: list[str] = []
    duplicates = 0
    for at in range(0, len(events), batch):
        rows: list[tuple[str, str, bytes]] = []
        changed: dict[Key, tuple[float, int, int]] = {}
        fires: list[tuple[int, str, str, str]] = []
        for line in events[at : at + batch]:
            event = decode(line)
            identity = (event.source, event.id)
            if identity in seen:
                duplicates += 1
                continue
            seen.add(identity)
            rows.append((event.source, event.id, line))
            data = event.data
            found = index.get((event.type, data.dataset_name))
            if (
                found is None
                or data.ingestion_status != "success"
                or data.data_quality_score < QUALITY_MIN
            ):
                continue
            rule, side = found
            stamp = datetime.fromisoformat(event.time).timestamp()
            key = (rule, data.process, data.business_date)
            state = rounds.get(key)
            if state is None:
                rounds[key] = changed[key] = (stamp, side, 0)
            elif not state[2] and state[1] != side and abs(state[0] - stamp) <= DAY:
                rounds[key] = changed[key] = (state[0], state[1], 1)
                opened.append(f"{data.business_date} {data.process}")
                fires.append((*key, event.id))
        execute("begin")
        many("insert into event(source,id,body) values(?,?,?)", rows)
        many(
            "insert or replace into round values(?,?,?,?,?,?)",
            [(*key, *state) for key, state in changed.items()],
        )
        many("insert into fire values(?,?,?,?)", fires)
        execute("commit")
    return opened, duplicates


def _lean(
    connection: sqlite3.Connection, events: list[bytes], index: Index, batch: int
) -> tuple[list[str], int]:
    decode = msgspec.json.Decoder(Event).decode
    unpack = struct.Struct("<q").unpack
    execute, many = connection.execute, connection.executemany
    seen: set[int] = set()
    rounds: dict[Key, tuple[float, int, int, int, str | None]] = {}
    opened: list[str] = []
    duplicates = next_id = 0
    for at in range(0, len(events), batch):
        chunk = events[at : at + batch]
        hashes: list[tuple[int]] = []
        inserts: dict[int, tuple[Any, ...]] = {}
        updates: list[tuple[int]] = []
        fires: list[tuple[int, str]] = []
        for line in chunk:
            event = decode(line)
            (hashed,) = unpack(
                blake2b(f"{event.source}\0{event.id}".encode(), digest_size=8).digest()
            )
            if hashed in seen:
                duplicates += 1
                continue
            seen.add(hashed)
            hashes.append((hashed,))
            data = event.data
            found = index.get((event.type, data.dataset_name))
            if (
                found is None
                or data.ingestion_status != "success"
                or data.data_quality_score < QUALITY_MIN
            ):
                continue
            rule, side = found
            stamp = datetime.fromisoformat(event.time).timestamp()
            key = (rule, data.process, data.business_date)
            state = rounds.get(key)
            if state is None:
                next_id += 1
                rounds[key] = (stamp, side, 0, next_id, event.id)
                inserts[next_id] = (
                    next_id, rule, data.process, data.business_date, stamp, side, 0, event.id,
                )  # fmt: skip
            elif not state[2] and state[1] != side and abs(state[0] - stamp) <= DAY:
                rounds[key] = (state[0], state[1], 1, state[3], None)
                opened.append(f"{data.business_date} {data.process}")
                fires.append((state[3], event.id))
                if state[3] in inserts:
                    row = inserts[state[3]]
                    inserts[state[3]] = (*row[:6], 1, row[7])
                else:
                    updates.append((state[3],))
        execute("begin")
        execute("insert into log(n,body) values(?,?)", (len(chunk), b"\n".join(chunk)))
        hashes.sort()
        many("insert into seen values(?)", hashes)
        many("insert into round values(?,?,?,?,?,?,?,?)", inserts.values())
        many("update round set done=1 where id=?", updates)
        many("insert into fire values(?,?)", fires)
        execute("commit")
    return opened, duplicates


def _suffix(number: int, rules: int) -> str:
    return "" if rules == 1 else f".{number:04d}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("database", type=Path)
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--lean", action="store_true")
    given = parser.parse_args()
    found = run(given.file, given.database, given.rules, given.batch, lean=given.lean)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
