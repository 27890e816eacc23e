"""Where a database is made, and whom one waits for that has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tidegate.adapters.store.lock import WriterLock
from tidegate.testing.server import Server, tidegate

EVENT = '{"specversion": "1.0", "id": "a", "source": "/s", "type": "t"}'


@pytest.mark.parametrize(
    "arguments",
    [
        ("event", "send", "event.json"),
        ("schedule", "pause"),
        ("doctor", "--accept-clock"),
        ("db", "upgrade"),
        ("serve", "--port", "0"),
        ("activate",),
        ("gate", "list"),
    ],
)
def test_nothing_is_left_in_a_folder_that_is_no_project(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "event.json").write_text(EVENT, "utf-8")
    command = [sys.executable, "-m", "tidegate", *arguments]

    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert ran.returncode in (1, 3)
    assert "project.missing" in ran.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["event.json"]


def test_a_server_waits_for_a_command_that_has_the_database_for_a_moment(tmp_path: Path) -> None:
    (tmp_path / "tidegate.yaml").write_text("name: place\n", "utf-8")
    lock = WriterLock.acquire(tmp_path / "tidegate.db")
    server = Server(tmp_path)
    server.spawn()
    assert server.process is not None
    assert server.process.stderr is not None

    said = server.process.stderr.readline().decode()
    lock.release()
    server.await_listening()

    assert said.startswith("waiting up to 10 s: ")
    assert f"is being written by process {os.getpid()}" in said
    assert server.ready()
    assert server.stop() == 0


def test_a_command_waits_for_a_command(tmp_path: Path) -> None:
    (tmp_path / "tidegate.yaml").write_text("name: place\n", "utf-8")
    lock = WriterLock.acquire(tmp_path / "tidegate.db")
    command = [sys.executable, "-m", "tidegate", "schedule", "pause", "--project", str(tmp_path)]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ran:
        assert ran.stderr is not None
        said = ran.stderr.readline().decode()
        lock.release()
        ran.communicate(timeout=60)

    assert "is being written by process" in said
    assert ran.returncode == 0


def test_a_second_server_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "tidegate.yaml").write_text("name: place\n", "utf-8")

    with Server(tmp_path) as server:
        second = tidegate("serve", "--port", "0", project=tmp_path)

    assert second.returncode == 5
    assert f"listens on {server.url}" in second.stderr
    assert "waiting" not in second.stderr
