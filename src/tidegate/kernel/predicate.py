"""Predicate: one condition on one field, as it is written in a rule.

    data.ingestion_status: success           a plain value: equal to it
    data.region: [DE, FR]                    a list: one of its elements
    data.quality_score: ">= 0.95"            >= <= > < == != and a number, a date or a word
    data.region: "not in [DE, FR]"           in, not in
    data.file: "matches ^orders_"            matches, contains, startswith, endswith

YAML has typed plain values already: `"5"` is a text and equals only a text. Inside an operator text
5 is a number, `"5"` a text. To mean a text that looks like an operator, write `== "> 5"`; to mean a
list as a whole, write `== [DE, FR]`. Kinds never mix: `> 0` does not hold for the text "1", nor
for true. What is missing meets no predicate, not even `!=`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeAlias

from msgspec import Struct

from tidegate.kernel.event import Json
from tidegate.kernel.expression_fault import STEPS_MAX, invalid
from tidegate.kernel.expression_function import PATTERN_WORK
from tidegate.kernel.expression_operator import ORDERS, equal
from tidegate.kernel.pattern import Pattern
from tidegate.kernel.pattern_parser import PatternError
from tidegate.kernel.predicate_parser import Wanted, parse_wanted
from tidegate.kernel.value import MISSING, Path, is_list, is_map, kind, parse_path, shown

WANTED_MAX: Final = 200
"""Characters of what is wanted in a predicate's text."""
PARSED_KEPT: Final = 8_192
"""Short predicates that are parsed once: rules of one project ask much the same."""
MATCH_WORK_MAX: Final = STEPS_MAX * PATTERN_WORK
"""Characters times instructions one match may cost; for longer texts `why` says that it was met."""

Holds: TypeAlias = Callable[[Json], bool]


class Predicate(Struct, frozen=True, eq=False, kw_only=True):
    """One condition; `holds` takes the value at `path`, or MISSING."""

    path: Path
    text: str
    """As people read it: `data.record_count > 0`."""
    holds: Holds
    """Raises nothing."""
    needed: tuple[str, ...] = ()
    """The kinds of value it may hold for; empty for any."""
    equals: Json = MISSING
    """The one value it holds for, where that is no list or map, so that an index can find it.

    1 and 1.0 are one value; True is another, although Python takes it for the same key as 1.
    """
    never: str = ""
    """Why no value can meet it; empty where one can."""
    length_max: int | None = None
    """Characters of the longest text its pattern is tried on."""

    def why(self, value: Json) -> str:
        """What stood against it, to follow the path's name: `was 0`, `is missing`."""
        if value is MISSING:
            return "is missing"
        if self.needed and kind(value) not in self.needed:
            seen = "null" if value is None else f"{kind(value)} {shown(value)}"
            return f"is {seen}, {' or '.join(map(_a, self.needed))} was needed"
        if self.length_max is not None and len(value) > self.length_max:
            return f"has {len(value):,} characters; this pattern takes {self.length_max:,}"
        return f"was {shown(value)}"


def parse_predicate(path: str, wanted: Json) -> Predicate:
    """What a rule writes for one field. Raises InputError (`expression.invalid`)."""
    if isinstance(wanted, int) or (isinstance(wanted, str) and len(wanted) <= WANTED_MAX):
        return _parse_short(path, wanted)
    return _parse(path, wanted)


def _parse(path: str, wanted: Json) -> Predicate:
    segments = parse_path(path)
    return _made(path, segments, parse_wanted(path, wanted))


# Typed: 1 and True are one key otherwise.
_parse_short = lru_cache(maxsize=PARSED_KEPT, typed=True)(_parse)


def _made(name: str, path: Path, wanted: Wanted) -> Predicate:
    operator, operand = wanted.operator, wanted.operand
    text = f"{name} {operator} {shown(operand, WANTED_MAX)}"
    match operator:
        case "==":
            indexed = not is_list(operand) and not is_map(operand)
            return Predicate(
                path=path,
                text=text,
                holds=_same(operand),
                needed=(kind(operand),),
                equals=operand if indexed else MISSING,
            )
        case "!=":
            return Predicate(path=path, text=text, holds=_other_than(_same(operand)))
        case "in":
            never = "" if operand else "nothing is in an empty list"
            return Predicate(path=path, text=text, holds=_member(operand), never=never)
        case "not in":
            return Predicate(path=path, text=text, holds=_other_than(_member(operand)))
        case "matches":
            return _matches(name, path, wanted)
        case "contains":
            holds = _contains(wanted.written, operand)
            return Predicate(path=path, text=text, holds=holds, needed=("text", "list"))
        case "startswith":
            return Predicate(path=path, text=text, holds=_starts(operand), needed=("text",))
        case "endswith":
            return Predicate(path=path, text=text, holds=_ends(operand), needed=("text",))
        case _:
            holds = _beyond(operator, operand)
            return Predicate(path=path, text=text, holds=holds, needed=(kind(operand),))


def _matches(name: str, path: Path, wanted: Wanted) -> Predicate:
    try:
        pattern = Pattern(wanted.operand)
    except PatternError as error:
        raise invalid(wanted.spot, f"{name}: {error}", error.fix) from error
    most = MATCH_WORK_MAX // pattern.size
    return Predicate(
        path=path,
        text=f"{name} matches {shown(wanted.operand, WANTED_MAX)}",
        holds=lambda value: type(value) is str and len(value) <= most and pattern.found_in(value),
        needed=("text",),
        length_max=most,
    )


# ---- tests of one value
def _same(wanted: Json) -> Holds:
    if type(wanted) is str:
        return lambda value: bool(value == wanted)
    if type(wanted) is int or type(wanted) is float:
        # true equals 1 in Python, but is no number.
        return lambda value: type(value) is not bool and bool(value == wanted)
    return lambda value: equal(value, wanted)


def _other_than(holds: Holds) -> Holds:
    return lambda value: value is not MISSING and not holds(value)


def _beyond(operator: str, bound: int | float | str) -> Holds:
    compare = ORDERS[operator]
    if type(bound) is str:
        return lambda value: type(value) is str and compare(value, bound)
    return lambda value: (type(value) is int or type(value) is float) and compare(value, bound)


def _member(wanted: list[Json]) -> Holds:
    texts = frozenset(item for item in wanted if type(item) is str)
    others = tuple(item for item in wanted if type(item) is not str)

    def holds(value: Json) -> bool:
        if type(value) is str:
            return value in texts
        return any(equal(value, other) for other in others)

    return holds


def _contains(part: str, wanted: Json) -> Holds:
    def holds(value: Json) -> bool:
        if type(value) is str:
            return part in value
        return is_list(value) and any(equal(item, wanted) for item in value)

    return holds


def _starts(part: str) -> Holds:
    return lambda value: type(value) is str and value.startswith(part)


def _ends(part: str) -> Holds:
    return lambda value: type(value) is str and value.endswith(part)


def _a(name: str) -> str:
    return name if name == "null" else f"a {name}"
