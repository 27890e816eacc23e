"""An engine that raises, takes ten seconds, or ends its process: what a running server makes of it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tidegate.services.caution import DEATHS_MAX
from tidegate.testing.broken import mark
from tidegate.testing.server import Server, eventually, tidegate
from tidegate.testing.stream import waves, write_project

Faulty = Callable[..., Server]

pytestmark = [pytest.mark.slow]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", job_seconds=0.1)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "faults.db")


def good(date: int = 0) -> list[dict[str, Any]]:
    """Two events that open a gate and start a job."""
    orders, customers, *_ = waves([date])
    return [json.loads(raw) for raw in (*orders, *customers)]


def parked(project: Path, database: str) -> dict[str, str]:
    """`tidegate inbox list`: what is parked, and why."""
    done = tidegate("inbox", "list", "--json", project=project, database=database)
    assert done.returncode == 0, done.stderr
    return {one["id"]: one["what"] for one in json.loads(done.stdout) if one["kind"] == "parked"}


def succeeded(server: Server) -> int:
    _, found = server.call("GET", "/api/v1/executions")
    return sum(one["status"] == "succeeded" for one in found["items"])


def equal(project: Path, database: str) -> bool:
    return tidegate("db", "verify", project=project, database=database).returncode == 0


def test_a_reducer_that_raises_is_parked_and_released_once_it_is_mended(
    faulty: Faulty, project: Path, database: str
) -> None:
    server = faulty(project, database)

    status, counts = server.post([mark("bad", "raise"), *good()])
    eventually(lambda: succeeded(server) == 1)
    waits = parked(project, database)
    (id_,) = waits
    again = tidegate("inbox", "release", id_, project=project, database=database)
    server.stop()
    mended = faulty(project, database, TIDEGATE_TEST_MENDED="1")
    released = tidegate("inbox", "release", id_, project=project, database=database)

    assert (status, counts["accepted"]) == (202, 3)
    assert waits == {id_: "reducer.failed: broken: ValueError: cannot decide raise"}
    assert id_.endswith(".broken")
    assert (again.returncode, again.stdout) == (
        1,
        f"{id_}: stays: broken: ValueError: cannot decide raise\n",
    )
    assert released.returncode == 0, released.stderr
    assert parked(project, database) == {}
    assert mended.ready()


def test_one_that_takes_ten_seconds_is_parked_and_the_others_are_answered(
    faulty: Faulty, project: Path, database: str
) -> None:
    server = faulty(project, database)

    with ThreadPoolExecutor() as threads:
        slow = threads.submit(server.post, [mark("bad", "slow")])
        others = [threads.submit(server.post, good(date)) for date in range(4)]
        answers = [one.result() for one in others]
        status, counts = slow.result()

    eventually(lambda: succeeded(server) == 4)
    assert [answer[0] for answer in answers] == [202] * 4
    assert (status, counts["accepted"]) == (202, 1)
    assert list(parked(project, database).values()) == [
        "limit.time: deciding took over 1 s (broken)"
    ]
    server.stop()
    assert equal(project, database)


def test_one_that_ends_its_process_is_parked_in_the_end(
    faulty: Faulty, project: Path, database: str
) -> None:
    lives = 1 + DEATHS_MAX  # nobody notes what is decided before the first unclean end
    for deaths in range(lives):
        server = faulty(project, database)
        assert server.post(good(deaths))[0] == 202
        with pytest.raises((OSError, http.client.HTTPException)):
            server.post([mark("bad", "kill")])
        assert not server.runs_for(10)

    server = faulty(project, database)
    status, counts = server.post([mark("bad", "kill")])

    assert (status, counts["accepted"]) == (202, 1)
    eventually(lambda: succeeded(server) == lives)
    assert server.post(good(lives))[0] == 202
    eventually(lambda: succeeded(server) == lives + 1)
    (what,) = parked(project, database).values()
    assert what == f"host.died: deciding it ended {DEATHS_MAX} processes"
    server.stop()
    assert equal(project, database)


def test_one_that_takes_ten_seconds_costs_a_replica_its_turn_and_is_parked_all_the_same(
    faulty: Faulty, project: Path, postgres_empty_url: str
) -> None:
    left = faulty(project, postgres_empty_url)
    right = faulty(project, postgres_empty_url)

    def until_accepted() -> dict[str, Any]:
        for _ in range(5):
            status, counts = left.post([mark("bad", "slow")])
            if status == 202:
                return dict(counts)
            assert status == 503
        raise AssertionError("it is never decided")

    with ThreadPoolExecutor() as threads:
        slow = threads.submit(until_accepted)
        others = [threads.submit(right.post, good(date)) for date in range(4)]
        answers = [one.result() for one in others]
        counts = slow.result()

    eventually(lambda: succeeded(right) == 4)
    assert [answer[0] for answer in answers] == [202] * 4
    assert counts["accepted"] == 1
    assert list(parked(project, postgres_empty_url).values()) == [
        "limit.time: deciding took over 1 s (broken)"
    ]
