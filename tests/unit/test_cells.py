"""The cell cache: what it keeps, what goes, and that it never grows past its bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st
from zstandard import ZstdCompressor

from tidegate.adapters.store.cells import CELL_BYTES, STATE_FACTOR, CellCache, weight
from tidegate.kernel.clock import Day
from tidegate.kernel.codec import PACKED
from tidegate.kernel.ids import CellId
from tidegate.kernel.step import Cell, Durable, Key
from tidegate.ports.store import Stored

Doing: TypeAlias = tuple[str, int, int]  # what, which key, how large

KEYS = st.integers(0, 6)
SIZES = st.integers(0, 60)
HISTORIES: st.SearchStrategy[list[Doing]] = st.lists(
    st.tuples(st.sampled_from(["put", "get", "drop"]), KEYS, SIZES), max_size=60
)


def key(n: int) -> Key:
    return Key("gate", Day(0), f"rule-{n}")


def stored(n: int) -> Stored:
    return Stored(CellId(n), Cell(Durable(status=n)))


def test_a_cell_that_was_put_is_found() -> None:
    cache = CellCache(100)

    cache.put(key(1), stored(1), 10)

    assert cache.get(key(1)) == stored(1)
    assert cache.get(key(2)) is None


def test_the_cell_that_was_longest_unused_goes_first() -> None:
    cache = CellCache(30)
    for n in (1, 2, 3):
        cache.put(key(n), stored(n), 10)
    cache.get(key(1))

    cache.put(key(4), stored(4), 10)

    assert [n for n in (1, 2, 3, 4) if cache.get(key(n))] == [1, 3, 4]


def test_a_cell_larger_than_the_cache_is_not_kept_and_drives_nobody_out() -> None:
    cache = CellCache(30)
    cache.put(key(1), stored(1), 10)

    cache.put(key(2), stored(2), 31)

    assert cache.get(key(2)) is None
    assert cache.get(key(1)) == stored(1)


def test_an_older_state_goes_although_the_newer_is_too_large_to_keep() -> None:
    cache = CellCache(30)
    cache.put(key(1), stored(1), 10)

    cache.put(key(1), stored(2), 31)

    assert cache.get(key(1)) is None


def test_a_packed_state_weighs_what_it_takes_unpacked() -> None:
    plain = bytes(1_000_000)

    packed = weight(PACKED | 1, ZstdCompressor(level=1).compress(plain))

    assert packed == weight(1, plain) == CELL_BYTES + STATE_FACTOR * 1_000_000


@given(HISTORIES, st.integers(0, 120))
def test_the_cache_is_a_bounded_list_by_last_use(history: list[Doing], bound: int) -> None:
    cache = CellCache(bound)
    plain: list[tuple[int, int]] = []  # (key, size), the last used at the end

    for what, n, size in history:
        if what == "get":
            found = cache.get(key(n))
            assert (found is not None) == (n in dict(plain))
            plain = [one for one in plain if one[0] != n] + [one for one in plain if one[0] == n]
            continue
        plain = [one for one in plain if one[0] != n]
        if what == "drop":
            cache.drop(key(n))
        else:
            cache.put(key(n), stored(n), size)
            plain = _bounded([*plain, (n, size)], bound) if size <= bound else plain

    assert cache.size_bytes == sum(size for _, size in plain) <= bound
    assert len(cache) == len(plain)
    assert {n for n in range(7) if cache.get(key(n))} == {n for n, _ in plain}


def _bounded(cells: Sequence[tuple[int, int]], bound: int) -> list[tuple[int, int]]:
    """The longest end of the list that fits."""
    for start in range(len(cells)):
        if sum(size for _, size in cells[start:]) <= bound:
            return list(cells[start:])
    return []
