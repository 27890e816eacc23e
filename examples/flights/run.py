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
    print(
        f"{len(made)} events of {len({date for date, _ in departures})} dates; expected: {wanted}"
    )
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    with Server(HERE, str(WORK / "flights.db")) as server:
        replay(server, made)
        seen = settled(server, wanted["open"])
        print(f"seen:     {seen}")
        status, why = server.call("GET", "/api/v1/rules/flight_day/explain?date=2013-12-31")
        assert status == 200, why
        print(f"\n{why['sentence']}")
        for clause in why["clauses"]:
            print(f"  {clause['verdict']:8} {clause['text']}")
        _, gates = server.call("GET", "/api/v1/gates?status=quarantined&limit=2")
        for gate in gates["items"]:
            held = next(one for one in gate["inputs"] if one["status"] == "quarantined")
            print(f"quarantined: {gate['id']}: {held['reason']}")
        _, runs = server.call("GET", "/api/v1/executions?date=2013-07-04")
        print(f"4 July: {json.dumps(runs['items'][0]['output']['result'])}")
    right = {status: seen.get(status, 0) for status in wanted} == wanted
    print("as the data says" if right else "NOT as the data says")
    return 0 if right else 1


def replay(server: Server, made: list[bytes]) -> None:
    accepted = 0
    with Progress(disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("replaying 2013", total=len(made))
        for first in range(0, len(made), BATCH):
            batch = made[first : first + BATCH]
            status, answer = server.post(b"[" + b",".join(batch) + b"]")
            assert status == 202, answer
            assert not answer["rejected"], answer
            accepted += answer["accepted"]
            progress.advance(task, len(batch))
    print(f"accepted: {accepted}")


def settled(server: Server, runs: int) -> dict[str, int]:
    """Gates by status, once every run that had to start has ended."""
    for _ in range(SETTLE_TRIES_MAX):
        _, done = server.call("GET", "/api/v1/executions?status=succeeded&limit=1000")
        if len(done["items"]) >= runs:
            break
        Event().wait(0.2)
    _, gates = server.call("GET", "/api/v1/gates?rule=flight_day&limit=1000")
    print(f"runs that succeeded: {len(done['items'])}")
    return dict(Counter(gate["status"] for gate in gates["items"]))


if __name__ == "__main__":
    raise SystemExit(main())
