"""`db verify` beside a server that is busy: what it compares is of one moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.testing.siege import Senders, Slot, db_verify
from tidegate.testing.stream import write_project

VERIFIED = 4

pytestmark = [pytest.mark.slow]


def verified_beside_a_busy_server(folder: Path, database: str) -> None:
    project = write_project(folder / "project", job_seconds=0)
    slot = Slot("one", project, database)
    senders = Senders([slot], seed=1)
    slot.spawn()
    try:
        slot.await_listening()
        senders.start()
        found = [db_verify(project, database) for _ in range(VERIFIED)]
        senders.finish(60)
        slot.stop()
    finally:
        senders.enough.set()
        slot.kill()

    assert [one["differences"] for one in found] == [[]] * VERIFIED
    assert [one["equal"] for one in found] == [True] * VERIFIED
    signals = [one["signals"] for one in found]
    assert len(set(signals)) == VERIFIED, "nothing was written meanwhile"


def test_on_sqlite(tmp_path: Path) -> None:
    verified_beside_a_busy_server(tmp_path, str(tmp_path / "busy.db"))


def test_on_postgresql(tmp_path: Path, postgres_empty_url: str) -> None:
    verified_beside_a_busy_server(tmp_path, postgres_empty_url)
