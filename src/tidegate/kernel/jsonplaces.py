"""JSON documents (`*.asl.json`, `*.json`) as plain values with the place of each.

The grammar is RFC 8259 to the letter, so that what loads here loads everywhere; the habits of other
languages (comments, single quotes, a comma at the end) are faults that say so. A key written twice,
a number JSON cannot carry and half a surrogate pair are faults as in YAML, after which reading goes
on; the first fault of syntax ends the file.
"""

from __future__ import annotations

import json
import re

from tidegate.kernel.event import Json
from tidegate.kernel.fault import Fault, fault_at
from tidegate.kernel.jsontext import INTEGER_MAX, INTEGER_MIN
from tidegate.kernel.place import Lines, Parsed, Path, Place, Span
from tidegate.kernel.scalar import DIGITS_MAX
from tidegate.kernel.yaml import DEPTH_MAX, FAULTS_MAX, LAST, NODES_MAX

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_WORD = re.compile(r"[\w.+-]+")
_STRING = re.compile(r'"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*"')
_LITERALS: dict[str, Json] = {"true": True, "false": False, "null": None}
_ALIENS = {"True": "true", "False": "false", "None": "null", "undefined": "null"}


def parse(
    text: str, file: str, *, counting: int = LAST
) -> tuple[tuple[Parsed, ...], tuple[Fault, ...]]:
    """The one document of a file that is not empty, and what is wrong with it; as `yaml.parse`."""
    reader = _Reader(text, file, counting)
    try:
        value = reader.document()
    except _Stop as stop:
        return (), (*reader.faults, stop.fault)
    parsed = Parsed(value, reader.places, reader.times, reader.twice)
    return (parsed,), tuple(reader.faults)


