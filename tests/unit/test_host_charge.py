"""An unexpected failure inside a turn is one signal's, and costs nobody else anything."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec
import pytest

from tidegate.correlate.gate import STATUSES
from tidegate.kernel.clock import HOUR_US
from tidegate.kernel.ids import Pos
from tidegate.kernel.step import Refusal
from tidegate.ports.store import LogRow
from tidegate.schedule.orders import Pause
from tidegate.services.caution import DEATHS_MAX
from tidegate.services.engines import ENGINES, codec_of
from tidegate.services.orders import ReleaseParked
from tidegate.testing.broken import Tally, broken, mark, tally_key
from tidegate.testing.gates import Documents, delivery, project, rule, window
from tidegate.testing.memory import MemoryStore
from tidegate.testing.memory_tables import FaultPoint, Tables
from tidegate.testing.world import World


class Bench:
    """A world over tables that a test may damage; `fault` is called at each step of a turn."""

    def __init__(self, tables: Tables | None = None, documents: Documents | None = None) -> None:
        self.tables = tables or Tables()
        self.fault: Callable[[FaultPoint], None] = lambda point: None
        engines = (*ENGINES, broken(lambda how: None))
        self.store = MemoryStore(codec_of(engines), self.tables, fault=lambda at: self.fault(at))
        self.world = World(documents, engines=engines, store=(self.store, self.store.reader()))

    def hear(self, *names: str, subject: str = "all") -> int:
        return self.world.hear(*(mark(name, "fine", subject) for name in names)).accepted

    def count(self, subject: str = "all") -> int:
        stored = self.world.reader.cell(tally_key(subject))
        assert stored is not None
        assert isinstance(stored.cell.state, Tally)
        return stored.cell.state.count

    def gates(self) -> list[str]:
        """Their statuses, by the column."""
        rows = self.tables.cells.values()
        return sorted(STATUSES[row.status] for row in rows if row.key.kind == "gate")

    def release(self) -> Any:
        """What is parked first is handed out again."""
        (row, *_) = self.world.reader.parked()
        return self.world.order(ReleaseParked(pos=row.parking.pos, engine=row.parking.engine))

    def parked(self) -> list[tuple[str, str]]:
        return [
            (row.parking.engine, row.parking.error.partition(":")[0])
            for row in self.world.reader.parked()
        ]


def damaged(row: LogRow) -> LogRow:
    return msgspec.structs.replace(row, body=b"no row")


def test_an_own_signal_that_cannot_be_read_is_parked_and_the_others_go_on() -> None:
    bench = Bench()
    bench.tables.later[bench.tables.turn.next_later] = b"\xc1"
    bench.tables.turn = msgspec.structs.replace(
        bench.tables.turn, next_later=bench.tables.turn.next_later + 1
    )

    accepted = bench.hear("a", "b")

    assert accepted == 2
    assert bench.count() == 2
    assert bench.parked() == [("*", "defect")]
    assert bench.world.verify().differences == []


def test_an_event_whose_earlier_copy_cannot_be_read_is_parked_and_the_others_go_on() -> None:
    bench = Bench()
    bench.hear("a")
    (first,) = [row.first for row in bench.world.reader.rows(Pos(1), 10)]
    bench.tables.log[first] = damaged(bench.tables.log[first])

    receipt = bench.world.hear(mark("b", "fine"), mark("a", "other"), mark("c", "fine"))

    assert receipt.accepted == 3
    assert bench.count() == 3
    assert bench.parked() == [("*", "defect")]


def test_an_order_that_cannot_be_encoded_is_refused_and_the_others_go_on() -> None:
    bench = Bench()
    waiting = bench.world.intake.receive([msgspec.json.encode(mark("a", "fine"))])

    refused = bench.world.order(Pause(job="\ud800"))

    assert isinstance(refused, Refusal)
    assert refused.code == "defect"
    assert "\ud800" not in refused.message
    assert waiting.result(0).accepted == 1
    assert bench.world.order(Pause()) == {"job": None, "paused": True, "until": None}
    assert bench.world.verify().differences == []


def test_an_event_whose_cell_cannot_be_read_is_parked_and_the_others_go_on() -> None:
    bench = Bench()
    bench.hear("a", subject="spoiled")
    key = tally_key("spoiled")
    bench.tables.cells[key] = msgspec.structs.replace(bench.tables.cells[key], body=b"\xc1")

    accepted = bench.world.hear(
        mark("b", "fine"), mark("c", "fine", "spoiled"), mark("d", "fine")
    ).accepted

    assert accepted == 3
    assert bench.count() == 2
    assert bench.parked() == [("*", "cell.unreadable")]


def test_a_due_cell_that_cannot_be_read_is_set_aside_and_wakes_once_it_is_mended() -> None:
    bench = Bench(documents=project(rule("a", "b", correlation_logic=window("1h"))))
    bench.world.hear(delivery("a"), delivery("a", business_date="2025-11-19"))
    key, kept = next(iter(bench.tables.cells.items()))
    bench.tables.cells[key] = msgspec.structs.replace(kept, body=b"\xc1")

    bench.world.advance(2 * HOUR_US)
    accepted = bench.hear("c")
    aside = bench.parked(), bench.gates()
    refused = bench.release()
    bench.tables.cells[key] = msgspec.structs.replace(bench.tables.cells[key], body=kept.body)
    released = bench.release()

    assert accepted == 1
    assert aside == ([("*", "cell.unreadable")], ["overdue", "waiting"])
    assert isinstance(refused, Refusal)
    assert refused.code == "cell.unreadable"
    assert not isinstance(released, Refusal)
    assert bench.parked() == []
    assert bench.gates() == ["overdue", "overdue"]
    assert bench.world.verify().differences == []


def test_a_failure_that_does_not_come_again_is_held_against_nobody() -> None:
    bench = Bench()
    errors = [ValueError("once")]

    def once(point: FaultPoint) -> None:
        if point == "before_commit" and errors:
            raise errors.pop()

    bench.fault = once
    accepted = bench.hear("a", "b")

    assert (accepted, bench.count(), bench.parked()) == (2, 2, [])


def test_a_failure_of_every_turn_ends_the_host_and_answers_nothing_as_accepted() -> None:
    bench = Bench()

    def always(point: FaultPoint) -> None:
        if point == "before_commit":
            raise ValueError("always")

    bench.fault = always
    waiting: Any = bench.world.intake.receive([msgspec.json.encode(mark("a", "fine"))])

    with pytest.raises(Exception, match="always"):
        bench.world.settle()

    verdicts: Future[Any] = waiting.verdicts
    assert verdicts.exception(0) is not None


def test_a_condemned_event_can_be_released_and_is_then_decided() -> None:
    bench = Bench()
    errors: list[Exception] = [ValueError("no")] * 2

    def twice(point: FaultPoint) -> None:
        if point == "before_commit" and errors:
            raise errors.pop()

    bench.fault = twice
    bench.hear("a")
    parked = bench.parked()
    (row,) = bench.world.reader.parked()
    released = bench.world.order(ReleaseParked(pos=row.parking.pos, engine="*"))

    assert parked == [("*", "defect")]
    assert released == {"released": f"{row.parking.pos}.*"}
    assert (bench.count(), bench.parked()) == (1, [])
    assert bench.world.verify().differences == []


def test_what_kills_while_it_is_unfolded_is_found_as_well() -> None:
    class Died(BaseException):
        """The process ended here."""

    class Deadly(Tables):
        def row_at(self, pos: Pos) -> LogRow | None:
            raise Died

    bench = Bench(Deadly())
    bench.hear("a")
    for _ in range(DEATHS_MAX + 1):
        with pytest.raises(Died):
            bench.world.hear(mark("a", "other"))
        bench.world.restart(unclean=True)
    receipt = bench.world.hear(mark("a", "other"))

    assert receipt.accepted == 1
    assert bench.parked() == [("*", "host.died")]
