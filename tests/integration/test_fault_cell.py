"""What is stored of a gate cannot be read when its time comes: the server goes on without it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tidegate.kernel.clock import HOUR_US
from tidegate.testing.server import Server, eventually, tidegate

Faulty = Callable[..., Server]

pytestmark = [pytest.mark.slow]

_RULE = """
rule_name: both
conditions:
  - {event_type: landed, data.dataset_name: orders}
  - {event_type: landed, data.dataset_name: customers}
correlation_logic:
  - {match_field: data.business_date}
  - {time_window: 1h}
"""


def landed(dataset: str, date: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{dataset}.{date}",
        "source": "/cells",
        "type": "landed",
        "time": f"{date}T06:00:00Z",
        "data": {"dataset_name": dataset, "business_date": date},
    }


def state_of(database: Path, state: bytes | None = None) -> bytes:
    """What is stored of the only gate; with `state` that is put in its place."""
    with closing(sqlite3.connect(database)) as connection:
        number, kept = connection.execute(
            "SELECT id, state FROM cell WHERE kind = (SELECT id FROM name WHERE text = 'gate')"
        ).fetchone()
        if state is not None:
            connection.execute("UPDATE cell SET state = ? WHERE id = ?", (state, number))
            connection.commit()
    found: bytes = kept
    return found


def gates(server: Server) -> dict[str, str]:
    found = server.call("GET", "/api/v1/gates")[1]["items"]
    return {gate["key"]["data.business_date"]: gate["status"] for gate in found}


def test_lists_and_the_board_show_the_others_and_say_which_gate_cannot_be_read(
    tmp_path: Path,
) -> None:
    project, database = tmp_path / "project", tmp_path / "cells.db"
    (project / "rules").mkdir(parents=True)
    (project / "tidegate.yaml").write_text("name: cells\n")
    (project / "rules" / "both.yaml").write_text(_RULE)
    with Server(project, str(database)) as server:
        server.post(landed("orders", "2026-01-05"))
        assert server.stop() == 0
    state_of(database, b"\xc1")

    def command(*arguments: str) -> tuple[int, Any, str]:
        done = tidegate(*arguments, project=project, database=str(database))
        return done.returncode, done.stdout, done.stderr

    with Server(project, str(database)) as server:
        server.post([landed("orders", "2026-01-06"), landed("customers", "2026-01-06")])
        eventually(lambda: gates(server) == {"2026-01-06": "open"})
        status, page = server.call("GET", "/api/v1/gates")
        first = server.call("GET", "/api/v1/gates?limit=1")[1]
        second = server.call("GET", f"/api/v1/gates?limit=1&cursor={first['next']}")[1]
        one_code, one, one_err = command("gate", "list")
        json_code, listed, json_err = command("gate", "list", "--json")
        board_code, board, board_err = command("board", "--date", "2026-01-06")
        _, made, _ = command("board", "--date", "2026-01-06", "--json")
        verify_code, verified, _ = command("db", "verify")

    name = "gate both 2026-01-05"
    (problem,) = page["unreadable"]
    assert status == 200
    assert (problem["code"], problem["status"]) == ("cell.unreadable", 500)
    assert problem["detail"].startswith(f"{name}: ")
    assert set(first) == {"items", "next"}
    assert (second["items"], second["unreadable"]) == ([], [problem])
    assert one_code == json_code == board_code == 1
    assert "both~~2026-01-06" in one
    assert f"error: cell.unreadable: {name}: " in one_err
    assert [one["status"] for one in msgspec.json.decode(listed)] == ["open"]
    assert msgspec.json.decode(json_err)["code"] == "cell.unreadable"
    assert "? unknown" in board
    assert "cell.unreadable" in board_err
    (rule, *_) = msgspec.json.decode(made)["rows"]
    assert rule["cells"] == {"2026-01-05": "unknown", "2026-01-06": "done"}
    assert verify_code == 1
    assert name in verified


def test_a_due_gate_that_cannot_be_read_is_set_aside_until_it_is_mended(
    tmp_path: Path, faulty: Faulty
) -> None:
    project, database, clock = tmp_path / "project", tmp_path / "cells.db", tmp_path / "clock"
    (project / "rules").mkdir(parents=True)
    (project / "tidegate.yaml").write_text("name: cells\n")
    (project / "rules" / "both.yaml").write_text(_RULE)
    clock.write_text("0")

    def serve() -> Server:
        return faulty(project, str(database), TIDEGATE_TEST_CLOCK=str(clock))

    def command(*arguments: str) -> Any:
        done = tidegate(*arguments, "--json", project=project, database=str(database))
        return msgspec.json.decode(done.stdout or done.stderr)

    server = serve()
    server.post(landed("orders", "2026-01-05"))
    assert server.stop() == 0
    kept = state_of(database)
    state_of(database, b"\xc1")
    clock.write_text(str(2 * HOUR_US))

    server = serve()
    eventually(lambda: bool(server.call("GET", "/api/v1/inbox")[1]["items"]))
    (item,) = server.call("GET", "/api/v1/inbox")[1]["items"]
    refused, problem = server.call("POST", f"/api/v1/inbox/{item['id']}/release", {})
    accepted, _ = server.post([landed("orders", "2026-01-06"), landed("customers", "2026-01-06")])
    listed, checked = command("inbox", "list"), command("doctor")
    assert server.stop() == 0
    state_of(database, kept)
    server = serve()
    release = f"/api/v1/inbox/{item['id']}/release"
    released, _ = server.call("POST", release, {"reason": "restored", "user": "ann"})
    eventually(lambda: gates(server) == {"2026-01-05": "overdue", "2026-01-06": "open"})

    assert item["what"].startswith("cell.unreadable: gate both 2026-01-05: ")
    assert (refused, problem["code"]) == (500, "cell.unreadable")
    assert accepted == 202
    assert [one["id"] for one in listed] == [item["id"]]
    assert "1 signals parked" in str(checked)
    assert released == 200
    shown = command("inbox", "show", item["id"])
    assert (shown["kind"], shown["reason"]) == ("released", "restored")
    traced = tidegate("trace", "both~~2026-01-05~~001", project=project, database=str(database))
    assert f"by {shown['by']}: restored" in traced.stdout
    assert server.call("GET", "/api/v1/inbox")[1]["items"] == []
    assert server.stop() == 0
    assert command("db", "verify")["equal"] is True
