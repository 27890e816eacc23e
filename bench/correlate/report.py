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
FLOOR = "floor"


def summary(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Medians over the runs; a ratio is floor CPU by product CPU of the same round, then the median."""
    levels: dict[str, Any] = {}
    for level, measured in runs.items():
        levels[level] = {
            "us_per_event": _median([one["cpu_s"] / one["n"] * 1e6 for one in measured]),
            "events_per_cpu_s": round(_median([one["n"] / one["cpu_s"] for one in measured])),
            "events_per_s": round(_median([one["n"] / one["wall_s"] for one in measured])),
            "exact": all(one["exact"] for one in measured),
            "runs": [dict(one) for one in measured],
        }
        if level != FLOOR and FLOOR in runs:
            levels[level]["of_the_floor"] = _median(
                [
                    (floor["cpu_s"] / floor["n"]) / (one["cpu_s"] / one["n"])
                    for floor, one in zip(runs[FLOOR], measured, strict=False)
                ]
            )
    return {"given": dict(given), "machine": _machine(), "levels": levels}


def write(folder: Path, name: str, found: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    page = folder / f"{name}.md"
    page.write_text(text(found), "utf-8")
    return page


def text(found: Mapping[str, Any]) -> str:
    given, machine = found["given"], found["machine"]
    rows = [
        "| level | CPU us an event | events per CPU second | of the floor | events/s (wall) | answer exact |",
        "|---|---|---|---|---|---|",
    ]
    for level, one in found["levels"].items():
        ratio = one.get("of_the_floor")
        rows.append(
            f"| {level} | {one['us_per_event']:.1f} | {one['events_per_cpu_s']:,} |"
            f" {'' if ratio is None else f'{ratio:.2f}'} | {one['events_per_s']:,} |"
            f" {'yes' if one['exact'] else 'NO'} |"
        )
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
