"""Notices that reach nobody: seen from every side, and sent again once their channel is mended."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tidegate.testing.server import Server, eventually, tidegate

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
RULE = """\
rule_name: nightly
conditions:
  - event_type: dataset.delivered
correlation_logic:
  - match_field: data.business_date
    operator: equals
actions:
  - action_type: send_notification
    channel: ops
    message: orders of ${business_date} are here
"""
EVENT = {
    "specversion": "1.0",
    "id": "o-1",
    "source": "/shop",
    "type": "dataset.delivered",
    "time": "2026-03-02T05:40:00Z",
    "data": {"business_date": "2026-03-02"},
}
ALLOWED = {"TIDEGATE_ALLOWED_HOSTS": "127.0.0.1"}


class Receiver(HTTPServer):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        super().__init__(("127.0.0.1", 0), _Hook)
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        self.server.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        del format, args


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    started = Receiver()
    yield started
    started.shutdown()
    started.server_close()


@pytest.fixture
def project(tmp_path: Path, receiver: Receiver) -> Path:
    url = f"http://127.0.0.1:{receiver.server_address[1]}/hook"
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "nightly.yaml").write_text(RULE, "utf-8")
    (tmp_path / "tidegate.yaml").write_text(
        f'channels:\n  ops: {{type: webhook, url: "{url}", secret: "env:OPS_SECRET"}}\n', "utf-8"
    )
    return tmp_path


def undelivered(server: Server) -> list[dict[str, Any]]:
    status, page = server.call("GET", "/api/v1/notices?status=undelivered")
    assert status == 200
    items: list[dict[str, Any]] = page["items"]
    return items


def lose_one(server: Server) -> dict[str, Any]:
    """A notice that reaches nobody."""
    server.post(EVENT)
    eventually(lambda: len(undelivered(server)) == 1)
    return undelivered(server)[0]


def test_a_notice_whose_channel_lacks_its_secret_is_undelivered_and_says_why(
    project: Path,
) -> None:
    with Server(project) as server:
        lost = lose_one(server)
        board = tidegate("board", "--date", "2026-03-02", project=project)
        doctor = tidegate("doctor", project=project)
        listed = tidegate("notice", "list", "--status", "undelivered", project=project)
        shown = tidegate("notice", "show", lost["id"], "--json", project=project)

    assert lost["channel"] == "ops"
    assert lost["message"] == "orders of 2026-03-02 are here"
    assert "the environment has no OPS_SECRET" in lost["error"]
    assert board.stdout.startswith("1 notice reached nobody: tidegate notice list")
    assert doctor.returncode == 1
    assert "FAIL notices: 1 notice reached nobody" in doctor.stdout
    assert "OPS_SECRET" in listed.stdout
    assert json.loads(shown.stdout)["status"] == "undelivered"
    assert any("meant for ops" in line for line in server.log)


def test_doctor_says_before_the_start_that_a_secret_is_not_set(project: Path) -> None:
    tidegate("activate", project=project)

    ran = tidegate("doctor", project=project)

    assert ran.returncode == 1
    assert "FAIL channels: ops: the environment has no OPS_SECRET" in ran.stdout


def test_it_is_sent_again_once_its_channel_is_mended(project: Path, receiver: Receiver) -> None:
    with Server(project) as server:
        lost = lose_one(server)
    with Server(project, environment={"OPS_SECRET": SECRET, **ALLOWED}) as server:
        again = tidegate("notice", "send", "--all", "--reason", "secret set", project=project)
        eventually(lambda: not undelivered(server))
        _, sent = server.call("GET", f"/api/v1/notices/{lost['id']}")
        twice = server.call("POST", f"/api/v1/notices/{lost['id']}/send")
        verified = tidegate("db", "verify", project=project)

    assert again.returncode == 0, again.stderr
    assert (sent["status"], sent["sendings"], sent["error"]) == ("sent", 2, None)
    assert sent["sent_again_by"].startswith("token for ")
    (told,) = receiver.told
    assert told["data"]["message"] == "orders of 2026-03-02 are here"
    assert told["data"]["told_at"] == lost["told_at"]
    assert (twice[0], twice[1]["code"]) == (409, "notice.state")
    assert verified.returncode == 0, verified.stdout


def test_an_address_that_is_not_allowed_leaves_the_notice_undelivered(
    project: Path, receiver: Receiver
) -> None:
    with Server(project, environment={"OPS_SECRET": SECRET}) as server:
        lost = lose_one(server)
        still = server.call("POST", f"/api/v1/notices/{lost['id']}/send")
        eventually(lambda: any(one["sendings"] == 2 for one in undelivered(server)))

    assert "url.refused" in lost["error"] or "127.0.0.1" in lost["error"]
    assert still[0] == 202
    assert receiver.told == []


@pytest.mark.parametrize("id_", ["nothing", "all~~2026-03-02~~nothing", "all~~-~~x"])
def test_a_notice_that_is_not_there_is_refused(project: Path, id_: str) -> None:
    with Server(project) as server:
        shown = server.call("GET", f"/api/v1/notices/{id_}")
        sent = server.call("POST", f"/api/v1/notices/{id_}/send")
        status = server.call("GET", "/api/v1/notices?status=undeliverd")

    assert (shown[0], shown[1]["code"]) == (404, "notice.unknown")
    assert (sent[0], sent[1]["code"]) == (404, "notice.unknown")
    assert (status[0], status[1]["code"]) == (400, "input")
    assert "undelivered" in status[1]["fix"]
