"""What once ended a server, or made it do a thing twice: each stays refused or harmless."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tidegate.testing.server import Server, eventually
from tidegate.testing.stream import waves, write_project

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "multi-input-job"
STRICT = """
name: strict
context_mapping:
  crm: {source_pattern: "/crm/data/ingestion", strict: true}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project"))


def event(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLE / "events" / "crm.json").read_text("utf-8"))
    return found | changes


def alive(server: Server) -> bool:
    assert server.process is not None
    return server.process.poll() is None and server.call("GET", "/readyz")[0] == 200


def test_integers_of_any_length_under_one_id_are_a_conflict(project: Path) -> None:
    raw = '{"specversion":"1.0","id":"big","source":"s","type":"%s","data":%s}'
    with Server(project) as server:
        first = server.post((raw % ("t", "9" * 4301)).encode())
        second = server.post((raw % ("t2", "9" * 4301)).encode())

        assert (first[0], second[0]) == (202, 202)
        assert second[1]["conflicts"] == 1
        assert alive(server)


def test_an_application_that_becomes_strict_refuses_no_kept_event(project: Path) -> None:
    with Server(project) as server:
        assert server.post(event())[0] == 202
    (project / "contexts").mkdir()
    (project / "contexts" / "applications.yaml").write_text(STRICT)
    again = {k: v for k, v in event(subject="other").items() if k not in ("context", "context_id")}
    with Server(project) as server:
        status, counts = server.post(again)

        assert (status, counts["conflicts"]) == (202, 1)
        assert alive(server)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v1/gates/a~~2024-01-15~~99999999999999999999999/release", "gate.unknown"),
        ("/api/v1/inbox/9223372036854775808.x/release", "inbox.unknown"),
        ("/api/v1/inbox/5.correlate/release", "inbox.unknown"),
        ("/api/v1/inbox/5.nobody/release", "inbox.unknown"),
    ],
)
def test_only_what_is_there_can_be_released(project: Path, path: str, code: str) -> None:
    with Server(project) as server:
        server.post(event())
        status, problem = server.call("POST", path, {})

        assert (status, problem["code"]) == (404, code)
        assert alive(server)


def test_a_local_job_inherits_no_secret_of_the_server(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project", job_seconds=0)
    (folder / "tidegate.yaml").write_text(
        "name: secrets\n"
        "channels:\n"
        '  ops: {type: webhook, url: "env:OPS_URL", secret: ["env:OPS_SECRET"]}\n'
    )
    (folder / "mark.sh").write_text("env > part && mv part seen\n")
    given = {"OPS_URL": "http://127.0.0.1:1/x", "OPS_SECRET": "whsec_c2VjcmV0", "PLAIN": "yes"}
    with Server(folder, environment=given) as server:
        for wave in waves([0]):
            server.post(b"[" + b",".join(wave) + b"]")
        eventually((folder / "seen").exists)

    names = {line.partition("=")[0] for line in (folder / "seen").read_text().splitlines()}
    assert "PLAIN" in names
    assert not names & {"OPS_URL", "OPS_SECRET", "PIPELINE_API_TOKEN"}
