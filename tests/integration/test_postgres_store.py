"""The turn on a real PostgreSQL, with several writers and everything that can happen to them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tidegate.adapters.store.postgres import PostgresStore
from tidegate.adapters.store.postgres_ask import Ask, Blobs, Numbers, Texts
from tidegate.adapters.store.postgres_hints import PostgresHints
from tidegate.adapters.store.postgres_link import Link
from tidegate.adapters.system import SystemClock
from tidegate.kernel.clock import Instant
from tidegate.kernel.errors import ConflictError, TransientError
from tidegate.kernel.ids import CellId
from tidegate.kernel.step import Key
from tidegate.ports.store import Claim, EffectWrite, Reject, RowFault, Wanted, Writes
from tidegate.testing.postgres import Server
from tidegate.testing.replica import CODEC, DAY, audit, run_turn, run_turns, take, writes_of
from tidegate.testing.wire import Wire

pytestmark = pytest.mark.postgres
Open = Callable[..., PostgresStore]


@pytest.fixture
def opened(postgres_url: str) -> Iterator[Open]:
    """Stores over the test's database, or over another URL; closed at the end."""
    with ExitStack() as stack:

        def open_(replica: str = "a", url: str = postgres_url, **options: object) -> PostgresStore:
            store = PostgresStore.open(url, CODEC, replica=replica, **options)  # type: ignore[arg-type]
            stack.callback(store.close)
            return store

        yield open_


@pytest.fixture
def wire(postgres_url: str) -> Iterator[Wire]:
    port = conninfo_to_dict(postgres_url)["port"]
    assert port is not None
    with Wire(int(port)) as wire:
        yield wire


def through(wire: Wire, url: str) -> str:
    port = conninfo_to_dict(url)["port"]
    return url.replace(f":{port}/", f":{wire.port}/")


def ask(url: str, statement: str, *parameters: object) -> list[tuple[object, ...]]:
    """One statement, on a connection of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description is not None else []


def await_turn(url: str, n: int) -> None:
    """Until so many turns are committed."""
    while ask(url, "SELECT n FROM turn WHERE n >= %s", n) == []:
        pass  # pytest's own timeout ends a wait for nothing


class Replica:
    """A writer in a process of its own; see testing/replica.py."""

    def __init__(self, url: str, name: str, mode: str, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tidegate.testing.replica", url, name, mode]
            + [str(argument) for argument in arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def hears(self) -> str:
        """The next line it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def __enter__(self) -> Replica:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


# ---- several writers
def test_two_processes_interleave_and_a_reader_by_place_misses_nothing(postgres_url: str) -> None:
    seen: list[int] = []
    done = threading.Event()

    def follow() -> None:
        cursor = 1
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            while True:
                last = done.is_set()
                rows = connection.execute(
                    "SELECT first, n FROM log WHERE first >= %s ORDER BY first", (cursor,)
                ).fetchall()
                seen.extend(first for first, _ in rows)
                cursor = sum(rows[-1]) if rows else cursor
                if last:
                    return

    with ThreadPoolExecutor() as threads, ExitStack() as stack:
        reader = threads.submit(follow)
        replicas = [
            stack.enter_context(Replica(postgres_url, f"r{n}", "turns", n, 500, 800))
            for n in range(2)
        ]
        said = [(replica.hears(), replica.hears()) for replica in replicas]
        done.set()
        reader.result(30)

    assert said == [("begins", "refused 0")] * 2
    assert audit(postgres_url) == 1000
    assert seen == [first for (first,) in ask(postgres_url, "SELECT first FROM log ORDER BY first")]


def test_a_replica_hears_of_names_another_one_numbered(opened: Open) -> None:
    one, other = opened("one"), opened("other")
    run_turn(one, [1])

    run_turn(other, [1, 2, 41])

    (key,) = {key for key in take(one, [1]).cells if key.scope == "scope1"}
    assert key == Key("tally", DAY, "scope1", "k=1")


def test_every_turn_has_the_databases_clock(opened: Open, postgres_url: str) -> None:
    taken = take(opened(), [1])

    ((now,),) = ask(
        postgres_url, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    )
    assert isinstance(now, int)
    assert 0 <= now - taken.now < 5_000_000


