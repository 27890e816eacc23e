"""Ids and safe names.

`segment` makes text from outside one path segment of a cell's name; `public` and `parse_public`
make several texts one URL-safe id and back.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NewType

CellId = NewType("CellId", int)
Pos = NewType("Pos", int)
"""Place in the log, in commit order."""
DocId = NewType("DocId", int)
"""One version of one document."""

SEGMENT_MAX = 200
"""Bytes of one encoded segment; longer text keeps its head and a digest."""

TEXTS_KEPT: Final = 8192
"""Short texts whose safe form is remembered: names of rules, processes, jobs come again and again."""

_PLAIN = re.compile(r"[A-Za-z0-9_.:+-]+", re.ASCII)
_UNSAFE = re.compile(rb"[^A-Za-z0-9_.:+-]")
_PUBLIC_UNSAFE = re.compile(rb"[^A-Za-z0-9_.-]")
_PUBLIC_ESCAPE = re.compile(r"~([0-9A-F]{2})", re.ASCII)
_JOIN = "~~"


def segment(text: str) -> str:
    """Text as one segment: percent-encoded, never holding `/`, `=`, `&` or NUL, at most SEGMENT_MAX.

    Text that would be longer keeps its first 64 encoded bytes and a 128-bit digest, so two
    different long texts still have different segments. Lone surrogates are encoded as such.
    """
    return _short_segment(text) if len(text) <= SEGMENT_MAX else _segment(text)


def _segment(text: str) -> str:
    if _PLAIN.fullmatch(text) and len(text) <= SEGMENT_MAX:
        return text
    raw = text.encode("utf-8", "surrogatepass")
    encoded = _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], raw).decode("ascii")
    if len(encoded) <= SEGMENT_MAX:
        return encoded
    return f"{encoded[:64]}%~{blake2b(raw, digest_size=16).hexdigest()}"


def public(*parts: str) -> str:
    """Several texts as one id out of unreserved URL characters."""
    return _JOIN.join(
        [_short_escape(part) if len(part) <= SEGMENT_MAX else _escape(part) for part in parts]
    )


def parse_public(text: str) -> tuple[str, ...]:
    """What `public` joined. Raises ValueError for text it never makes."""
    parts = tuple(_unescape(part) for part in text.split(_JOIN))
    if public(*parts) != text:
        raise ValueError(f"{text[:80]!r} is no id")
    return parts


def digest(*parts: bytes, size: int = 16) -> bytes:
    """A digest under which no two lists of parts run together."""
    hashed = blake2b(digest_size=size)
    for part in parts:
        hashed.update(len(part).to_bytes(8, "big"))
        hashed.update(part)
    return hashed.digest()


def _escape(text: str) -> str:
    raw = text.encode("utf-8", "surrogatepass")
    return _PUBLIC_UNSAFE.sub(lambda found: b"~%02X" % found[0][0], raw).decode("ascii")


_short_segment: Callable[[str], str] = lru_cache(maxsize=TEXTS_KEPT)(_segment)
_short_escape: Callable[[str], str] = lru_cache(maxsize=TEXTS_KEPT)(_escape)


def _unescape(text: str) -> str:
    raw = _PUBLIC_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text).encode("latin-1")
    return raw.decode("utf-8", "surrogatepass")
