"""What the command line says to somebody who forgot something, or whose server went away."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tidegate.testing.server import TOKEN, Server, tidegate

RULE = "rule_name: {name}\nconditions: [{{event_type: x, data.dataset_name: orders}}]\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "tidegate.yaml").write_text("name: here\n")
    (tmp_path / "rules" / "first.yaml").write_text(RULE.format(name="first"))
    return tmp_path


def write(project: Path, name: str, more: str = "") -> None:
    (project / "rules" / f"{name}.yaml").write_text(RULE.format(name=name) + more)


def named(said: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads(said)}


def test_check_is_strict_when_asked(project: Path) -> None:
    write(project, "first", "actions: [{action_type: trigger_job, job_name: nobody}]\n")

    lenient, strict = (
        tidegate("check", project=project),
        tidegate("check", "--strict", project=project),
    )

    assert (lenient.returncode, strict.returncode) == (0, 1)
    assert "no job is called 'nobody': its triggers will be refused" in strict.stdout
    write(project, "first")
    assert tidegate("check", "--strict", project=project).returncode == 0


def test_a_rule_that_is_not_activated_is_named_with_its_file(project: Path) -> None:
    with Server(project) as server:
        write(project, "second")

        ran = tidegate("explain", "second", project=project)
        status, problem = server.call("GET", "/api/v1/gates?rule=second")
        doctor = named(tidegate("doctor", "--json", project=project).stdout)
        tidegate("activate", project=project)
        after = named(tidegate("doctor", "--json", project=project).stdout)

    assert ran.returncode == 3
    assert "it is in rules/second.yaml and not activated\nfix: tidegate activate" in ran.stderr
    assert (status, problem["code"]) == (404, "rule.unknown")
    assert "rules/second.yaml" in problem["detail"]
    assert doctor["followed"]["ok"] is False
    assert "rule second (added)" in doctor["followed"]["what"]
    assert after["followed"]["ok"] is True


def test_doctor_says_that_a_server_was_killed(project: Path) -> None:
    with Server(project) as server:
        server.kill()

        found = named(tidegate("doctor", "--json", project=project).stdout)["server"]

    assert "ended uncleanly" in found["what"]
    assert "`tidegate serve`" in found["fix"]
    assert "ssl" not in json.dumps(found)


def test_a_server_that_is_not_there_is_said_in_the_systems_words(project: Path) -> None:
    (project / "one.json").write_text('{"id": "1", "source": "/s", "type": "x"}')

    one = str(project / "one.json")
    ran = tidegate("event", "send", "--at", "http://127.0.0.1:1", one, project=project)

    assert "cannot be reached: connection refused" in ran.stderr
    assert "ssl" not in ran.stderr


def test_a_body_that_curl_sends_as_a_form_is_told_which_header_it_needs(project: Path) -> None:
    with Server(project) as server:
        request = urllib.request.Request(
            f"{server.url}/api/v1/pipeline/pause",
            data=b'{"for": "1h"}',
            method="POST",
            headers={
                "Authorization": f"Bearer {TOKEN}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        problem = json.loads(caught.value.read())

    assert (caught.value.code, problem["code"]) == (422, "request.invalid")
    assert problem["fix"] == "send the header Content-Type: application/json"
    assert "x-www-form-urlencoded" in problem["detail"]
