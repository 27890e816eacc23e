"""The log and what lies beside it: rows, search, strays, rejects, parked signals, effects."""

from __future__ import annotations

import random
from collections.abc import Callable

from tidegate.kernel.clock import Instant
from tidegate.kernel.ids import CellId, DocId, Pos
from tidegate.ports.reader import EffectRow, ParkedRow, Reader, RejectRow, Snapshot
from tidegate.ports.store import STOP, LogRow, Parking, Reject, Store, Wanted
from tidegate.testing.contracts.documents import draft
from tidegate.testing.contracts.kit import (
    NOON,
    PAST,
    UNTIL,
    Contract,
    cell,
    claim,
    effect,
    gate,
    log_row,
    turn,
)

LONG = "\N{PARTY POPPER}" * 128
END = Pos(2**62)


def row(first: int, n: int, body: bytes) -> LogRow:
    return LogRow(Pos(first), n, NOON, 0, b"chain", "1.0", b"functions", body)


class ReaderLogContract(Contract):
    # ---- where the log stands
    def test_an_empty_log_stands_before_its_first_place(self, store: Store, reader: Reader) -> None:
        assert reader.turn() == Snapshot(0, Pos(1), Instant(0), 0, b"")
        assert list(reader.rows(Pos(0), 10)) == []
        assert list(reader.rows_before(END, 10)) == []
        assert list(reader.find(["x"], END, 10)) == []

    def test_the_log_stands_where_the_last_turn_left_it(self, store: Store, reader: Reader) -> None:
        turn(store, log=log_row(3, chain=b"one"))
        turn(store, log=log_row(2, chain=b"two"), at=UNTIL, activation=4)

        assert reader.turn() == Snapshot(2, Pos(6), UNTIL, 4, b"two")

    def test_a_frozen_reader_sees_nothing_of_what_is_written_meanwhile(
        self, store: Store, reader: Reader
    ) -> None:
        turn(store, log=log_row(3), cells=[cell(1, gate("a"))])
        with reader.frozen() as moment:
            before = moment.turn(), list(moment.rows(Pos(0), 10)), list(moment.cells("gate"))

            turn(store, log=log_row(2), cells=[cell(2, gate("b"))])

            assert moment.turn() == before[0]
            assert list(moment.rows(Pos(0), 10)) == before[1]
            assert list(moment.cells("gate")) == before[2]
            assert len(before[2]) == 1
        assert reader.turn().n == 2
        assert len(reader.cells("gate")) == 2

    # ---- rows
    def test_rows_come_from_the_one_that_holds_the_place(
        self, store: Store, reader: Reader
    ) -> None:
        rows = _three_rows(store)

        assert [list(reader.rows(Pos(pos), 10)) for pos in range(8)] == [
            rows,
            rows,
            rows,
            rows[1:],
            rows[2:],
            rows[2:],
            rows[2:],
            [],
        ]

    def test_rows_are_paged_forwards(self, store: Store, reader: Reader) -> None:
        rows = _three_rows(store)

        first = reader.rows(Pos(0), 2)
        second = reader.rows(Pos(first[-1].first + first[-1].n), 2)

        assert [*first, *second] == rows

    def test_rows_are_paged_backwards(self, store: Store, reader: Reader) -> None:
        rows = _three_rows(store)

        first = reader.rows_before(END, 2)
        second = reader.rows_before(first[-1].first, 2)

        assert [*first, *second] == rows[::-1]
        assert list(reader.rows_before(Pos(1), 2)) == []
        assert list(reader.rows_before(Pos(2), 2)) == rows[:1]

    def test_big_rows_and_texts_of_512_bytes_are_kept(self, store: Store, reader: Reader) -> None:
        body = random.Random(1).randbytes(3_000_000)
        turn(store, log=log_row(1000, body=body, release=LONG, chain=bytes(64)))

        (found,) = reader.rows(Pos(1000), 1)

        assert found == LogRow(Pos(1), 1000, NOON, 0, bytes(64), LONG, b"functions", body)

    # ---- search
    def test_a_search_finds_the_rows_that_hold_a_token_newest_first(
        self, store: Store, reader: Reader
    ) -> None:
        turn(store, log=log_row(1, body=b"1", tokens=["batch-7", "crm"]))
        turn(store, log=log_row(2, body=b"2", tokens=["batch-8", "crm"]))
        turn(store, log=log_row(1, body=b"3", tokens=[]))
        turn(store, log=log_row(1, body=b"4", tokens=["batch-7", LONG]))

        def bodies(*tokens: str, before: int = END, limit: int = 10) -> list[bytes]:
            return [one.body for one in reader.find(tokens, Pos(before), limit)]

        assert bodies("batch-7") == [b"4", b"1"]
        assert bodies("batch-8", LONG) == [b"4", b"2"]
        assert bodies("crm", limit=1) == [b"2"]
        assert bodies("crm", before=2) == [b"1"]
        assert bodies("batch-7", before=5) == [b"1"]
        assert bodies("erp") == []
        assert bodies() == []

    def test_a_search_goes_through_hundreds_of_rows(self, store: Store, reader: Reader) -> None:
        for n in range(1, 301):
            turn(store, log=log_row(tokens=[f"id-{n}", "even" if n % 2 == 0 else "odd"]))

        old = [one.first for one in reader.find(["id-3"], END, 10)]
        even = [one.first for one in reader.find(["even"], END, 300)]

        assert 3 in old
        assert len(old) < 10, "one row in a hundred is read in vain, not one in thirty"
        assert set(range(2, 301, 2)) <= set(even)
        assert even == sorted(even, reverse=True)

    # ---- strays, rejects, parked
    def test_strays_come_newest_first_page_by_page(self, store: Store, reader: Reader) -> None:
        turn(store, log=log_row(5), strays=[Pos(2), Pos(5)])
        turn(store, log=log_row(3), strays=[Pos(6)])

        assert list(reader.strays(END, 10)) == [6, 5, 2]
        assert list(reader.strays(END, 2)) == [6, 5]
        assert list(reader.strays(Pos(5), 2)) == [2]
        assert list(reader.strays(Pos(2), 2)) == []

    def test_rejects_come_newest_first_page_by_page(self, store: Store, reader: Reader) -> None:
        one = Reject(NOON, None, "event.syntax", "no JSON", b"{\x00")
        two = Reject(PAST, LONG, LONG, LONG, b"")
        three = Reject(NOON, "crm", "event.size", "too big", bytes(1_000_000))
        turn(store, log=None, rejects=[one, two])
        turn(store, rejects=[three])

        rows = [RejectRow(3, three, None), RejectRow(2, two, None), RejectRow(1, one, None)]
        assert list(reader.rejects(2**62, 10)) == rows
        assert list(reader.rejects(2**62, 1)) == rows[:1]
        assert list(reader.rejects(3, 10)) == rows[1:]
        assert list(reader.rejects(1, 10)) == []

    def test_parked_signals_are_listed_until_they_are_released(
        self, store: Store, reader: Reader
    ) -> None:
        first, second = Parking(Pos(2), "watch", LONG), Parking(Pos(2), "run", "limit.time")
        third = Parking(Pos(1), LONG, "reducer.failed")
        turn(store, log=log_row(2, release="1.0"), parked=[first, second])
        turn(store, log=log_row(1, release=LONG), at=UNTIL, parked=[third])
        listed = list(reader.parked())

        turn(store, unparked=[(Pos(2), "run"), (Pos(9), "run")])

        rows = [
            ParkedRow(third, UNTIL, LONG),
            ParkedRow(second, NOON, "1.0"),
            ParkedRow(first, NOON, "1.0"),
        ]
        assert listed == rows
        assert list(reader.parked()) == [rows[0], rows[2]]

    # ---- effects
    def test_effects_are_listed_as_they_stand(self, store: Store, reader: Reader) -> None:
        turn(
            store,
            cells=[cell(1, gate())],
            effects=[
                effect(1, "b", kind=3, body=b"b"),
                effect(1, "a", body=b"a"),
                effect(2, "born", visible_at=UNTIL, fence=1, owner="me", body=b"c"),
                effect(3, "stop", visible_at=PAST, body=b"task"),
            ],
        )
        turn(store, at=PAST, stops=[(CellId(3), "stop", b"stop")])
        store.claim(NOON, LONG, 1)
        store.claim(NOON, "you", 1)
        store.defer(claim(1, "a", 1), Instant(UNTIL + 9), LONG, 2)

        def seen(limit: int) -> list[EffectRow]:
            return list(reader.effects(limit))

        assert seen(10) == [
            EffectRow(CellId(1), "b", 3, NOON, 0, 0, None, None, b"b"),
            EffectRow(CellId(2), "born", 1, UNTIL, 1, 0, "me", None, b"c"),
            EffectRow(CellId(3), "stop", STOP, UNTIL, 2, 0, LONG, None, b"task"),
            EffectRow(CellId(1), "a", 1, Instant(UNTIL + 9), 1, 2, None, LONG, b"a"),
        ]
        assert [one.call for one in seen(2)] == ["b", "born"]
        assert [one.call for one in reader.effects_of(CellId(1))] == ["a", "b"]
        assert list(reader.effects_of(CellId(2))) == seen(2)[1:]
        assert list(reader.effects_of(CellId(9))) == []

    # ---- documents and replicas
    def test_an_activation_is_read_as_the_store_has_it(self, store: Store, reader: Reader) -> None:
        store.add_activation(NOON, b"f", [draft("rule", "a", "x"), draft("rule", "b", "x")])
        turn(store, cells=[cell(1, gate("a"), doc=1)])
        second = store.add_activation(PAST, b"g", [draft("rule", "a", "y")])

        assert reader.activation(0) is None
        assert reader.activation(1) == store.activation(1)
        assert reader.activation(2) == second
        assert [(one.id, one.active) for one in second.documents] == [(1, False), (3, True)]

    def test_a_version_is_followed_from_the_first_activation_with_it(
        self, store: Store, reader: Reader
    ) -> None:
        store.add_activation(PAST, b"", [draft("rule", "a", "x")])
        store.add_activation(NOON, b"", [draft("rule", "b", "x"), draft("rule", "a", "x")])
        store.add_activation(UNTIL, b"", [draft("rule", "b", "x"), draft("rule", "a", "y")])

        found = [reader.followed_from(DocId(number)) for number in (1, 2, 3, 4, 0, 2**70)]

        assert found == [(1, PAST), (2, NOON), (3, UNTIL), None, None, None]

    def test_replicas_are_listed_as_they_were_last_seen(self, store: Store, reader: Reader) -> None:
        store.see_replica("b", "1.0", 1, b"f", PAST)
        store.see_replica("a", "1.1", 2, b"f", NOON)
        store.see_replica("b", "1.1", 2, b"f", NOON)
        store.see_replica("c", LONG, 1, b"f", PAST)

        assert list(reader.replicas()) == [
            ("a", "1.1", 2, NOON),
            ("b", "1.1", 2, NOON),
            ("c", LONG, 1, PAST),
        ]

    # ---- beside the store
    def test_a_taken_turn_does_not_keep_a_reader_waiting(
        self, store: Store, reader: Reader
    ) -> None:
        turn(store, cells=[cell(1, gate())])
        store.take(Wanted(NOON, cells=[gate()]))

        seen = (reader.turn().n, len(reader.cells("gate")), len(reader.rows(Pos(0), 5)))

        store.abandon()
        assert seen == (1, 1, 1)

    def test_a_reader_goes_on_after_the_store_was_reopened(
        self, store: Store, reader: Reader, reopen: Callable[..., Store]
    ) -> None:
        turn(store, cells=[cell(1, gate())])
        assert reader.turn().n == 1

        again = reopen()
        turn(again, cells=[cell(2, gate("b"))])

        assert reader.turn().n == 2
        assert [one.key for one in reader.cells("gate")] == [gate("b"), gate("orders")]


def _three_rows(store: Store) -> list[LogRow]:
    """Rows that begin at the places 1, 3 and 4, and end before 7."""
    turn(store, log=log_row(2, body=b"first"))
    turn(store, log=log_row(1, body=b"second"))
    turn(store, log=log_row(3, body=b"third"))
    return [row(1, 2, b"first"), row(3, 1, b"second"), row(4, 3, b"third")]
