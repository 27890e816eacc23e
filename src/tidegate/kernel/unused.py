"""Unused: keys of documents that this version reads and does not follow, said once a file.

A key that is accepted so that a file need not be changed for a later version must not look as if it
did something. Once it does, its line in the table of its kind goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tidegate.kernel.event import Json
from tidegate.kernel.place import EACH, Path
from tidegate.kernel.step import Document, Finding
from tidegate.kernel.value import is_list, is_map

CODE: Final = "document.unused"


def unused(document: Document, keys: Sequence[tuple[tuple[str, ...], str]]) -> Iterator[Finding]:
    """A warning for each of these keys that stands in the document; each with what to do instead."""
    for wanted, fix in keys:
        for path in _found(document.body, wanted, ()):
            yield Finding(
                document.kind, document.name, path,
                f'"{wanted[-1]}" is read and has no effect in this version',
                fix, warning=True, code=CODE, word=wanted[-1],
            )  # fmt: skip


def _found(value: Json, wanted: Sequence[str], path: Path) -> Iterator[Path]:
    if not wanted:
        yield path
        return
    first, *rest = wanted
    if first == EACH and is_list(value):
        for number, item in enumerate(value):
            yield from _found(item, rest, (*path, number))
    elif is_map(value) and first in value and value[first] is not None:
        yield from _found(value[first], rest, (*path, first))
