"""Jobs: a project of commands alone, started by hand on a real server, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate.testing.server import Server, eventually

JOBS_END_S = 60.0


def write_jobs(folder: Path, jobs: Mapping[str, Mapping[str, Any]]) -> Path:
    """A project with these jobs; each is a command unless it says otherwise."""
    (folder / "jobs").mkdir(parents=True)
    (folder / "tidegate.yaml").write_text("name: jobs\n")
    documents = {name: {"kind": "command", "timeout": "5m", **job} for name, job in jobs.items()}
    (folder / "jobs" / "all.yaml").write_text(json.dumps(documents))
    return folder


def start(server: Server, job: str, key: str = "one", **parameters: Any) -> str:
    """Ask for a run; answers the id of its execution."""
    wanted = {
        "job": job,
        "business_date": "2026-03-02",
        "idempotency_key": key,
        "parameters": parameters,
        "reason": "test",
    }
    status, answer = server.call("POST", "/api/v1/trigger/manual", wanted)
    assert status == 202, answer
    execution: str = answer["execution_id"]
    return execution


def execution(server: Server, id_: str) -> Any:
    """What is known of it."""
    status, answer = server.call("GET", f"/api/v1/executions/{id_}")
    assert status == 200, answer
    return answer


def ended(server: Server, id_: str, within_s: float = JOBS_END_S) -> Any:
    """The execution when it has ended."""
    eventually(lambda: execution(server, id_)["status"] in ("succeeded", "failed"), within_s)
    return execution(server, id_)
