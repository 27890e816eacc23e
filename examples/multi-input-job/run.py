"""The origin's use case: two applications, one gate, one job.

make example NAME=multi-input-job
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
WORK = HERE.parents[1] / ".example" / "multi-input-job"
DATABASE = WORK / "tidegate.db"


def tidegate(*arguments: str) -> Any:
    """Run one command and show it; answers its JSON."""
    print(f"\n$ tidegate {' '.join(arguments)}")
    command = [sys.executable, "-m", "tidegate", *arguments, "--project", str(HERE)]
    command += ["--database", str(DATABASE)]
    environment = {**os.environ, "TIDEGATE_LOG": "ERROR"}
    shown = subprocess.run(command, env=environment, text=True, capture_output=True)
    print(shown.stdout.rstrip())
    if shown.returncode not in (0, 10):
        raise SystemExit(shown.stderr)
    found = subprocess.run([*command, "--json"], env=environment, text=True, capture_output=True)
    return json.loads(found.stdout)


def redelivered(name: str) -> Path:
    """The printed event again, under a new id."""
    event = json.loads((HERE / "events" / name).read_text("utf-8"))
    event["id"] += "-redelivered"
    path = WORK / name
    path.write_text(json.dumps(event), "utf-8")
    return path


def main() -> int:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    crm, erp = HERE / "events" / "crm.json", HERE / "events" / "erp.json"
    tidegate("event", "send", str(crm))
    tidegate("explain", "multi_input_job_trigger", "--date", "2024-01-15")
    tidegate("event", "send", str(erp), "--wait")
    tidegate("explain", "multi_input_job_trigger", "--date", "2024-01-15")
    again = tidegate("event", "send", str(crm))
    assert again["duplicates"] == 1, again
    for name in ("crm.json", "erp.json"):
        tidegate("event", "send", str(redelivered(name)), "--wait")
    gates = tidegate("gate", "list")
    ids = [gate["correlation_id"] for gate in sorted(gates, key=lambda gate: gate["round"])]
    assert ids == ["correlation-2024-01-15-001", "correlation-2024-01-15-002"], ids
    tidegate("trace", "crm-ingestion-2024-01-15-10-30-00-001")
    verdict = tidegate("db", "verify")
    assert verdict["equal"], verdict
    print("\nas the use case says")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
