"""Given: a value a person or program hands over to be kept as it is, and what cannot be kept.

Events are read by `kernel/jsontext`, which makes numbers beyond 64 bits storable; an order is refused
instead, because whoever gives it is there to hear it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.value import DEPTH_MAX, INTEGER_MAX, INTEGER_MIN, is_list, is_map, is_unicode

NAME_SHOWN_MAX = 80
"""Characters of each name in the place of a fault."""


def check_given(value: Json, where: str) -> None:
    """Raises InputError (`request.invalid`) with the place of the first thing that cannot be kept."""
    waiting: list[tuple[str, int, Json]] = [(where, 0, value)]
    while waiting:
        place, depth, one = waiting.pop()
        fault = _fault(one, depth)
        if fault is not None:
            what, fix = fault
            raise InputError("request.invalid", f"{place} {what}", fix=fix)
        waiting += _inside(place, depth + 1, one)


def _inside(place: str, depth: int, value: Json) -> Iterator[tuple[str, int, Json]]:
    if is_map(value):
        for name, inner in value.items():
            yield f"a name in {place}", depth, name
            yield f"{place}.{_printable(name)}", depth, inner
    elif is_list(value):
        for number, inner in enumerate(value):
            yield f"{place}[{number}]", depth, inner


def _fault(value: Json, depth: int) -> tuple[str, str] | None:
    """What is wrong and what to do."""
    if depth > DEPTH_MAX:
        return f"is nested in more than {DEPTH_MAX} lists and maps", "send it flatter, or as text"
    if type(value) is int and not INTEGER_MIN <= value <= INTEGER_MAX:
        return "is a whole number beyond 64 bits (-2^63 to 2^63-1)", "send it as text"
    if type(value) is float and not math.isfinite(value):
        return f"is {value}, which is no JSON number", "send a finite number, or null"
    if type(value) is str and not is_unicode(value):
        return "holds half of a surrogate pair, which is no Unicode text", "send valid Unicode"
    return None


def _printable(name: str) -> str:
    return name[:NAME_SHOWN_MAX].encode("utf-8", "replace").decode()
