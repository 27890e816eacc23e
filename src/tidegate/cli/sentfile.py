"""Sent file: a file of events, and where in it each of them stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tidegate.kernel.delivery import split_text
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json

_PLACE = re.compile(r"line (\d+), column (\d+)")


class SentFile:
    """Read once; `-` is standard input. Raises InputError (`body.syntax`, `body.not_event`)."""

    def __init__(self, file: Path, data: bytes) -> None:
        self.name = "standard input" if str(file) == "-" else str(file)
        self._data = data
        try:
            self.events = split_text(data)
        except InputError as error:
            raise InputError(error.code, f"{self.name}: {error.message}", fix=error.fix) from error
        if not self.events:
            raise InputError(
                "body.not_event",
                f"{self.name} holds no event",
                fix="send one JSON event, a JSON array of events, or one event a line",
            )

    def place(self, said: Sequence[Json]) -> None:
        """Writes `line` and `column` of the file to what is said of events by their index."""
        wanted: dict[int, list[Json]] = {}
        for one in said:
            wanted.setdefault(one["index"], []).append(one)
        at, line, last = 0, 1, 0
        for index, event in enumerate(self.events[: max(wanted, default=-1) + 1]):
            at = self._data.find(event, at)
            line, last = line + self._data.count(b"\n", last, at), at
            for one in wanted.get(index, ()):
                column = len(self._text(self._data.rfind(b"\n", 0, at) + 1, at)) + 1
                _set(one, line, column)
            at += len(event)

    def _text(self, first: int, end: int) -> str:
        return self._data[first:end].decode("utf-8", "replace")


def _set(one: Json, line: int, column: int) -> None:
    """Where the event begins; where its JSON breaks, that place of the file."""
    found = _PLACE.search(one["message"]) if one["code"] == "event.syntax" else None
    if found is not None:
        inside_line, inside_column = int(found[1]), int(found[2])
        column = column + inside_column - 1 if inside_line == 1 else inside_column
        line += inside_line - 1
        message = one["message"]
        place = f"line {line}, column {column}"
        one["message"] = f"{message[: found.start()]}{place}{message[found.end() :]}"
    one["line"], one["column"] = line, column
