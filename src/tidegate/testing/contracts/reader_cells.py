"""Lists of cells: in the order of their keys, filtered, page by page, always of one moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypedDict, Unpack

import pytest
from msgspec import structs

from tidegate.kernel.clock import Day, Instant
from tidegate.kernel.errors import Defect, InputError
from tidegate.kernel.ids import CellId, Pos
from tidegate.kernel.step import Key
from tidegate.ports.reader import PAGE_MAX, JournalRow, Listed, Reader, readable
from tidegate.ports.store import JournalWrite, Store
from tidegate.testing.contracts.kit import (
    CODEC,
    DAY,
    LONG_KIND,
    NOON,
    Box,
    Contract,
    Slot,
    cell,
    gate,
    stored,
    turn,
)

LONG = "\N{PARTY POPPER}" * 128


class Filters(TypedDict, total=False):
    scope: str
    statuses: Sequence[int]
    days: tuple[Day, Day]


def days(first: int, last: int) -> tuple[Day, Day]:
    return Day(first), Day(last)


def places(listed: Sequence[Listed]) -> list[tuple[int, str, str]]:
    return [(one.key.day, one.key.scope, one.key.name) for one in listed]


class ReaderCellContract(Contract):
    # ---- one cell
    def test_a_cell_is_seen_as_it_was_committed(self, store: Store, reader: Reader) -> None:
        before = reader.cell(gate())
        turn(store, cells=[cell(1, gate(), Box(text="one", status=4), doc=2)])
        turn(store, cells=[cell(1, gate(), Box(text="two" * 5000), version=2, doc=3)])

        assert before is None
        assert reader.cell(gate()) == stored(1, Box(text="two" * 5000), version=2, doc=3)
        assert reader.cell(gate("unknown")) is None
        assert reader.cell(gate(day=DAY + 1)) is None
        assert reader.cell(gate(kind="trigger")) is None

    def test_a_dropped_cell_is_gone(self, store: Store, reader: Reader) -> None:
        turn(store, cells=[cell(1, gate())])
        turn(store, drops=[(CellId(1), gate())])

        assert reader.cell(gate()) is None
        assert list(reader.cells("gate")) == []

    # ---- order and filters
    def test_cells_come_by_day_then_scope_then_name(self, store: Store, reader: Reader) -> None:
        # Written in another order than they are listed, also by scope: names are interned.
        keys = [
            gate("stock", "b", 2),
            gate("stock", "a", 2),
            gate("stock", "", 2),
            gate("orders", "z", 2),
            gate("Zoo", "z", 2),
            gate("élan", "z", 2),
            gate("orders", "z", 1),
            gate("orders", "z", -5),
            gate("orders", "z", 0),
            gate("orders", "z", 2, kind="trigger"),
        ]
        turn(store, cells=[cell(n, key) for n, key in enumerate(keys, 1)])

        assert places(reader.cells("gate")) == [
            (-5, "orders", "z"),
            (0, "orders", "z"),
            (1, "orders", "z"),
            (2, "Zoo", "z"),
            (2, "orders", "z"),
            (2, "stock", ""),
            (2, "stock", "a"),
            (2, "stock", "b"),
            (2, "élan", "z"),
        ]

    def test_a_listed_cell_says_all_about_itself(self, store: Store, reader: Reader) -> None:
        turn(store, cells=[cell(1, gate(), Box(text="one", status=102), doc=2)])
        later = Instant(NOON + 5)
        turn(store, at=later, cells=[cell(2, gate("stock").child("1"), Slot(count=3))])

        assert list(reader.cells("gate")) == [
            Listed(gate(), stored(1, Box(text="one", status=102), doc=2), NOON),
            Listed(gate("stock").child("1"), stored(2, Slot(count=3)), later),
        ]

    def test_filters_narrow_the_list_together(self, store: Store, reader: Reader) -> None:
        _estate(store)

        def scopes(**filters: Unpack[Filters]) -> list[tuple[int, str]]:
            return [(one.key.day, one.key.scope) for one in reader.cells("gate", **filters)]

        assert scopes(scope="b") == [(10, "b"), (11, "b"), (12, "b")]
        assert scopes(scope="unknown") == []
        assert scopes(days=days(11, 11)) == [(11, "a"), (11, "b"), (11, "c")]
        assert len(scopes(days=days(11, 12))) == 6
        assert scopes(days=days(12, 11)) == []
        assert scopes(statuses=[100]) == [(10, "b"), (11, "b"), (12, "b")]
        assert len(scopes(statuses=[0, 100, 7])) == 6
        assert scopes(statuses=[100, 101], days=days(12, 99)) == [(12, "b"), (12, "c")]
        assert scopes(statuses=[100, 101], scope="c", days=days(10, 10)) == [(10, "c")]
        assert scopes(statuses=[0], scope="c") == []
        assert list(reader.cells("nothing of this kind")) == []
        assert list(reader.cells(LONG_KIND)) == []

    def test_a_name_stands_for_itself_and_what_lies_below(
        self, store: Store, reader: Reader
    ) -> None:
        names = ["x", "x/1", "x/1/a", "x/10", "x!", "x0", "xy", "X", "x/\N{PARTY POPPER}", "%", "_"]
        turn(store, cells=[cell(n, gate(name=name)) for n, name in enumerate(names, 1)])

        def under(name: str) -> list[str]:
            return [one.key.name for one in reader.cells("gate", name=name)]

        assert under("x") == ["x", "x/1", "x/1/a", "x/10", "x/\N{PARTY POPPER}"]
        assert under("x/1") == ["x/1", "x/1/a"]
        assert under("%") == ["%"]
        assert under("_") == ["_"]
        assert under("y") == []

    def test_the_empty_name_stands_for_itself_and_its_parts(
        self, store: Store, reader: Reader
    ) -> None:
        keys = [gate(name="a"), gate().child("1"), gate()]
        turn(store, cells=[cell(n, key) for n, key in enumerate(keys, 1)])

        found = reader.cells("gate", scope="orders", days=days(DAY, DAY), name="")

        assert [one.key.name for one in found] == ["", "/1"]

    # ---- pages
    def test_pages_follow_one_another_without_gap_or_overlap(
        self, store: Store, reader: Reader
    ) -> None:
        _estate(store)
        whole = [one.key for one in reader.cells("gate")]

        for limit in (1, 2, 4, 9, 10):
            found: list[Key] = []
            after: Key | None = None
            while page := reader.cells("gate", after=after, limit=limit):
                assert len(page) <= limit
                found += [one.key for one in page]
                after = found[-1]
            assert found == whole
        assert len(whole) == 9

    @pytest.mark.parametrize("scope", [None, "b"])
    def test_the_newest_first_is_exactly_the_reverse(
        self, store: Store, reader: Reader, scope: str | None
    ) -> None:
        _estate(store)
        whole = [one.key for one in reader.cells("gate", scope=scope)]

        for limit in (1, 2, 4, 9, 10):
            found: list[Key] = []
            after: Key | None = None
            while page := reader.cells(
                "gate", scope=scope, after=after, limit=limit, newest_first=True
            ):
                found += [one.key for one in page]
                after = found[-1]
            assert found == whole[::-1]

    def test_a_page_of_one_scope_may_begin_before_a_key_of_another(
        self, store: Store, reader: Reader
    ) -> None:
        _estate(store)

        before, behind = gate("a", "x", 11), gate("c", "x", 11)
        assert places(reader.cells("gate", scope="b", after=behind, newest_first=True)) == [
            (11, "b", "x"),
            (10, "b", "x"),
        ]
        assert places(reader.cells("gate", scope="b", after=before, newest_first=True)) == [
            (10, "b", "x")
        ]

    def test_pages_of_a_filtered_list_follow_one_another(
        self, store: Store, reader: Reader
    ) -> None:
        _estate(store)

        first = reader.cells("gate", statuses=[100, 101], days=days(10, 11), limit=3)
        second = reader.cells(
            "gate", statuses=[100, 101], days=days(10, 11), after=first[-1].key, limit=3
        )
        third = reader.cells("gate", scope="b", after=gate("b", "x", 10), limit=1)

        assert places(first) == [(10, "b", "x"), (10, "c", "x"), (11, "b", "x")]
        assert places(second) == [(11, "c", "x")]
        assert places(third) == [(11, "b", "x")]

    def test_a_page_may_begin_after_a_key_that_is_gone(self, store: Store, reader: Reader) -> None:
        _estate(store)

        assert places(reader.cells("gate", after=gate("never", "y", 11), limit=1)) == [
            (12, "a", "x")
        ]
        assert places(reader.cells("gate", after=gate("a", "a", 10), limit=1)) == [(10, "a", "x")]
        assert list(reader.cells("gate", after=gate("z", "z", 99))) == []

    def test_a_page_of_one_scope_may_begin_after_a_key_of_another(
        self, store: Store, reader: Reader
    ) -> None:
        _estate(store)

        before, behind = gate("a", "x", 11), gate("c", "x", 11)
        assert places(reader.cells("gate", scope="b", after=before)) == [
            (11, "b", "x"),
            (12, "b", "x"),
        ]
        assert places(reader.cells("gate", scope="b", after=behind)) == [(12, "b", "x")]

    @pytest.mark.parametrize("limit", [0, -1, PAGE_MAX + 1])
    def test_a_limit_out_of_range_is_the_callers_fault(self, reader: Reader, limit: int) -> None:
        asked: list[Callable[[], object]] = [
            lambda: reader.cells("gate", limit=limit),
            lambda: reader.rows(Pos(0), limit),
            lambda: reader.rows_before(Pos(9), limit),
            lambda: reader.find(["x"], Pos(9), limit),
            lambda: reader.strays(Pos(9), limit),
            lambda: reader.rejects(9, limit),
            lambda: reader.effects(limit),
        ]

        for ask in asked:
            with pytest.raises(InputError) as raised:
                ask()
            assert raised.value.code == "input"

    @pytest.mark.parametrize("text", ["\0", "x\0y", "\ud800", "x" * 100_000])
    def test_names_that_nothing_can_have_are_found_nowhere(
        self, store: Store, reader: Reader, text: str
    ) -> None:
        _estate(store)

        assert list(reader.cells(text)) == []
        assert list(reader.cells("gate", scope=text)) == []
        assert list(reader.cells("gate", name=text)) == []
        assert dict(reader.counts(text)) == {}
        assert reader.cell(gate(text)) is None
        assert reader.cell(gate("a", text, 10)) is None

    def test_numbers_beyond_every_column_are_answered(self, store: Store, reader: Reader) -> None:
        _estate(store)
        huge = 2**70

        assert len(reader.cells("gate", days=days(-huge, huge))) == 9
        assert list(reader.cells("gate", days=days(huge, huge))) == []
        assert list(reader.cells("gate", statuses=[huge, -huge])) == []
        assert len(reader.cells("gate", statuses=[huge, 100, 70_000])) == 3
        assert reader.cell(gate("a", "x", huge)) is None
        assert len(reader.rows(Pos(-huge), 5)) == 2
        assert list(reader.rows(Pos(huge), 5)) == []
        assert len(reader.rows_before(Pos(huge), 5)) == 2
        assert reader.activation(huge) is None
        assert list(reader.journal(CellId(huge))) == []
        assert list(reader.effects_of(CellId(huge))) == []
        assert list(reader.strays(Pos(huge), 5)) == []
        assert list(reader.rejects(huge, 5)) == []
        assert list(reader.find(["x"], Pos(huge), 5)) == []

    def test_a_cell_that_cannot_be_read_has_its_place_and_the_others_are_there(
        self, store: Store, reader: Reader
    ) -> None:
        spoiled = structs.replace(cell(1, gate("b")), body=b"\xc1")
        turn(store, cells=[cell(2, gate("a")), spoiled, cell(3, gate("c"))])

        page = reader.cells("gate", limit=2)
        found, unreadable = readable(page)

        assert [one.key for one in page] == [gate("a"), gate("b")]
        assert [one.stored.id for one in found] == [2]
        assert [one.code for one in unreadable] == ["cell.unreadable"]
        with pytest.raises(Defect, match="gate b"):
            _ = page[1].stored

    def test_a_whole_page_is_a_thousand(self, store: Store, reader: Reader) -> None:
        turn(store, cells=[cell(n, gate(name=f"{n:04}")) for n in range(1, 1102)])

        page = reader.cells("gate")

        assert [one.key.name for one in page] == [f"{n:04}" for n in range(1, 1001)]

    def test_keys_of_512_bytes_are_listed_and_paged(self, store: Store, reader: Reader) -> None:
        first, second = Key(LONG_KIND, DAY, LONG, LONG[:-1]), Key(LONG_KIND, DAY, LONG, LONG)
        turn(store, cells=[cell(1, second), cell(2, first)])

        assert [one.key for one in reader.cells(LONG_KIND, scope=LONG)] == [first, second]
        assert [one.key for one in reader.cells(LONG_KIND, after=first)] == [second]
        assert [one.key for one in reader.cells(LONG_KIND, name=LONG)] == [second]

    # ---- counts and journals
    def test_cells_are_counted_by_scope_and_status(self, store: Store, reader: Reader) -> None:
        _estate(store)
        turn(store, cells=[cell(10, gate("a", "x/1", 10), Slot(status=5))])

        assert dict(reader.counts("gate")) == {
            ("a", 0): 3,
            ("a", 5): 1,
            ("b", 100): 3,
            ("c", 101): 3,
        }
        assert dict(reader.counts("trigger")) == {("a", 0): 1}
        assert dict(reader.counts("unknown")) == {}

    def test_the_last_day_is_the_greatest_of_its_kind(self, store: Store, reader: Reader) -> None:
        turn(store, cells=[cell(1, gate(day=-7)), cell(2, gate(day=99, kind="trigger"))])
        only = reader.last_day("gate")
        turn(store, cells=[cell(3, gate(day=12)), cell(4, gate("stock", day=3))])

        assert (only, reader.last_day("gate"), reader.last_day("trigger")) == (-7, 12, 99)
        ends = (-8, -7, 11, 12)
        assert [reader.last_day("gate", Day(end)) for end in ends] == [None, -7, 3, 12]
        assert reader.last_day(LONG_KIND) is None
        assert reader.last_day("unknown \0") is None

    def test_a_journal_comes_by_version_unpacked_and_outlives_its_cell(
        self, store: Store, reader: Reader
    ) -> None:
        big = b"journal " * 10_000
        format_, packed = CODEC.encode(gate(), Box(data=big))
        turn(
            store,
            cells=[cell(1, gate()), cell(2, gate("b"))],
            journal=[
                JournalWrite(CellId(1), 2, format_, packed, Pos(1)),
                JournalWrite(CellId(1), 1, 1, b"one", Pos(1)),
                JournalWrite(CellId(2), 1, 1, b"other", Pos(1)),
            ],
        )
        turn(store, drops=[(CellId(1), gate())])

        rows = list(reader.journal(CellId(1)))

        assert rows[0] == JournalRow(1, Pos(1), b"one")
        assert (rows[1].version, rows[1].pos) == (2, 1)
        assert big in rows[1].body
        assert len(packed) < 1000
        assert list(reader.journal(CellId(3))) == []

    # ---- one moment
    def test_every_list_is_of_one_moment_beside_a_writer(
        self, store: Store, reader: Reader
    ) -> None:
        # Every turn gives all twenty cells the same version; no list may mix two.
        keys = [gate(f"rule-{n}") for n in range(20)]
        turn(store, cells=[cell(n, key) for n, key in enumerate(keys, 1)])
        done = Event()

        def watch() -> tuple[int, list[set[int]]]:
            looks, mixed = 0, list[set[int]]()
            while not done.is_set() or not looks:
                versions = {one.stored.cell.version for one in reader.cells("gate")}
                looks += 1
                if len(versions) != 1:
                    mixed.append(versions)
            return looks, mixed

        with ThreadPoolExecutor(2) as threads:
            watching = [threads.submit(watch) for _ in range(2)]
            try:
                for version in range(2, 42):
                    turn(
                        store,
                        cells=[cell(n, key, version=version) for n, key in enumerate(keys, 1)],
                    )
            finally:
                done.set()
            seen = [one.result() for one in watching]

        assert all(looks for looks, _ in seen)
        assert [mixed for _, mixed in seen] == [[], []]
        assert {one.stored.cell.version for one in reader.cells("gate")} == {41}


def _estate(store: Store) -> None:
    """Scopes a, b, c with status 0, 100, 101 on the days 10 to 12, and one trigger."""
    statuses = {"a": 0, "b": 100, "c": 101}
    keys = [gate(scope, "x", day) for scope in "cab" for day in (12, 10, 11)]
    turn(
        store,
        cells=[cell(n, key, Box(status=statuses[key.scope])) for n, key in enumerate(keys, 1)],
    )
    turn(store, cells=[cell(99, gate("a", "x", 10, kind="trigger"))], next_cell=100)
