"""Keys: the identities of accepted events, most of them in table `event_key`, the newest in memory.

    taken --commit--> bucket in memory --500 of them, in one commit--> event_key

Keys are random 64-bit numbers: written at once, each would dirty a page of its own. So they wait in
256 buckets by their top eight bits. A full bucket is written sorted, together with its place in
`key_bucket`: up to there its keys are in the table. Buckets change only after the commit, and a
start rebuilds them out of the log rows behind the smallest of those places.

Memory: at most 256 times 500 keys, about 20 MB. A start reads at most about BEHIND_MAX places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from sqlite3 import Connection
from typing import TypeAlias

from msgspec import Struct

from tidegate.adapters.store.turn_sql import (
    INSERT_BUCKETS,
    INSERT_KEYS,
    SELECT_BODIES,
    SELECT_BUCKETS,
    SELECT_KEYS,
    insert,
    padded,
)
from tidegate.kernel.ids import Pos
from tidegate.ports.store import EventKey, Hit

KeysOf: TypeAlias = Callable[[Pos, bytes, int], Iterable[tuple[int, Pos, int]]]
"""From a log row's first place, its body and the database's hash seed: (hash, place, digest) of its
accepted events, as `Writes.keys` had them."""

BUCKETS = 256
BUCKET_MAX = 500
BEHIND_MAX = 300_000
"""A bucket whose place is further back is written before it is full: where few of many signals are
events, a start would have to read the whole log for a handful of keys."""
BEHIND_BUCKETS = 4
"""How many of those a turn writes."""


class StagedKeys(Struct, frozen=True):
    """What a turn adds; in the buckets once it is committed."""

    added: Mapping[int, Mapping[int, Hit]]  # by bucket
    written: Sequence[int]  # buckets whose keys are all in the table now
    upto: Pos


def bucket_of(hash_: int) -> int:
    return hash_ >> 56 & 0xFF


class KeyIndex:
    """The index of one database, for the one connection that writes to it."""

    def __init__(
        self,
        connection: Connection,
        keys_of: KeysOf,
        hash_seed: int,
        *,
        bucket_max: int = BUCKET_MAX,
        behind_max: int = BEHIND_MAX,
    ) -> None:
        self._connection = connection
        self._keys_of = keys_of
        self._hash_seed = hash_seed
        self._bucket_max = bucket_max
        self._behind_max = behind_max
        self._buckets: list[dict[int, Hit]] = [{} for _ in range(BUCKETS)]
        self._places: list[Pos] = [Pos(0)] * BUCKETS

    def rebuild(self) -> None:
        """Fill the buckets out of the log, as at a start."""
        self._buckets = [{} for _ in range(BUCKETS)]
        self._places = [Pos(0)] * BUCKETS
        for bucket, pos in self._connection.execute(SELECT_BUCKETS):
            self._places[bucket] = pos
        for first, body in self._connection.execute(SELECT_BODIES, (min(self._places) + 1,)):
            for hash_, pos, digest in self._keys_of(first, body, self._hash_seed):
                bucket = bucket_of(hash_)
                if pos > self._places[bucket]:
                    # The first place wins, as it did when these were decided.
                    self._buckets[bucket].setdefault(hash_, Hit(pos, digest))

    def hits(self, keys: Sequence[EventKey]) -> dict[int, Hit]:
        """Those that are in the index, by hash."""
        hits: dict[int, Hit] = {}
        elsewhere: list[int] = []
        buckets = self._buckets
        for key in keys:
            hit = buckets[key.hash >> 56 & 0xFF].get(key.hash)
            if hit is None:
                elsewhere.append(key.hash)
            else:
                hits[key.hash] = hit
        for statement, values in padded(SELECT_KEYS, elsewhere):
            for hash_, pos, digest in self._connection.execute(statement, values):
                hits[hash_] = Hit(pos, digest)
        return hits

    def stage(self, keys: Sequence[tuple[int, Pos, int]], last: Pos) -> StagedKeys:
        """Write the buckets these keys fill; `last` is the last place of the turn."""
        added: dict[int, dict[int, Hit]] = {}
        for hash_, pos, digest in keys:
            added.setdefault(hash_ >> 56 & 0xFF, {})[hash_] = Hit(pos, digest)
        full = {
            bucket
            for bucket, hits in added.items()
            if len(self._buckets[bucket]) + len(hits) >= self._bucket_max
        }
        written = sorted(full.union(self._behind(last)))
        rows: list[int] = []
        for bucket in written:
            # Ascending places in the table: neighbours share pages.
            for hash_, hit in sorted(
                (self._buckets[bucket] | added.get(bucket, {})).items(), key=_by_hash
            ):
                rows += (hash_, hit.pos, hit.digest)
        insert(self._connection, INSERT_KEYS, rows)
        insert(self._connection, INSERT_BUCKETS, [n for b in written for n in (b, last)])
        return StagedKeys(added, written, last)

    def adopt(self, staged: StagedKeys) -> None:
        """The turn is committed."""
        for bucket, hits in staged.added.items():
            self._buckets[bucket].update(hits)
        for bucket in staged.written:
            self._buckets[bucket] = {}
            self._places[bucket] = staged.upto

    def _behind(self, last: Pos) -> Sequence[int]:
        """The buckets furthest back, if they are too far."""
        if last - min(self._places) <= self._behind_max:
            return ()
        oldest = sorted(range(BUCKETS), key=self._places.__getitem__)
        return oldest[:BEHIND_BUCKETS]


def _by_hash(item: tuple[int, Hit]) -> int:
    return item[0]
