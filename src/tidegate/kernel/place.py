"""Place: where a value of a document stands in its file, as people count: lines and columns from 1.

A line ends with a line feed and nothing else, so places agree with editors and `grep -n` whatever
the reader of the format takes for a line break.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from tidegate.kernel.event import Json

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the top of a document down to one value."""
EACH: Final = ""
"""Stands for every index of a list in a path."""


class Span(Struct, frozen=True, gc=False):
    """A piece of one line; what goes on over several lines is cut at the end of its first."""

    line: int
    column: int
    width: int  # characters; 0 for an empty value

    def overlaps(self, other: Span) -> bool:
        """Also true of a neighbour without a gap, such as an empty value."""
        return (
            self.line == other.line
            and self.column <= other.column + other.width
            and other.column <= self.column + self.width
        )


class Place(Struct, frozen=True, gc=False):
    """Where a value stands, and its key if it has one."""

    value: Span
    key: Span | None = None
    raw: str = ""
    """As it is written, where that says more than the value: numbers and words without quotes."""


Places: TypeAlias = Mapping[Path, Place]


class Parsed(Struct, frozen=True):
    """One document as plain JSON, with the places of all its values."""

    value: Json
    places: Places
    times: int = 1  # that one key of one mapping is written, at most
    twice: int = 0  # keys that were there already


TOP = Span(1, 1, 0)


class Lines:
    """Turns offsets of one text into spans."""

    def __init__(self, text: str) -> None:
        self.text = text
        starts = [0]
        offset = text.find("\n")
        while offset >= 0:
            starts.append(offset + 1)
            offset = text.find("\n", offset + 1)
        self._starts = starts

    def span(self, start: int, end: int) -> Span:
        """The characters from `start` up to, not including, `end`."""
        row = bisect_right(self._starts, start) - 1
        first = self._starts[row]
        line_end = self._starts[row + 1] - 1 if row + 1 < len(self._starts) else len(self.text)
        if end > line_end:
            end = start + len(self.text[start:line_end].rstrip())
        return Span(row + 1, start - first + 1, max(0, end - start))


def locate(places: Places, path: Path) -> Place:
    """The place of a value, else of the nearest that holds it."""
    while path and path not in places:
        path = path[:-1]
    return places.get(path, Place(TOP))


def inside(span: Span, text: Json, column: int) -> Span | None:
    """One character of a text that is written as it is, with quotes around it or without."""
    size = len(text) if isinstance(text, str) else -1
    quotes = span.width - size
    if quotes not in (0, 2) or column > size + 1:
        return None
    return Span(span.line, span.column + quotes // 2 + column - 1, 1)


def pointed(place: Place) -> Span:
    """Where a finger goes for a value: to its key, if it is empty or begins on a line below."""
    if place.key is not None and (not place.value.width or place.value.line != place.key.line):
        return place.key
    return place.value
