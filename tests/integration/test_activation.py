"""Rules changed while a server runs: by the command beside it, and over HTTP."""

from __future__ import annotations

import getpass
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.testing.server import Server, tidegate

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "multi-input-job"
RULE = "multi_input_job_trigger"
GATE = f"{RULE}~~2024-01-15~~001"
ACTIVATIONS = "/api/v1/activations"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(Path(shutil.copytree(EXAMPLE, tmp_path / "project"))) as started:
        yield started


def rule_of(server: Server) -> Path:
    return server.project / "rules" / f"{RULE}.yaml"


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLE / "events" / f"{name}.json").read_text("utf-8"))
    return found


def test_a_rule_is_changed_beside_a_running_server_and_the_next_event_follows_it(
    server: Server,
) -> None:
    written = rule_of(server).read_text("utf-8")
    rule_of(server).write_text(
        written + '\nadditional_conditions:\n  - record_count: "> 9000"\n', "utf-8"
    )

    activated = tidegate("activate", "--reason", "more rows", "--json", project=server.project)
    server.post([event("crm"), event("erp")])

    assert activated.returncode == 0, activated.stderr
    assert json.loads(activated.stdout) == {
        "activation": 2,
        "changes": [{"kind": "rule", "name": RULE, "what": "changed"}],
        "dry_run": False,
    }
    assert server.call("GET", f"/api/v1/gates/{GATE}")[1]["status"] == "quarantined"
    verified = tidegate("db", "verify", project=server.project)
    assert verified.returncode == 0, verified.stdout


def test_a_fault_changes_nothing_and_is_told_with_its_place(server: Server) -> None:
    good = rule_of(server).read_text("utf-8")
    rule_of(server).write_text(good.replace("conditions:", "conditons:", 1), "utf-8")

    by_command = tidegate("activate", project=server.project)
    status, said = server.call("POST", ACTIVATIONS)

    assert by_command.returncode == 1
    assert "document.invalid" in by_command.stderr
    assert (status, said["code"]) == (422, "document.invalid")
    assert f"rules/{RULE}.yaml:" in said["detail"]
    assert {one["file"] for one in said["faults"]} == {f"rules/{RULE}.yaml"}
    assert {"line", "column", "what", "fix"} <= said["faults"][0].keys()
    assert server.call("GET", "/readyz")[1]["activation"] == 1


def test_another_folder_than_the_servers_is_refused(server: Server, tmp_path: Path) -> None:
    other = Path(shutil.copytree(EXAMPLE, tmp_path / "other"))
    database = str(server.project / "tidegate.db")

    ran = tidegate("activate", project=other, database=database)

    assert ran.returncode == 5
    assert "project.other" in ran.stderr
    assert str(server.project) in ran.stderr
    assert str(other) in ran.stderr
    assert server.call("GET", "/readyz")[1]["activation"] == 1


def test_a_dry_run_over_http_says_what_would_change(server: Server) -> None:
    written = rule_of(server).read_text("utf-8")
    rule_of(server).write_text(written.replace('"24h"', '"12h"'), "utf-8")

    looked = server.call("POST", ACTIVATIONS, {"dry_run": True})
    done = server.call("POST", ACTIVATIONS)
    again = server.call("POST", ACTIVATIONS, {"dry_run": True})

    change = {"kind": "rule", "name": RULE, "what": "changed"}
    assert looked == (200, {"activation": 1, "changes": [change], "dry_run": True})
    assert done == (200, {"activation": 2, "changes": [change], "dry_run": False})
    assert again == (200, {"activation": 2, "changes": [], "dry_run": True})


@pytest.mark.parametrize("project", ["rules", "", "/a\x00b", 5])
def test_a_folder_that_cannot_be_one_is_refused(server: Server, project: object) -> None:
    status, said = server.call("POST", ACTIVATIONS, {"project": project})

    assert (status, said["code"]) == (422, "request.invalid")


# ---- who gave an order
def test_an_order_through_the_server_names_the_person_who_gave_it(server: Server) -> None:
    paused = tidegate("schedule", "pause", "--json", project=server.project)
    listed = server.call("GET", "/api/v1/schedule")[1]

    assert paused.returncode == 0, paused.stderr
    assert [one["actor"] for one in listed["pauses"]] == [f"token for {getpass.getuser()}"]


@pytest.mark.parametrize(
    ("said", "by"),
    [
        ("", "token"),
        ("fan", "token for fan"),
        ("J%C3%BCrgen%20M", "token for Jürgen M"),
    ],
)
def test_the_name_a_caller_gives_is_recorded_beside_the_tokens_own(
    server: Server, said: str, by: str
) -> None:
    server.call("POST", "/api/v1/pipeline/pause", Tidegate_User=said)

    assert server.call("GET", "/api/v1/schedule")[1]["pauses"][0]["actor"] == by


def test_a_name_in_the_body_comes_before_that_of_the_header(server: Server) -> None:
    server.call("POST", "/api/v1/pipeline/pause", {"user": "ann"}, Tidegate_User="fan")

    assert server.call("GET", "/api/v1/schedule")[1]["pauses"][0]["actor"] == "token for ann"


def test_a_name_gives_no_right_and_none_that_cannot_be_printed_is_recorded(server: Server) -> None:
    stranger = server.call(
        "POST", "/api/v1/pipeline/pause", Authorization="Bearer wrong", Tidegate_User="root"
    )
    unprintable = server.call("POST", "/api/v1/pipeline/pause", Tidegate_User="a%0Ab")

    assert (stranger[0], stranger[1]["code"]) == (401, "auth.required")
    assert (unprintable[0], unprintable[1]["code"]) == (422, "request.invalid")
    assert server.call("GET", "/api/v1/schedule")[1]["pauses"] == []
