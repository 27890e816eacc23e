"""The host with an engine that breaks, a store that goes away, and processes that end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec
import pytest

from tidegate.kernel.clock import DAY_US, HOUR_US, SECOND_US, Instant
from tidegate.kernel.errors import TransientError
from tidegate.kernel.step import Order, Refusal
from tidegate.ports.store import RowFault
from tidegate.schedule.orders import Pause, Resume
from tidegate.services.caution import DEATHS_MAX
from tidegate.services.engines import ENGINES, codec_of
from tidegate.services.inbox import Inbox, release_order
from tidegate.services.intake import Pending
from tidegate.services.orders import AcceptClock, ReleaseParked
from tidegate.testing.broken import Tally, broken, mark, tally_key
from tidegate.testing.memory import MemoryStore
from tidegate.testing.memory_tables import FaultPoint, Tables
from tidegate.testing.world import World


class Died(BaseException):
    """The process ended here."""


class Bench:
    """A world with the broken engine; `faults` says what happens at a step of a turn, once each."""

    def __init__(self, documents: dict[tuple[str, str], Any] | None = None) -> None:
        self.faults: dict[FaultPoint, BaseException] = {}
        self.acts: dict[str, Callable[[], None]] = {"fine": lambda: None}
        self.tables = Tables()
        engines = (*ENGINES, broken(lambda how: self.acts[how]()))
        store = MemoryStore(codec_of(engines), self.tables, fault=self._fault)
        self.store = store
        self.world = World(documents, engines=engines, store=(store, store.reader()))

    def _fault(self, point: FaultPoint) -> None:
        error = self.faults.pop(point, None)
        if error is not None:
            raise error

    def receive(self, *events: dict[str, Any]) -> Pending:
        return self.world.intake.receive([msgspec.json.encode(one) for one in events])

    def count(self, subject: str = "all") -> int:
        return self.world.cells("tally", Tally).get(tally_key(subject), Tally()).count

    def parked(self) -> list[tuple[str, str]]:
        return [
            (row.parking.engine, row.parking.error.partition(":")[0])
            for row in self.world.reader.parked()
        ]


def raise_(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def failed(future: Future[Any] | None) -> str:
    assert future is not None
    error = future.exception(0)
    assert isinstance(error, TransientError)
    return error.code


# ---- engines that break
def test_a_reducer_that_raises_costs_its_own_signal_and_nobody_elses() -> None:
    bench = Bench()
    bench.acts["raise"] = raise_(ValueError("no"))

    receipt = bench.world.hear(mark("a", "fine"), mark("b", "raise"), mark("c", "fine"))

    assert receipt.accepted == 3
    assert bench.count() == 2
    assert bench.parked() == [("broken", "reducer.failed")]
    assert bench.world.verify().differences == []


def test_who_releases_a_parked_signal_and_why_is_told_by_trace_and_inbox() -> None:
    bench = Bench()
    bench.acts["raise"] = raise_(ValueError("no"))
    bench.world.hear(mark("b", "raise"), mark("c", "raise"))
    first, second = [f"{row.parking.pos}.broken" for row in bench.world.reader.parked()]
    inbox = Inbox(bench.world.reader, bench.world.search)
    bench.world.order(release_order(first), actor="ann", reason="too early")  # it fails again
    bench.acts["raise"] = bench.acts["fine"]

    refused = inbox.item(first)
    bench.world.order(release_order(first), actor="ann", reason="mended in 0.2")
    bench.world.order(release_order(second), actor="ben")
    shown = inbox.item(first)
    events = bench.world.trace.trace("b")["events"]

    assert refused["kind"] == "parked"
    assert (shown["kind"], shown["what"]) == ("released", "released by ann: mended in 0.2")
    assert shown["event"]["id"] == "b"
    assert inbox.item(second)["what"] == "released by ben"
    assert [one["type"] for one in events] == ["test.mark", "tidegate.host.released"]
    said = events[1]["data"]
    assert (said["by"], said["reason"], said["event"]["id"]) == ("ann", "mended in 0.2", "b")
    assert inbox.listed() == []
    assert bench.world.verify().differences == []


def test_a_reducer_that_took_too_long_is_parked_and_said() -> None:
    bench = Bench()

    def slow() -> None:
        bench.world.clock.to(Instant(bench.world.clock.now() + 10 * SECOND_US))

    bench.acts["slow"] = slow

    bench.world.hear(mark("a", "fine"), mark("b", "slow"), mark("c", "fine"))

    assert bench.count() == 2
    assert bench.parked() == [("broken", "limit.time")]
    (said,) = bench.world.events("tidegate.host.parked")
    assert said.data["error"].startswith("limit.time")
    assert bench.world.verify().differences == []


def slow_and_lost(bench: Bench, tries: list[str], point: FaultPoint) -> Callable[[], None]:
    """Deciding takes so long that the database takes the turn back."""

    def act() -> None:
        tries.append("slow")
        bench.world.clock.to(Instant(bench.world.clock.now() + 10 * SECOND_US))
        bench.faults[point] = TransientError("store.unavailable", "the turn was taken back")

    return act


@pytest.mark.parametrize("point", ["at_load", "before_commit"])
def test_one_that_took_too_long_for_the_database_too_is_not_tried_for_ever(
    point: FaultPoint,
) -> None:
    bench = Bench()
    tries: list[str] = []
    bench.acts["slow"] = slow_and_lost(bench, tries, point)
    answers: list[str] = []

    for _ in range(4):
        pending = bench.receive(mark("a", "fine"), mark("b", "slow"), mark("c", "fine", "other"))
        try:
            bench.world.settle()
            answers.append(f"accepted {pending.result(0).accepted}")
            break
        except TransientError:
            answers.append("refused")

    assert answers[-1].startswith("accepted")
    assert len(tries) <= 4
    assert bench.parked() == [("broken", "limit.time")]
    assert (bench.count(), bench.count("other")) == (1, 1)
    assert bench.world.verify().differences == []


def test_a_parked_signal_is_decided_when_it_is_released_and_stays_when_it_fails_again() -> None:
    bench = Bench()
    bench.acts["raise"] = raise_(ValueError("no"))
    bench.world.hear(mark("a", "raise"))
    (row,) = bench.world.reader.parked()

    again = bench.world.order(ReleaseParked(pos=row.parking.pos, engine="broken"))
    stayed = bench.parked()
    bench.acts["raise"] = bench.acts["fine"]
    mended = bench.world.order(ReleaseParked(pos=row.parking.pos, engine="broken"))

    assert isinstance(again, Refusal)
    assert again.code == "reducer.failed"
    assert stayed == [("broken", "reducer.failed")]
    assert mended == {"released": f"{row.parking.pos}.broken"}
    assert bench.parked() == []
    assert bench.count() == 1
    assert bench.world.verify().differences == []


# ---- signals that kill
def test_a_signal_that_kills_its_host_three_times_is_parked_and_the_others_go_on() -> None:
    bench = Bench()
    bench.acts["kill"] = raise_(Died())
    events = [mark("a", "fine"), mark("b", "kill"), mark("c", "fine")]
    pending: list[Pending] = []
    deaths = 0

    for _ in range(8):
        # Senders repeat what was not answered, in any order.
        pending = [bench.receive(one) for one in reversed(events)]
        try:
            bench.world.settle()
        except Died:
            deaths += 1
            bench.world.restart(unclean=True)
            continue
        break

    assert [one.result(0).accepted + one.result(0).duplicates for one in pending] == [1, 1, 1]
    assert deaths == 4, "once before anybody was careful, then three times"
    assert bench.parked() == [("*", "host.died")]
    assert bench.count() == 2
    assert bench.tables.suspects == {}
    assert bench.world.verify().differences == []


def test_an_order_that_kills_is_refused_with_its_code() -> None:
    bench = Bench()
    pause = Pause()
    for _ in range(DEATHS_MAX + 1):
        bench.faults["before_commit"] = Died()
        with pytest.raises(Died):
            bench.world.order(pause)
        bench.world.restart(unclean=True)

    refused = bench.world.order(pause)
    granted = bench.world.order(pause)

    assert isinstance(refused, Refusal)
    assert refused.code == "host.died"
    assert granted == {"job": None, "paused": True, "until": None}


@pytest.mark.parametrize("point", ["before_take", "after_commit"])
def test_a_death_that_no_signal_caused_is_counted_for_none(point: FaultPoint) -> None:
    bench = Bench()
    bench.world.restart(unclean=True)

    for number in range(5):
        bench.faults[point] = Died()
        bench.receive(mark(f"e{number}", "fine"))
        with pytest.raises(Died):
            bench.world.settle()
        bench.world.restart(unclean=True)
        bench.world.hear(mark(f"e{number}", "fine"))

    assert bench.parked() == []
    assert bench.count() == 5
    assert bench.tables.suspects == {}


def test_the_same_wake_that_met_three_deaths_over_time_is_not_held_against_it() -> None:
    bench = Bench()
    for _ in range(4):
        bench.world.restart(unclean=True)
        bench.world.order(Pause())
        bench.world.order(Resume())

    assert bench.parked() == []
    assert bench.tables.suspects == {}


def test_a_process_that_ends_well_takes_its_notes_with_it() -> None:
    bench = Bench()
    bench.world.restart(unclean=True)
    bench.faults["before_commit"] = TransientError("store.unavailable", "away")
    bench.receive(mark("a", "fine"))
    with pytest.raises(TransientError):
        bench.world.host.step()
    noted = dict(bench.tables.suspects)

    bench.world.host.end()

    assert len(noted) == 1
    assert bench.tables.suspects == {}


# ---- one at a time
def test_after_an_unclean_end_one_signal_is_decided_a_turn_for_a_minute() -> None:
    bench = Bench()
    bench.world.restart(unclean=True)
    first = bench.world.reader.turn().next_pos

    bench.world.hear(*(mark(f"e{n}", "fine") for n in range(5)))
    careful = bench.world.host.status.careful
    bench.world.advance(61 * SECOND_US)
    second = bench.world.reader.turn().next_pos
    bench.world.hear(*(mark(f"f{n}", "fine") for n in range(5)))

    assert careful
    assert {row.n for row in bench.world.reader.rows(first, 1000) if row.first < second} == {1}
    assert [row.n for row in bench.world.reader.rows(second, 1000)] == [5]
    assert not bench.world.host.status.careful


def test_one_at_a_time_goes_on_until_the_backlog_is_through() -> None:
    bench = Bench(RULES)
    bench.world.clock.to(Instant(bench.world.clock.now() + 30 * DAY_US))
    bench.world.restart(unclean=True)
    bench.world.clock.to(Instant(bench.world.clock.now() + 61 * SECOND_US))

    bench.world.host.step()
    during = bench.world.host.status.careful
    bench.world.settle()
    bench.world.host.step()

    assert during
    assert not bench.world.host.status.careful
    assert bench.world.verify().differences == []


@pytest.mark.parametrize("unclean", [False, True])
def test_what_is_due_is_not_kept_waiting_by_a_door_that_is_never_empty(unclean: bool) -> None:
    bench = Bench(RULES)
    bench.world.clock.to(Instant(bench.world.clock.now() + DAY_US))
    bench.world.restart(unclean=unclean)
    for number in range(2000):
        bench.receive(mark(f"e{number}", "fine"))

    for _ in range(12):
        bench.world.host.step()

    assert len(bench.world.host.door) > 0 or not unclean
    woken = Counter(gate["status"] for gate in bench.world.gates())
    assert woken["overdue"] >= 1


# ---- a store that goes away
@pytest.mark.parametrize("point", ["before_take", "after_take", "before_commit"])
def test_whoever_waits_is_told_when_the_store_goes_away(point: FaultPoint) -> None:
    bench = Bench()
    waiting = [bench.receive(mark(f"e{n}", "fine")) for n in range(3)]
    bench.faults[point] = TransientError("store.unavailable", "away")

    with pytest.raises(TransientError):
        bench.world.host.step()

    assert [failed(one.verdicts) for one in waiting] == ["store.unavailable"] * 3
    assert bench.world.host.status.fault is not None
    again = bench.world.hear(*(mark(f"e{n}", "fine") for n in range(3)))
    assert again.accepted == 3
    assert bench.world.host.status.fault is None


def test_whoever_waits_is_told_when_the_store_cannot_even_be_looked_at() -> None:
    bench = Bench()
    waiting = [bench.receive(mark(f"e{n}", "fine")) for n in range(3)]
    bench.tables.readable = False

    with pytest.raises(TransientError):
        bench.world.host.step()

    assert [failed(one.verdicts) for one in waiting] == ["store.unavailable"] * 3
    assert bench.world.host.status.fault is not None


def test_a_store_that_can_be_read_and_not_written_is_away_until_a_write_succeeds() -> None:
    bench = Bench()
    bench.receive(mark("a", "fine"))
    bench.tables.writable = False
    faults: list[bool] = []

    for _ in range(3):
        with pytest.raises(TransientError):
            bench.world.host.step()
        faults.append(bench.world.host.status.fault is not None)
    bench.tables.writable = True
    bench.world.host.step()

    assert faults == [True, True, True], "also when there is nothing to write"
    assert bench.world.host.status.fault is None


def test_an_answer_that_was_lost_makes_duplicates_of_what_is_sent_again() -> None:
    bench = Bench()
    bench.faults["after_commit"] = TransientError("store.unavailable", "the answer was lost")
    lost = bench.receive(mark("a", "fine"))
    with pytest.raises(TransientError):
        bench.world.host.step()

    again = bench.world.hear(mark("a", "fine"))

    assert failed(lost.verdicts) == "store.unavailable"
    assert (again.accepted, again.duplicates) == (0, 1)
    assert bench.count() == 1


# ---- rows the database refuses
def test_a_refused_delivery_that_cannot_be_stored_is_told_so_and_ends_nothing() -> None:
    bench = Bench()
    kept = bench.world.intake.refuse("body.syntax", "\0", b"", None)

    for _ in range(2):
        bench.faults["before_commit"] = RowFault("a NUL")
        bench.world.host.step()
    after = bench.world.hear(mark("a", "fine"))

    assert kept.exception(0) is not None
    assert after.accepted == 1


# ---- the clock
RULES: dict[tuple[str, str], Any] = {
    ("rule", "daily"): {
        "rule_name": "daily",
        "conditions": [{"event_type": "landed", "data.dataset_name": "orders"}],
        "correlation_logic": [{"match_field": "data.business_date"}],
        "expect": {"calendar": "every_day", "deadline": "06:00"},
    },
}


@pytest.mark.parametrize("jump_us", [3_652 * DAY_US, -HOUR_US])
def test_nothing_is_decided_on_a_clock_that_jumped(jump_us: int) -> None:
    bench = Bench(RULES)
    before = dict(bench.tables.cells)
    bench.world.clock.step(jump_us)
    waiting = bench.receive(mark("a", "fine"))

    with pytest.raises(TransientError):
        bench.world.host.step()

    assert failed(waiting.verdicts) == "clock.jump"
    assert bench.tables.cells == before
    fault = bench.world.host.status.fault
    assert fault is not None
    assert fault.code == "clock.jump"


@pytest.mark.parametrize("jump_us", [3_652 * DAY_US, -HOUR_US])
def test_a_person_accepts_the_clock_and_it_goes_on_from_there(jump_us: int) -> None:
    bench = Bench(RULES)
    bench.world.clock.step(jump_us)

    reply = bench.world.order(AcceptClock())

    assert reply == {"accepted": True}
    assert bench.world.hear(mark("a", "fine")).accepted == 1
    assert bench.world.reader.turn().at == bench.world.clock.now()
    assert bench.world.verify().differences == []


def test_a_person_who_accepts_the_clock_need_not_find_a_moment_without_events() -> None:
    bench = Bench(RULES)
    bench.world.clock.step(-HOUR_US)
    before = bench.receive(mark("a", "fine"))
    accepted = bench.world.host.order(Order(AcceptClock(), "ops"))
    pause = bench.world.host.order(Order(Pause(), "ops"))
    with pytest.raises(TransientError):
        bench.world.host.step()

    bench.world.host.step()

    assert failed(before.verdicts) == "clock.jump"
    assert failed(pause) == "clock.jump"
    assert accepted.result(0) == {"accepted": True}
    assert bench.world.hear(mark("a", "fine")).accepted == 1


def test_a_clock_accepted_in_a_turn_that_failed_is_not_accepted() -> None:
    bench = Bench(RULES)
    bench.world.clock.step(-HOUR_US)
    bench.faults["before_commit"] = TransientError("store.unavailable", "away")
    with pytest.raises(TransientError):
        bench.world.order(AcceptClock())

    with pytest.raises(TransientError) as refused:
        bench.world.hear(mark("a", "fine"))

    assert refused.value.code == "clock.jump"


def test_what_waits_can_be_moved_by_the_jump() -> None:
    jump_us = 3_652 * DAY_US
    bench = Bench(RULES)
    before = {key: at for key, (at, _) in bench.tables.wakes.items()}
    bench.world.clock.to(Instant(bench.world.clock.now() + HOUR_US))
    bench.world.clock.step(jump_us)

    bench.world.order(AcceptClock(shift=True))

    after = {key: at for key, (at, _) in bench.tables.wakes.items()}
    assert after == {key: at + jump_us for key, at in before.items()}
    assert bench.world.verify().differences == []
    assert bench.world.events("tidegate.gate.overdue") == []


# ---- many cells
def test_signals_that_concern_many_cells_share_no_turn() -> None:
    bench = Bench()
    first = bench.world.reader.turn().next_pos

    receipt = bench.world.hear(*(mark(f"e{n}", "fine", cells=6_000) for n in range(3)))

    assert receipt.accepted == 3
    assert bench.count() == 3
    assert [row.n for row in bench.world.reader.rows(first, 10)] == [1, 1, 1]
    assert bench.parked() == []
    assert bench.world.verify().differences == []


def test_a_signal_that_concerns_more_cells_than_allowed_is_parked() -> None:
    bench = Bench()

    receipt = bench.world.hear(mark("a", "fine"), mark("b", "fine", cells=10_001))

    assert receipt.accepted == 2
    assert bench.count() == 1
    assert bench.parked() == [("broken", "limit.needs")]


def test_a_signal_whose_many_steps_take_too_long_together_is_parked() -> None:
    bench = Bench()

    def half_a_second() -> None:
        bench.world.clock.to(Instant(bench.world.clock.now() + SECOND_US // 2))

    bench.acts["slow"] = half_a_second

    bench.world.hear(mark("a", "fine"), mark("b", "slow", cells=20), mark("c", "fine"))

    assert bench.count() == 2
    assert bench.parked() == [("*", "limit.time")]
    assert bench.world.verify().differences == []
