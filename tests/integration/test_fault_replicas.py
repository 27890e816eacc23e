"""Two replicas over one PostgreSQL: one of them stands still, or the database is away.

TIDEGATE_OUTAGE_SECONDS=10 keeps the database away for a shorter or longer time.
"""

from __future__ import annotations

import base64
import os
import random
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from tidegate.services.lease import LEASE_S
from tidegate.testing import postgres
from tidegate.testing.server import Server, eventually, tidegate
from tidegate.testing.siege import Senders, Slot, db_verify, runs, settled
from tidegate.testing.stream import ROUNDS, audit, marks, waves, write_project
from tidegate.testing.wire import Wire

OUTAGE_S = float(os.environ.get("TIDEGATE_OUTAGE_SECONDS", "45"))
OTHERS_GO_ON_S = 8.0
MARGIN_S = 6.0
"""For a busy machine."""
SHORT_S, LONG_S = 12.0, 90.0
STOPS_MAX = 2_000
NOISE_BYTES = 20_000
NOISE = 200

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


class Watch:
    """What the database says of turns and of who holds them."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def turns(self) -> int:
        (n,) = self._connection.execute("SELECT n FROM turn").fetchone() or (0,)
        return int(n)

    def replica(self) -> str:
        """The one there is."""
        (found,) = self.seen()
        return found

    def seen(self) -> dict[str, int]:
        """When each replica last looked for the others."""
        return dict(self._connection.execute("SELECT id, seen_at FROM replica").fetchall())

    def all_know_all(self) -> None:
        """Wait until each has looked since the last of them came."""
        came = max(self.seen().values())
        eventually(lambda: min(self.seen().values()) > came)

    def holds(self, replica: str) -> bool:
        """Is it between two round trips of a turn?"""
        found = self._connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE %s AND state = 'idle in transaction'",
            [f"tidegate {replica}%"],
        )
        return found.fetchone() is not None

    def close(self) -> None:
        self._connection.close()


@contextmanager
def watching(url: str) -> Generator[Watch]:
    watch = Watch(url)
    try:
        yield watch
    finally:
        watch.close()


@contextmanager
def replicas(*slots: Slot) -> Generator[Sequence[Server]]:
    """They run, one started after the other; afterwards none is left."""
    with ExitStack() as stack:
        found: list[Server] = []
        for slot in slots:
            slot.spawn()
            stack.callback(slot.kill)
            found.append(slot.await_listening())
        yield found


def seconds_to_answer(server: Server, id_: str) -> float:
    """How long it takes to accept an event that matches nothing."""
    began = time.monotonic()
    tries = post_until_accepted(server, [{**noise(1)[0], "id": id_}])
    assert tries == 1, "whoever waits for the turn is not refused"
    return time.monotonic() - began


def stop_between_round_trips(server: Server, replica: str, watch: Watch) -> None:
    """Stop it again and again, until it holds the turn as it stands."""
    for _ in range(STOPS_MAX):
        server.stand_still()
        turn = watch.turns()
        if watch.holds(replica) and watch.turns() == turn:
            return
        server.go_on()
    raise AssertionError("it never stood still between two round trips of a turn")


def test_a_replica_stopped_between_round_trips_delays_the_other_for_seconds_and_comes_back(
    tmp_path: Path, postgres_empty_url: str
) -> None:
    project = write_project(tmp_path / "project", job_seconds=0.2)
    slots = [Slot(name, project, postgres_empty_url) for name in ("left", "right")]
    senders = Senders(slots, seed=1)
    with ExitStack() as stack:
        (left,) = stack.enter_context(replicas(slots[0]))
        watch = stack.enter_context(watching(postgres_empty_url))
        name = watch.replica()
        (right,) = stack.enter_context(replicas(slots[1]))
        senders.start()

        stop_between_round_trips(left, name, watch)
        delay_s, goes_on_s = seconds_to_answer(right, "first"), seconds_to_answer(right, "second")
        left.go_on()
        eventually(left.ready)
        senders.finish(120)
        settled(slots[0], senders.dates)
        codes = [slot.stop() for slot in slots]

    found = audit(project, postgres_empty_url, senders.dates)
    print(found, f"the other went on after {delay_s:.1f} s, then {goes_on_s:.2f} s")
    assert delay_s <= OTHERS_GO_ON_S + MARGIN_S
    assert codes == [0, 0]
    assert found.started_again == 0
    assert db_verify(project, postgres_empty_url)["equal"]


def noise(count: int = NOISE) -> list[dict[str, Any]]:
    """Events that match nothing and cannot be compressed: a turn whose writes are long."""
    generator = random.Random(1)
    return [
        {
            "specversion": "1.0",
            "id": f"noise.{number}",
            "source": "/noise",
            "type": "noise",
            "data": {"text": base64.b85encode(generator.randbytes(NOISE_BYTES)).decode()},
        }
        for number in range(count)
    ]


def post_until_accepted(server: Server, events: list[dict[str, Any]]) -> int:
    """As a sender does; answers how often it was sent."""
    for tries in range(1, 100):
        try:
            status, _ = server.call("POST", "/api/v1/events", events, timeout_s=30)
        except OSError:
            continue
        if status == 202:
            return tries
        assert status == 503
    raise AssertionError("it was never accepted")


def test_a_replica_stopped_while_its_write_is_being_sent_delays_the_other_for_seconds(
    tmp_path: Path, postgres_empty_url: str
) -> None:
    project = write_project(tmp_path / "project", job_seconds=0.2)
    port = urlsplit(postgres_empty_url).port
    assert port is not None
    with ExitStack() as stack:
        wire = stack.enter_context(Wire(port))
        through = postgres_empty_url.replace(f":{port}/", f":{wire.port}/")
        slots = [Slot("left", project, through), Slot("right", project, postgres_empty_url)]
        left, right = stack.enter_context(replicas(*slots))
        senders = Senders(slots[1:], seed=1)
        senders.start()
        threads = stack.enter_context(ThreadPoolExecutor())

        wire.stop_up_after(NOISE * NOISE_BYTES // 2)
        posting = threads.submit(post_until_accepted, left, noise())
        assert wire.await_still(30)
        left.stand_still()
        delay_s, goes_on_s = seconds_to_answer(right, "first"), seconds_to_answer(right, "second")
        wire.set("up", "flows")
        left.go_on()
        tries = posting.result(120)
        eventually(left.ready)
        _, heard = left.call("GET", "/api/v1/events?source=/noise&limit=1000")
        senders.finish(120)
        settled(slots[1], senders.dates)
        codes = [slot.stop() for slot in slots]

    found = audit(project, postgres_empty_url, senders.dates)
    print(found, f"the other went on after {delay_s:.1f} s, then {goes_on_s:.2f} s")
    assert tries > 1, "the write that was cut was answered as if it had been done"
    ids = [one["id"] for one in heard["items"] if one["id"].startswith("noise.")]
    assert sorted(ids) == sorted(one["id"] for one in noise())
    assert delay_s <= OTHERS_GO_ON_S + MARGIN_S
    assert codes == [0, 0]
    assert found.started_again == 0
    assert db_verify(project, postgres_empty_url)["equal"]


def began(project: Path) -> int:
    return sum(mark.what == "began" for mark in marks(project))


def test_while_the_database_is_away_no_job_is_started_twice_and_every_outcome_arrives(
    tmp_path: Path,
) -> None:
    project = write_project(tmp_path / "project", job_seconds=SHORT_S, long_seconds=LONG_S)
    dates = 6
    with ExitStack() as stack:
        database = postgres.Server.start(tmp_path / "postgres")
        stack.callback(database.stop)
        url = database.address.url()
        slots = [Slot(name, project, url) for name in ("left", "right")]
        servers = stack.enter_context(replicas(*slots))
        with watching(url) as watch:
            watch.all_know_all()
        for number, wave in enumerate(waves(range(dates))):
            body = b"[" + b",".join(wave) + b"]"
            status, _ = servers[number // ROUNDS].call("POST", "/api/v1/events", body)
            assert status == 202
        eventually(lambda: began(project) == dates * ROUNDS)

        database.stop("fast")
        refused = [server.call("POST", "/api/v1/events", b"[]")[0] for server in servers]
        ready = [server.ready() for server in servers]
        servers[0].runs_for(OUTAGE_S)
        database.start_again()
        back = time.monotonic()
        settled(slots[0], dates)
        seconds = time.monotonic() - back
        ended = runs(servers[0])
        codes = [slot.stop() for slot in slots]

        found = audit(project, url, dates)
        equal = db_verify(project, url)["equal"]

    lives = {mark.life for mark in marks(project)}
    print(found, f"away {OUTAGE_S:g} s; settled {seconds:.1f} s after it; {ended}")
    assert ready == [False, False]
    assert refused
    assert lives == {"left.1", "right.1"}, "both had jobs"
    assert found.started_again == 0
    if OUTAGE_S > LEASE_S:
        assert ended == {"succeeded": 10.0, "failed": 2.0}, "those that outlived their lease"
    assert codes == [0, 0]
    assert equal


def test_a_replica_alone_goes_on_with_its_jobs_while_the_database_is_away(tmp_path: Path) -> None:
    outlive_s = LEASE_S + MARGIN_S
    project = write_project(tmp_path / "project", job_seconds=SHORT_S, long_seconds=outlive_s)
    dates = 4
    with ExitStack() as stack:
        database = postgres.Server.start(tmp_path / "postgres")
        stack.callback(database.stop)
        url = database.address.url()
        slot = Slot("only", project, url)
        (server,) = stack.enter_context(replicas(slot))
        for wave in waves(range(dates)):
            status, _ = server.call("POST", "/api/v1/events", b"[" + b",".join(wave) + b"]")
            assert status == 202
        eventually(lambda: began(project) == dates * ROUNDS)

        database.stop("fast")
        server.runs_for(OUTAGE_S)
        database.start_again()
        settled(slot, dates)
        ended = runs(server)
        code = slot.stop()

        found = audit(project, url, dates)
        equal = db_verify(project, url)["equal"]

    print(found, f"away {OUTAGE_S:g} s; {ended}")
    assert ended == {"succeeded": float(dates * ROUNDS)}, "also those that outlived their lease"
    assert found.started_again == 0
    assert code == 0
    assert equal


def test_a_persons_transaction_that_keeps_the_turn_is_named_and_not_ended(
    tmp_path: Path, postgres_empty_url: str
) -> None:
    project = write_project(tmp_path / "project", job_seconds=0.2)
    slot = Slot("only", project, postgres_empty_url)
    with replicas(slot) as (server,), ThreadPoolExecutor() as threads:
        with psycopg.connect(postgres_empty_url, application_name="psql") as person:
            person.execute("UPDATE turn SET n = n")
            posting = threads.submit(server.call, "POST", "/api/v1/events", noise(1))
            eventually(lambda: "psql" in str(server.call("GET", "/readyz")[1]))
            _, ready = server.call("GET", "/readyz")
            doctor = tidegate("doctor", project=project, database=postgres_empty_url)
            status, refused = posting.result(60)
            person.execute("SELECT 1")

        eventually(server.ready)
        again = post_until_accepted(server, noise(1))
        code = slot.stop()

    assert ready["ready"] is False
    assert doctor.returncode == 1
    for said in (str(ready), doctor.stdout, str(refused)):
        assert "somebody else's session keeps the turn" in said
        assert "psql" in said
    assert "UPDATE turn SET n = n" in doctor.stdout
    assert "UPDATE turn" not in f"{ready} {refused}"
    assert status == 503
    assert again == 1
    assert code == 0
