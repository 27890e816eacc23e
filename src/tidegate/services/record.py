"""Record: one turn of the log, as bytes and back.

A row's body is zstd(msgpack([entry, ...])); the entry at place p is body[p - first]. An entry is
what the turn was given: a sender's bytes with the instant they came, or one of our own signals.
A duplicate leaves None: places have holes, never two meanings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from hashlib import blake2b
from typing import Any, TypeAlias, cast

import msgspec
import zstandard
from msgspec import Struct

from tidegate.kernel.clock import Instant
from tidegate.kernel.cloudevent import decode
from tidegate.kernel.errors import Defect
from tidegate.kernel.ids import Pos
from tidegate.kernel.step import Adopted, Engine, Heard, Order, Outcome, Signal, Woke
from tidegate.services.orders import HOST_ORDERS
from tidegate.services.verdict import digest_of, hash_of

BODY_MAX = 256 * 1024 * 1024
PARKED, REFUSED, STALE = "parked", "refused", "stale"
ACCEPTED, CONFLICT = 0, 1


class Mark(Struct, frozen=True, array_like=True):
    """What an engine did with the entry, where that was not simply to decide it."""

    engine: str  # "*" for all
    mark: str  # PARKED, REFUSED or STALE
    error: str = ""


class Foreign(Struct, frozen=True, array_like=True, tag=1, gc=False):
    """An event as its sender wrote it."""

    raw: bytes
    received: Instant  # stands in for a missing time; never changes, so neither does the reading
    principal: str | None = None
    verdict: int = ACCEPTED
    marks: tuple[Mark, ...] = ()


class Own(Struct, frozen=True, array_like=True, tag=2, gc=False):
    """One of our own signals, as `Signals` encodes it."""

    signal: bytes
    marks: tuple[Mark, ...] = ()


Entry: TypeAlias = Foreign | Own | None

_ENCODE = msgspec.msgpack.Encoder(order="sorted").encode
_ENTRIES = msgspec.msgpack.Decoder(list[Foreign | Own | None])


class Signals:
    """Signals to bytes and back; knows every body some engine or the host obeys."""

    def __init__(self, bodies: Iterable[type[Struct]]) -> None:
        # Decoding a bare Struct would lose the body, so the union is built from what is obeyed.
        union: Any = reduce(lambda left, right: left | right, bodies, None)
        self._decoder = msgspec.msgpack.Decoder(Heard | Order[union] | Adopted | Woke | Outcome)

    def encode(self, signal: Signal) -> bytes:
        return _ENCODE(signal)

    def decode(self, body: bytes) -> Signal:
        return cast(Signal, self._decoder.decode(body))


def signals_of(engines: Sequence[Engine[Any]]) -> Signals:
    """Every body some engine or the host obeys."""
    bodies = [body for engine in engines for body in engine.orders]
    return Signals([*bodies, *HOST_ORDERS])


def encode_entries(entries: Sequence[Entry]) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(_ENCODE(entries))


def decode_entries(body: bytes) -> list[Entry]:
    """Raises Defect when the bytes are no log row: the row was damaged."""
    try:
        raw = zstandard.ZstdDecompressor().decompress(body, max_output_size=BODY_MAX)
        return _ENTRIES.decode(raw)
    except (zstandard.ZstdError, msgspec.DecodeError) as error:
        raise Defect("defect", f"a log row cannot be read: {error}") from error


def link(previous: bytes, body: bytes) -> bytes:
    """The chain after a row: blake2b over the previous value and the row's bytes."""
    return blake2b(previous + body, digest_size=32).digest()


def keys_of(first: Pos, body: bytes, seed: int) -> list[tuple[int, Pos, int]]:
    """(hash, place, digest) of the accepted foreign events of a row; what the key index is made of."""
    keys: list[tuple[int, Pos, int]] = []
    for offset, entry in enumerate(decode_entries(body)):
        if isinstance(entry, Foreign) and entry.verdict == ACCEPTED:
            event = decode(entry.raw, now=entry.received)
            hashed = hash_of(event.id, event.source, seed)
            keys.append((hashed, Pos(first + offset), digest_of(entry.raw)))
    return keys
