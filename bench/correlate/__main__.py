"""`python -m bench.correlate`: the floor and the product on the same stream, interleaved.

    floor      the bare durable loop: a row an event, a unique index, a row a round
    lean       the same with the leanest layout we know: one row a batch, hashes, integer keys
    gates      rules without actions: gates with evidence, own events, counters
    full       every opening asks for a job: admission, execution and first effect committed
    stuck      gates, beside so many gates that wait for ever
    postgres   gates on PostgreSQL, two replicas that share the stream; a reader follows the log
    batches    gates over HTTP, 500 events a call; CPU of the server
    singles    gates over HTTP, one event a call at a fixed rate
    request    from a last input's arrival to the committed request for its job

Ratios are given against both loops. Every process starts anew; answers are compared with the reference, round by round. Exit 1 when one
is wrong. Results land in bench/results/<name>.json and .md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.correlate import report
from bench.correlate.product import log_rows, outcome
from bench.correlate.stream import Answer, write, write_project

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench" / "results"
LEVELS = (
    "floor", "lean", "gates", "full", "stuck", "postgres", "batches", "singles", "request",
)  # fmt: skip


class Bench:
    """One set of measurements in a folder of its own."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self._given = given
        self._folder = folder
        self._file = folder / "events.jsonl"
        self._answer: Answer = write(self._file, given.events, given.rules)
        write_project(folder / "project-gates", given.rules, "gates")
        write_project(folder / "project-full", given.rules, "full")

    def measure(self, level: str) -> dict[str, Any]:
        if level in ("floor", "lean"):
            found = self._floor(level)
        elif level in ("batches", "singles", "request"):
            found = self._http(level)
        elif level == "postgres":
            found = self._postgres()
        else:
            found = self._sqlite(level)
        print(f"{level:9s} {report.line(found)}", flush=True)
        return found

    def _floor(self, level: str) -> dict[str, Any]:
        database = self._fresh(f"{level}.db")
        lean = ["--lean"] if level == "lean" else []
        (found,) = _processes(
            [["bench.correlate.floor", str(self._file), str(database), *self._sizes(), *lean]]
        )
        found["exact"] = self._fits(found)
        return found

    def _sqlite(self, level: str) -> dict[str, Any]:
        database = self._fresh(f"{level}.db")
        stuck = ["--stuck", str(self._given.stuck)] if level == "stuck" else []
        (found,) = _processes(
            [self._product("full" if level == "full" else "gates", database, stuck)]
        )
        result = outcome(str(database))
        found.update(result)
        found["exact"] = self._fits(result) and not result["parked"]
        if level == "full":
            started = result["cells"].get("execution", 0)
            found["exact"] &= started == result["effects"] == self._answer.opened
        return found

    def _http(self, level: str) -> dict[str, Any]:
        database = self._fresh(f"{level}.db")
        project = self._folder / f"project-{'full' if level == 'request' else 'gates'}"
        command = ["bench.correlate.http", level, str(project), str(database), str(self._file)]
        (found,) = _processes([[*command, "--rate", str(self._given.rate)]])
        result = outcome(str(database))
        found.update(result)
        exact = not result["parked"]
        if level == "batches":
            exact &= self._fits(result)
        elif level == "request":
            exact &= result["opened"] == result["effects"] == found["n"]
        found["exact"] = exact
        return found

    def _postgres(self) -> dict[str, Any]:
        from tidegate.testing.postgres import Server

        folder = Path(tempfile.mkdtemp(prefix="postgres-", dir=self._folder))
        server = Server.start(folder, fsync=True)
        try:
            with server.address.database() as database:
                parts, result, reader = self._replicas(database)
        finally:
            server.stop()
        return {
            "n": sum(one["n"] for one in parts),
            "cpu_s": sum(one["cpu_s"] for one in parts),
            "wall_s": max(one["wall_s"] for one in parts),
            "parts": parts,
            "reader": reader,
            **result,
            "exact": self._fits(result) and not result["parked"] and reader["missed"] == 0,
        }

    def _replicas(
        self, database: str
    ) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
        """Two processes that share the stream; the project is activated before them."""
        _processes([self._product("gates", database, ["--limit", "0"])])
        reader = _start(["bench.correlate.reader", database])
        parts = _processes(
            [
                self._product("gates", database, ["--part", str(part), "--parts", "2"])
                for part in range(2)
            ]
        )
        _processes([self._product("gates", database, ["--limit", "0"])])  # hears what is left
        read, rows = _found(reader), log_rows(database)
        missed = rows - read["rows"] + len(read["gaps"])
        return parts, outcome(database), {**read, "rows_there": rows, "missed": missed}

    def _product(self, project: str, database: Path | str, more: list[str]) -> list[str]:
        folder = self._folder / f"project-{project}"
        return ["bench.correlate.product", str(folder), str(database), str(self._file), *more]

    def _sizes(self) -> list[str]:
        return ["--rules", str(self._given.rules)]

    def _fits(self, found: dict[str, Any]) -> bool:
        return (found["opened"], found["digest"]) == (self._answer.opened, self._answer.digest)

    def _fresh(self, name: str) -> Path:
        for path in self._folder.glob(f"{name}*"):
            path.unlink()
        return self._folder / name


def _processes(commands: list[list[str]]) -> list[dict[str, Any]]:
    """Each as a Python of its own, all at once."""
    return [_found(process) for process in [_start(command) for command in commands]]


def _start(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _found(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What it printed last; closing its input tells one that follows to come to its end."""
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{process.args!r:.200} ended with {process.returncode}")
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure correlation against a bare loop.")
    parser.add_argument("--events", type=int, default=100_000, help="1,000,000 for the long run")
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--stuck", type=int, default=100_000, help="gates that wait for ever")
    parser.add_argument("--rate", type=float, default=1000, help="single events a second")
    parser.add_argument("--levels", nargs="+", choices=LEVELS, default=LEVELS)
    parser.add_argument("--name", default="correlate", help="of the files in bench/results")
    parser.add_argument("--folder", type=Path, help="keep stream and databases here")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="tidegate-bench-"))
    try:
        bench = Bench(given, folder)
        runs: dict[str, list[dict[str, Any]]] = {level: [] for level in given.levels}
        for _ in range(given.runs):
            for level in given.levels:
                runs[level].append(bench.measure(level))
    finally:
        if given.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    sizes = {name: getattr(given, name) for name in ("events", "rules", "runs", "stuck", "rate")}
    found = report.summary(runs, sizes)
    page = report.write(RESULTS, given.name, found)
    print(page.read_text("utf-8"))
    if not all(one["exact"] for one in found["levels"].values()):
        raise SystemExit("an answer is wrong")


if __name__ == "__main__":
    main()
