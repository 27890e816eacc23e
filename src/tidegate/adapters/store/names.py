"""Names: kinds and scopes of cells by number, so that each text is stored once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tidegate.kernel.clock import Day
from tidegate.kernel.step import Key


class Names:
    """Table `name` in memory; changes only by `adopt`, after the commit."""

    def __init__(self, rows: Iterable[tuple[int, str]] = ()) -> None:
        self._texts: dict[int, str] = dict(rows)
        self._numbers = {text: number for number, text in self._texts.items()}
        self._newest = max(self._texts, default=0)

    def number(self, text: str) -> int | None:
        """None for a name no cell ever had."""
        return self._numbers.get(text)

    def text(self, number: int) -> str:
        return self._texts[number]

    def columns(self, key: Key) -> tuple[int, int, int, str] | None:
        """(kind, day, scope, name) of a key; None when no cell can have it."""
        kind, scope = self._numbers.get(key.kind), self._numbers.get(key.scope)
        return None if kind is None or scope is None else (kind, key.day, scope, key.name)

    def key(self, kind: int, day: int, scope: int, name: str) -> Key:
        return Key(self._texts[kind], Day(day), self._texts[scope], name)

    def unknown(self, keys: Iterable[Key]) -> list[tuple[int, str]]:
        """New rows, (number, text), so that all of these keys can be written."""
        known = self._numbers
        missing: dict[str, None] = {}
        for key in keys:
            if key.kind not in known:
                missing[key.kind] = None
            if key.scope not in known:
                missing[key.scope] = None
        return list(enumerate(missing, self._newest + 1))

    def numbers(self, rows: Iterable[tuple[int, str]]) -> Mapping[str, int]:
        """The number of every text, these rows included, which are not committed yet."""
        new = {text: number for number, text in rows}
        return {**self._numbers, **new} if new else self._numbers

    def adopt(self, rows: Iterable[tuple[int, str]]) -> None:
        """These rows are committed."""
        for number, text in rows:
            self._texts[number] = text
            self._numbers[text] = number
            self._newest = max(self._newest, number)
