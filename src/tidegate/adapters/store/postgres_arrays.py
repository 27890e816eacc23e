"""Arrays: columns in PostgreSQL's binary form.

    Numbers, Texts, Blobs --> bigint[], text[], bytea[]

A column says its type whatever it holds, so a statement is planned once and an empty or all-null
column is no special case. What PostgreSQL cannot store is refused here, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct, error, pack
from typing import ClassVar

from psycopg import DataError
from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import StrBinaryDumper

from tidegate.adapters.store.postgres_ask import Blobs, Numbers, Texts

_HEAD = Struct(">iiIii")  # dimensions, has nulls, element type, length, lower bound
_EMPTY = Struct(">iiI")
_SIZE = Struct(">i")
_NULL = _SIZE.pack(-1)


def register(context: AdaptContext) -> None:
    """Let a connection know these columns; plain integers and texts get one type each as well."""
    for of, dumper in (
        (Numbers, _NumbersDumper),
        (Texts, _TextsDumper),
        (Blobs, _BlobsDumper),
        (int, Int8BinaryDumper),
        (str, _TextDumper),
    ):
        context.adapters.register_dumper(of, dumper)


class _TextDumper(StrBinaryDumper):
    """A text that names what is wrong with it."""

    def dump(self, obj: str) -> bytes:
        return _encoded(obj)


class _ArrayDumper(Dumper):
    format = Format.BINARY
    element: ClassVar[int]

    def _array(self, parts: Sequence[bytes | None]) -> bytes:
        if not parts:
            return _EMPTY.pack(0, 0, self.element)
        head = _HEAD.pack(1, int(None in parts), self.element, len(parts), 1)
        size = _SIZE.pack
        return head + b"".join(_NULL if part is None else size(len(part)) + part for part in parts)


class _NumbersDumper(_ArrayDumper):
    oid = 1016
    element = 20

    def dump(self, obj: Numbers) -> bytes:
        try:
            if None in obj:
                return self._array([None if n is None else pack(">q", n) for n in obj])
            if not obj:
                return self._array(())
            # The whole column at once: an element is its size and its value.
            flat = [8] * (2 * len(obj))
            flat[1::2] = obj  # type: ignore[assignment]  # none is None, see above
            head = _HEAD.pack(1, 0, self.element, len(obj), 1)
            return head + pack(">" + "iq" * len(obj), *flat)
        except error as fault:
            raise DataError(f"a number does not fit into 64 bits: {fault}") from fault


class _TextsDumper(_ArrayDumper):
    oid = 1009
    element = 25

    def dump(self, obj: Texts) -> bytes:
        return self._array([None if text is None else _encoded(text) for text in obj])


class _BlobsDumper(_ArrayDumper):
    oid = 1001
    element = 17

    def dump(self, obj: Blobs) -> bytes:
        return self._array(obj)


def _encoded(text: str) -> bytes:
    if "\0" in text:
        raise DataError(f"text {text[:64]!r} holds a NUL character")
    try:
        return text.encode()
    except UnicodeEncodeError as fault:
        raise DataError(f"text {text[:64]!r} is no valid Unicode") from fault
