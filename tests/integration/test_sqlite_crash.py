"""SQLite and SIGKILL: whatever the instant, a turn is there whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tidegate.adapters.store.sqlite import SqliteStore
from tidegate.testing.contracts.kit import CODEC, keys_of
from tidegate.testing.crash_writer import expected, seen, write_turn

VICTIM = 5  # the turn in which the bucket of keys is full
BEFORE = [
    "BEGIN",
    "DELETE FROM effect",
    "INSERT INTO log ",
    "INSERT INTO event_key",
    "INSERT INTO key_bucket",
    "INSERT INTO cell",
    "UPDATE turn",
    "COMMIT",
]


def writer(path: Path, turn: int = 0, statement: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tidegate.testing.crash_writer", str(path), str(turn), statement],
        stdout=subprocess.PIPE,
        text=True,
    )


def reopened(path: Path) -> SqliteStore:
    return SqliteStore.open(path, CODEC, keys_of=keys_of)


@pytest.mark.parametrize("statement", BEFORE)
def test_a_process_killed_before_its_commit_wrote_nothing_of_the_turn(
    tmp_path: Path, statement: str
) -> None:
    path = tmp_path / "tidegate.db"

    with writer(path, VICTIM, statement) as process:
        answered, _ = process.communicate(timeout=60)

    store = reopened(path)
    assert process.returncode == -9
    assert answered.split() == ["1", "2", "3", "4"]
    assert seen(store, 10) == expected(VICTIM - 1)
    write_turn(store, VICTIM)
    assert seen(store, 10) == expected(VICTIM)
    store.close()


def test_a_process_killed_after_its_commit_wrote_all_of_the_turn(tmp_path: Path) -> None:
    path = tmp_path / "tidegate.db"

    with writer(path, VICTIM, "after") as process:
        process.communicate(timeout=60)

    store = reopened(path)
    assert seen(store, 10) == expected(VICTIM)
    store.close()


def test_a_process_killed_at_any_instant_loses_nothing_it_answered(tmp_path: Path) -> None:
    path = tmp_path / "tidegate.db"
    last = 0

    for turns in (3, 8, 14):
        with writer(path) as process:
            assert process.stdout is not None
            for _ in range(turns):
                last = int(process.stdout.readline())
            process.kill()
            answered = process.stdout.read().split()
        last = int(answered[-1]) if answered else last

        store = reopened(path)
        found = seen(store, last + 5)
        assert store.unclean
        assert found.n in (last, last + 1)
        assert found == expected(found.n)
        store.close()
        last = found.n
