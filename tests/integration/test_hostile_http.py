"""Strangers, slow senders and crowds at a running server."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tidegate.testing.server import Server, eventually

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "multi-input-job"
STRANGERS = 300
CROWD = 1000
EACH = 3


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project"))


def event(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLE / "events" / "crm.json").read_text("utf-8"))
    return found | changes


def connect(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)


def inbox(server: Server) -> list[str]:
    return [item["what"] for item in server.call("GET", "/api/v1/inbox?limit=1000")[1]["items"]]


def test_a_stranger_who_calls_again_and_again_fills_no_inbox(project: Path) -> None:
    with Server(project) as server:
        stranger = connect(server)
        for _ in range(STRANGERS):
            stranger.request("POST", "/api/v1/events", b"{}")
            answer = stranger.getresponse()
            assert answer.status == 401
            assert json.loads(answer.read())["code"] == "auth.required"
        stranger.close()
        eventually(lambda: any("auth.required" in what for what in inbox(server)))

        rows = inbox(server)
        assert len(rows) <= 4  # two for each minute it took
        assert server.stop() == 0
    assert any("more from 127.0.0.1" in line for line in server.log)
    with Server(project) as server:
        counted = [what for what in inbox(server) if "more from 127.0.0.1" in what]
        first = [what for what in inbox(server) if "more from" not in what]
        told = sum(int(what.split()[1]) for what in counted) + len(first)
        assert told == STRANGERS


def test_a_stranger_learns_that_a_server_is_not_ready_and_nothing_of_the_machine(
    project: Path, tmp_path: Path
) -> None:
    database = tmp_path / "kept" / "t.db"
    database.parent.mkdir()
    with Server(project, str(database)) as server:
        database.rename(tmp_path / "elsewhere.db")
        eventually(lambda: server.call("GET", "/readyz")[0] == 503)
        stranger = connect(server)
        stranger.request("GET", "/readyz")
        told = stranger.getresponse().read().decode()
        stranger.close()
        known = json.dumps(server.call("GET", "/readyz")[1])

    assert "store.gone" in told
    assert str(database) not in told
    assert str(database) in known


def test_a_reason_that_a_terminal_would_obey_is_refused(project: Path) -> None:
    with Server(project) as server:
        status, answer = server.call(
            "POST", "/api/v1/pipeline/pause", {"reason": "\x1b]0;x\x07\nok  database: all is well"}
        )
        pauses = server.call("GET", "/api/v1/schedule")[1]

    assert (status, answer["code"]) == (400, "input")
    assert "'\\x1b'" in answer["detail"]
    assert "well" not in json.dumps(pauses)


def test_a_body_that_trickles_keeps_nobody_else_from_the_door(project: Path) -> None:
    with Server(project) as server:
        address = (urlsplit(server.url).hostname or "", urlsplit(server.url).port or 0)
        slow = [socket.create_connection(address) for _ in range(200)]
        for number, one in enumerate(slow):
            one.sendall(
                b"POST /api/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer "
                + server.token.encode()
                + b"\r\ncontent-length: 1000\r\n\r\n{"
                if number % 2
                else b"GET /api/v1/gates HT"
            )

        assert server.post(event())[1]["accepted"] == 1
        assert server.call("GET", "/readyz")[0] == 200
        assert server.stop() == 0
        for one in slow:
            one.close()


@pytest.mark.slow
def test_a_crowd_loses_nothing_that_was_acknowledged_when_the_server_stops(project: Path) -> None:
    answered: set[str] = set()
    lock = threading.Lock()
    stopping = threading.Event()

    def send(server: Server, sender: int) -> None:
        with closing(connect(server)) as connection:
            talk(server, connection, sender)

    def talk(server: Server, connection: http.client.HTTPConnection, sender: int) -> None:
        for number in range(EACH):
            id_ = f"{sender}.{number}"
            body = json.dumps(event(id=id_))
            headers = {"Authorization": f"Bearer {server.token}"}
            headers["Content-Type"] = "application/cloudevents+json"
            try:
                connection.request("POST", "/api/v1/events", body, headers)
                status = connection.getresponse()
                status.read()
            except (OSError, http.client.HTTPException):
                return
            assert status.status in (202, 503), status.status
            with lock:
                if status.status == 202:
                    answered.add(id_)
                if len(answered) > CROWD:
                    stopping.set()

    with Server(project) as server:
        with ThreadPoolExecutor(CROWD) as pool:
            senders = [pool.submit(send, server, number) for number in range(CROWD)]
            stopping.wait(120)
            began = time.monotonic()
            code = server.stop()
            seconds = time.monotonic() - began
        for one in senders:
            one.result()

    assert code == 0
    assert seconds < 10
    assert len(answered) > CROWD
    with Server(project) as server:
        for first in range(0, CROWD, 100):
            ids = [
                f"{sender}.{number}"
                for sender in range(first, first + 100)
                for number in range(EACH)
                if f"{sender}.{number}" in answered
            ]
            counts = server.post([event(id=id_) for id_ in ids])[1]
            assert (counts["duplicates"], counts["accepted"]) == (len(ids), 0)
