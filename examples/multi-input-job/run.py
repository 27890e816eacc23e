"""Two applications, one gate, one job: told command by command, and checked.

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
RULE, DATE = "multi_input_job_trigger", "2024-01-15"
FIRST, SECOND = "correlation-2024-01-15-001", "correlation-2024-01-15-002"
CODES_WANTED = (0, 10)  # 10: explain says "not yet"


def tidegate(*arguments: str) -> str:
    """Run one command in this folder, show it as typed, and show what it says."""
    print(f"\n$ tidegate {' '.join(arguments)}", flush=True)
    ran = _run(*arguments)
    print(ran.stdout.rstrip())
    if ran.returncode not in CODES_WANTED:
        raise SystemExit(ran.stderr)
    return ran.stdout


def asked(*arguments: str) -> Any:
    """What a command answers with --json."""
    return json.loads(_run(*arguments, "--json").stdout)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tidegate", *arguments, "--database", str(DATABASE)]
    return subprocess.run(command, cwd=HERE, text=True, capture_output=True)


def redelivery() -> str:
    """Both printed events once more, under new ids."""
    lines: list[str] = []
    for name in ("crm.json", "erp.json"):
        event = json.loads((HERE / "events" / name).read_text("utf-8"))
        lines.append(json.dumps({**event, "id": f"{event['id']}-again"}))
    path = WORK / "redelivery.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    return os.path.relpath(path, HERE)


def main() -> int:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    print(
        "The daily customer analysis needs the transactions of CRM and the orders of ERP, both of"
    )
    print(f"the same business date. CRM delivers {DATE} first:")
    tidegate("event", "send", "events/crm.json")
    tidegate("explain", RULE, "--date", DATE)

    print("\n45 minutes later, by the events' own time, ERP delivers under an id of its own:")
    tidegate("event", "send", "events/erp.json", "--wait")
    tidegate("explain", RULE, "--date", DATE)

    print("\nCRM's event comes once more, as messages do. It is known, and nothing changes:")
    said = tidegate("event", "send", "events/crm.json")
    assert "1 duplicate" in said, said

    print(
        "\nBoth deliver the date again, under new ids: a second round, which never becomes the first:"
    )
    tidegate("event", "send", redelivery(), "--wait")
    tidegate("gate", "list")
    rounds = {gate["correlation_id"]: gate["status"] for gate in asked("gate", "list")}
    assert rounds == {FIRST: "open", SECOND: "open"}, rounds

    print(
        "\nWho knows only the id that CRM gave its batch finds everything under it, in both rounds:"
    )
    tidegate("trace", "crm-batch-2024-01-15-001")

    print("\nDecided again from the log alone, is every gate and run what is stored?")
    said = tidegate("db", "verify")
    assert said.startswith("equal"), said

    print("\n4 events and a copy of one: 2 rounds opened, 2 jobs ran, under")
    print(f"{FIRST} and {SECOND}.")
    print("\nLook around yourself, from this folder:")
    where = f"--database {os.path.relpath(DATABASE)} --project {os.path.relpath(HERE)}"
    print(f"  {os.path.relpath(Path(sys.executable).with_name('tidegate'))} board {where}")
    print("\nas the use case says")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