def test_who_sleeps_is_woken_by_a_commit(opened: Open, postgres_url: str) -> None:
    hints = PostgresHints(postgres_url, replica="sleeper")
    store = opened()
    assert hints.wait(10)  # it listens from here on

    quiet = hints.wait(0)
    run_turn(store, [1])
    woken = hints.wait(10)

    hints.close()
    assert (quiet, woken, hints.wait(10)) == (False, True, False)


def test_a_sleeper_is_let_go_when_hints_are_closed(postgres_url: str) -> None:
    hints = PostgresHints(postgres_url, replica="sleeper")
    assert hints.wait(10)

    with ThreadPoolExecutor() as threads:
        sleeping = threads.submit(hints.wait, 60)
        hints.close()
        assert sleeping.result(10) is False


def test_a_sleeper_that_was_cut_off_looks_again_once_it_listens(
    wire: Wire, postgres_url: str
) -> None:
    hints = PostgresHints(through(wire, postgres_url), replica="sleeper")
    assert hints.wait(10)
    wire.cut()

    cut_off = hints.wait(10)
    wire.close()
    away = hints.wait(0.1)

    hints.close()
    assert (cut_off, away) == (True, False)


# ---- killed, cut off, restarted
def test_replicas_killed_at_any_instant_leave_nothing_half_done(postgres_url: str) -> None:
    rng = random.Random(7)
    with Replica(postgres_url, "steady", "turns", 99, 100_000, 5_000) as steady:
        assert steady.hears() == "begins"
        for round_ in range(6):
            with Replica(postgres_url, f"r{round_}", "turns", round_, 100_000, 5_000) as victim:
                assert victim.hears() == "begins"
                with pytest.raises(subprocess.TimeoutExpired):
                    victim.process.wait(rng.uniform(0.02, 0.3))
                victim.process.kill()
        steady.process.kill()
        steady.process.wait()
    ask(postgres_url, "SELECT one FROM turn FOR UPDATE")  # the last ones have ended

    assert audit(postgres_url) > 10


def test_a_server_that_is_killed_and_comes_back_is_used_again(tmp_path: Path) -> None:
    server = Server.start(tmp_path)
    try:
        with server.address.database(server.address.prepared()) as url:
            store = PostgresStore.open(url, CODEC, replica="a")
            run_turn(store, [1, 2])
            taken = take(store, [3])
            server.stop("kill")
            with ThreadPoolExecutor() as threads:
                committing = threads.submit(store.commit, taken, writes_of(taken, [3]))
                # The answer is lost, so the store asks until somebody answers again.
                server.start_again()
                with pytest.raises(TransientError, match=r"lost|closed|terminat"):
                    committing.result(60)
            run_turn(store, [2, 3])

            assert audit(url) == 2

            server.stop("fast")
            for method in (store.next_wake, lambda: take(store, [4])):
                with pytest.raises(TransientError) as away:
                    method()
                assert away.value.code == "store.unavailable"
            server.start_again()
            run_turn(store, [4])
            assert (audit(url), store.has_later()) == (3, False)
            store.close()
    finally:
        server.stop("immediate")


# ---- a lost answer to COMMIT
def test_a_commit_whose_answer_is_lost_is_found_again(
    opened: Open, wire: Wire, postgres_url: str
) -> None:
    store = opened("cut", through(wire, postgres_url))
    run_turn(store, [1])
    taken = take(store, [41])
    wire.set("down", "swallowed")

    with ThreadPoolExecutor() as threads:
        committing = threads.submit(store.commit, taken, writes_of(taken, [41]))
        await_turn(postgres_url, taken.n + 1)
        wire.set("down", "flows")
        wire.cut()
        committing.result(30)

    run_turn(store, [1, 41, 2])
    assert audit(postgres_url) == 3


def test_a_commit_that_never_arrived_is_refused(
    opened: Open, wire: Wire, postgres_url: str
) -> None:
    store = opened("cut", through(wire, postgres_url))
    taken = take(store, [1])
    wire.cut()

    with pytest.raises(TransientError):
        store.commit(taken, writes_of(taken, [1]))

    assert audit(postgres_url) == 0
    run_turn(store, [1])
    assert audit(postgres_url) == 1


