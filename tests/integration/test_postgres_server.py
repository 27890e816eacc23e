"""The PostgreSQL of the tests: one for a run, and never one left behind."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tidegate.testing.postgres import Address, PostgresFailed, Server, shared

pytestmark = pytest.mark.postgres

USER = """
import sys
from pathlib import Path
from tidegate.testing.postgres import shared
print(*shared(Path(sys.argv[1])), flush=True)
sys.stdin.readline()
"""


def user(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def address(process: subprocess.Popen[str]) -> Address:
    assert process.stdout is not None
    port, password = process.stdout.readline().split()
    return Address(int(port), password)


def answers(server: Address) -> bool:
    try:
        psycopg.connect(server.url(), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def test_processes_share_a_server_that_ends_with_the_last_and_begins_anew(tmp_path: Path) -> None:
    first, second = user(tmp_path), user(tmp_path)
    server, same = address(first), address(second)
    with first, second:
        first.kill()
        first.wait()
        still = answers(server)
        second.kill()

    assert server == same
    assert still
    while answers(server):
        pass  # it ends within a moment; pytest's own timeout says when it does not
    with user(tmp_path) as third:
        assert answers(address(third))
        third.kill()


def test_a_server_is_killed_and_started_again_with_its_data(tmp_path: Path) -> None:
    server = Server.start(tmp_path)
    try:
        with psycopg.connect(server.address.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
        server.stop("kill")
        away = answers(server.address)
        server.start_again()

        with closing(psycopg.connect(server.address.url())) as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
        assert away is False
    finally:
        server.stop()


def test_missing_programs_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_POSTGRES_BIN", str(tmp_path / "nowhere"))

    with pytest.raises(PostgresFailed, match=r"no program .*nowhere.*make setup"):
        Server.start(tmp_path / "own")
    with pytest.raises(PostgresFailed, match=r"no program .*nowhere.*make setup"):
        shared(tmp_path / "shared")
