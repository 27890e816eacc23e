"""Many jobs at once, values that mean something to a shell, and secrets, on a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tidegate.adapters.tasks.processes import boottime
from tidegate.testing.jobs import ended, execution, start, write_jobs
from tidegate.testing.machine import gone
from tidegate.testing.server import Server, eventually, tidegate
from tidegate.testing.siege import runs

MANY = 100
STOP_MAX_S = 8.0
SECRET = "hunter2-of-the-warehouse"
HOSTILE = (
    "';touch PWNED;'", '";touch PWNED;"', "$(touch PWNED)", "`touch PWNED`", "| touch PWNED",
    "&& touch PWNED", "a\ntouch PWNED\n", "> PWNED", "* ~ ? [a]", "--version", "${parameters.v}",
    "\\", "", " ", "\u00e9 \U0001f30a",
)  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def pids(project: Path) -> list[int]:
    begun = project / "begun"
    return [int(line) for line in begun.read_text().split()] if begun.exists() else []


def test_a_server_with_many_running_jobs_ends_when_told_and_the_next_one_begins_each_again(
    tmp_path: Path,
) -> None:
    command = "echo $$ >> begun; exec sleep 600"
    project = write_jobs(tmp_path / "project", {"long": {"target": ["sh", "-c", command]}})
    environment = {"TIDEGATE_SLOTS": str(MANY + 10)}
    with Server(project, environment=environment) as server:
        for number in range(MANY):
            start(server, "long", f"n{number}")
        eventually(lambda: len(pids(project)) == MANY)

        began = boottime()
        code = server.stop()
        seconds = boottime() - began
        first = pids(project)
    with Server(project, environment=environment) as server:
        eventually(lambda: gone(*first))
        eventually(lambda: len(pids(project)) == 2 * MANY)
        found = runs(server)
        (attempt,) = execution(server, start(server, "long", "n0"))["attempts"]

    print(f"{MANY} jobs: ended after {seconds:.1f} s")
    assert code == 0
    assert seconds < STOP_MAX_S
    assert found == {"running": MANY}
    assert len(pids(project)) == 2 * MANY, "each once more"
    assert attempt["starts"] == 2


def test_a_job_whose_server_was_killed_says_that_it_was_started_twice(tmp_path: Path) -> None:
    command = "echo $$ >> begun; [ $(wc -l < begun) = 2 ] || exec sleep 600"
    project = write_jobs(tmp_path / "project", {"long": {"target": ["sh", "-c", command]}})
    with Server(project) as server:
        id_ = start(server, "long")
        eventually(lambda: len(pids(project)) == 1)
        server.kill()
    with Server(project) as server:
        found = ended(server, id_)
        shown = tidegate("run", "show", id_, project=project)
        verified = tidegate("db", "verify", project=project)

    assert len(pids(project)) == 2
    assert [one["starts"] for one in found["attempts"]] == [2]
    assert found["status"] == "succeeded"
    assert "It was started 2 times in all" in shown.stdout
    assert "  started 2 times" in shown.stdout
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_what_a_job_had_printed_before_it_was_stopped_is_kept(tmp_path: Path) -> None:
    command = "echo half of it; echo oops >&2; echo $$ >> begun; exec sleep 600"
    project = write_jobs(tmp_path / "project", {"long": {"target": ["sh", "-c", command]}})
    with Server(project) as server:
        stopped = start(server, "long")
        eventually(lambda: len(pids(project)) == 1)
        server.call("POST", f"/api/v1/executions/{stopped}/stop", {"reason": "wrong data"})
        eventually(lambda: "oops" in execution(server, stopped)["cause"])
        found = execution(server, stopped)
        output = tidegate("run", "output", stopped, project=project)
        verified = tidegate("db", "verify", project=project)
        left = pids(project)
        eventually(lambda: gone(*left))

    (attempt,) = found["attempts"]
    assert found["status"] == "aborted"
    assert ": wrong data; ended on request; the end of its stdout:" in found["cause"]
    assert "half of it" in output.stdout
    assert (attempt["status"], attempt["starts"], attempt["cause"]) == ("failed", 1, found["cause"])
    assert verified.returncode == 0, verified.stdout


def test_values_of_a_run_reach_a_job_as_they_are_and_no_shell_reads_them(tmp_path: Path) -> None:
    jobs: dict[str, dict[str, Any]] = {
        "list": {"target": ["printf", "%s", "${parameters.v}"]},
        "text": {"target": 'printf %s "${parameters.v}"'},
        "environment": {
            "target": ["sh", "-c", 'printf %s "$V"'],
            "environment": {"V": "${parameters.v}"},
        },
        "stdin": {"target": ["cat"], "stdin": "${parameters.v}"},
        "shell": {"target": 'printf %s "$TIDEGATE_PARAMETER_V"'},
    }
    project = write_jobs(tmp_path / "project", jobs)
    with Server(project) as server:
        started = [
            (job, value, start(server, job, f"n{number}", v=value))
            for number, value in enumerate(HOSTILE)
            for job in jobs
        ]
        seen = [(job, value, ended(server, id_)) for job, value, id_ in started]

    for job, value, found in seen:
        assert found["status"] == "succeeded", (job, value, found["cause"])
        assert found["output"]["stdout"] == value, job
    assert list(project.rglob("PWNED")) == []


def test_secrets_a_job_is_given_stand_in_no_log_and_no_answer(tmp_path: Path) -> None:
    given = {"environment": {"PASSWORD": SECRET}}
    jobs = {
        "good": {"target": ["sh", "-c", 'test -n "$PASSWORD"'], **given},
        "bad": {"target": ["sh", "-c", "exit 3"], **given},
        "gone": {"target": ["no-such-program"], **given},
        "nul": {"target": ["true"], **given},
    }
    project = write_jobs(tmp_path / "project", jobs)
    with Server(project, environment={"TIDEGATE_LOG": "DEBUG"}) as server:
        nul = start(server, "nul", "other", v="a\0b")
        found = [ended(server, one) for one in (*(start(server, n) for n in jobs), nul)]
        shown = [tidegate("run", "show", one["id"], project=project) for one in found[1:3]]
        traced = [server.text(f"/api/v1/trace/{one['id']}") for one in found]
        server.stop()

    assert [one["status"] for one in found] == [
        "succeeded",
        "failed",
        "failed",
        "succeeded",
        "failed",
    ]
    everything = json.dumps([found, traced, server.log, [f"{s.stdout}{s.stderr}" for s in shown]])
    assert SECRET not in everything
