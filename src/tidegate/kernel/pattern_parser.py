"""Pattern parser: the text of a regular expression to a tree.

The language is RE2's: no back-references and no look-around, whose cost nobody can bound. Classes
such as `\\d` and `\\w` are ASCII; `(?i)`, `(?s)` and `(?m)` are known.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

from msgspec import Struct

SOURCE_MAX: Final = 1024
"""Characters of a pattern."""
REPEAT_MAX: Final = 1000
DEPTH_MAX: Final = 50

Range: TypeAlias = tuple[str, str]
Border: TypeAlias = Literal[
    "text begins", "text ends", "line begins", "line ends", "word", "inside"
]


class PatternError(ValueError):
    """A pattern that cannot be read; `at` counts its characters from 0."""

    def __init__(self, at: int, what: str, fix: str = "") -> None:
        super().__init__(f"pattern, character {at + 1}: {what}")
        self.at = at
        self.fix = fix


class Chars(Struct, frozen=True):
    """The characters one place of a text may hold."""

    ranges: tuple[Range, ...]
    negated: bool = False
    folded: bool = False  # upper and lower case are the same

    def holds(self, character: str) -> bool:
        found = self._among(character)
        if not found and self.folded:
            found = self._among(character.lower()) or self._among(character.upper())
        return found is not self.negated

    def _among(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self.ranges)


class Edge(Struct, frozen=True):
    """A place between two characters."""

    border: Border


class Sequence(Struct, frozen=True):
    parts: tuple[Part, ...]


class Either(Struct, frozen=True):
    branches: tuple[Part, ...]


class Repeat(Struct, frozen=True):
    part: Part
    least: int
    most: int | None


Part: TypeAlias = Chars | Edge | Sequence | Either | Repeat

_DIGIT: Final = (("0", "9"),)
_WORD: Final = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
_SPACE: Final = (("\t", "\n"), ("\f", "\r"), (" ", " "))
_CLASSES: Final[dict[str, tuple[Range, ...]]] = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_POSIX: Final[dict[str, tuple[Range, ...]]] = {
    "alnum": (("0", "9"), ("A", "Z"), ("a", "z")),
    "alpha": (("A", "Z"), ("a", "z")),
    "digit": _DIGIT,
    "lower": (("a", "z"),),
    "punct": (("!", "/"), (":", "@"), ("[", "`"), ("{", "~")),
    "space": (("\t", "\r"), (" ", " ")),
    "upper": (("A", "Z"),),
    "word": _WORD,
    "xdigit": (("0", "9"), ("A", "F"), ("a", "f")),
}
_BORDERS: Final[dict[str, Border]] = {
    "A": "text begins",
    "z": "text ends",
    "b": "word",
    "B": "inside",
}
_ESCAPES: Final = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_COUNT: Final = re.compile(r"\{(\d{1,6})(,(\d{1,6})?)?\}", re.ASCII)
_HEX: Final = re.compile(r"x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})")
_GROUP: Final = re.compile(
    r"\(\?(?:P?<[A-Za-z_]\w*>|(?P<on>[ims]*)(?:-(?P<off>[ims]+))?(?P<end>[:)]))", re.ASCII
)
_POSIX_CLASS: Final = re.compile(r"\[:(\^?)([a-z]+):\]")
_LAST = "\U0010ffff"


class PatternParser:
    """Reads one pattern; used once."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._depth = 0
        self._flags = frozenset[str]()

    def parse(self) -> Part:
        """Raises PatternError."""
        if len(self._source) > SOURCE_MAX:
            raise PatternError(SOURCE_MAX, f"a pattern has at most {SOURCE_MAX} characters")
        part = self._either()
        if self._at < len(self._source):
            raise PatternError(self._at, "this ) closes nothing", r"write \) for the character")
        return part

    def _either(self) -> Part:
        """Branches up to a closing parenthesis or the end; flags set inside end with it."""
        if self._depth >= DEPTH_MAX:
            raise PatternError(self._at, f"nested deeper than {DEPTH_MAX} levels")
        self._depth += 1
        flags = self._flags
        branches = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            branches.append(self._sequence())
        self._depth -= 1
        self._flags = flags
        return branches[0] if len(branches) == 1 else Either(tuple(branches))

    def _sequence(self) -> Part:
        parts: list[Part] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated())
        return Sequence(tuple(parts))

    def _repeated(self) -> Part:
        part = self._single()
        bounds = self._bounds()
        if bounds is None:
            return part
        if self._peek() == "?":  # the lazy form; yes or no is the same
            self._at += 1
        at = self._at
        if self._bounds() is not None:
            raise PatternError(at, "a repetition of a repetition", "put the inner one in (?:...)")
        return Repeat(part, *bounds)

    def _bounds(self) -> tuple[int, int | None] | None:
        sign = self._peek()
        if sign in ("*", "+", "?"):
            self._at += 1
            return int(sign == "+"), 1 if sign == "?" else None
        counted = _COUNT.match(self._source, self._at)
        if counted is None:
            return None
        least = int(counted[1])
        most = least if counted[2] is None else int(counted[3]) if counted[3] else None
        if max(least, most or 0) > REPEAT_MAX:
            raise PatternError(self._at, f"repeats more than {REPEAT_MAX} times")
        if most is not None and most < least:
            raise PatternError(self._at, f"at least {least} times but at most {most}")
        self._at = counted.end()
        return least, most

    def _single(self) -> Part:
        at, character = self._at, self._peek()
        self._at += 1
        match character:
            case "(":
                return self._group(at)
            case "[":
                return self._bracket(at)
            case "\\":
                return self._escape(at)
            case ".":
                return Chars(() if "s" in self._flags else (("\n", "\n"),), negated=True)
            case "^":
                return Edge("line begins" if "m" in self._flags else "text begins")
            case "$":
                return Edge("line ends" if "m" in self._flags else "text ends")
            case "*" | "+" | "?":
                raise PatternError(at, f"{character} has nothing to repeat", rf"write \{character}")
            case _:
                return self._chars(((character, character),))

    # ---- groups
    def _group(self, at: int) -> Part:
        if self._peek() != "?":
            return self._closed(at)
        found = _GROUP.match(self._source, at)
        if found is None:
            raise PatternError(
                at, "this kind of group is unknown", "look-ahead and look-behind are left out"
            )
        self._at = found.end()
        outer = self._flags
        if found["end"]:
            self._flags = (self._flags | set(found["on"])) - set(found["off"] or "")
        if found["end"] == ")":  # for the rest of the group around it
            return Sequence(())
        part = self._closed(at)
        self._flags = outer
        return part

    def _closed(self, at: int) -> Part:
        part = self._either()
        if self._peek() != ")":
            raise PatternError(at, "this ( is never closed", r"write \( for the character")
        self._at += 1
        return part

    # ---- characters
    def _escape(self, at: int) -> Part:
        character = self._peek()
        if border := _BORDERS.get(character):
            self._at += 1
            return Edge(border)
        if ranges := _CLASSES.get(character.lower()):
            self._at += 1
            return self._chars(ranges, negated=character.isupper())
        escaped = self._escaped(at)
        return self._chars(((escaped, escaped),))

    def _escaped(self, at: int) -> str:
        """The one character behind a backslash."""
        character = self._peek()
        self._at += 1
        if character in _ESCAPES:
            return _ESCAPES[character]
        if found := _HEX.match(self._source, at + 1):
            code = int(found[1] or found[2], 16)
            if code <= 0x10FFFF:
                self._at = found.end()
                return chr(code)
        if not character or character.isalnum():
            fix = "there are no back-references" if character.isdigit() else r"write \\ for itself"
            raise PatternError(at, f"\\{character} means nothing", fix)
        return character

    def _bracket(self, at: int) -> Part:
        negated = self._peek() == "^"
        self._at += negated
        ranges: list[Range] = []
        first = True
        while (character := self._peek()) != "]" or first:
            if not character:
                raise PatternError(at, "this [ is never closed", r"write \[ for the character")
            first = False
            ranges.extend(self._bracket_item())
        self._at += 1
        return self._chars(tuple(ranges), negated=negated)

    def _bracket_item(self) -> tuple[Range, ...]:
        at = self._at
        if found := _POSIX_CLASS.match(self._source, at):
            if found[2] not in _POSIX:
                raise PatternError(at, f"{found[0]} is no class", f"known: {', '.join(_POSIX)}")
            self._at = found.end()
            return _others(_POSIX[found[2]]) if found[1] else _POSIX[found[2]]
        if self._peek() == "\\" and (ranges := _CLASSES.get(self._peek(1).lower())):
            self._at += 2
            return _others(ranges) if self._source[at + 1].isupper() else ranges
        low = self._bracket_character()
        if self._peek() != "-" or self._peek(1) in ("]", ""):
            return ((low, low),)
        self._at += 1
        high = self._bracket_character()
        if high < low:
            raise PatternError(at, f"{low}-{high} runs backwards")
        return ((low, high),)

    def _bracket_character(self) -> str:
        at, character = self._at, self._peek()
        self._at += 1
        return self._escaped(at) if character == "\\" else character

    def _chars(self, ranges: tuple[Range, ...], *, negated: bool = False) -> Part:
        return Chars(ranges, negated, "i" in self._flags)

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._source[at : at + 1]


def _others(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """All characters outside of sorted ranges."""
    edges: list[Range] = []
    low = "\0"
    for first, last in ranges:
        if first > low:
            edges.append((low, chr(ord(first) - 1)))
        low = chr(ord(last) + 1)
    return (*edges, (low, _LAST))
