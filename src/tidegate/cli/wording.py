"""Wording: instants, values and long texts as a terminal shows them."""

from __future__ import annotations

import re

from tidegate.kernel.event import Json
from tidegate.kernel.value import text

VALUE_MAX = 100
LINES_MAX = 12
_FRACTION = re.compile(r"\.\d+Z$")


def when(instant: str | None) -> str:
    """An instant in whole seconds; JSON has all of it."""
    return "" if instant is None else _FRACTION.sub("Z", instant)


_UNATTENDED: dict[str, str] = {
    "not_begun": "not begun, no server",
    "interrupted": "interrupted, no server",
    "elsewhere": "running elsewhere, no server",
    "retrying": "retrying, no server",
}


def standing(run: Json) -> str:
    """The status of a run, as long as somebody works on it."""
    unattended: str | None = run["unattended"]
    return str(run["status"]) if unattended is None else _UNATTENDED[unattended]


def visible(line: str) -> str:
    """One line as it stands; what a terminal would obey is shown: events come from anybody."""
    if line.isprintable():
        return line
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in line)


def oneline(words: str) -> str:
    """A text whose breaks are blanks."""
    return visible(" ".join(words.split()))


def sender(about: Json) -> str:
    """Source and id of an event, as far as they are known."""
    known = (about["source"], about["id"]) if about else ()
    return oneline(" ".join(one for one in known if one))


def whole(words: str, by: int) -> str:
    """Every line of a text, each set in."""
    return "\n".join(f"{' ' * by}{visible(line)}" for line in words.rstrip().splitlines())


def shorter(value: Json) -> str:
    """A value in one line of at most VALUE_MAX characters."""
    line = oneline(text(value))
    return line if len(line) <= VALUE_MAX else f"{line[: VALUE_MAX - 3]}..."


def indented(words: str, by: int) -> str:
    """The last lines of a text, each set in; what a program wrote at its end says most."""
    lines = words.rstrip().splitlines()
    left_out = len(lines) - LINES_MAX
    shown = lines if left_out <= 0 else [lines[0], f"... {left_out} lines", *lines[1 - LINES_MAX :]]
    return "\n".join(f"{' ' * by}{visible(line)}" for line in shown)
