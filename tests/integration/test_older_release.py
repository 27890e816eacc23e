"""A database that another release wrote, with orders that have reasons: taken over, and verified."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tidegate
from tidegate.testing.server import tidegate as command

PACKAGE = Path(tidegate.__file__).parent
OLDER = {
    "correlate/gate.py": [
        ("closed_by=by, close_reason=reason", "closed_by=by, close_reason=None"),
        ("released_by=actor, release_reason=reason", "released_by=actor, release_reason=None"),
    ],
    "correlate/engine.py": [
        (
            "def _hear(event: Event, view: View, book: Book) -> Answer:\n",
            "def _hear(event: Event, view: View, book: Book) -> Answer:\n"
            "    assert event.id != 'unlucky'\n",
        )
    ],
}
"""What the other release did otherwise: reasons were kept in the log alone, and it had a defect."""
RULE = """\
rule_name: nightly
conditions:
  - {event_type: delivered, data.dataset_name: orders, additional_conditions: [{data.n: "> 0"}]}
  - {event_type: delivered, data.dataset_name: stock}
correlation_logic:
  - {match_field: data.business_date, operator: equals}
actions:
  - {action_type: trigger_job, job_name: load}
"""
JOB = "load: {kind: command, target: ['true']}\n"
FIRST, SECOND, THIRD = (f"nightly~~2026-03-0{day}~~001" for day in (2, 3, 4))


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The source of another release."""
    copy = Path(shutil.copytree(PACKAGE, tmp_path / "older" / "tidegate"))
    for file, changes in OLDER.items():
        text = (copy / file).read_text("utf-8")
        for now, then in changes:
            assert text.count(now) == 1, now
            text = text.replace(now, then)
        (copy / file).write_text(text, "utf-8")
    return copy.parent


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {"rules/nightly.yaml": RULE, "jobs/all.yaml": JOB}.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True)
        path.write_text(text, "utf-8")
    return tmp_path / "project"


def event(id_: str, dataset: str, day: int, n: int = 1) -> str:
    data = {"dataset_name": dataset, "business_date": f"2026-03-0{day}", "n": n}
    return json.dumps({"id": id_, "source": "/s", "type": "delivered", "data": data})


def then(older: Path, project: Path, *arguments: str, stdin: str | None = None) -> tuple[int, str]:
    """A command of the other release."""
    environment = {name: text for name, text in os.environ.items() if name != "DATABASE_URL"}
    ran = subprocess.run(
        [sys.executable, "-m", "tidegate", *arguments, "--project", str(project)],
        env=environment | {"PYTHONPATH": str(older)}, input=stdin, text=True, capture_output=True,
        check=False,
    )  # fmt: skip
    return ran.returncode, ran.stdout + ran.stderr


def now(project: Path, *arguments: str) -> Any:
    ran = command(*arguments, "--json", project=project)
    assert ran.returncode in (0, 10), ran.stderr
    return json.loads(ran.stdout)


def written_by(older: Path, project: Path) -> None:
    """Orders with reasons, taken and refused, and a signal that is parked."""
    sent = [event("o1", "orders", 2, 0), event("o2", "orders", 3, 0), event("s1", "stock", 2)]
    steps: list[tuple[int, tuple[str, ...], str | None]] = [
        (0, ("event", "send", "-"), "\n".join(sent)),
        (0, ("event", "send", "-"), event("unlucky", "stock", 4)),
        (0, ("schedule", "pause", "--reason", "upgrade of the warehouse"), None),
        (0, ("gate", "release", FIRST, "--reason", "counted by hand"), None),
        (5, ("gate", "release", FIRST, "--reason", "once more"), None),
        (0, ("gate", "close", SECOND, "--reason", "no delivery that day"), None),
        (5, ("gate", "close", SECOND, "--reason", "really"), None),
        (0, ("trigger", "send", "load", "--key", "k.1", "--reason", "by hand"), None),
        (0, ("trigger", "cancel", "load~~-~~person.k.1", "--reason", "not needed"), None),
        (1, ("inbox", "release", "1.correlate", "--reason", "why not"), None),
    ]
    for code, arguments, stdin in steps:
        assert then(older, project, *arguments, stdin=stdin)[0] == code, arguments


def test_what_an_older_release_decided_is_equal_and_goes_on(older: Path, project: Path) -> None:
    written_by(older, project)
    before = then(older, project, "db", "verify")
    parked = [one["id"] for one in now(project, "inbox", "list") if one["kind"] == "parked"]

    upgraded = command("db", "upgrade", project=project)
    taken_over = now(project, "db", "verify")
    released = now(project, "inbox", "release", *parked, "--reason", "after the upgrade")
    resumed = command("schedule", "resume", project=project)
    after = now(project, "db", "verify")

    assert before[0] == 0, before[1]
    assert upgraded.returncode == 0, upgraded.stderr
    assert [one["released"] for one in released] == [True]
    assert resumed.returncode == 0, resumed.stderr
    for report in (taken_over, after):
        assert (report["equal"], report["differences"]) == (True, [])
        assert "from place 1 on release " in report["notes"][0]
    assert after["signals"] > taken_over["signals"]


def test_its_orders_are_shown_as_far_as_it_kept_them(older: Path, project: Path) -> None:
    written_by(older, project)

    first, second = (now(project, "gate", "show", one) for one in (FIRST, SECOND))
    cancelled = now(project, "trigger", "show", "load~~-~~person.k.1")
    held = now(project, "explain", "nightly", "--date", "2026-03-02")

    assert first["status"] == "open"
    assert first["inputs"][0]["reason"].startswith("released by ")
    assert second["closed_by"]
    assert second["close_reason"] is None
    assert cancelled["cancel_reason"] == "not needed"
    assert [one["status"] for one in held["runs"]] == ["held"]


def test_deciding_its_rows_again_is_a_choice_that_tells_what_is_otherwise(
    older: Path, project: Path
) -> None:
    written_by(older, project)

    ran = command("db", "verify", "--all", project=project)

    assert ran.returncode == 1
    assert "cell gate nightly 2026-03-02" in ran.stdout
    assert "the state differs from what the log leads to" in ran.stdout
