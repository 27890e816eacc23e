"""The faults a simulation can plant into the store in memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tidegate.kernel.errors import TransientError
from tidegate.ports.store import TurnLost, Wanted
from tidegate.testing.contracts.kit import CODEC, NOON, cell, commit, gate, look, turn
from tidegate.testing.memory import MemoryStore
from tidegate.testing.memory_reader import MemoryReader
from tidegate.testing.memory_tables import FaultPoint, Tables


def failing_at(*points: FaultPoint) -> tuple[MemoryStore, Callable[[], None]]:
    """A store that fails at these points until it is mended."""
    broken = set(points)

    def fault(point: FaultPoint) -> None:
        if point in broken:
            raise TransientError("store.unavailable", f"planted: {point}")

    return MemoryStore(CODEC, fault=fault), broken.clear


@pytest.mark.parametrize("point", ["before_take", "after_take"])
def test_a_turn_that_could_not_be_taken_may_be_taken_again(point: FaultPoint) -> None:
    store, mend = failing_at(point)
    with pytest.raises(TransientError, match=point):
        store.take(Wanted(NOON))
    mend()

    turn(store, cells=[cell(1, gate())])

    assert look(store, Wanted(NOON)).n == 1


def test_a_turn_that_failed_before_its_commit_did_not_happen() -> None:
    store, mend = failing_at("before_commit")
    taken = store.take(Wanted(NOON))
    with pytest.raises(TransientError):
        commit(store, taken, cells=[cell(1, gate())])
    mend()

    assert look(store, Wanted(NOON)).n == 0
    assert store.reader().cell(gate()) is None


def test_a_turn_whose_answer_was_lost_happened() -> None:
    store, mend = failing_at("after_commit")
    taken = store.take(Wanted(NOON))
    with pytest.raises(TransientError):
        commit(store, taken, cells=[cell(1, gate())])
    mend()

    assert look(store, Wanted(NOON)).n == 1
    assert store.reader().cell(gate()) is not None


def test_tables_that_cannot_be_reached_are_unavailable_to_all() -> None:
    tables = Tables()
    store, reader = MemoryStore(CODEC, tables), MemoryReader(CODEC, tables)

    tables.readable = False

    for ask in (reader.turn, store.has_later, lambda: store.take(Wanted(NOON))):
        with pytest.raises(TransientError):
            ask()
    tables.readable = True
    assert reader.turn().n == look(store, Wanted(NOON)).n == 0


def test_of_two_stores_over_one_database_the_slower_loses_its_turn() -> None:
    tables = Tables()
    one, other = MemoryStore(CODEC, tables), MemoryStore(CODEC, tables)
    taken = one.take(Wanted(NOON))

    turn(other, cells=[cell(1, gate("other"))])

    with pytest.raises(TurnLost):
        commit(one, taken, cells=[cell(1, gate("one"))])
    turn(one, cells=[cell(2, gate("one"))])
    assert [listed.key.scope for listed in one.reader().cells("gate")] == ["one", "other"]


def test_a_claim_of_our_own_does_not_lose_our_turn() -> None:
    store = MemoryStore(CODEC)
    taken = store.take(Wanted(NOON))

    store.claim(NOON, "me", 1)
    store.note_suspect(b"root", NOON)
    commit(store, taken)

    assert look(store, Wanted(NOON)).n == 1
