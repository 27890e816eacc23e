"""Ask: one statement for PostgreSQL, with its columns; needs no driver.

Whole columns travel as one parameter each: Numbers, Texts, Blobs are bigint[], text[], bytea[].
"""

from __future__ import annotations

from typing import Any


class Ask:
    """One statement, and after its trip what came back."""

    __slots__ = ("count", "parameters", "rows", "statement", "tag")

    def __init__(self, statement: str, *parameters: object) -> None:
        self.statement = statement
        self.parameters = parameters
        self.rows: list[tuple[Any, ...]] = []
        self.tag = ""  # such as COMMIT
        self.count = 0  # rows met or written


class Numbers(list[int | None]):
    """A column of 64-bit integers."""


class Texts(list[str | None]):
    """A column of texts."""


class Blobs(list[bytes | None]):
    """A column of bytes."""
