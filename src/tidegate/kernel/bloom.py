"""Bloom filter over the tokens of one log row: ids, sources, types, correlation ids.

Ten bits a token and four probes: about one row in eighty is read in vain (seven probes, which cost
twice as much on every turn, would make it one in a hundred and twenty). The probes are 16-bit
pieces of one 64-bit hash, scaled to the size, so a filter has at most SIZE_MAX bits: enough for the
tokens of the largest turn; with more it would only let more rows through.
"""

from __future__ import annotations

from collections.abc import Collection
from struct import Struct
from typing import Final

from xxhash import xxh3_64_digest

BITS_A_TOKEN: Final = 10
SIZE_MIN: Final = 64
SIZE_MAX: Final = 1 << 16
_pieces = Struct("<4H").unpack
_ONE = ord("1")


def make(tokens: Collection[str]) -> bytes:
    """The filter's bits; empty for no tokens."""
    if not tokens:
        return b""
    size = min(max(SIZE_MIN, -(-len(tokens) * BITS_A_TOKEN // 8) * 8), SIZE_MAX)
    # A byte a bit while it is filled, and all of them read as one binary number at the end.
    digits = bytearray(b"0" * size)
    for token in tokens:
        a, b, c, d = _pieces(xxh3_64_digest(token.encode("utf-8", "surrogatepass")))
        digits[a * size >> 16] = _ONE
        digits[b * size >> 16] = _ONE
        digits[c * size >> 16] = _ONE
        digits[d * size >> 16] = _ONE
    return int(digits, 2).to_bytes(size // 8, "big")


def may_hold(bits: bytes, token: str) -> bool:
    """False only when no such token went in."""
    size = len(bits) * 8
    if not size:
        return False
    for piece in _pieces(xxh3_64_digest(token.encode("utf-8", "surrogatepass"))):
        place = piece * size >> 16
        if not bits[place >> 3] & 0x80 >> (place & 7):
            return False
    return True
