"""Report: medians and ratios as JSON for programs and as a table for people."""

from __future__ import annotations

import json
import platform
import sqlite3
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("tidegate", "msgspec", "xxhash", "zstandard", "psycopg")
FLOORS = {"floor": "of_the_floor", "lean": "of_the_lean_floor"}
"""The bare loops, and what the ratio against them is called."""
MILLISECONDS = ("p50_ms", "p99_ms", "max_ms")


def line(found: Mapping[str, Any]) -> str:
    """One measurement in a few words."""
    words: list[str] = []
    if "cpu_s" in found:
        words.append(f"{found['cpu_s'] / found['n'] * 1e6:.1f} us of CPU an event")
    words += [
        f"{name.removesuffix('_ms')} {found[name]} ms" for name in MILLISECONDS if name in found
    ]
    return ", ".join(words) + ("" if found["exact"] else ", WRONG")


def summary(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Medians over the runs; a ratio is floor CPU by product CPU of the same round, then the median."""
    levels: dict[str, Any] = {}
    for level, measured in runs.items():
        found: dict[str, Any] = {"exact": all(one["exact"] for one in measured)}
        if all("cpu_s" in one for one in measured):
            found["us_per_event"] = _median([one["cpu_s"] / one["n"] * 1e6 for one in measured])
            found["events_per_cpu_s"] = round(
                _median([one["n"] / one["cpu_s"] for one in measured])
            )
            found["events_per_s"] = round(_median([one["n"] / one["wall_s"] for one in measured]))
            for floor, ratio in FLOORS.items():
                if floor in runs and level not in FLOORS:
                    found[ratio] = _ratio(runs[floor], measured)
            if level == "stuck" and "gates" in runs:
                found["of_gates"] = _ratio(runs["gates"], measured)
        for name in (*MILLISECONDS, "start_s", "rss_before_mb", "rss_mb"):
            if all(name in one for one in measured):
                found[name] = _median([one[name] for one in measured])
        levels[level] = {**found, "runs": [dict(one) for one in measured]}
    return {"given": dict(given), "machine": _machine(), "levels": levels}


def _ratio(others: Sequence[Mapping[str, Any]], measured: Sequence[Mapping[str, Any]]) -> float:
    """How much less CPU an event cost the others, run by run."""
    return _median(
        [
            (other["cpu_s"] / other["n"]) / (one["cpu_s"] / one["n"])
            for other, one in zip(others, measured, strict=False)
        ]
    )


def write(folder: Path, name: str, found: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    page = folder / f"{name}.md"
    page.write_text(text(found), "utf-8")
    return page


def text(found: Mapping[str, Any]) -> str:
    given, machine = found["given"], found["machine"]
    rows = [
        "| level | CPU us an event | events per CPU second | of the floor | of the lean floor"
        " | events/s (wall) | p50, p99, max (ms) | answer exact |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for level, one in found["levels"].items():
        cells = [
            level,
            _number(one.get("us_per_event"), ".1f"),
            _number(one.get("events_per_cpu_s"), ","),
            *(_number(one.get(ratio), ".2f") for ratio in FLOORS.values()),
            _number(one.get("events_per_s"), ","),
            ", ".join(f"{one[name]:.1f}" for name in MILLISECONDS if name in one),
            "yes" if one["exact"] else "NO",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    stuck = found["levels"].get("stuck")
    if stuck is not None:
        rows += ["", f"Beside {given['stuck']:,} gates that wait for ever: start in "
                 f"{stuck['start_s']:.1f} s, {stuck['rss_before_mb']:.0f} MB of memory then"
                 + (f", {stuck['of_gates']:.2f} of the speed without them." if "of_gates" in stuck
                    else ".")]  # fmt: skip
    if "postgres" in found["levels"]:
        readers = [one["reader"] for one in found["levels"]["postgres"]["runs"]]
        rows += ["", "A reader by place beside the replicas saw "
                 + ", ".join(f"{one['rows']:,} of {one['rows_there']:,} rows" for one in readers)
                 + f", {sum(one['missed'] for one in readers)} missed."]  # fmt: skip
    if "singles" in found["levels"]:
        rows += ["", f"Single events come at {given['rate']:,.0f} a second."]
    return (
        f"# Correlation: {given['events']:,} events, {given['rules']:,} rules\n\n"
        + "\n".join(rows)
        + "\n\nMedians of "
        f"{given['runs']} runs, interleaved; CPU time is user and system of the whole process.\n"
        "Ratios bind, absolute figures belong to the machine of that day.\n\n"
        f"Machine: {machine['cores']} cores, {machine['cpu']}, Python {machine['python']}, SQLite "
        f"{machine['sqlite']} with `synchronous=FULL`, load {machine['load']} at the end.\n"
        f"Versions: {', '.join(f'{name} {one}' for name, one in machine['packages'].items())}; "
        f"commit {machine['commit']}.\n"
    )


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 3)


def _machine() -> dict[str, Any]:
    import os

    return {
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "python": sys.version.split()[0],
        "system": platform.platform(terse=True),
        "sqlite": sqlite3.sqlite_version,
        "load": round(os.getloadavg()[0], 1),
        "packages": {name: version(name) for name in PACKAGES},
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
        ).stdout.strip(),
    }


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()
