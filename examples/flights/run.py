"""Replay a real year over HTTP, and hold what Tidegate says against the data itself.

make example NAME=flights
"""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Any

from rich.progress import Progress

from tidegate.testing.server import Server

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import events as year  # noqa: E402

BATCH = 100
SETTLE_TRIES_MAX = 600
WORK = HERE.parents[1] / ".example" / "flights"


def main() -> int:
    departures, weather = year.counts()
    wanted = year.expected(departures, weather)
    made = year.events(departures, weather)
    dates = len({date for date, _ in departures})
    print(
        f"{dates} dates of 2013, {len(made)} events: one for each airport and the weather, a date."
    )
    print("Out of the data alone, before anything is sent:")
    print(f"  {said(wanted)}\n")
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    with Server(HERE, str(WORK / "flights.db")) as server:
        accepted, seconds = replay(server, made)
        print(f"Sent over HTTP, {BATCH} at a time: {accepted} accepted in {seconds:.1f} s.")
        ended = settle(server, wanted["open"])
        seen = gates(server)
        print(f"Tidegate says, after {ended} reports have run:")
        print(f"  {said(seen)}\n")
        explain(server)
    right = ended == wanted["open"] and {one: seen.get(one, 0) for one in wanted} == wanted
    print("as the data says" if right else "NOT as the data says")
    return 0 if right else 1


def said(counts: dict[str, int]) -> str:
    return (
        f"{counts.get('open', 0)} gates open, {counts.get('quarantined', 0)} in quarantine, "
        f"{counts.get('waiting', 0)} waiting"
    )


def replay(server: Server, made: list[bytes]) -> tuple[int, float]:
    """Events accepted, and the seconds it took."""
    accepted, began = 0, perf_counter()
    with Progress(disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("replaying 2013", total=len(made))
        for first in range(0, len(made), BATCH):
            batch = made[first : first + BATCH]
            status, answer = server.post(b"[" + b",".join(batch) + b"]")
            assert status == 202, answer
            assert not answer["rejected"], answer
            accepted += answer["accepted"]
            progress.advance(task, len(batch))
    return accepted, perf_counter() - began


def settle(server: Server, runs: int) -> int:
    """How many runs have ended well, once as many as must start have."""
    done: list[Any] = []
    with Progress(disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("running the reports", total=runs)
        for _ in range(SETTLE_TRIES_MAX):
            _, answer = server.call("GET", "/api/v1/executions?status=succeeded&limit=1000")
            done = answer["items"]
            progress.update(task, completed=len(done))
            if len(done) >= runs:
                break
            Event().wait(0.2)
    return len(done)


def gates(server: Server) -> dict[str, int]:
    _, answer = server.call("GET", "/api/v1/gates?rule=flight_day&limit=1000")
    return dict(Counter(gate["status"] for gate in answer["items"]))


def explain(server: Server) -> None:
    print("Why did the last day of the year never open?")
    status, why = server.call("GET", "/api/v1/rules/flight_day/explain?date=2013-12-31")
    assert status == 200, why
    print(f"  {why['sentence']}")
    for clause in why["clauses"]:
        print(f"    {clause['verdict']:8} {clause['text']}")
    print("\nWhy are 24 in quarantine? The first three:")
    _, held = server.call("GET", "/api/v1/gates?status=quarantined&limit=3")
    for gate in held["items"]:
        (bad,) = (one for one in gate["inputs"] if one["status"] == "quarantined")
        print(f"  {gate['id'].split('~~')[1]}  {bad['name']}: {bad['reason']}")
    print("\nAnd what did the job of 4 July say?")
    _, runs = server.call("GET", "/api/v1/executions?date=2013-07-04")
    print(f"  {json.dumps(runs['items'][0]['output']['result'])}\n")


if __name__ == "__main__":
    raise SystemExit(main())
