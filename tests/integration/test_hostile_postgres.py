"""PostgreSQL taken away, filled up, locked or half ours, under servers that run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tidegate.testing.server import Server, eventually

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "multi-input-job"
BATCHES = 40

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project"))


@pytest.fixture
def servers(project: Path, postgres_url: str) -> Iterator[list[Server]]:
    """Two replicas."""
    with ExitStack() as stack:
        yield [stack.enter_context(Server(project, postgres_url)) for _ in range(2)]


def event(id_: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLE / "events" / "crm.json").read_text("utf-8"))
    return found | {"id": id_}


def refused(project: Path, url: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tidegate", *command, "--project", str(project), "--database", url],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "PIPELINE_API_TOKEN": "token"},
    )


COMMANDS = (("serve", "--port", "0"), ("gate", "list"), ("db", "verify"), ("doctor",))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_wrong_password_is_refused_and_never_printed(
    project: Path, postgres_url: str, command: tuple[str, ...]
) -> None:
    password = urlsplit(postgres_url).password
    assert password is not None
    url = postgres_url.replace(password, "s3cr3t-of-mine")

    ran = refused(project, url, *command)

    assert ran.returncode != 0
    assert "s3cr3t-of-mine" not in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_database_where_we_may_make_no_tables_says_so(
    project: Path, postgres_empty_url: str, command: tuple[str, ...]
) -> None:
    role = f"reader_of_{urlsplit(postgres_empty_url).path[1:]}"
    with psycopg.connect(postgres_empty_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'no'").format(sql.Identifier(role))
        )
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    parts = urlsplit(postgres_empty_url)
    url = f"postgresql://{role}:no@{parts.hostname}:{parts.port}{parts.path}"

    ran = refused(project, url, *command)

    assert ran.returncode != 0
    assert "Traceback" not in ran.stderr, ran.stderr
    assert ":no@" not in ran.stdout + ran.stderr


def test_a_newer_schema_is_refused_before_anything_is_written(
    project: Path, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE meta SET value = '9' WHERE key = 'schema'")

    ran = refused(project, postgres_url, "serve", "--port", "0")

    assert ran.returncode == 5
    assert "database.schema" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_upgrade_beside_running_servers_changes_nothing_for_them(
    servers: list[Server], project: Path, postgres_url: str
) -> None:
    ran = refused(project, postgres_url, "db", "upgrade")

    assert ran.returncode == 0, ran.stderr
    assert [server.post(event(f"e{n}"))[0] for n, server in enumerate(servers)] == [202, 202]


def test_connections_that_are_ended_in_the_middle_lose_nothing_that_was_acknowledged(
    servers: list[Server], project: Path, postgres_url: str
) -> None:
    done = threading.Event()

    def disturb() -> None:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            while not done.wait(0.05):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                    " AND datname = current_database() AND application_name LIKE 'tidegate %'"
                )

    disturber = threading.Thread(target=disturb)
    disturber.start()
    try:
        answers = {
            f"b{number}": servers[number % 2].post([event(f"b{number}-{n}") for n in range(5)])
            for number in range(BATCHES)
        }
    finally:
        done.set()
        disturber.join()
    eventually(lambda: all(server.call("GET", "/readyz")[0] == 200 for server in servers))

    assert {status for status, _ in answers.values()} <= {202, 503}
    assert {body["code"] for status, body in answers.values() if status == 503} <= {
        "store.unavailable"
    }
    acknowledged = [name for name, (status, _) in answers.items() if status == 202]
    for name in acknowledged:
        assert servers[0].post([event(f"{name}-{n}") for n in range(5)])[1]["duplicates"] == 5
    assert [server.stop() for server in servers] == [0, 0]
    assert refused(project, postgres_url, "db", "verify").returncode == 0


def test_a_server_without_connections_left_refuses_and_recovers(
    servers: list[Server], postgres_url: str
) -> None:
    with ExitStack() as stack:
        control = stack.enter_context(psycopg.connect(postgres_url, autocommit=True))
        try:
            while True:
                stack.enter_context(closing(psycopg.connect(postgres_url)))
        except psycopg.OperationalError:
            pass
        control.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'tidegate %'"
        )
        with suppress(psycopg.OperationalError):
            stack.enter_context(closing(psycopg.connect(postgres_url)))
        answers = [server.post(event(f"x{n}")) for n, server in enumerate(servers)]
        reads = [server.call("GET", "/api/v1/gates")[0] for server in servers]

    assert {status for status, _ in answers} <= {202, 503}
    assert set(reads) <= {200, 503}
    eventually(lambda: all(server.call("GET", "/readyz")[0] == 200 for server in servers))
    assert [server.post(event(f"y{n}"))[0] for n, server in enumerate(servers)] == [202, 202]


def test_a_table_that_somebody_locks_and_leaves_is_freed_and_keeps_nobody_for_ever(
    servers: list[Server], postgres_url: str
) -> None:
    password = urlsplit(postgres_url).password
    assert password is not None
    # Whoever holds a lock and does nothing is ended by the replica that waits behind the other.
    with closing(psycopg.connect(postgres_url)) as connection:
        connection.execute("LOCK TABLE log IN ACCESS EXCLUSIVE MODE")
        answers = [server.post(event("locked")) for server in servers]

    assert {status for status, _ in answers} <= {202, 503}
    eventually(lambda: servers[0].post(event("locked"))[1].get("duplicates") == 1)
    assert [server.stop() for server in servers] == [0, 0]
    assert not any(password in line for server in servers for line in server.log)


@pytest.mark.parametrize("place", ["127.0.0.1:notaport", "[::1", "127.0.0.1:99999"])
def test_a_url_that_cannot_be_read_is_refused_and_its_password_never_printed(
    project: Path, place: str
) -> None:
    ran = refused(project, f"postgresql://u:s3cr3t@{place}/db", "serve", "--port", "0")

    assert ran.returncode == 1
    assert "config.invalid" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "s3cr3t" not in ran.stderr
