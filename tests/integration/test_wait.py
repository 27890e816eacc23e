"""`event send --wait`: until the runs that the events started have come to their end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tidegate.testing.server import Server

RULE = """\
rule_name: nightly
conditions:
  - event_type: dataset.delivered
correlation_logic:
  - match_field: data.business_date
    operator: equals
actions:
  - action_type: trigger_job
    job_name: report
"""
EVENT = {
    "specversion": "1.0",
    "id": "o-1",
    "source": "/shop",
    "type": "dataset.delivered",
    "time": "2026-03-02T05:40:00Z",
    "data": {"business_date": "2026-03-02"},
}
# Fails the first time, a second later it succeeds.
ONCE = "test -e done || { touch done; exit 3; }"


def project(folder: Path, script: str) -> Path:
    (folder / "rules").mkdir()
    (folder / "rules" / "nightly.yaml").write_text(RULE, "utf-8")
    (folder / "jobs").mkdir()
    job = {
        "kind": "command",
        "target": ["sh", "-c", script],
        "retry": {"max_attempts": 2, "delay_minutes": 0.02},
    }
    (folder / "jobs" / "report.yaml").write_text(json.dumps({"report": job}), "utf-8")
    (folder / "tidegate.yaml").write_text("name: wait\n", "utf-8")
    return folder


def run(folder: Path, *arguments: str, events: Any = EVENT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tidegate", *arguments, "--project", str(folder)]
    return subprocess.run(
        command, input=json.dumps(events), text=True, capture_output=True, timeout=120
    )


def send(folder: Path, *more: str, events: Any = EVENT) -> subprocess.CompletedProcess[str]:
    return run(folder, "event", "send", "-", "--wait", "--json", *more, events=events)


def test_it_waits_for_the_retries(tmp_path: Path) -> None:
    ran = send(project(tmp_path, ONCE))

    (one,) = json.loads(ran.stdout)["runs"]
    assert (ran.returncode, one["status"], one["attempt"]) == (0, "succeeded", 2)


def test_a_run_that_fails_for_good_is_said_and_has_its_exit_code(tmp_path: Path) -> None:
    ran = run(project(tmp_path, "exit 3"), "event", "send", "-", "--wait")

    assert ran.returncode == 1
    assert "1 accepted" in ran.stdout
    assert "report for 2026-03-02 failed after 2 attempts" in ran.stderr


def test_after_its_time_it_says_what_goes_on(tmp_path: Path) -> None:
    ran = send(project(tmp_path, "sleep 60"), "--timeout", "1s")

    assert ran.returncode == 6
    assert "timeout" in ran.stderr
    assert "report~~2026-03-02~~" in ran.stderr


def test_what_is_held_is_not_waited_for_and_said(tmp_path: Path) -> None:
    folder = project(tmp_path, "true")
    run(folder, "schedule", "pause")

    ran = run(folder, "event", "send", "-", "--wait")

    assert ran.returncode == 10
    assert "not waited for: report for 2026-03-02 is held" in ran.stderr


def test_without_a_run_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    ran = send(project(tmp_path, "true"), events={**EVENT, "type": "other"})

    assert (ran.returncode, json.loads(ran.stdout)["runs"]) == (0, [])


def test_a_timeout_that_is_none_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    ran = send(project(tmp_path, "true"), "--timeout", "soon")

    assert ran.returncode == 2
    assert not (tmp_path / "tidegate.db").exists()


@pytest.mark.parametrize(
    ("script", "code", "status"), [(ONCE, 0, "succeeded"), ("exit 3", 1, "failed")]
)
def test_beside_a_server_it_waits_for_what_the_server_does(
    tmp_path: Path, script: str, code: int, status: str
) -> None:
    with Server(project(tmp_path, script)):
        ran = send(tmp_path)

    (one,) = json.loads(ran.stdout)["runs"]
    assert (ran.returncode, one["status"], one["attempt"]) == (code, status, 2)


def test_beside_a_server_its_time_ends_as_well_and_events_have_a_limit(tmp_path: Path) -> None:
    with Server(project(tmp_path, "sleep 60")) as server:
        late = send(tmp_path, "--timeout", "1s")
        many = send(tmp_path, events=[{**EVENT, "id": str(n)} for n in range(1001)])
        _, events = server.call("GET", "/api/v1/events?own=false")

    assert (late.returncode, many.returncode) == (6, 2)
    assert "at most 1000 events" in many.stderr
    assert len(events["items"]) == 1
