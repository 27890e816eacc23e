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

from tidegate.kernel.clock import Instant
from tidegate.kernel.cloudevent import decode
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import LONG_INTEGER, NO_TIME, Json
from tidegate.kernel.ids import Pos
from tidegate.kernel.value import is_list, is_map, text
from tidegate.ports.store import Hit

Verdict: TypeAlias = Literal["accepted", "duplicate", "conflict"]

_SIGN = 1 << 63
_EVER = Instant(1 << 60)
"""Later than every event: nothing lies ahead of it. The same for both, where one has no time."""
_EXACT_MAX = 1 << 53
"""Up to here a float is the integer it looks like."""


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
    """What an event means, as bytes: equal for the same event, in whatever form it was sent.

    Order of keys, 1 and 1.0, 0 and -0.0 make no difference; nor does the binary form, whose
    attributes are all texts.
    """
    try:
        event = decode(raw, now=_EVER)
    except InputError:
        return raw
    # The binary form cannot say what is no text.
    extensions = {name: text(one) for name, one in event.extensions.items()}
    meant = [event.id, event.source, event.type, event.time, event.subject, extensions]
    # Long integers are kept as texts; the mark tells them from texts that look like them.
    marks = event.marks & (LONG_INTEGER | NO_TIME)
    return msgspec.json.encode([*meant, _meaning(event.data), marks], order="sorted")


def _meaning(value: Json) -> Json:
    """A value whose equal numbers are one number."""
    if is_map(value):
        return {key: _meaning(one) for key, one in value.items()}
    if is_list(value):
        return [_meaning(one) for one in value]
    if type(value) is float and value.is_integer() and abs(value) <= _EXACT_MAX:
        return int(value)
    return value


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
