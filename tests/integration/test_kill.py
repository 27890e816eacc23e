"""kill -9 of servers at random instants while events come in, on SQLite and on PostgreSQL.

Afterwards every event that was answered is in the log once, every gate opened once a round, every
job that had to start did, and `db verify` finds nothing. What is promised of a local job: it is
started again only after the server that had started it was killed, and never while it still runs.

TIDEGATE_KILLS=200 kills so often; TIDEGATE_SEED=7 chooses other instants.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tidegate.testing import postgres
from tidegate.testing.siege import Choice, Senders, Slot, db_verify, die, settled
from tidegate.testing.stream import audit, write_project

KILLS = int(os.environ.get("TIDEGATE_KILLS", "20"))
SEED = int(os.environ.get("TIDEGATE_SEED", "1"))
SECONDS_A_KILL = 30
JOB_SECONDS, LONG_SECONDS = 0.2, 3.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + KILLS * SECONDS_A_KILL)]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """Of a PostgreSQL of its own: it is long, and does not wait for the tests that share one."""
    server = postgres.Server.start(tmp_path / "postgres")
    try:
        yield server.address.url()
    finally:
        server.stop()


def besiege(slots: Sequence[Slot]) -> Senders:
    """So many kills while the stream goes on; afterwards every run has ended."""
    print(f"TIDEGATE_SEED={SEED} TIDEGATE_KILLS={KILLS}")
    choice, senders = Choice(SEED), Senders(slots, SEED)
    senders.start()
    try:
        for slot in slots:
            slot.spawn()
        for _ in range(KILLS):
            print(die(choice.slot(slots), choice), flush=True)
        senders.finish(120)
        settled(slots[0], senders.dates)
        assert [slot.stop() for slot in slots] == [0] * len(slots)
    finally:
        senders.enough.set()
        for slot in slots:
            slot.kill()
            print("\n".join(slot.said))
    assert [line for slot in slots for line in slot.said if "Traceback" in line] == []
    return senders


def test_a_server_on_sqlite_that_is_killed_again_and_again_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    project = write_project(
        tmp_path / "project", job_seconds=JOB_SECONDS, long_seconds=LONG_SECONDS
    )
    database = str(tmp_path / "stream.db")
    slot = Slot("one", project, database)

    senders = besiege([slot])

    found = audit(project, database, senders.dates)
    verified = db_verify(project, database)
    print(found, f"repeated posts: {senders.repeats}")
    assert verified["equal"], verified
    assert found.dates > 0


@pytest.mark.postgres
def test_two_replicas_on_postgresql_killed_in_turn_lose_and_double_nothing(
    tmp_path: Path, database: str
) -> None:
    project = write_project(
        tmp_path / "project", job_seconds=JOB_SECONDS, long_seconds=LONG_SECONDS
    )
    slots = [Slot(name, project, database) for name in ("left", "right")]

    senders = besiege(slots)

    found = audit(project, database, senders.dates)
    verified = db_verify(project, database)
    print(found, f"repeated posts: {senders.repeats}")
    assert verified["equal"], verified
    assert found.dates > 0