class _Stop(Exception):
    """No JSON from here on."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.what)
        self.fault = fault


class _Reader:
    def __init__(self, text: str, file: str, counting: int) -> None:
        self.times = 1
        self.twice = 0
        self._counting = counting
        self.places: dict[Path, Place] = {}
        self.faults: list[Fault] = []
        self._text = text
        self._file = file
        self._lines = Lines(text)
        self._nodes = 0

    def document(self) -> Json:
        value, at = self._value(self._skip(0), (), None)
        at = self._skip(at)
        if at < len(self._text):
            raise self._stop(
                at, "something stands after the end of the value", "keep one value a file"
            )
        return value

    def _value(self, at: int, path: Path, key: Span | None) -> tuple[Json, int]:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise self._stop(at, f"more than {NODES_MAX:,} values", "split the file")
        char = self._text[at : at + 1]
        raw = ""
        value: Json
        if char in ("{", "["):
            if len(path) >= DEPTH_MAX:
                raise self._stop(at, f"nested deeper than {DEPTH_MAX} levels", "flatten it")
            value, end = self._object(at, path) if char == "{" else self._array(at, path)
        elif char == '"':
            value, end = self._string(at)
        else:
            value, end = self._word(at)
            raw = self._text[at:end]
        self.places[path] = Place(self._lines.span(at, end), key, raw)
        return value, end

    def _object(self, opened: int, path: Path) -> tuple[dict[str, Json], int]:
        values: dict[str, Json] = {}
        keys: dict[str, Span] = {}
        times: dict[str, int] = {}
        at = self._skip(opened + 1)
        if self._text[at : at + 1] == "}":
            return values, at + 1
        while True:
            start = at
            key, at = self._key(at, opened)
            span = self._lines.span(start, at)
            if key in keys:
                times[key] = times.get(key, 1) + 1
                self.times = max(self.times, times[key])
                self.twice += 1
                what = f'"{key}" is written twice, first on line {keys[key].line}'
                self._fault(span, what, "keep one of the two")
            keys[key] = span
            at = self._skip(at)
            if self._text[at : at + 1] != ":":
                raise self._stop(at, "a colon is missing after the key", f'write "{key}": value')
            counts = times.get(key, 1) - 1 <= self._counting
            value, at = self._value(self._skip(at + 1), (*path, key if counts else "?"), span)
            if counts:
                values[key] = value
            at, closed = self._next(at, opened, "}")
            if closed:
                return values, at

    def _array(self, opened: int, path: Path) -> tuple[list[Json], int]:
        values: list[Json] = []
        at = self._skip(opened + 1)
        if self._text[at : at + 1] == "]":
            return values, at + 1
        while True:
            value, at = self._value(at, (*path, len(values)), None)
            values.append(value)
            at, closed = self._next(at, opened, "]")
            if closed:
                return values, at

    def _next(self, at: int, opened: int, closer: str) -> tuple[int, bool]:
        """After a value: past the comma to the next one, or past the closing bracket."""
        at = self._skip(at)
        char = self._text[at : at + 1]
        if char == closer:
            return at + 1, True
        if char == ",":
            comma, at = at, self._skip(at + 1)
            if self._text[at : at + 1] == closer:
                raise self._stop(comma, f"a comma before the closing {closer}", "remove the comma")
            return at, False
        if not char:
            raise self._never_closed(opened)
        if char in "]}":
            raise self._stop(at, f'"{char}" closes nothing', f"write {closer} or remove it")
        self._refuse_habits(at)
        raise self._stop(at, "a comma is missing before this", "put a comma between values")

    # ---- what is no collection
    def _key(self, at: int, opened: int) -> tuple[str, int]:
        if not self._text[at : at + 1]:
            raise self._never_closed(opened)
        if self._text[at] != '"':
            self._refuse_habits(at)
            raise self._stop(at, "a key without double quotes", 'write "key": value')
        return self._string(at)

    def _string(self, at: int) -> tuple[str, int]:
        found = _STRING.match(self._text, at)
        if found is None:
            raise self._bad_string(at)
        try:
            value: str = json.loads(found[0])
        except json.JSONDecodeError as error:
            wrong = at + error.pos
            if self._text[wrong] != "\\":  # Python points behind the backslash of a bad \u
                wrong -= 1
            what = f'"{self._text[wrong : wrong + 2]}" means nothing in a JSON text'
            raise self._stop(wrong, what, "write two backslashes for one", 2) from error
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            span = self._lines.span(at, found.end())
            self._fault(span, "half a surrogate pair", "write both halves, or UTF-8")
            value = value.encode("utf-8", "replace").decode()
        return value, found.end()

    def _word(self, at: int) -> tuple[Json, int]:
        """A number, true, false or null."""
        self._refuse_habits(at)
        found = _WORD.match(self._text, at)
        if found is None:
            raise self._stop(at, "a value is missing here", 'write a value, or null, or ""')
        word, end = found[0], found.end()
        if word in _LITERALS:
            return _LITERALS[word], end
        number = _NUMBER.fullmatch(word)
        if number is not None:
            return self._number(number, at), end
        if word in _ALIENS:
            raise self._stop(at, f"JSON has no {word}", f"write {_ALIENS[word]}", len(word))
        raise self._stop(
            at, f"{word[:40]} is no JSON value", "put text in double quotes", len(word)
        )

    def _number(self, found: re.Match[str], at: int) -> Json:
        word = found[0]
        if found[1] is None and found[2] is None:
            value = int(word) if len(word) <= DIGITS_MAX else None
            if value is not None and INTEGER_MIN <= value <= INTEGER_MAX:
                return value
            what = "is an integer beyond 64 bits"
        else:
            real = float(word)
            if real - real == 0.0:
                return real
            what = "is too large for a number"
        span = self._lines.span(at, at + len(word))
        self._fault(span, f"{word[:40]} {what}", "put it in quotes if it is text")
        return None

    # ---- faults
    def _fault(self, span: Span, what: str, fix: str) -> None:
        if len(self.faults) >= FAULTS_MAX:
            what = f"{FAULTS_MAX:,} faults; nothing from here on was read"
            raise _Stop(fault_at(self._file, span, what, "mend those above first"))
        self.faults.append(fault_at(self._file, span, what, fix))

    def _bad_string(self, at: int) -> _Stop:
        end = at + 1
        while self._text[end : end + 1] >= " ":
            end += 2 if self._text[end] == "\\" else 1
        char = self._text[end : end + 1]
        if char in ("", "\n", "\r"):
            return self._stop(
                at, "the quote that opens here is never closed on its line", "close it"
            )
        return self._stop(
            end,
            f"the character U+{ord(char):04X} cannot stand in a JSON text",
            f'write "\\u{ord(char):04x}"',
        )

    def _refuse_habits(self, at: int) -> None:
        """What other languages allow and people bring along."""
        head = self._text[at : at + 2]
        if head in ("//", "/*") or head[:1] == "#":
            raise self._stop(at, "JSON has no comments", "remove it, or use a .yaml file", 2)
        if head[:1] == "'":
            raise self._stop(at, "JSON knows no single quotes", "use double quotes")

    def _never_closed(self, opened: int) -> _Stop:
        char = self._text[opened]
        closer = "}" if char == "{" else "]"
        return self._stop(opened, f"the {char} that opens here is never closed", f"add {closer}")

    def _stop(self, at: int, what: str, fix: str, width: int = 1) -> _Stop:
        return _Stop(fault_at(self._file, self._lines.span(at, at + width), what, fix))

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found is not None else at
