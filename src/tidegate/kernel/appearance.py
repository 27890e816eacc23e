"""Appearance: what bytes that should be JSON look like instead, and where they stop being JSON."""

from __future__ import annotations

import json
import re

LOOKED_AT_MAX = 64 * 1024
"""Bytes at the beginning by which a format is told."""
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x1f\x8b": "gzip", b"PK": "zip"}
_SEPARATORS = (",", ";", "\t")
_BLANKS = re.compile(r"\s*")


def other_encoding(data: bytes) -> tuple[str, str] | None:
    """What it is and what to do, where the bytes are no UTF-8 text at all."""
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            fix = "send UTF-8" if name == "UTF-16" else "unpack it first"
            return f"this is {name}", fix
    # JSON has no NUL; of UTF-16 without a mark every second byte of plain text is one.
    return ("this is UTF-16", "send UTF-8") if b"\0" in data[:4] else None


def appearance(data: bytes) -> tuple[str, str]:
    """What is wrong with bytes that are no JSON, and what to do."""
    other = other_encoding(data)
    if other is not None:
        return other
    text = data.decode("utf-8", "replace")
    fix = "send each row as an event: JSON lines, or a JSON array"
    if text.lstrip().startswith("<"):
        return "this looks like XML", fix
    if _is_table(text[:LOOKED_AT_MAX]):
        return "this looks like CSV", fix
    return _first_fault(text), "send whole JSON"


def _is_table(text: str) -> bool:
    """The first two lines have equally many separators, and begin as no JSON does."""
    lines = [line for line in text.splitlines() if line.strip()][:2]
    if len(lines) < 2 or lines[0].lstrip()[:1] in "{[":
        return False
    return any(lines[0].count(one) == lines[1].count(one) > 0 for one in _SEPARATORS)


def _first_fault(text: str) -> str:
    """Where the first value that is no JSON goes wrong."""
    decoder, at = json.JSONDecoder(), _end_of_blanks(text, 0)
    try:
        while at < len(text):
            at = _end_of_blanks(text, decoder.raw_decode(text, at)[1])
    except json.JSONDecodeError as error:
        ended = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        how = "it ends in the middle of a value" if ended else error.msg
        return f"line {error.lineno}, column {error.colno}: {how}"
    except (RecursionError, ValueError):
        return "it is nested too deeply"
    return "it is no JSON"


def _end_of_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at
