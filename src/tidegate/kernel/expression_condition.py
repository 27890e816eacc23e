"""Conditions: comparisons and their joining by `&&` and `||`, as closures.

As in CEL, `&&` and `||` do not care on which side a value is missing: `x && false` is false
whatever is wrong with `x`, in either order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.expression_fault import Meter, Missing, Run, Spot, needs, unless_spent
from tidegate.kernel.expression_operator import ORDERS, equal, member, metered_equal, ordered
from tidegate.kernel.expression_tree import Compare, Items, Literal


def comparison(node: Compare, left: Run, right: Run, spot: Spot) -> Run:
    """`left operator right`; a literal on one side is the frequent case and has its own closures."""
    if node.operator == "in":
        return _among(node, left, right, spot)
    if node.operator in ORDERS:
        if isinstance(node.right, Literal) and type(node.right.value) in (int, float, str):
            return _beside(node.operator, left, node.right.value, spot)
        return _ordering(node.operator, left, right, spot)
    unequal = node.operator == "!="
    if isinstance(node.right, Literal):
        return _unlike(left, node.right.value) if unequal else _like(left, node.right.value)
    if isinstance(node.left, Literal):
        return _unlike(right, node.left.value) if unequal else _like(right, node.left.value)
    return _equality(left, right, spot, unequal)


def _beside(symbol: str, left: Run, bound: int | float | str, spot: Spot) -> Run:
    compare = ORDERS[symbol]
    if type(bound) is str:

        def before_text(scope: Mapping[str, Json], meter: Meter) -> Json:
            value = left(scope, meter)
            if type(value) is str:
                return compare(value, bound)
            return ordered(symbol, value, bound, spot)

        return before_text

    def before_number(scope: Mapping[str, Json], meter: Meter) -> Json:
        value = left(scope, meter)
        if type(value) is int or type(value) is float:
            return compare(value, bound)
        return ordered(symbol, value, bound, spot)

    return before_number


def _ordering(symbol: str, left: Run, right: Run, spot: Spot) -> Run:
    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        return ordered(symbol, left(scope, meter), right(scope, meter), spot)

    return run


def _like(side: Run, wanted: Json) -> Run:
    if type(wanted) is str:
        # Only a text equals a text.
        def same_text(scope: Mapping[str, Json], meter: Meter) -> Json:
            return side(scope, meter) == wanted

        return same_text

    def same(scope: Mapping[str, Json], meter: Meter) -> Json:
        return equal(side(scope, meter), wanted)

    return same


def _unlike(side: Run, wanted: Json) -> Run:
    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        return not equal(side(scope, meter), wanted)

    return run


def _equality(left: Run, right: Run, spot: Spot, unequal: bool) -> Run:
    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        same = metered_equal(left(scope, meter), right(scope, meter), meter, spot)
        return same is not unequal

    return run


def _among(node: Compare, left: Run, right: Run, spot: Spot) -> Run:
    if isinstance(node.right, Items) and node.right.items:
        texts = [
            item.value
            for item in node.right.items
            if isinstance(item, Literal) and type(item.value) is str
        ]
        if len(texts) == len(node.right.items):
            return _one_of(left, frozenset(texts))

    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        return member(left(scope, meter), right(scope, meter), meter, spot)

    return run


def _one_of(left: Run, texts: frozenset[str]) -> Run:
    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        value = left(scope, meter)
        return type(value) is str and value in texts

    return run


# ---- && and ||
def conjunction(parts: Sequence[Run], spots: Sequence[Spot]) -> Run:
    """False when a part is false, else the first thing wrong, else true."""
    parts = tuple(parts)

    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        rest = iter(parts)
        try:
            for part in rest:
                value = part(scope, meter)
                if value is not True:
                    if value is False:
                        return False
                    raise needs(spots[parts.index(part)], "&&", "true or false", value)
        except (Missing, InputError) as error:
            return _settled(error, rest, False, scope, meter)
        return True

    return run


def disjunction(parts: Sequence[Run], spots: Sequence[Spot]) -> Run:
    """True when a part is true, else the first thing wrong, else false."""
    parts = tuple(parts)

    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        rest = iter(parts)
        try:
            for part in rest:
                value = part(scope, meter)
                if value is not False:
                    if value is True:
                        return True
                    raise needs(spots[parts.index(part)], "||", "true or false", value)
        except (Missing, InputError) as error:
            return _settled(error, rest, True, scope, meter)
        return False

    return run


def _settled(
    error: Missing | InputError,
    rest: Iterator[Run],
    decisive: bool,
    scope: Mapping[str, Json],
    meter: Meter,
) -> bool:
    """`decisive` if a later part is it, whatever was wrong with an earlier one."""
    unless_spent(error)
    for part in rest:
        try:
            decided = part(scope, meter) is decisive
        except (Missing, InputError) as other:
            unless_spent(other)
        else:
            if decided:
                return decisive
    raise error
