"""Cells: begun, changed, dropped, woken, and read back exactly as they were."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from msgspec import structs

from tidegate.kernel.clock import DAY_US, HOUR_US, Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import Defect
from tidegate.kernel.ids import CellId
from tidegate.kernel.step import Durable, Key
from tidegate.ports.store import Store, Wanted
from tidegate.testing.contracts.kit import (
    DAY,
    FUTURE,
    KINDS,
    LONG_KIND,
    NOON,
    PAST,
    Box,
    Contract,
    Slot,
    cell,
    commit,
    find_cell,
    gate,
    look,
    stored,
    turn,
)

LONG_TEXTS = [
    "a" * 512,
    "\N{WAVE DASH}" * 170 + "ab",
    "\N{PARTY POPPER}" * 128,
    "x'\"%_\\;-- " * 51,
]
"""Each at most 512 bytes of UTF-8."""


class CellContract(Contract):
    # ---- life
    def test_a_cell_is_read_back_as_it_was_written(self, store: Store) -> None:
        state = Box(status=101, wake_at=FUTURE, text="häppy \0 €", data=b"\x00\xff")

        turn(store, cells=[cell(1, gate(), state, doc=9)])

        assert find_cell(store, gate()) == stored(1, state, doc=9)

    def test_a_change_keeps_the_id_and_brings_version_state_and_document(
        self, store: Store, reopen: Callable[..., Store]
    ) -> None:
        turn(store, cells=[cell(1, gate(), Box(text="first"), doc=1)])

        turn(store, cells=[cell(1, gate(), Box(text="second"), version=2, doc=4)])

        changed = stored(1, Box(text="second"), version=2, doc=4)
        assert look(store, Wanted(NOON)).next_cell == 2
        assert find_cell(store, gate()) == changed
        assert find_cell(reopen(), gate()) == changed

    def test_a_dropped_cell_is_gone_and_its_key_may_begin_anew(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate(), Box(text="old", wake_at=PAST))])
        turn(store, drops=[(CellId(1), gate())])
        gone = find_cell(store, gate())

        turn(store, cells=[cell(2, gate(), Box(text="new"))])

        assert gone is None
        assert find_cell(store, gate()) == stored(2, Box(text="new"))
        assert store.next_wake() is None

    def test_a_cell_is_dropped_and_begun_anew_in_one_turn(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate(), Box(text="old"), doc=1)])

        turn(store, drops=[(CellId(1), gate())], cells=[cell(2, gate(), Box(text="new"), doc=2)])

        assert find_cell(store, gate()) == stored(2, Box(text="new"), doc=2)

    def test_keys_that_differ_in_one_part_are_different_cells(self, store: Store) -> None:
        keys = [
            gate("orders", "x", DAY),
            gate("orders", "x", DAY + 1),
            gate("orders", "x", 0),
            gate("orders", "x", -700_000),
            gate("Orders", "x", DAY),
            gate("orders", "X", DAY),
            gate("orders", "", DAY),
            gate("orders", "x", DAY, kind="trigger"),
        ]
        turn(store, cells=[cell(n, key, Box(text=str(n))) for n, key in enumerate(keys, 1)])

        found = look(store, Wanted(NOON, cells=keys)).cells

        assert found == {key: stored(n, Box(text=str(n))) for n, key in enumerate(keys, 1)}

    def test_parts_have_the_state_of_parts(self, store: Store) -> None:
        part = gate(name="run").child("Map.7")
        deep = part.child("3")

        turn(store, cells=[cell(1, part, Slot(count=7)), cell(2, deep, Slot(count=3))])

        found = look(store, Wanted(NOON, cells=[part, deep, gate(name="run")])).cells
        assert found == {part: stored(1, Slot(count=7)), deep: stored(2, Slot(count=3))}

    def test_further_cells_are_loaded_inside_the_turn(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate("a")), cell(2, gate("b"), Box(text="b"))])
        taken = store.take(Wanted(NOON, cells=[gate("a")]))

        more = store.load([gate("b"), gate("c")])
        none = store.load([])

        commit(store, taken, cells=[cell(1, gate("a"), version=2)])
        assert more == {gate("b"): stored(2, Box(text="b"))}
        assert none == {}

    def test_hundreds_of_cells_are_written_and_read_in_one_turn(self, store: Store) -> None:
        keys = [gate(f"rule-{n % 7}", f"x{n}", DAY + n % 5) for n in range(1, 1201)]
        turn(store, cells=[cell(n, key, Box(text=str(n))) for n, key in enumerate(keys, 1)])
        changed = {n: key for n, key in enumerate(keys, 1) if n % 2}
        dropped = {n: key for n, key in enumerate(keys, 1) if not n % 3}
        turn(
            store,
            drops=[(CellId(n), key) for n, key in dropped.items()],
            cells=[
                cell(n, key, Box(text=f"{n}!"), version=2)
                for n, key in changed.items()
                if n not in dropped
            ],
        )

        found = look(store, Wanted(NOON, cells=keys)).cells

        assert len(found) == 800
        assert found[keys[0]] == stored(1, Box(text="1!"), version=2)
        assert found[keys[1]] == stored(2, Box(text="2"))
        assert keys[2] not in found
        assert found[keys[1198]] == stored(1199, Box(text="1199!"), version=2)

    def test_a_cell_written_after_a_look_is_seen_by_the_next_turn(self, store: Store) -> None:
        assert find_cell(store, gate()) is None
        turn(store, Wanted(NOON, cells=[gate()]), cells=[cell(1, gate(), Box(text="one"))])
        assert find_cell(store, gate()) == stored(1, Box(text="one"))

        turn(store, Wanted(NOON, cells=[gate()]), drops=[(CellId(1), gate())])

        assert find_cell(store, gate()) is None

    # ---- sizes
    @pytest.mark.parametrize("text", LONG_TEXTS, ids=["ascii", "three", "four", "quotes"])
    def test_keys_of_512_bytes_are_kept(self, store: Store, text: str) -> None:
        assert len(text.encode()) <= 512
        key = Key(LONG_KIND, DAY, text, text)

        turn(store, cells=[cell(1, key, Box(text=text))])

        assert find_cell(store, key) == stored(1, Box(text=text))
        assert find_cell(store, Key(LONG_KIND, DAY, text, text[:-1])) is None

    @pytest.mark.parametrize("size", [4_096, 5_000, 300_000, 4_000_000])
    def test_big_states_are_kept(
        self, store: Store, reopen: Callable[..., Store], size: int
    ) -> None:
        plain = Box(data=bytes(size))
        noise = Box(data=random.Random(size).randbytes(size))

        turn(store, cells=[cell(1, gate("plain"), plain), cell(2, gate("noise"), noise)])

        again = reopen()
        assert find_cell(again, gate("plain")) == stored(1, plain)
        assert find_cell(again, gate("noise")) == stored(2, noise)

    # ---- waking
    def test_due_cells_come_by_their_instant_then_by_their_age(self, store: Store) -> None:
        def waits(n: int, scope: str, wake_at: int | None) -> None:
            turn(store, cells=[cell(n, gate(scope), _waiting(wake_at))])

        waits(1, "z", PAST + 2)
        waits(2, "y", PAST + 1)
        waits(3, "x", FUTURE)
        waits(4, "w", PAST + 2)
        waits(5, "v", None)
        waits(6, "a", PAST + 1)

        taken = look(store, Wanted(NOON, due_max=10))

        assert [key.scope for key in taken.due] == ["y", "a", "z", "w"]
        assert taken.cells[gate("w")] == stored(4, Box(wake_at=Instant(PAST + 2)))
        assert taken.cells.keys() == {gate(scope) for scope in "yazw"}
        assert store.next_wake() == PAST + 1

    def test_only_as_many_due_cells_come_as_were_asked_for(self, store: Store) -> None:
        turn(store, cells=[cell(n, gate(f"r{n}"), _waiting(PAST + n)) for n in range(1, 6)])

        assert list(look(store, Wanted(NOON)).due) == []
        assert [key.scope for key in look(store, Wanted(NOON, due_max=2)).due] == ["r1", "r2"]
        assert len(look(store, Wanted(NOON, due_max=500)).due) == 5

    def test_due_counts_up_to_the_instant_itself(self, store: Store) -> None:
        # The last turn's instant is later than every clock, so it alone decides.
        turn(
            store,
            at=FUTURE,
            cells=[
                cell(1, gate("now"), _waiting(FUTURE)),
                cell(2, gate("next"), _waiting(FUTURE + 1)),
            ],
        )

        assert list(look(store, Wanted(NOON, due_max=10)).due) == [gate("now")]

    def test_a_cell_is_due_by_what_was_written_last(self, store: Store) -> None:
        turn(
            store,
            cells=[
                cell(1, gate("later"), _waiting(PAST)),
                cell(2, gate("never"), _waiting(PAST)),
                cell(3, gate("sooner"), _waiting(FUTURE)),
                cell(4, gate("gone"), _waiting(PAST)),
            ],
        )

        turn(
            store,
            cells=[
                cell(1, gate("later"), _waiting(FUTURE), version=2),
                cell(2, gate("never"), _waiting(None), version=2),
                cell(3, gate("sooner"), _waiting(PAST), version=2),
            ],
            drops=[(CellId(4), gate("gone"))],
        )

        assert list(look(store, Wanted(NOON, due_max=10)).due) == [gate("sooner")]

    def test_a_cell_named_and_due_is_shown_once(self, store: Store) -> None:
        part = gate("orders", "run").child("1")
        turn(store, cells=[cell(1, part, Slot(count=1, wake_at=PAST))])

        taken = look(store, Wanted(NOON, cells=[part], due_max=5))

        assert list(taken.due) == [part]
        assert taken.cells == {part: stored(1, Slot(count=1, wake_at=PAST))}

    def test_a_parked_wake_clears_the_column_and_keeps_the_state(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate("a"), _waiting(PAST)), cell(2, gate("b"), _waiting(PAST))])

        turn(store, unwoken=[gate("a"), gate("unknown")])

        taken = look(store, Wanted(NOON, cells=[gate("a")], due_max=5))
        assert list(taken.due) == [gate("b")]
        assert taken.cells[gate("a")] == stored(1, _waiting(PAST))

    def test_an_unwoken_cell_wakes_again_when_it_is_written_again(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate(), _waiting(PAST))])
        turn(store, unwoken=[gate()])
        assert store.next_wake() is None

        turn(store, cells=[cell(1, gate(), _waiting(PAST + 5), version=2)])

        assert list(look(store, Wanted(NOON, due_max=5)).due) == [gate()]

    def test_a_due_cell_that_cannot_be_read_is_due_and_the_others_are_there(
        self, store: Store, reopen: Callable[..., Store]
    ) -> None:
        spoiled = structs.replace(cell(1, gate("spoiled"), _waiting(PAST)), body=b"\xc1")
        turn(store, cells=[spoiled, cell(2, gate("waits"), _waiting(PAST))])
        store = reopen()

        taken = store.take(Wanted(NOON, due_max=5))
        with pytest.raises(Defect) as raised:
            store.load([gate("spoiled")])
        store.abandon()

        assert list(taken.due) == [gate("spoiled"), gate("waits")]
        assert taken.cells == {gate("waits"): stored(2, _waiting(PAST))}
        assert raised.value.code == "cell.unreadable"
        assert "spoiled" in str(raised.value)

    def test_a_shift_moves_a_cell_that_cannot_be_read_by_its_column(
        self, store: Store, reopen: Callable[..., Store]
    ) -> None:
        spoiled = structs.replace(cell(1, gate("spoiled"), _waiting(PAST)), body=b"\xc1")
        turn(store, cells=[spoiled, cell(2, gate("waits"), _waiting(PAST))])
        store = reopen()

        turn(store, shift_wakes_us=FUTURE - PAST)

        assert list(look(store, Wanted(NOON, due_max=5)).due) == []
        assert store.next_wake() == FUTURE

    def test_an_accepted_clock_jump_moves_what_waits(
        self, store: Store, reopen: Callable[..., Store]
    ) -> None:
        turn(
            store,
            cells=[
                cell(1, gate("waits"), Box(text="kept", wake_at=PAST), doc=3),
                cell(2, gate("rests"), Box(text="rests")),
                cell(3, gate("parked"), _waiting(PAST)),
                cell(4, gate("part").child("1"), Slot(count=4, wake_at=FUTURE)),
            ],
        )
        turn(store, unwoken=[gate("parked")])
        keys = [gate("waits"), gate("rests"), gate("parked"), gate("part").child("1")]

        turn(store, Wanted(NOON, cells=keys), shift_wakes_us=-HOUR_US)
        taken = look(store, Wanted(NOON, cells=keys, due_max=5))

        expected = {
            keys[0]: stored(1, Box(text="kept", wake_at=Instant(PAST - HOUR_US)), doc=3),
            keys[1]: stored(2, Box(text="rests")),
            keys[2]: stored(3, _waiting(PAST)),
            keys[3]: stored(4, Slot(count=4, wake_at=Instant(FUTURE - HOUR_US))),
        }
        assert list(taken.due) == [gate("waits")]
        assert taken.cells == expected
        assert store.next_wake() == PAST - HOUR_US
        assert look(reopen(), Wanted(NOON, cells=keys)).cells == expected

    def test_a_shift_forward_lets_what_was_due_wait(self, store: Store) -> None:
        turn(store, cells=[cell(1, gate(), _waiting(PAST))])

        turn(store, shift_wakes_us=FUTURE - PAST + DAY_US)

        assert list(look(store, Wanted(NOON, due_max=5)).due) == []
        assert store.next_wake() == FUTURE + DAY_US

    # ---- kinds of another release
    def test_cells_of_an_unknown_kind_are_due_but_not_shown(
        self, store: Store, reopen: Callable[..., Store]
    ) -> None:
        trigger = gate("orders", kind="trigger")
        turn(store, cells=[cell(1, trigger, _waiting(PAST)), cell(2, gate(), _waiting(PAST))])

        smaller = reopen(Codec(kind for kind in KINDS if kind.name != "trigger"))

        taken = look(smaller, Wanted(NOON, due_max=5))
        assert list(taken.due) == [trigger, gate()]
        assert taken.cells == {gate(): stored(2, _waiting(PAST))}


def _waiting(wake_at: int | None) -> Durable:
    return Box(wake_at=None if wake_at is None else Instant(wake_at))
