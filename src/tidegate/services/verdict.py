"""Verdict: is this event new, a repeat, or another event under a used name? Pure.

no hit                                  accepted
hit, equal digest or equal content      duplicate
hit, another (source, id)               accepted without an index key: the hashes collide
hit, other content                      conflict: stored, shown, routed nowhere
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct
from xxhash import xxh3_64_intdigest

from tidegate.kernel.ids import Pos
from tidegate.ports.store import Hit

Verdict: TypeAlias = Literal["accepted", "duplicate", "conflict"]

_SIGN = 1 << 63


class Copy(Struct, frozen=True, gc=False):
    """One delivery, as far as its identity goes."""

    id: str
    source: str
    raw: bytes
    hash: int
    digest: int


class Ruling(Struct, frozen=True, gc=False):
    verdict: Verdict
    indexed: bool = False  # its key enters the index
    error: str = ""  # it could not be judged; it is kept for a person


ACCEPTED = Ruling("accepted", indexed=True)
COLLIDED = Ruling("accepted")
DUPLICATE = Ruling("duplicate")
CONFLICT = Ruling("conflict")


def hash_of(id_: str, source: str, seed: int) -> int:
    """The index key of an event, signed 64 bit."""
    return xxh3_64_intdigest(f"{id_}\0{source}".encode("utf-8", "surrogatepass"), seed) - _SIGN


def digest_of(raw: bytes) -> int:
    """The digest of the bytes as stored, signed 64 bit."""
    return xxh3_64_intdigest(raw) - _SIGN


def rule(copy: Copy, earlier: Copy) -> Ruling:
    """Judge a copy against the one that holds its hash."""
    if copy.digest == earlier.digest:
        return DUPLICATE
    if (copy.id, copy.source) != (earlier.id, earlier.source):
        return COLLIDED
    return DUPLICATE if content(copy.raw) == content(earlier.raw) else CONFLICT


def content(raw: bytes) -> bytes:
    """Canonical content of an event's bytes: equal for equal JSON."""
    try:
        return msgspec.json.encode(msgspec.json.decode(raw), order="sorted")
    except (msgspec.DecodeError, RecursionError):
        # The door reads more than this decoder does, integers of any length for one; such events
        # are compared byte by byte.
        return raw


def rule_all(
    copies: list[Copy],
    hits: dict[int, Hit],
    kept: Callable[[Pos], Copy | None],
) -> list[Ruling]:
    """Judge all copies of one turn in order. `kept` reads the event at a place; None when it is gone."""
    first: dict[int, Copy] = {}
    rulings: list[Ruling] = []
    for copy in copies:
        earlier = first.get(copy.hash)
        hit = hits.get(copy.hash)
        if earlier is None and hit is None:
            first[copy.hash] = copy
            rulings.append(ACCEPTED)
        elif earlier is not None:
            rulings.append(rule(copy, earlier))
        elif hit is not None and hit.digest == copy.digest:
            rulings.append(DUPLICATE)
        else:
            assert hit is not None
            found = kept(hit.pos)
            # An entry that retention took can no longer be compared; its key says it was counted.
            rulings.append(DUPLICATE if found is None else rule(copy, found))
    return rulings
