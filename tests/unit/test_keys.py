"""The deferred key index against a plain dictionary, over random histories with crashes."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeAlias

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from tidegate.adapters.store import schema
from tidegate.adapters.store.keys import BUCKET_MAX, KeyIndex, bucket_of
from tidegate.kernel.ids import Pos
from tidegate.ports.store import EventKey, Hit

Ending: TypeAlias = Literal["commit", "rollback", "lost", "reopen"]
"""How a turn ends; `lost` is a death after COMMIT, before memory followed."""
Row: TypeAlias = tuple[int, Pos, int]

HASH_MIN = -(2**63)
SEED = 17


class Journal:
    """A database with a log whose rows' keys are written down beside it, and its index."""

    def __init__(self, bucket_max: int = BUCKET_MAX, behind_max: int = 300_000) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        dialect = sqlite.dialect()
        for table in (schema.log, schema.event_key, schema.key_bucket):
            self.connection.execute(str(CreateTable(table).compile(dialect=dialect)))
        self.rows: dict[Pos, Sequence[Row]] = {}
        self.limits = bucket_max, behind_max
        self.next_pos = Pos(1)
        self.open()

    def open(self) -> None:
        bucket_max, behind_max = self.limits
        self.read: list[Pos] = []
        self.index = KeyIndex(
            self.connection, self._keys_of, SEED, bucket_max=bucket_max, behind_max=behind_max
        )
        self.index.rebuild()

    def turn(self, hashes: Sequence[int], others: int = 0, ending: Ending = "commit") -> None:
        """One log row: an entry for each hash, with twice the place as its digest, and others."""
        first, n = self.next_pos, len(hashes) + others
        keys = [(hash_, Pos(first + i), 2 * (first + i)) for i, hash_ in enumerate(hashes)]
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.execute(
            "INSERT INTO log VALUES (?, ?, 0, 0, x'', x'', '', x'', x'')", (first, n)
        )
        staged = self.index.stage(keys, Pos(first + n - 1))
        if ending in ("rollback", "reopen"):
            self.connection.execute("ROLLBACK")
        else:
            self.connection.execute("COMMIT")
            self.rows[first] = keys
            self.next_pos = Pos(first + n)
            if ending == "commit":
                self.index.adopt(staged)
        if ending in ("lost", "reopen"):
            self.open()

    def hits(self, hashes: Sequence[int]) -> dict[int, Hit]:
        return self.index.hits([EventKey(hash_, 0, i) for i, hash_ in enumerate(hashes)])

    def stored(self) -> list[int]:
        return [hash_ for (hash_,) in self.connection.execute("SELECT hash FROM event_key")]

    def _keys_of(self, first: Pos, body: bytes, hash_seed: int) -> Sequence[Row]:
        assert (body, hash_seed) == (b"", SEED)
        self.read.append(first)
        return self.rows[first]


@contextmanager
def journal(
    bucket_max: int = BUCKET_MAX, behind_max: int = 300_000
) -> Generator[Journal, None, None]:
    made = Journal(bucket_max, behind_max)
    yield made
    made.connection.close()


def hash_in(bucket: int, low: int) -> int:
    return (bucket << 56) + low


# Four buckets, with the smallest and the largest hash there is.
HASHES: st.SearchStrategy[int] = st.builds(
    hash_in, st.sampled_from([-128, -1, 0, 127]), st.integers(0, 30) | st.just(2**56 - 1)
)
TURNS: st.SearchStrategy[tuple[list[int], int, Ending]] = st.tuples(
    st.lists(HASHES, max_size=8, unique=True),
    st.integers(1, 4),
    st.sampled_from(["commit", "commit", "commit", "rollback", "lost", "reopen"]),
)


@given(st.lists(TURNS, max_size=25), st.integers(1, 6), st.integers(3, 60))
def test_an_index_knows_what_was_committed_and_nothing_else(
    history: list[tuple[list[int], int, Ending]], bucket_max: int, behind_max: int
) -> None:
    plain: dict[int, Hit] = {}
    asked: set[int] = set()

    with journal(bucket_max, behind_max) as made:
        for hashes, others, ending in history:
            first = made.next_pos
            known = made.hits(hashes)
            fresh = [hash_ for hash_ in hashes if hash_ not in known]
            made.turn(fresh, others, ending)
            if ending in ("commit", "lost"):
                plain |= {h: Hit(Pos(first + i), 2 * (first + i)) for i, h in enumerate(fresh)}
            asked.update(hashes)

            assert known == {h: plain[h] for h in hashes if h in plain and h not in fresh}
            assert made.hits(sorted(asked)) == plain
        made.open()
        assert made.hits(sorted(asked)) == plain
        assert len(made.stored()) <= len(plain)


def test_buckets_are_the_top_eight_bits() -> None:
    found = [bucket_of(h) for h in (0, 2**56 - 1, 2**56, 2**63 - 1, HASH_MIN, -1)]

    assert found == [0, 0, 1, 127, 128, 255]


def test_keys_stay_in_memory_until_their_bucket_is_full() -> None:
    with journal() as made:
        made.turn(range(BUCKET_MAX - 1))
        before = made.stored()
        made.turn([2**56, BUCKET_MAX - 1])

        assert before == []
        assert made.stored() == list(range(BUCKET_MAX))
        assert made.hits([3, 2**56]).keys() == {3, 2**56}


def test_a_full_bucket_is_written_in_ascending_order_and_its_place_with_it() -> None:
    with journal(bucket_max=4) as made:
        made.turn([7, 3])
        made.turn([9, 1, 2**56])

        assert made.stored() == [1, 3, 7, 9]
        assert made.connection.execute("SELECT * FROM key_bucket").fetchall() == [(0, 5)]


def test_a_start_reads_the_log_behind_the_smallest_place_only() -> None:
    every = [bucket << 56 for bucket in range(128)] + [(b << 56) + HASH_MIN for b in range(128)]
    with journal(bucket_max=2) as made:
        made.turn([5])
        made.turn(every)  # the bucket of 5 is written
        made.turn([h + 1 for h in every])  # all others as well
        made.turn([77 + 2**56])

        made.open()

        assert made.read == [258, 514]
        assert made.hits([5, 77 + 2**56, every[9]]).keys() == {5, 77 + 2**56, every[9]}


def test_a_log_that_holds_few_events_is_not_read_whole() -> None:
    with journal(behind_max=1_000) as made:
        made.turn([5])
        for _ in range(400):
            made.turn([], others=10)

        made.open()

        assert len(made.read) < 200
        assert made.hits([5]) == {5: Hit(Pos(1), 2)}


def test_a_log_cut_by_retention_rebuilds_from_what_is_left() -> None:
    with journal(bucket_max=2) as made:
        made.turn([1, 2])
        made.turn([3])
        made.connection.execute("DELETE FROM log WHERE first = 1")

        made.open()

        assert made.hits([1, 2, 3]).keys() == {1, 2, 3}


def test_of_two_events_with_one_hash_the_first_is_known_after_a_start() -> None:
    with journal() as made:
        made.turn([5])
        made.turn([6])
        made.rows[Pos(2)] = [(5, Pos(2), 4)]  # accepted, but entered under no key

        made.open()

        assert made.hits([5]) == {5: Hit(Pos(1), 2)}


def test_thousands_of_keys_are_asked_for_at_once() -> None:
    hashes = [n * 2**52 for n in range(1_700)]
    with journal(bucket_max=6) as made:
        made.turn(hashes)

        assert made.stored()
        assert made.hits([*hashes, *(h + 1 for h in hashes)]).keys() == set(hashes)
