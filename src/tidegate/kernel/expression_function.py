"""Functions: those every expression knows, by name.

Methods belong to a text or a list (`name.contains("x")`), functions stand alone (`size(list)`).
Texts count Unicode characters. What CEL's core and its strings library name means the same here;
`min`, `max` and `abs` are ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from tidegate.kernel.event import Json
from tidegate.kernel.expression_fault import (
    LIST_MAX,
    TEXT_MAX,
    WORK_PER_STEP,
    Meter,
    Spot,
    charge,
    failed,
    needs,
    spent,
    wrong,
)
from tidegate.kernel.expression_operator import number, ordered
from tidegate.kernel.pattern import Pattern
from tidegate.kernel.pattern_parser import PatternError
from tidegate.kernel.value import DEPTH_MAX, INTEGER_MAX, INTEGER_MIN, is_list, is_map, kind, text

PATTERN_WORK: Final = 50
"""Characters times instructions of a pattern that one step pays for."""

Body: TypeAlias = Callable[[Sequence[Json], Meter, Spot], Json]


class Function(Struct, frozen=True):
    """How a function is called: `usage` is printed when it was called otherwise."""

    usage: str
    least: int
    most: int
    body: Body
    kinds: tuple[type, ...] = ()
    """The types of its arguments, where they are fixed."""


def _size(arguments: Sequence[Json], _meter: Meter, spot: Spot) -> Json:
    if type(arguments[0]) not in (str, list, dict):
        raise needs(spot, "size()", "a text, a list or a map", arguments[0])
    return len(arguments[0])


# ---- texts
def _contains(arguments: Sequence[Json], meter: Meter, spot: Spot) -> Json:
    # Searching a long text for a long one may look at each character more than once.
    charge(meter, len(arguments[0]) // WORK_PER_STEP, spot)
    return arguments[1] in arguments[0]


def _starts_with(arguments: Sequence[Json], _meter: Meter, _spot: Spot) -> Json:
    return arguments[0].startswith(arguments[1])


def _ends_with(arguments: Sequence[Json], _meter: Meter, _spot: Spot) -> Json:
    return arguments[0].endswith(arguments[1])


def _matches(arguments: Sequence[Json], meter: Meter, spot: Spot) -> Json:
    return found(compiled(arguments[1], meter, spot), arguments[0], meter, spot)


def compiled(source: str, meter: Meter, spot: Spot) -> Pattern:
    """A pattern that is only known now. Raises InputError (`expression.type`)."""
    try:
        pattern = Pattern(source)
    except PatternError as error:
        raise wrong(spot, str(error), error.fix) from error
    charge(meter, (len(source) + pattern.size) // 10, spot)
    return pattern


def found(pattern: Pattern, value: str, meter: Meter, spot: Spot) -> bool:
    """Whether it matches. The charge knows nothing of what the pattern already learnt."""
    charge(meter, len(value) * pattern.size // PATTERN_WORK, spot)
    return pattern.found_in(value)


def _lower(arguments: Sequence[Json], meter: Meter, spot: Spot) -> Json:
    return _bounded(arguments[0].translate(_LOWER), meter, spot)


def _upper(arguments: Sequence[Json], meter: Meter, spot: Spot) -> Json:
    return _bounded(arguments[0].translate(_UPPER), meter, spot)


def _trim(arguments: Sequence[Json], meter: Meter, spot: Spot) -> Json:
    return _bounded(arguments[0].strip(_BLANKS), meter, spot)


def _split(arguments: Sequence[Json], meter: Meter, spot: Spot) -> Json:
    value, separator = arguments[0], arguments[1]
    limit = arguments[2] if len(arguments) == 3 else -1
    charge(meter, len(value) // WORK_PER_STEP, spot)
    if limit == 0:
        return []
    pieces = list(value) if not separator else value.split(separator, max(limit - 1, -1))
    if not separator and 0 < limit < len(pieces):
        pieces = [*pieces[: limit - 1], "".join(pieces[limit - 1 :])]
    if len(pieces) > LIST_MAX:
        raise spent(spot, f"the list is longer than {LIST_MAX:,} elements")
    return pieces


def _join(arguments: Sequence[Json], meter: Meter, spot: Spot) -> Json:
    separator = arguments[1] if len(arguments) == 2 else ""
    total = 0
    for item in arguments[0]:
        if type(item) is not str:
            raise needs(spot, "join()", "a list of texts", item)
        total += len(item) + len(separator)
    _length(total - len(separator), spot)
    return _bounded(separator.join(arguments[0]), meter, spot)


def _replace(arguments: Sequence[Json], meter: Meter, spot: Spot) -> Json:
    value, old, new = arguments[:3]
    limit = arguments[3] if len(arguments) == 4 else -1
    charge(meter, len(value) // WORK_PER_STEP, spot)
    count = value.count(old) if limit < 0 else min(value.count(old), limit)
    _length(len(value) + count * (len(new) - len(old)), spot)
    return _bounded(value.replace(old, new, count), meter, spot)


def _substring(arguments: Sequence[Json], meter: Meter, spot: Spot) -> Json:
    value, start = arguments[:2]
    end = arguments[2] if len(arguments) == 3 else len(value)
    if not 0 <= start <= end <= len(value):
        what = f"substring({start}, {end}) does not lie within {len(value)} characters"
        raise wrong(spot, what, "positions count from 0; the end is not included")
    return _bounded(value[start:end], meter, spot)


def _bounded(value: str, meter: Meter, spot: Spot) -> str:
    _length(len(value), spot)
    charge(meter, len(value) // WORK_PER_STEP, spot)
    return value


def _length(length: int, spot: Spot) -> None:
    if length > TEXT_MAX:
        raise spent(spot, f"the text is longer than {TEXT_MAX:,} characters")


# ---- conversions
def _int(arguments: Sequence[Json], _meter: Meter, spot: Spot) -> Json:
    value = arguments[0]
    if type(value) is int:
        return value
    if type(value) is float and INTEGER_MIN < value < INTEGER_MAX + 1:
        return int(value)
    if type(value) is str and _INTEGER.fullmatch(value):
        return number(int(value), spot)
    raise needs(spot, "int()", "a number or a text of digits", value)


def _double(arguments: Sequence[Json], _meter: Meter, spot: Spot) -> Json:
    value = arguments[0]
    if type(value) in (int, float):
        return float(value)
    if type(value) is str and _DECIMAL.fullmatch(value):
        return number(float(value), spot)
    raise needs(spot, "double()", "a number or a text that is one", value)


def _string(arguments: Sequence[Json], _meter: Meter, spot: Spot) -> Json:
    value = arguments[0]
    if type(value) not in (str, bool, int, float):
        raise needs(spot, "string()", "a text, a number or a boolean", value)
    return text(value)


def _bool(arguments: Sequence[Json], _meter: Meter, spot: Spot) -> Json:
    value = arguments[0]
    if type(value) is bool:
        return value
    if type(value) is str and value in _BOOLEANS:
        return _BOOLEANS[value]
    raise needs(spot, "bool()", 'a boolean, "true" or "false"', value)


# ---- numbers
def _least(arguments: Sequence[Json], meter: Meter, spot: Spot) -> Json:
    return _extreme("<", "min()", arguments, meter, spot)


def _greatest(arguments: Sequence[Json], meter: Meter, spot: Spot) -> Json:
    return _extreme(">", "max()", arguments, meter, spot)


def _extreme(symbol: str, name: str, arguments: Sequence[Json], meter: Meter, spot: Spot) -> Json:
    only: Json = arguments[0] if len(arguments) == 1 else None
    values = only if is_list(only) else arguments
    charge(meter, len(values) // WORK_PER_STEP, spot)
    if not values:
        raise wrong(spot, f"{name} of an empty list", "write size(x) > 0 && ... in front")
    best = values[0]
    for value in values:
        # Each is compared, the first with itself, so that one of a wrong kind is always found.
        if ordered(symbol, value, best, spot):
            best = value
    return best


def _abs(arguments: Sequence[Json], _meter: Meter, spot: Spot) -> Json:
    if type(arguments[0]) not in (int, float):
        raise needs(spot, "abs()", "a number", arguments[0])
    return number(abs(arguments[0]), spot)


# ---- functions of the project
def plain(value: Json, name: str, meter: Meter, spot: Spot, depth: int = 0) -> Json:
    """What a function of the project answered, if it is a JSON value.

    Raises InputError (`expression.function`).
    """
    charge(meter, 1 if depth else 0, spot)
    if value is None or type(value) is bool:
        return value
    if type(value) is str:
        _length(len(value), spot)
        return value
    if type(value) is int or type(value) is float:
        return number(value, spot)
    parts: list[Json] | None = value if is_list(value) else None
    if is_map(value) and all(type(key) is str for key in value):
        parts = list(value.values())
    if parts is not None and depth < DEPTH_MAX:
        for part in parts:
            plain(part, name, meter, spot, depth + 1)
        return value
    raise failed(
        spot,
        f"{name}() answered a value that is no JSON ({kind(value)})",
        "return texts, numbers, booleans, None, and lists or dicts of them",
    )


_UPPER = {ord(low): ord(low) - 32 for low in "abcdefghijklmnopqrstuvwxyz"}
_LOWER = {high: low for low, high in _UPPER.items()}
_BLANKS: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_INTEGER = re.compile(r"[+-]?\d{1,32}", re.ASCII)
_DECIMAL = re.compile(
    r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,4})?", re.ASCII
)
_BOOLEANS: Final = {
    "true": True, "True": True, "TRUE": True, "t": True, "1": True,
    "false": False, "False": False, "FALSE": False, "f": False, "0": False,
}  # fmt: skip

FUNCTIONS: Final = {
    "size": Function("size(x)", 1, 1, _size),
    "matches": Function('matches(text, "pattern")', 2, 2, _matches, (str, str)),
    "int": Function("int(x)", 1, 1, _int),
    "double": Function("double(x)", 1, 1, _double),
    "string": Function("string(x)", 1, 1, _string),
    "bool": Function("bool(x)", 1, 1, _bool),
    "min": Function("min(a, b, ...) or min(list)", 1, LIST_MAX, _least),
    "max": Function("max(a, b, ...) or max(list)", 1, LIST_MAX, _greatest),
    "abs": Function("abs(x)", 1, 1, _abs),
}
"""What is called as name(...)."""

METHODS: Final = {
    "size": Function("x.size()", 1, 1, _size),
    "contains": Function('text.contains("part")', 2, 2, _contains, (str, str)),
    "startsWith": Function('text.startsWith("part")', 2, 2, _starts_with, (str, str)),
    "endsWith": Function('text.endsWith("part")', 2, 2, _ends_with, (str, str)),
    "matches": Function('text.matches("pattern")', 2, 2, _matches, (str, str)),
    "lowerAscii": Function("text.lowerAscii()", 1, 1, _lower, (str,)),
    "upperAscii": Function("text.upperAscii()", 1, 1, _upper, (str,)),
    "trim": Function("text.trim()", 1, 1, _trim, (str,)),
    "split": Function('text.split(",")', 2, 3, _split, (str, str, int)),
    "join": Function('list.join(",")', 1, 2, _join, (list, str)),
    "replace": Function('text.replace("old", "new")', 3, 4, _replace, (str, str, str, int)),
    "substring": Function("text.substring(start, end)", 2, 3, _substring, (str, int, int)),
}
"""What is called as value.name(...); the value is the first argument."""

ELSEWHERE: Final = {
    "timestamp": "instants are texts in UTC; compare them as texts, or register a function",
    "duration": "write the number of seconds, such as 3600",
    "uint": "write int(x)",
    "bytes": "bytes are no value here",
    "type": "write has(x), or compare the value itself",
    "dyn": "leave it out: every value is dynamic",
    "len": "write size(x)",
    "not": "write !(x)",
    "lower": "write x.lowerAscii()",
    "upper": "write x.upperAscii()",
    "strip": "write x.trim()",
    "str": "write string(x)",
    "float": "write double(x)",
}
"""Names people try, and what to write instead."""