def test_a_commit_that_arrived_in_part_is_refused(
    opened: Open, wire: Wire, postgres_url: str
) -> None:
    store = opened("cut", through(wire, postgres_url))
    taken = take(store, [1])
    wire.stop_up_after(1_000_000)

    with ThreadPoolExecutor() as threads:
        writes = writes_of(taken, [1], padding=b"\x00" * 20_000_000)
        committing = threads.submit(store.commit, taken, writes)
        assert wire.await_still(30)
        wire.set("up", "flows")
        wire.cut()
        with pytest.raises(TransientError):
            committing.result(30)

    assert audit(postgres_url) == 0


def test_a_backend_that_is_ended_around_commit_leaves_the_turn_whole_or_undone(
    opened: Open, postgres_url: str
) -> None:
    store = opened("victim")
    rng = random.Random(3)
    committed = 0
    for event in range(40):
        killer = threading.Timer(
            rng.uniform(0, 0.02),
            ask,
            (
                postgres_url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'tidegate victim' AND datname = current_database()",
            ),
        )
        killer.start()
        with suppress(TransientError):
            run_turn(store, [event])
            committed += 1
        killer.join()

    assert audit(postgres_url) == committed
    assert 0 < committed < 40


def test_rejects_alone_are_settled_too(opened: Open, wire: Wire, postgres_url: str) -> None:
    store = opened("cut", through(wire, postgres_url))
    reject = Reject(Instant(5), None, "event.syntax", "no JSON", b"{")
    taken = store.take(Wanted(Instant(0)))
    writes = Writes(
        at=taken.now, log=None, activation=0, next_cell=taken.next_cell, rejects=[reject]
    )
    wire.set("down", "swallowed")

    with ThreadPoolExecutor() as threads:
        committing = threads.submit(store.commit, taken, writes)
        await_turn(postgres_url, taken.n + 1)
        wire.set("down", "flows")
        wire.cut()
        committing.result(30)

    assert ask(postgres_url, "SELECT count(*) FROM reject") == [(1,)]


# ---- a holder that stands still
@pytest.mark.slow
def test_a_replica_stopped_between_round_trips_loses_the_turn(
    opened: Open, postgres_url: str
) -> None:
    with Replica(postgres_url, "stopped", "hold", 1, 0) as stopped:
        assert stopped.hears() == "held"
        stopped.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()

        # Nobody ends the holder here. An idle transaction ends after 5 s, a long one after 8 s.
        ask(postgres_url, "SELECT one FROM turn FOR UPDATE")

        assert time.monotonic() - began < 7.5
        run_turn(opened(), [1])
        stopped.process.send_signal(signal.SIGCONT)
        stopped.tell()
        assert stopped.hears() == "store.unavailable"
    assert audit(postgres_url) == 1


@pytest.mark.slow
def test_a_replica_stopped_while_it_sends_its_writes_loses_the_turn(
    opened: Open, wire: Wire, postgres_url: str
) -> None:
    with Replica(through(wire, postgres_url), "stopped", "hold", 1, 60_000_000) as stopped:
        assert stopped.hears() == "held"
        wire.stop_up_after(1_000_000)
        stopped.tell()
        assert wire.await_still(30)
        stopped.process.send_signal(signal.SIGSTOP)
        wire.set("up", "flows")

        run_turn(opened(), [1])

        stopped.process.send_signal(signal.SIGCONT)
        assert stopped.hears() == "store.unavailable"
    assert audit(postgres_url) == 1


