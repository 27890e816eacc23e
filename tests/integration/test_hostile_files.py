"""The database's files deleted, replaced, or without room, under a server that runs."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tidegate.adapters.store.lock import WriterLock
from tidegate.testing.server import Server

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "multi-input-job"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project"))


@pytest.fixture
def server(project: Path) -> Iterator[Server]:
    with Server(project) as server:
        yield server


def event(id_: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLE / "events" / "crm.json").read_text("utf-8"))
    return found | {"id": id_}


def refused_as_gone(server: Server, id_: str) -> bool:
    status, problem = server.post(event(id_))
    ready, report = server.call("GET", "/readyz")
    return (status, problem["code"], ready, report["reasons"][0]["code"]) == (
        503,
        "store.gone",
        503,
        "store.gone",
    )


@pytest.mark.parametrize("name", ["tidegate.db", "tidegate.db-wal", "tidegate.db.lock"])
def test_nothing_is_answered_once_a_file_of_the_database_is_gone(
    server: Server, project: Path, name: str
) -> None:
    assert server.post(event("before"))[0] == 202
    (project / name).rename(project / "moved")

    assert server.call("GET", "/readyz")[1]["reasons"][0]["code"] == "store.gone"
    assert refused_as_gone(server, "meanwhile")
    (project / "moved").rename(project / name)

    status, counts = server.post(event("meanwhile"))
    assert (status, counts["accepted"] + counts["duplicates"]) == (202, 1)
    assert server.call("GET", "/readyz")[0] == 200
    assert server.post(event("before"))[1]["duplicates"] == 1


def test_a_file_put_in_its_place_is_not_written_to(server: Server, project: Path) -> None:
    assert server.post(event("before"))[0] == 202
    shutil.copy(project / "tidegate.db", project / "other")
    os.replace(project / "other", project / "tidegate.db")
    untouched = (project / "tidegate.db").read_bytes()

    assert refused_as_gone(server, "after")
    assert server.stop() == 0
    assert (project / "tidegate.db").read_bytes() == untouched
    assert any("store.gone" in line or "another file now" in line for line in server.log)


def serve(project: Path) -> subprocess.CompletedProcess[str]:
    """One that is refused."""
    return subprocess.run(
        [sys.executable, "-m", "tidegate", "serve", "--port", "0", "--project", str(project)],
        capture_output=True,
        text=True,
        timeout=60,
    )


def remove(project: Path, *names: str) -> None:
    for name in names:
        (project / name).unlink()


@pytest.mark.parametrize("at_least_once_checkpointed", [False, True])
def test_a_write_ahead_log_that_was_deleted_while_no_server_ran_is_noticed(
    project: Path, *, at_least_once_checkpointed: bool
) -> None:
    with Server(project) as server:
        assert server.post(event("before"))[0] == 202
        if at_least_once_checkpointed:
            assert server.stop() == 0
            sqlite3.connect(project / "tidegate.db").execute("PRAGMA wal_checkpoint(TRUNCATE)")
            server.start()
        assert server.post(event("after"))[0] == 202
        server.kill()
    kept = (project / "tidegate.db-wal").read_bytes()
    remove(project, "tidegate.db-wal", "tidegate.db-shm")

    refused = serve(project)

    assert refused.returncode == 5, refused.stderr
    assert "store.older" in refused.stderr
    assert "put tidegate.db-wal back" in refused.stderr
    (project / "tidegate.db-wal").write_bytes(kept)
    with Server(project) as server:
        assert server.post(event("after"))[1]["duplicates"] == 1


def test_an_older_database_is_followed_once_its_lock_file_is_deleted(project: Path) -> None:
    with Server(project) as server:
        assert server.post(event("before"))[0] == 202
    backup(project)
    with Server(project) as server:
        assert server.post(event("after"))[0] == 202
    restore(project)

    assert "store.older" in serve(project).stderr
    remove(project, "tidegate.db.lock")
    with Server(project) as server:
        assert server.post(event("after"))[1]["accepted"] == 1
        assert server.post(event("before"))[1]["duplicates"] == 1


def backup(project: Path) -> None:
    with (
        closing(sqlite3.connect(project / "tidegate.db")) as source,
        closing(sqlite3.connect(project / "copy")) as copy,
    ):
        source.backup(copy)


def restore(project: Path) -> None:
    for name in ("tidegate.db", "tidegate.db-wal", "tidegate.db-shm"):
        (project / name).unlink(missing_ok=True)
    (project / "copy").rename(project / "tidegate.db")


def test_a_database_that_was_deleted_whole_begins_anew(project: Path) -> None:
    with Server(project) as server:
        assert server.post(event("before"))[0] == 202
    for name in ("tidegate.db", "tidegate.db-wal", "tidegate.db-shm"):
        (project / name).unlink(missing_ok=True)

    with Server(project) as server:
        assert server.post(event("before"))[1]["accepted"] == 1


def test_doctor_names_why_a_server_is_not_ready(server: Server, project: Path) -> None:
    assert server.post(event("before"))[0] == 202
    shutil.copy(project / "tidegate.db", project / "other")
    os.replace(project / "other", project / "tidegate.db")

    ran = subprocess.run(
        [sys.executable, "-m", "tidegate", "doctor", "--project", str(project), "--json"],
        capture_output=True,
        text=True,
        timeout=60,
    )

    told = {one["name"]: one["what"] for one in json.loads(ran.stdout)}
    assert ran.returncode == 1
    assert told["server"].startswith("store.gone: ")
    assert "tidegate.db is another file now" in told["server"]


def test_a_folder_in_the_databases_place_is_called_one(project: Path) -> None:
    (project / "tidegate.db" / "inside").mkdir(parents=True)

    ran = serve(project)

    assert ran.returncode == 1
    assert "tidegate.db is a folder, and no database\nfix: move it away" in ran.stderr


def test_a_second_demo_leaves_the_first_one_its_database(tmp_path: Path) -> None:
    database = tmp_path / ".demo" / "demo.db"
    database.parent.mkdir()
    database.write_bytes(b"of the first")
    running = WriterLock.acquire(database)
    try:
        second = subprocess.run(
            [sys.executable, "-m", "tidegate", "demo", "--port", "0"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        running.release()

    assert second.returncode == 5
    assert "database.busy" in second.stderr
    assert str(os.getpid()) in second.stderr
    assert database.read_bytes() == b"of the first"


@pytest.mark.parametrize("bytes_left", [0, 20_000])
def test_a_disk_without_room_at_the_start_is_said_and_no_traceback(
    project: Path, bytes_left: int
) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tidegate", "serve", "--port", "0", "--project", str(project)],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, bytes_left)),
    )

    assert ran.returncode == 7, ran.stderr
    assert "store.unavailable" in ran.stderr
    assert "space" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_disk_that_fills_up_refuses_and_goes_on_once_there_is_room(
    server: Server, project: Path
) -> None:
    assert server.process is not None
    assert server.post(event("before"))[0] == 202
    written = (project / "tidegate.db-wal").stat().st_size
    unlimited = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)

    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (written, unlimited[1]))
    full = [server.post(event(f"full-{number}")) for number in range(3)]
    ready = server.call("GET", "/readyz")[0]
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, unlimited)
    again = [server.post(event(f"full-{number}"))[1] for number in range(3)]

    assert [(status, problem["code"]) for status, problem in full] == [
        (503, "store.unavailable")
    ] * 3
    assert ready == 503
    assert [(one["accepted"], one["duplicates"]) for one in again] == [(1, 0)] * 3
    assert server.post(event("before"))[1]["duplicates"] == 1
    assert server.call("GET", "/readyz")[0] == 200


def refused_start(project: Path, database: Path) -> str:
    """What a server that does not start says."""
    command = [sys.executable, "-m", "tidegate", "serve", "--port", "0", "--project", str(project)]
    done = subprocess.run(
        [*command, "--database", str(database)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_second_server_finds_the_database_busy_under_any_of_its_names(
    server: Server, project: Path, tmp_path: Path
) -> None:
    linked = tmp_path / "linked.db"
    linked.symlink_to(project / "tidegate.db")

    said = refused_start(project, linked)

    assert "database.busy" in said
    assert server.post(event("after"))[0] == 202


def test_a_database_with_two_names_of_its_own_is_refused(project: Path, tmp_path: Path) -> None:
    with Server(project) as server:
        assert server.post(event("before"))[0] == 202
    second = tmp_path / "second.db"
    os.link(project / "tidegate.db", second)

    said = refused_start(project, second)

    assert "2 names of one file" in said
