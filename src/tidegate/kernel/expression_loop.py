"""Loops: `all`, `exists`, `exists_one`, `filter` and `map` over a list, or the keys of a map.

The only repetition there is. Each round pays for its body, so a loop in a loop in a loop ends with
`expression.budget` instead of never.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.expression_fault import Meter, Missing, Run, Spot, needs, spent, unless_spent
from tidegate.kernel.value import is_list, is_map


class Round(Struct, frozen=True):
    """What one loop does in each round."""

    macro: str
    over: Run
    name: str
    body: Run
    test: Run | None
    cost: int
    spot: Spot
    body_spot: Spot


def loop(this: Round) -> Run:
    """One loop as a closure."""
    return _LOOPS[this.macro](this)


def _rounds(
    this: Round, scope: Mapping[str, Json], meter: Meter
) -> Iterator[tuple[Json, dict[str, Json]]]:
    """Each element, and the names its round sees. The names are the same dict in every round."""
    over = this.over(scope, meter)
    if not is_list(over) and not is_map(over):
        raise needs(this.spot, f"{this.macro}()", "a list or a map", over)
    inner = dict(scope)
    for element in over:
        meter[0] -= this.cost
        if meter[0] < 0:
            raise spent(this.spot)
        inner[this.name] = element
        yield element, inner


def _until(this: Round, decisive: bool) -> Run:
    """Looks for one round that is `decisive`; what is wrong with others counts only without one."""

    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        first: Missing | InputError | None = None
        for _, inner in _rounds(this, scope, meter):
            try:
                if _truth(this, this.body, inner, meter) is decisive:
                    return decisive
            except (Missing, InputError) as error:
                unless_spent(error)
                first = first or error
        if first is not None:
            raise first
        return not decisive

    return run


def _exactly_one(this: Round) -> Run:
    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        met = 0
        for _, inner in _rounds(this, scope, meter):
            met += _truth(this, this.body, inner, meter)
        return met == 1

    return run


def _filter(this: Round) -> Run:
    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        return [
            element
            for element, inner in _rounds(this, scope, meter)
            if _truth(this, this.body, inner, meter)
        ]

    return run


def _map(this: Round) -> Run:
    test, body = this.test, this.body
    if test is None:

        def each(scope: Mapping[str, Json], meter: Meter) -> Json:
            return [body(inner, meter) for _, inner in _rounds(this, scope, meter)]

        return each

    def some(scope: Mapping[str, Json], meter: Meter) -> Json:
        return [
            body(inner, meter)
            for _, inner in _rounds(this, scope, meter)
            if _truth(this, test, inner, meter)
        ]

    return some


def _truth(this: Round, run: Run, inner: Mapping[str, Json], meter: Meter) -> bool:
    value = run(inner, meter)
    if value is not True and value is not False:
        raise needs(this.body_spot, f"{this.macro}()", "true or false for each element", value)
    return value


_LOOPS: Final[dict[str, Callable[[Round], Run]]] = {
    "all": lambda this: _until(this, False),
    "exists": lambda this: _until(this, True),
    "exists_one": _exactly_one,
    "filter": _filter,
    "map": _map,
}
