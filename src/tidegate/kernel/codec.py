"""Codec: states of cells to bytes and back.

A state is msgpack, an array of its fields. Fields are only appended, with defaults, so an older
state reads as a newer one; anything else raises the kind's `format` and brings `upgrade`. Bytes
over PACK_MIN are zstd, which a bit of the stored format says. What cannot be read says whose state it
is, so that the signal that needs it is set aside and everything else goes on.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import zstandard
from msgspec import structs

from tidegate.kernel.clock import Instant
from tidegate.kernel.errors import Defect
from tidegate.kernel.public_id import cell_name
from tidegate.kernel.step import Durable, Json, Key, Kind

PACK_MIN = 4096
PACKED = 0x4000
UNPACKED_MAX = 64 * 1024 * 1024

_FIX = "bring the state back from a backup, or run the release that wrote it"
_ENCODE = msgspec.msgpack.Encoder(order="sorted").encode


def pack(body: bytes) -> tuple[int, bytes]:
    """Bytes as they are stored, and the bit that says how."""
    if len(body) <= PACK_MIN:
        return 0, body
    return PACKED, zstandard.ZstdCompressor(level=1).compress(body)


def unpack(bit: int, body: bytes) -> bytes:
    if not bit & PACKED:
        return body
    return zstandard.ZstdDecompressor().decompress(body, max_output_size=UNPACKED_MAX)


class Codec:
    """The states of some kinds. Holds nothing but compiled decoders; safe in every thread."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self._decoders: dict[type[Durable], msgspec.msgpack.Decoder[Durable]] = {}

    def kind(self, name: str) -> Kind:
        found = self._kinds.get(name)
        if found is None:
            raise Defect("defect", f"no engine keeps cells of kind {name!r}")
        return found

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(self._kinds.values())

    def encode(self, key: Key, state: Durable) -> tuple[int, bytes]:
        """(format, bytes) of a state; equal states give equal bytes."""
        body = _ENCODE(state)
        if len(body) <= PACK_MIN:
            return self._kinds[key.kind].format, body
        bit, body = pack(body)
        return self._kinds[key.kind].format | bit, body

    def shifted(self, key: Key, state: Durable, by_us: int) -> Durable:
        """The same, waiting so much longer: a person accepted a clock jump and moves what waits."""
        assert state.wake_at is not None, "it waits"
        kind, wake_at = self.kind(key.kind), Instant(state.wake_at + by_us)
        if kind.shift is not None and type(state) is kind.state:
            state = kind.shift(state, by_us)
        return structs.replace(state, wake_at=wake_at)

    def decode(self, key: Key, format_: int, body: bytes) -> Durable:
        """The state of a key, brought to today's format. Raises Defect (`cell.unreadable`)."""
        kind = self.kind(key.kind)
        try:
            return self._decode(kind, key, format_, body)
        except Exception as error:
            # Whatever an older or newer release, a failing disk or a person left in its place.
            raise Defect("cell.unreadable", f"{cell_name(key)}: {error}", fix=_FIX) from error

    def _decode(self, kind: Kind, key: Key, format_: int, body: bytes) -> Durable:
        if format_ & PACKED:
            body = unpack(format_, body)
        stored = format_ & ~PACKED
        type_ = kind.holds(key)
        if stored == kind.format:
            decoder = self._decoders.get(type_)
            if decoder is None:
                decoder = self._decoders[type_] = msgspec.msgpack.Decoder(type_)
            return decoder.decode(body)
        if kind.upgrade is None or stored > kind.format:
            raise ValueError(f"it has format {stored}, this release knows {kind.format}")
        raw: list[Json] = msgspec.msgpack.decode(body)
        for _ in range(stored, kind.format):
            raw = kind.upgrade(raw)
        return msgspec.convert(raw, type_)