@pytest.mark.slow
def test_a_session_of_ours_that_holds_the_turn_for_ever_is_ended_by_those_who_wait(
    opened: Open, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(postgres_url, application_name="tidegate stuck") as stuck:
        stuck.execute("SELECT one FROM turn FOR UPDATE")

        # Four wait, one behind the other: none of them is taken for the holder.
        with ThreadPoolExecutor() as threads:
            waiting = [
                threads.submit(run_turns, opened(f"one of {seed}"), seed, 1, pool=100)
                for seed in range(4)
            ]
            refused = [one.result(30) for one in waiting]

        with pytest.raises(psycopg.OperationalError):
            stuck.execute("SELECT 1")
    assert refused == [0, 0, 0, 0]
    assert audit(postgres_url) == 4
    assert "tidegate stuck" in caplog.text
    assert "tidegate one of" not in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("lock", ["SELECT one FROM turn FOR UPDATE", "LOCK TABLE event_key"])
def test_a_persons_session_that_holds_the_turn_is_named_and_left_alone(
    opened: Open, postgres_url: str, lock: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened("waits")
    with psycopg.connect(postgres_url, application_name="psql") as person:
        person.execute(lock.encode())

        with pytest.raises(TransientError) as refused:
            run_turn(store, [1])

        (pid,) = person.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        (user,) = person.execute("SELECT session_user").fetchone() or ("",)
        person.rollback()
    assert refused.value.code == "store.unavailable"
    for told in (f"backend {pid}", "psql", f"user {user}", "idle in transaction"):
        assert told in refused.value.message
        assert told in caplog.text
    assert lock in caplog.text
    assert lock not in refused.value.message, "whoever sends events may not see it"
    run_turn(store, [1])
    assert audit(postgres_url) == 1


@pytest.mark.slow
def test_a_server_process_that_stands_still_does_not_hang_the_store(
    opened: Open, postgres_url: str
) -> None:
    store = opened("patient")
    store.next_wake()
    ((pid,),) = ask(
        postgres_url,
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'tidegate patient beside'"
        " AND datname = current_database()",
    )
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(TransientError, match="no answer"):
            store.next_wake()
    finally:
        os.kill(pid, signal.SIGCONT)

    assert store.next_wake() is None


# ---- what PostgreSQL cannot store
def test_columns_come_back_as_they_were_sent(postgres_url: str) -> None:
    numbers = [-(2**63), -1, 0, 2**63 - 1]
    texts = ["", "plain", "\u00e9\u4e16\U0001f600", "quote ' \\ {,}", "x" * 70_000]
    blobs = [b"", b"\x00\xff", b"y" * 70_000]
    columns: list[tuple[str, list[Any], list[Any]]] = [
        ("bigint", Numbers(column), column)
        for column in (numbers, [None], [*numbers, None], list[int | None]())
    ]
    columns += [("text", Texts(column), column) for column in (texts, [None, *texts], [])]
    columns += [("bytea", Blobs(column), column) for column in (blobs, [None, *blobs], [])]
    link = Link(postgres_url, "columns", SystemClock(), lock_s=1)

    asks = [Ask(f"SELECT $1::{type_}[]", column) for type_, column, _ in columns]
    link.trip(*asks)

    link.drop()
    assert [answer.rows[0][0] for answer in asks] == [plain for *_, plain in columns]


REFUSED = [
    pytest.param(Key("tally", DAY, "nul\0", ""), id="NUL in a text"),
    pytest.param(Key("tally", DAY, "half \ud800", ""), id="half a surrogate pair"),
]


@pytest.mark.parametrize("key", REFUSED)
def test_a_text_that_cannot_be_stored_is_a_row_fault(
    opened: Open, postgres_url: str, key: Key
) -> None:
    store = opened()
    run_turn(store, [1])

    with pytest.raises(RowFault):
        store.take(Wanted(Instant(0), cells=[key]))
    taken = take(store, [2])
    with pytest.raises(RowFault):
        store.load([key])

    store.abandon()
    del taken
    run_turn(store, [2])
    assert audit(postgres_url) == 2


LONG = "".join(random.Random(1).choices("0123456789abcdef", k=9_000))  # does not compress


@pytest.mark.parametrize(
    "effect",
    [
        pytest.param(EffectWrite(CellId(1), "a\0b", 1, Instant(0), 0, None, b""), id="NUL"),
        pytest.param(EffectWrite(CellId(1 << 63), "a", 1, Instant(0), 0, None, b""), id="number"),
        pytest.param(EffectWrite(CellId(1), LONG, 1, Instant(0), 0, None, b""), id="long"),
    ],
)
def test_a_row_that_cannot_be_stored_undoes_its_turn(
    opened: Open, postgres_url: str, effect: EffectWrite
) -> None:
    store = opened()
    taken = take(store, [1])
    writes = msgspec.structs.replace(writes_of(taken, [1]), effects=[effect])

    with pytest.raises(RowFault):
        store.commit(taken, writes)

    run_turn(store, [1])
    assert audit(postgres_url) == 1


def test_a_database_without_a_schema_is_refused(postgres_empty_url: str) -> None:
    with pytest.raises(ConflictError) as refused:
        PostgresStore.open(postgres_empty_url, CODEC, replica="a")

    assert refused.value.code == "database.schema"


def test_a_database_nobody_serves_is_unavailable() -> None:
    with pytest.raises(TransientError) as refused:
        PostgresStore.open("postgresql://nobody@127.0.0.1:1/none", CODEC, replica="a")

    assert refused.value.code == "store.unavailable"


# ---- effects
def effects_of(store: PostgresStore, count: int) -> None:
    """So many effects, visible at once."""
    taken = store.take(Wanted(Instant(0)))
    effects = [
        EffectWrite(CellId(n), f"call{n % 3}", 1, Instant(1), 0, None, b"work")
        for n in range(count)
    ]
    store.commit(
        taken,
        Writes(
            at=taken.now,
            log=None,
            activation=0,
            next_cell=taken.next_cell,
            effects=effects,
        ),
    )


def test_two_claimers_never_share_an_effect(opened: Open) -> None:
    effects_of(opened("maker"), 300)

    def claim_all(name: str) -> list[tuple[int, str]]:
        store, mine = opened(name), list[tuple[int, str]]()
        while claimed := store.claim(Instant(2), name, 7):
            assert {one.fence for one in claimed} == {1}
            mine += [(one.cell, one.call) for one in claimed]
        return mine

    with ThreadPoolExecutor() as threads:
        one, other = threads.map(claim_all, ("one", "other"))

    assert len(one) + len(other) == 300
    assert len({*one, *other}) == 300


def test_a_renewal_passes_by_rows_that_a_turn_holds(opened: Open) -> None:
    store, other = opened("one"), opened("other")
    effects_of(store, 3)
    held = [Claim(one.cell, one.call, one.fence) for one in store.claim(Instant(2), "one", 3)]
    taken = other.take(Wanted(Instant(0), outcomes=held[:1]))

    during = store.renew(Instant(10), "one", held)
    other.commit(
        taken,
        Writes(at=taken.now, log=None, activation=0, next_cell=taken.next_cell, outcomes=held[:1]),
    )
    after = store.renew(Instant(20), "one", held)

    assert list(taken.stale) == []
    assert list(during) == held  # whether the outcome counts is not known before the commit
    assert list(after) == held[1:]


def test_of_two_outcomes_of_a_call_the_one_with_another_fence_is_stale(opened: Open) -> None:
    store = opened()
    effects_of(store, 1)
    (one,) = store.claim(Instant(2), "one", 1)
    (other,) = store.claim(Instant(2 + 60_000_000), "other", 1)
    claims = [Claim(each.cell, each.call, each.fence) for each in (one, other)]

    taken = store.take(Wanted(Instant(0), outcomes=claims))

    assert list(taken.stale) == claims[:1]


class Slow:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> Instant:
        return Instant(0)

    def monotonic(self) -> float:
        return self.seconds


def test_after_an_outage_nobody_claims_what_others_hold(opened: Open, postgres_url: str) -> None:
    clock = Slow()
    owner, other = opened("owner"), opened("other", clock=clock)
    effects_of(owner, 2)
    owner.claim(Instant(2), "owner", 1)
    lapsed = Instant(2 + 60_000_000)
    ask(
        postgres_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'tidegate other beside' AND datname = current_database()",
    )
    with pytest.raises(TransientError):
        other.claim(lapsed, "other", 5)

    free = other.claim(lapsed, "other", 5)
    clock.seconds += 9
    during = other.claim(lapsed, "other", 5)
    for _ in range(3):
        clock.seconds += 8
        other.has_later()
    clock.seconds += 8
    after = other.claim(lapsed, "other", 5)

    assert [one.cell for one in free] == [1]
    assert list(during) == []
    assert [(one.cell, one.fence) for one in after] == [(0, 2)]


def test_a_replica_that_stood_still_claims_nothing_others_hold_at_first(opened: Open) -> None:
    clock = Slow()
    owner, other = opened("owner"), opened("other", clock=clock)
    effects_of(owner, 1)
    owner.claim(Instant(2), "owner", 1)
    clock.seconds += 11

    claimed = other.claim(Instant(2 + 60_000_000), "other", 5)

    assert list(claimed) == []
