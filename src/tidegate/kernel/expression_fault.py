"""Faults of expressions: what can go wrong, and the spot in the source where it did.

Compiling raises InputError `expression.invalid`. Evaluating raises `Missing` for a field that is
not there, InputError `expression.type` for a value an operation cannot use, `expression.function`
for a function of the project that failed, and `expression.budget` when a limit is met. Lines and
columns count from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Final, NamedTuple, TypeAlias

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.value import kind, shown

SOURCE_MAX: Final = 16 * 1024
"""Characters of one expression."""
DEPTH_MAX: Final = 50
"""Levels of one expression, parentheses included."""
STEPS_MAX: Final = 10_000
"""Steps of one evaluation: a step is one operation, 100 characters or elements handled at once, or
10 values compared inside lists and maps; patterns have a price of their own."""
TEXT_MAX: Final = 64 * 1024
"""Characters of a text an expression or a template makes."""
LIST_MAX: Final = 10_000
"""Elements of a list an expression makes."""
WORK_PER_STEP: Final = 100

Meter: TypeAlias = list[int]
"""One number: the steps that are left. A list, so that every closure spends from the same one."""
Run: TypeAlias = Callable[[Mapping[str, Json], Meter], Json]
"""A compiled expression: the names in scope and the steps left to its value."""


class Missing(Exception):
    """A field that is not there; conditions turn it into "not met, because data.x is missing"."""

    def __init__(self, path: str, template: str = "") -> None:
        super().__init__(path, template)
        self.path = path
        self.template = template

    def __str__(self) -> str:
        if self.template:
            return f"{self.path} is missing for the template {shown(self.template, 200)}"
        return f"{self.path} is missing"


class Spot(NamedTuple):
    """Where in a source; line and column are worked out only when something is wrong there."""

    source: str
    at: int

    @property
    def line(self) -> int:
        return self.source.count("\n", 0, self.at) + 1

    @property
    def column(self) -> int:
        return self.at - self.source.rfind("\n", 0, self.at)


def invalid(spot: Spot, what: str, fix: str = "") -> InputError:
    """The source cannot be compiled."""
    return _fault("expression.invalid", spot, what, fix)


def wrong(spot: Spot, what: str, fix: str = "") -> InputError:
    """An operation met values it cannot use."""
    return _fault("expression.type", spot, what, fix)


def failed(spot: Spot, what: str, fix: str = "") -> InputError:
    """A function of the project did not answer a value."""
    return _fault("expression.function", spot, what, fix)


def spent(spot: Spot, what: str = "") -> InputError:
    """A limit was met."""
    return _fault(
        "expression.budget",
        spot,
        what or f"the expression needs more than {STEPS_MAX:,} steps",
        "look at fewer or shorter values",
    )


def needs(spot: Spot, operation: str, wanted: str, *seen: Json) -> InputError:
    """`wrong`, for operands of the wrong kind."""
    found = " and ".join(f"{kind(value)} {shown(value, 40)}" for value in seen)
    return wrong(spot, f"{operation} needs {wanted}, found {found}")


def charge(meter: Meter, steps: int, spot: Spot) -> None:
    meter[0] -= steps
    if meter[0] < 0:
        raise spent(spot)


def unless_spent(error: Missing | InputError) -> None:
    """`false && x` and `true || x` are decided whatever `x` is, but a limit met ends everything."""
    if isinstance(error, InputError) and error.code == "expression.budget":
        raise error


def nearest(word: str, known: Iterable[str]) -> str:
    """What to write instead of an unknown word."""
    names = sorted(known)
    close = get_close_matches(word, names, n=1, cutoff=0.6) or [
        name for name in names if name.lower() == word.lower()
    ]
    if close:
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(names)}" if names else ""


def _fault(code: str, spot: Spot, what: str, fix: str) -> InputError:
    return InputError(
        code,
        f"{spot.line}:{spot.column}: {what}",
        fix=fix,
        line=spot.line,
        column=spot.column,
        source=spot.source,
    )
