"""Operators: what `==`, `<`, `+` and `in` mean for JSON values, as CEL has it for dynamic types.

Values of different kinds are unequal, never an error; numbers compare by what they are worth, so
1 == 1.0; true is no number. Order needs two numbers, two texts or two booleans. Integers have 64
bits and overflowing is an error; a whole number and a fraction add to a fraction.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Final

from tidegate.kernel.event import Json
from tidegate.kernel.expression_fault import (
    LIST_MAX,
    TEXT_MAX,
    WORK_PER_STEP,
    Meter,
    Spot,
    charge,
    needs,
    spent,
    wrong,
)
from tidegate.kernel.value import INTEGER_MAX, INTEGER_MIN, is_list, is_map, kind

COMPARED_PER_STEP: Final = 10
"""Values inside lists and maps that one step compares."""

ORDERS: Final[dict[str, Callable[[Json, Json], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


# ---- comparing
def equal(left: Json, right: Json) -> bool:
    """Whether two values are the same value; total, and not bounded by any meter."""
    if is_list(left) and is_list(right):
        return len(left) == len(right) and all(map(equal, left, right))
    if is_map(left) and is_map(right):
        return left.keys() == right.keys() and all(
            equal(value, right[key]) for key, value in left.items()
        )
    if type(left) is bool or type(right) is bool:
        return left is right
    # Of what is left only numbers are equal across types.
    return bool(left == right)


def metered_equal(left: Json, right: Json, meter: Meter, spot: Spot) -> bool:
    """`equal`, paying for the parts of lists and maps it may have to look at."""
    if (is_list(left) and is_list(right)) or (is_map(left) and is_map(right)):
        weight = _weight(left, meter[0] * COMPARED_PER_STEP)
        charge(meter, 1 + weight // COMPARED_PER_STEP, spot)
    return equal(left, right)


def ordered(symbol: str, left: Json, right: Json, spot: Spot) -> bool:
    """`<`, `<=`, `>` or `>=`. Raises InputError (`expression.type`)."""
    if type(left) is int or type(left) is float:
        if type(right) is int or type(right) is float:
            return ORDERS[symbol](left, right)
    elif (type(left) is str and type(right) is str) or (type(left) is bool and type(right) is bool):
        return ORDERS[symbol](left, right)
    raise needs(spot, symbol, "two numbers or two texts", left, right)


def member(value: Json, container: Json, meter: Meter, spot: Spot) -> bool:
    """`value in container`: an element of a list, or a key of a map."""
    if is_map(container):
        if value is None or is_list(value) or is_map(value):
            raise needs(spot, "in", "a text on its left for the keys of a map", value)
        return type(value) is str and value in container
    if not is_list(container):
        raise needs(spot, "in", "a list or a map on its right", container)
    charge(meter, len(container) // WORK_PER_STEP, spot)
    if type(value) is str:
        return value in container
    if is_list(value) or is_map(value):
        return any(metered_equal(value, item, meter, spot) for item in container)
    return any(equal(value, item) for item in container)


def _weight(value: Json, limit: int) -> int:
    """How many values it holds; more than `limit` is not counted to the end."""
    seen = 0
    waiting: list[Json] = [value]
    while waiting and seen <= limit:
        top = waiting.pop()
        seen += 1
        if is_list(top):
            seen += len(top)
            waiting.extend(item for item in top if is_list(item) or is_map(item))
        elif is_map(top):
            seen += len(top)
            waiting.extend(item for item in top.values() if is_list(item) or is_map(item))
    return seen


# ---- arithmetic
def add(left: Json, right: Json, meter: Meter, spot: Spot) -> Json:
    """Numbers, two texts, or two lists."""
    if type(left) is str and type(right) is str:
        if len(left) + len(right) > TEXT_MAX:
            raise spent(spot, f"the text is longer than {TEXT_MAX:,} characters")
        charge(meter, (len(left) + len(right)) // WORK_PER_STEP, spot)
        return left + right
    if is_list(left) and is_list(right):
        if len(left) + len(right) > LIST_MAX:
            raise spent(spot, f"the list is longer than {LIST_MAX:,} elements")
        charge(meter, (len(left) + len(right)) // WORK_PER_STEP, spot)
        return left + right
    if _numeric(left) and _numeric(right):
        return number(left + right, spot)
    if (type(left) is str or type(right) is str) and (_numeric(left) or _numeric(right)):
        what = f"+ cannot join {kind(left)} and {kind(right)}"
        raise wrong(spot, what, "make both texts with string(x), or both numbers with int(x)")
    raise needs(spot, "+", "two numbers, two texts or two lists", left, right)


def subtract(left: Json, right: Json, _meter: Meter, spot: Spot) -> Json:
    _both_numbers("-", left, right, spot)
    return number(left - right, spot)


def multiply(left: Json, right: Json, _meter: Meter, spot: Spot) -> Json:
    _both_numbers("*", left, right, spot)
    return number(left * right, spot)


def divide(left: Json, right: Json, _meter: Meter, spot: Spot) -> Json:
    """Two whole numbers divide to a whole number, cut towards zero: 7 / 2 is 3, -7 / 2 is -3."""
    _both_numbers("/", left, right, spot)
    if right == 0:
        raise wrong(spot, "division by zero", "write x != 0 && ... in front")
    if type(left) is int and type(right) is int:
        return number(_quotient(left, right), spot)
    return number(left / right, spot)


def remainder(left: Json, right: Json, _meter: Meter, spot: Spot) -> Json:
    """Of whole numbers; it has the sign of the left one."""
    if type(left) is not int or type(right) is not int:
        raise needs(spot, "%", "two whole numbers", left, right)
    if right == 0:
        raise wrong(spot, "division by zero", "write x != 0 && ... in front")
    quotient = number(_quotient(left, right), spot)
    return left - right * quotient


ARITHMETIC: Final[dict[str, Callable[[Json, Json, Meter, Spot], Json]]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": remainder,
}


def negative(value: Json, spot: Spot) -> Json:
    if not _numeric(value):
        raise needs(spot, "-", "a number", value)
    return number(-value, spot)


def number(value: int | float, spot: Spot) -> Json:
    """A result that is a JSON number. Raises InputError (`expression.type`)."""
    if type(value) is int:
        if INTEGER_MIN <= value <= INTEGER_MAX:
            return value
        raise wrong(spot, "the result does not fit in 64 bits", "use double(x)")
    if value - value == 0.0:
        return value
    raise wrong(spot, "the result is no finite number")


def _numeric(value: Json) -> bool:
    return type(value) is int or type(value) is float


def _both_numbers(symbol: str, left: Json, right: Json, spot: Spot) -> None:
    if not (_numeric(left) and _numeric(right)):
        raise needs(spot, symbol, "two numbers", left, right)


def _quotient(left: int, right: int) -> int:
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient
