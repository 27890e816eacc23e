"""Passage: a character of a text value, found in the file that writes it with escapes or folded.

Blanks and breaks come and go between a file and its value; all other characters stay in their
order. So both are walked side by side without them, and where they differ nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from tidegate.kernel.place import Span

_ESCAPES: Final = {
    "n": "\n", "t": "\t", "r": "\r", "v": "\v", "f": "\f", "\t": "\t", "\n": "\n",
    "0": "\0", "a": "\a", "b": "\b", "e": "\x1b", "N": "\x85", "_": "\xa0",
    "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_NUMBERED: Final = {"x": 2, "u": 4, "U": 8}


def passage(file: str, start: Span, value: str, at: int, width: int = 1) -> Span | None:
    """Where the character `at` of a value stands, whose writing begins at `start`; None if unclear."""
    if not 0 <= at < len(value):
        return None
    before = sum(not char.isspace() for char in value[:at])
    wanted = [char for char in value[: at + 1] if not char.isspace()]
    seen = list(islice(_written(file, _offset(file, start)), len(wanted)))
    if [char for char, _ in seen] != wanted or before >= len(seen):
        return None
    place = seen[before][1]
    line_start = file.rfind("\n", 0, place) + 1
    line_end = file.find("\n", place)
    room = (len(file) if line_end < 0 else line_end) - place
    return Span(file.count("\n", 0, place) + 1, place - line_start + 1, min(width, room))


def _offset(file: str, start: Span) -> int:
    at = 0
    for _ in range(start.line - 1):
        at = file.find("\n", at) + 1
    return at + start.column - 1


def _written(file: str, at: int) -> Iterator[tuple[str, int]]:
    """The characters that are no blanks, each with where it is written."""
    opening = file[at : at + 1]
    if opening in ("|", ">"):
        at = file.find("\n", at)
        opening = ""
    elif opening in ("'", '"'):
        at += 1
    while 0 <= at < len(file):
        char, size = file[at], 1
        if opening == "'" and char == "'":
            size = 2
        elif opening == '"' and char == "\\":
            char, size = _escaped(file, at)
        if not char.isspace():
            yield char, at
        at += size


def _escaped(file: str, at: int) -> tuple[str, int]:
    letter = file[at + 1 : at + 2]
    digits = _NUMBERED.get(letter, 0)
    if digits:
        try:
            return chr(int(file[at + 2 : at + 2 + digits], 16)), 2 + digits
        except (ValueError, OverflowError):
            return " ", 2
    return _ESCAPES.get(letter, letter or " "), 2
