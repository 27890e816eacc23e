"""The command line, as a user types it: real processes over a real file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tidegate.testing.server import Server

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "multi-input-job"
RULE = "multi_input_job_trigger"
GATE = f"{RULE}~~2024-01-15~~001"


class Ran:
    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shell:
    """One project and the command over it."""

    def __init__(self, project: Path) -> None:
        self.project = project

    def __call__(self, *arguments: str, stdin: str | None = None) -> Ran:
        environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL",)}
        command = [sys.executable, "-m", "tidegate", *arguments, "--project", str(self.project)]
        return Ran(
            subprocess.run(
                command, input=stdin, text=True, capture_output=True, env=environment, timeout=120
            )
        )


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(Path(shutil.copytree(EXAMPLE, tmp_path / "project")))


def event(name: str, **changes: Any) -> str:
    found: dict[str, Any] = json.loads((EXAMPLE / "events" / f"{name}.json").read_text("utf-8"))
    return json.dumps(found | changes)


def test_the_printed_story(shell: Shell) -> None:
    sent = shell("event", "send", "-", "--json", stdin=event("crm"))
    waiting = shell("explain", RULE, "--date", "2024-01-15", "--json")
    both = shell("event", "send", "-", "--wait", "--json", stdin=f"[{event('erp')},{event('crm')}]")
    opened = shell("explain", RULE, "--date", "2024-01-15", "--json")
    gates = shell("gate", "list", "--json")
    verdict = shell("db", "verify", "--json")

    assert sent.code == 0
    assert sorted(sent.json) == [
        "accepted", "conflicts", "cpu_seconds", "duplicates", "rejected", "seconds",
    ]  # fmt: skip
    assert (waiting.code, waiting.json["status"]) == (10, "waiting")
    assert (both.json["accepted"], both.json["duplicates"]) == (1, 1)
    assert (opened.code, opened.json["gate"]) == (0, GATE)
    assert opened.json["runs"][0]["status"] == "succeeded"
    (gate,) = gates.json
    assert gate["correlation_id"] == "correlation-2024-01-15-001"
    assert {one["status"] for one in gate["inputs"]} == {"received"}
    assert (verdict.code, verdict.json["equal"], verdict.json["differences"]) == (0, True, [])


def test_a_changed_cell_is_found_by_verify(shell: Shell) -> None:
    import sqlite3

    shell("event", "send", "-", stdin=event("crm"))
    connection = sqlite3.connect(shell.project / "tidegate.db")
    for id_, state in connection.execute("SELECT id, state FROM cell").fetchall():
        changed = state.replace(b"crm-ingestion", b"xrm-ingestion")
        connection.execute("UPDATE cell SET state = ? WHERE id = ?", (changed, id_))
    connection.commit()
    connection.close()

    verdict = shell("db", "verify", "--json")

    assert (verdict.code, verdict.json["equal"]) == (1, False)
    assert RULE in verdict.json["differences"][0]["where"]


def test_what_is_rejected_is_said_kept_and_exits_with_one(shell: Shell) -> None:
    sent = shell("event", "send", "-", "--json", stdin=f'[{event("crm")}, {{"id": 1}}]')
    listed = shell("inbox", "list", "--json")

    assert sent.code == 1
    assert sent.json["accepted"] == 1
    assert [(one["index"], one["code"]) for one in sent.json["rejected"]] == [
        (1, "event.attribute")
    ]
    assert [one["kind"] for one in listed.json] == ["rejected"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("gate", "show", "nonsense"), 3, "gate.unknown"),
        (("explain", "nobody", "--date", "2024-01-15"), 3, "rule.unknown"),
        (("explain", RULE, "--date", "tomorrow"), 2, "such as 2024-01-15"),
        (("gate", "release", GATE), 5, "is waiting"),
        (("gate", "close", "nonsense"), 3, "gate.unknown"),
        (("gate", "close", GATE.replace("001", "002")), 3, "round 002"),
        (("gate", "release", GATE.replace("001", "002")), 3, "round 002"),
        (("inbox", "release", "x"), 1, "no parked signal"),
        (("event", "send", "nowhere.json"), 3, "cannot be read"),
        (("event", "send", "-", "--at", "127.0.0.1:5000"), 2, "write --at http://127.0.0.1:5000"),
        (("frobnicate",), 2, "No such command"),
        (("trace", "nothing"), 3, "nothing is known"),
    ],
)
def test_a_mistake_is_answered_with_its_exit_code(
    shell: Shell, arguments: tuple[str, ...], code: int, said: str
) -> None:
    if arguments[0] != "frobnicate":
        shell("event", "send", "-", stdin=event("crm"))

    ran = shell(*arguments) if arguments[0] != "frobnicate" else _bare(*arguments)

    assert ran.code == code, ran.err
    assert said in ran.err + ran.out


def test_check_prints_every_fault_with_its_place(shell: Shell) -> None:
    (shell.project / "rules" / "broken.yaml").write_text(
        "rule_name: broken\nconditions:\n  - event_typ: x\n    data.n: '> > 3'\nkeep: newest\n"
    )

    ran = shell("check")

    assert ran.code == 1
    for part in ("rules/broken.yaml:3", "event_type", "rules/broken.yaml:5", "latest", "^"):
        assert part in ran.out


def test_activation_is_refused_whole_and_a_change_is_followed(shell: Shell) -> None:
    first = shell("activate", "--json")
    rule = shell.project / "rules" / f"{RULE}.yaml"
    good = rule.read_text("utf-8")
    rule.write_text(good.replace("conditions:", "conditons:", 1))
    broken = shell("activate")
    rule.write_text(good.replace('"24h"', '"12h"'))
    changed = shell("activate", "--json")
    again = shell("activate", "--json")

    assert first.json["activation"] == 1
    assert broken.code == 2 or broken.code == 1
    assert "document.invalid" in broken.err
    assert [(one["kind"], one["what"]) for one in changed.json["changes"]] == [("rule", "changed")]
    assert again.json["changes"] == []


def test_a_quarantined_gate_is_released_by_a_person(shell: Shell) -> None:
    rule = shell.project / "rules" / f"{RULE}.yaml"
    rule.write_text(
        rule.read_text("utf-8") + '\nadditional_conditions:\n  - record_count: "> 9000"\n'
    )
    shell("event", "send", "-", stdin=f"[{event('crm')},{event('erp')}]")
    held = shell("explain", RULE, "--date", "2024-01-15", "--json")
    released = shell("gate", "release", GATE, "--reason", "looked at it", "--json")
    after = shell("gate", "show", GATE, "--json")

    assert (held.code, held.json["status"]) == (12, "quarantined")
    failed = [two for one in held.json["clauses"] for two in one["compared"] if not two["met"]]
    assert [one["seen"] for one in failed] == ["8500"]
    assert released.json["status"] == "open"
    assert after.json["status"] == "open"
    assert "released by" in next(one["reason"] for one in after.json["inputs"] if one["reason"])


def test_a_gate_nobody_waits_for_is_closed_by_a_person(shell: Shell) -> None:
    shell("event", "send", "-", stdin=f"[{event('crm')}]")

    closed = shell("gate", "close", GATE, "--reason", "no delivery that day")
    why = shell("explain", RULE, "--date", "2024-01-15", "--json")
    again = shell("gate", "close", GATE)

    assert (closed.code, closed.out) == (0, f"{GATE} is closed\n")
    assert (why.code, why.json["status"]) == (10, "closed")
    assert again.code == 5
    assert "was closed already, by " in again.err


def test_a_pause_holds_what_opens_and_resume_starts_it(shell: Shell) -> None:
    shell("activate")
    paused = shell("schedule", "pause", "--for", "2h", "--json")
    shell("event", "send", "-", "--wait", stdin=f"[{event('crm')},{event('erp')}]")
    held = shell("board", "--json", "--date", "2024-01-15", "--days", "1")
    listed = shell("schedule", "window", "list")
    resumed = shell("schedule", "resume")
    shell("event", "send", "-", "--wait", stdin=event("crm"))
    done = shell("board", "--json", "--date", "2024-01-15", "--days", "1")

    assert paused.json["paused"] is True
    assert held.json["rows"][0]["cells"] == {"2024-01-15": "held"}
    assert "paused: all jobs until" in listed.out
    assert resumed.code == 0
    assert done.json["rows"][0]["cells"] == {"2024-01-15": "done"}


def test_the_log_can_be_searched_traced_and_followed(shell: Shell) -> None:
    shell("event", "send", "-", "--wait", stdin=f"[{event('crm')},{event('erp')}]")

    search = shell("event", "search", "--type", "tidegate.gate.opened", "--json")
    trace = shell("trace", "crm-batch-2024-01-15-001", "--json")
    tail = shell("event", "tail", "--no-follow", "--last", "3", "--json")
    doctor = shell("doctor", "--json")

    assert [one["subject"] for one in search.json] == [GATE]
    assert trace.json["correlation_ids"] == ["correlation-2024-01-15-001"]
    assert [one["status"] for one in trace.json["executions"]] == ["succeeded"]
    assert len(tail.out.splitlines()) == 3
    assert {one["name"]: one["ok"] for one in doctor.json}["database"] is True


# ---- talking about mistakes
@pytest.mark.parametrize(
    ("arguments", "code", "name"),
    [
        (("gate", "show", "nonsense", "--json"), 3, "gate.unknown"),
        (("explain", RULE, "--date", "tomorrow", "--json"), 2, "input"),
        (("gate", "list", "--json", "--limit", "none"), 2, "usage"),
        (("gate", "list", "--rule", "nobody", "--json"), 3, "rule.unknown"),
    ],
)
def test_with_json_an_error_is_one_json_object(
    shell: Shell, arguments: tuple[str, ...], code: int, name: str
) -> None:
    shell("activate")

    ran = shell(*arguments)

    problem = json.loads(ran.err)
    assert (ran.code, ran.out) == (code, "")
    assert problem["code"] == name
    assert problem["message"] == problem["detail"]
    assert problem["fix"]


def test_a_file_without_events_is_an_error(shell: Shell) -> None:
    sent = shell("event", "send", "-", stdin=" \n")

    assert sent.code == 2
    assert "standard input holds no event" in sent.err


def test_what_could_not_be_mapped_and_what_is_in_conflict_is_said(shell: Shell) -> None:
    unmapped = event("crm", id="u", data={"dataset_name": "x"})
    first = shell("event", "send", "-", stdin=f"[{event('crm')},{unmapped}]")
    other = shell("event", "send", "-", "--json", stdin=event("crm", subject="other"))
    listed = shell("inbox", "list")
    (conflict,) = [line.split()[0] for line in listed.out.splitlines() if " conflict " in line]
    shown = shell("inbox", "show", conflict)
    traced = shell("trace", "crm-batch-2024-01-15-001")

    assert first.code == 0
    assert "event 1: event.unmapped: u: " in first.err
    assert [one["code"] for one in other.json["remarks"]] == ["event.conflict"]
    assert other.code == 1
    assert "subject: null counts, other was sent" in shown.out
    marked = [line for line in traced.out.splitlines() if line.endswith(")  conflict: not counted")]
    assert len(marked) == 1, traced.out


def test_a_dry_run_needs_nothing_but_to_read(shell: Shell) -> None:
    shell("activate")
    (shell.project / "rules" / "second.yaml").write_text(
        "rule_name: second\nconditions:\n  - event_type: x\n"
        "correlation_logic:\n  - {match_field: data.business_date, operator: equals}\n"
    )

    with Server(shell.project):
        (shell.project / "rules" / "third.yaml").write_text(
            "rule_name: third\nconditions:\n  - event_type: x\n"
            "correlation_logic:\n  - {match_field: data.business_date, operator: equals}\n"
        )
        ran = shell("activate", "--dry-run", "--json")

    assert ran.code == 0, ran.err
    assert [(one["name"], one["what"]) for one in ran.json["changes"]] == [("third", "added")]


def test_doctor_needs_no_project_where_a_database_follows_one(shell: Shell, tmp_path: Path) -> None:
    shell("activate")
    empty = tmp_path / "elsewhere"
    empty.mkdir()

    ran = Shell(empty)("doctor", "--json", "--database", str(shell.project / "tidegate.db"))

    assert {one["name"]: one["ok"] for one in ran.json}["project"] is True
    assert ran.code == 0


# ---- pauses and windows
def test_a_pause_that_takes_the_place_of_another_says_so(shell: Shell) -> None:
    shell("schedule", "pause", "--for", "5h", "--reason", "upgrade")
    shorter = shell("schedule", "pause", "--for", "1h")
    listed = shell("schedule", "window", "list")
    ended = shell("schedule", "resume")
    again = shell("schedule", "resume")

    assert "this takes the place of the pause until" in shorter.out
    assert "upgrade" in shorter.out
    assert listed.out.count("paused: all jobs until") == 1
    assert "the pause of all jobs has ended" in ended.out
    assert "there was no pause of all jobs" in again.out


def test_windows_of_files_are_listed_beside_those_of_run_time(shell: Shell) -> None:
    (shell.project / "schedules").mkdir()
    (shell.project / "schedules" / "nights.yaml").write_text(
        "maintenance:\n  - {start: '02:00', end: '04:00', days: [sunday], description: Backup}\n"
    )
    shell("activate")
    added = shell("schedule", "window", "add", "--start", "05:00", "--end", "06:00")
    bound = ("--start", "22:00", "--end", "23:00", "--from", "2099-01-01T00:00:00Z")
    shell("schedule", "window", "add", *bound, "--until", "2099-02-01T00:00:00Z")
    listed = shell("schedule", "window", "list")

    assert added.code == 0, added.err
    written, run_time, bounded = listed.out.splitlines()
    assert "every day, from 2099-01-01T00:00:00Z, until 2099-02-01T00:00:00Z" in bounded
    assert "(schedules/*.yaml): all jobs, 02:00 to 04:00 UTC, sunday: Backup" in written
    assert "(run time): all jobs, 05:00 to 06:00 UTC, every day" in run_time


@pytest.mark.parametrize(
    ("arguments", "said", "fix"),
    [
        ((), "the window has no start and end", "write --start and --end, or --from and --until"),
        (("--start", "2"), "--start: ", "write it as 06:00"),
        (("--start", "02:00", "--end", "03:00", "--day", "sumday"), "--day: ", "sunday"),
        (("--from", "tomorrow", "--until", "later"), "--from: ", ""),
    ],
)
def test_a_wrong_window_is_told_in_the_options_of_the_command(
    shell: Shell, arguments: tuple[str, ...], said: str, fix: str
) -> None:
    ran = shell("schedule", "window", "add", *arguments, "--json")

    problem = json.loads(ran.err)
    assert problem["code"] == "window.invalid"
    assert said in problem["message"]
    assert fix in problem.get("fix", "")


# ---- runs
def test_a_failed_job_is_found_understood_and_started_again(shell: Shell) -> None:
    job = shell.project / "jobs" / "daily_customer_analysis.yaml"
    job = job if job.exists() else next((shell.project / "jobs").iterdir())
    good = job.read_text("utf-8")
    job.write_text(good.replace('["python3", "report.py"]', '"echo out; echo no rows >&2; exit 3"'))
    shell("event", "send", "-", "--wait", stdin=f"[{event('crm')},{event('erp')}]")
    why = shell("explain", RULE, "--date", "2024-01-15")
    (run,) = shell("run", "list", "--status", "failed", "--json").json
    shown = shell("run", "show", run["id"])
    output = shell("run", "output", run["id"])
    job.write_text(good)
    shell("activate")
    again = shell("trigger", "send", "--again", run["id"])
    shell("event", "send", "-", "--wait", stdin=event("crm"))
    after = shell("explain", RULE, "--date", "2024-01-15")
    done = shell("run", "output", f"{run['id']}.again.1")

    assert why.code == 12
    assert "no rows" in why.out
    assert f"tidegate trigger send --again {run['id']}" in why.out
    assert "attempt 1: failed" in shown.out
    assert "no rows" in output.out
    assert again.out == f"{run['id']}.again.1 is started\n"
    assert after.code == 0, after.out
    assert "analysed" in done.out


def _bare(*arguments: str) -> Ran:
    command = [sys.executable, "-m", "tidegate", *arguments]
    return Ran(subprocess.run(command, text=True, capture_output=True, timeout=60))


def test_a_command_finds_the_token_of_the_server_beside_it_but_tells_it_to_no_other(
    shell: Shell,
) -> None:
    with Server(shell.project, environment={"PIPELINE_API_TOKEN": ""}) as server:
        sent = shell("event", "send", "-", "--at", server.url, "--json", stdin=event("crm"))
        other = shell(
            "event", "send", "-", "--at", server.url.replace("127.0.0.1", "localhost"),
            stdin=event("erp"),
        )  # fmt: skip

    assert (sent.code, sent.json["accepted"]) == (0, 1), sent.err
    assert other.code != 0
    assert "auth.required" in other.err
    assert "PIPELINE_API_TOKEN" in other.err


def test_a_question_before_there_are_tables_says_so(shell: Shell) -> None:
    (shell.project / "tidegate.db").touch()

    asked = shell("gate", "list")

    assert asked.code != 0
    assert "store.unavailable: the database has no tables yet" in asked.err


def test_nothing_a_sender_writes_is_obeyed_by_the_terminal_of_who_asks(shell: Shell) -> None:
    hostile = "a\x1b]0;taken\x07\nok   everything is ready\x9b31m"
    sent = event("crm", id=hostile, source=f"/crm{hostile}", type=hostile)
    unread = event("crm", id=f"b{hostile}", data={"dataset_name": hostile})
    shell("event", "send", "-", stdin=f"[{sent}, {unread}, {event('crm')}]")

    asked = [
        shell("explain", RULE, "--date", "2024-01-15"),
        shell("gate", "list"),
        shell("gate", "show", GATE),
        shell("inbox", "list"),
        shell("inbox", "show", "e2"),
        shell("event", "tail", "--no-follow"),
        shell("event", "search", "--source", f"/crm{hostile}"),
        shell("trace", hostile),
        shell("board"),
    ]

    said = "\n".join(one.out + one.err for one in asked)
    assert "\\x1b]0;taken\\x07" in said, "it is shown"
    assert [line for line in said.split("\n") if not line.isprintable()] == []
    assert [line for line in said.split("\n") if line.startswith("ok ")] == []
