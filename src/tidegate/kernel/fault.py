"""Fault: something wrong in a file, said with its place, what was seen, and what to do.

    rules/daily.yaml:3:11: priority: "hgih" is none of low, normal, high; fix: did you mean "high"?
      3 | priority: hgih
        |           ^^^^

`render` prints many at once. `from_validation` turns what pydantic found wrong into faults, one for
each thing a person has to change.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel, ValidationError

from tidegate.kernel.errors import TidegateError
from tidegate.kernel.event import Json
from tidegate.kernel.passage import passage
from tidegate.kernel.place import Path, Place, Places, Span, inside, locate, pointed
from tidegate.kernel.validation import Wrong, reduce_errors
from tidegate.kernel.wording import say

SHOWN_MAX = 100
"""Columns of a source line that are printed; a longer one is cut around the caret, with `...`."""

_BOLD, _RED, _YELLOW, _CYAN, _PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[0m"


class Fault(Struct, frozen=True):
    """One thing to mend. Line 0 means the file as a whole."""

    file: str
    line: int
    column: int
    width: int
    what: str
    fix: str = ""
    warning: bool = False
    code: str = "document.invalid"

    def headline(self) -> str:
        """`file:line:column: what; fix: how`, always one line."""
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return _one_line(f"{where}: {self._said()}")

    def _said(self) -> str:
        kind = "warning: " if self.warning else ""
        return f"{kind}{self.what}; fix: {self.fix}" if self.fix else f"{kind}{self.what}"


def fault_at(
    file: str, span: Span | None, what: str, fix: str = "", *, warning: bool = False
) -> Fault:
    """A fault at a place; None for the file as a whole."""
    if span is None:
        return Fault(file, 0, 0, 0, what, fix, warning)
    return Fault(file, span.line, span.column, span.width, what, fix, warning)


def ordered(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """By file and place, each once."""
    return tuple(
        sorted(
            dict.fromkeys(faults),
            key=lambda fault: (fault.file, fault.line, fault.column, fault.warning, fault.what),
        )
    )


def summary(faults: Iterable[Fault]) -> str:
    """`3 faults and 1 warning in 2 files`, or `no faults`."""
    seen = ordered(faults)
    warnings = sum(fault.warning for fault in seen)
    counts = ((len(seen) - warnings, "fault"), (warnings, "warning"))
    parts = [_count(number, noun) for number, noun in counts if number]
    if not parts:
        return "no faults"
    return f"{' and '.join(parts)} in {_count(len({fault.file for fault in seen}), 'file')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


# ---- printing
def render(faults: Iterable[Fault], sources: Mapping[str, str], *, colour: bool = False) -> str:
    """All faults by file and place, each with its source line and a caret; "" for none."""
    lines_of: dict[str, list[str]] = {}
    blocks: list[str] = []
    for fault in ordered(faults):
        if fault.file not in lines_of:
            text = sources.get(fault.file)
            lines_of[fault.file] = [] if text is None else text.split("\n")
        blocks.append(_block(fault, lines_of[fault.file], colour=colour))
    return "\n".join(blocks)


def _block(fault: Fault, lines: list[str], *, colour: bool) -> str:
    paint = _YELLOW if fault.warning else _RED
    headline = _coloured(fault) if colour else fault.headline()
    if not 0 < fault.line <= len(lines):
        return f"{headline}\n"
    shown, indent, width = _window(lines[fault.line - 1], fault.column - 1, fault.width)
    number = str(fault.line).rjust(4)
    caret = "^" * width
    if colour:
        caret = f"{paint}{caret}{_PLAIN}"
    source = f"{number} | {shown}".rstrip()
    return f"{headline}\n{source}\n{' ' * len(number)} | {' ' * indent}{caret}\n"


def _coloured(fault: Fault) -> str:
    where, _, _ = fault.headline().partition(": ")
    paint = _YELLOW if fault.warning else _RED
    what = _one_line(f"{'warning: ' if fault.warning else ''}{fault.what}")
    fix = f"; {_CYAN}fix:{_PLAIN} {_one_line(fault.fix)}" if fault.fix else ""
    return f"{_BOLD}{where}{_PLAIN}: {paint}{what}{_PLAIN}{fix}"


def _window(line: str, start: int, width: int) -> tuple[str, int, int]:
    """The part of a line to print, the caret's indent, and its width, in columns of a terminal."""
    line = line.rstrip("\r")
    start = min(start, len(line))
    end = max(start, min(start + width, len(line)))
    first, last = 0, len(line)
    if last > SHOWN_MAX:
        first = max(0, min(start - SHOWN_MAX // 3, last - SHOWN_MAX))
        last = first + SHOWN_MAX
        end = min(end, last)
    before = ("..." if first else "") + _visible(line[first:start])
    marked = _visible(line[start:end])
    after = _visible(line[end:last]) + ("..." if last < len(line) else "")
    return before + marked + after, _columns(before), max(1, _columns(marked))


def _visible(text: str) -> str:
    """Text safe for a terminal: tabs as arrows, other control and format characters as a sign."""
    return "".join(
        "→" if char == "\t" else "�" if unicodedata.category(char)[0] == "C" else char
        for char in text
    )


def _columns(text: str) -> int:
    """How wide a terminal draws a text: East Asian characters take two columns, accents none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _one_line(text: str) -> str:
    return _visible(" ".join(text.split()))


# ---- from pydantic
def from_validation(
    error: ValidationError,
    places: Places,
    file: str,
    model: type[BaseModel],
    path: Path = (),
    text: str = "",
) -> list[Fault]:
    """What pydantic found, as faults; `path` is where the validated body stands in its document.

    With the file's text, faults inside values of several lines or with escapes are pointed at.
    """
    return from_wrongs(*reduce_errors(error, places, model, path), places, file, path, text)


def from_wrongs(
    wrongs: Iterable[Wrong], untold: int, places: Places, file: str, path: Path = (), text: str = ""
) -> list[Fault]:
    """Things to change as faults, and how many more there are."""
    faults = [_fault(wrong, places, file, text) for wrong in wrongs]
    if untold:
        what = f"{untold:,} more faults of this document are not told"
        faults.append(fault_at(file, locate(places, path).value, what, "mend the others first"))
    return faults


def _fault(wrong: Wrong, places: Places, file: str, text: str) -> Fault:
    what, fix = say(wrong)
    span = _finger(wrong, places)
    raised = wrong.context.get("error")
    cause = raised.__cause__ if isinstance(raised, Exception) else None
    if not isinstance(cause, TidegateError):
        return fault_at(file, span, what, fix)
    line, column = cause.details.get("line"), cause.details.get("column")
    if isinstance(line, int) and isinstance(column, int):
        # The caret says where in the value it is; where it cannot, the message does.
        spot = None
        if _is_all(cause, wrong.seen):
            plain = inside(span, wrong.seen, column) if "\n" not in wrong.seen else None
            start = locate(places, wrong.path).value
            spot = plain or passage(text, start, wrong.seen, _at(wrong.seen, line, column))
        if spot is not None or _is_start(line, column):
            span, what = spot or span, what.replace(f"{line}:{column}: ", "", 1)
    return replace(fault_at(file, span, what, fix), code=cause.code)


def _is_all(cause: TidegateError, seen: Json) -> bool:
    """The expression is the whole value: its columns are those of the value."""
    return isinstance(seen, str) and cause.details.get("source") == seen


def _at(value: str, line: int, column: int) -> int:
    lines = value.split("\n")
    return sum(len(one) + 1 for one in lines[: line - 1]) + column - 1


def _is_start(line: int, column: int) -> bool:
    return line == column == 1


def _finger(wrong: Wrong, places: Places) -> Span:
    """Where to point: at the key where the key is wrong, or where something is missing below it."""
    place: Place = locate(places, wrong.path)
    if place.key is not None and (wrong.at_key or wrong.kind == "missing"):
        return place.key
    return pointed(place)
