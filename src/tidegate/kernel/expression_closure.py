"""Closures: a tree to one Python function that evaluates it.

All choices are made here, once; evaluating only calls. A field is read from plain dicts and lists
only, so no expression can reach an attribute of a Python object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, assert_never

from msgspec import Struct

from tidegate.kernel.event import Json
from tidegate.kernel.expression_call import Functions, call
from tidegate.kernel.expression_condition import comparison, conjunction, disjunction
from tidegate.kernel.expression_fault import Meter, Missing, Run, Spot, needs, wrong
from tidegate.kernel.expression_loop import Round, loop
from tidegate.kernel.expression_operator import ARITHMETIC, negative
from tidegate.kernel.expression_tree import (
    Call,
    Choice,
    Compare,
    Field,
    Fold,
    Has,
    Index,
    Items,
    Literal,
    Logic,
    Loop,
    Negative,
    Node,
    Not,
    Pairs,
    Read,
    written,
)
from tidegate.kernel.value import is_list, is_map

Wrap: TypeAlias = Callable[[Node, Run], Run]
"""Puts something around the closure of each node, such as a note of what it answered."""


class Closures(Struct, frozen=True):
    """Makes closures for the trees of one source."""

    source: str
    functions: Functions
    wrap: Wrap | None = None

    def of(self, node: Node) -> Run:
        """Raises InputError (`expression.invalid`)."""
        run = self._plain(node)
        return run if self.wrap is None else self.wrap(node, run)

    def _plain(self, node: Node) -> Run:
        spot = self._spot(node)
        match node:
            case Literal(value=value):
                return lambda scope, meter: value
            case Read():
                return _read(node.names, self._written(node))
            case Field():
                return _field(self.of(node.of), node.name, self._written(node))
            case Index():
                return _index(self.of(node.of), self.of(node.index), self._written(node), spot)
            case Items():
                return _items(tuple(map(self.of, node.items)))
            case Pairs():
                return self._pairs(node)
            case Not():
                return _not(self.of(node.of), spot)
            case Negative():
                return _negative(self.of(node.of), spot)
            case Fold():
                return self._fold(node)
            case Compare():
                left, right = self.of(node.left), self.of(node.right)
                return comparison(node, left, right, Spot(self.source, node.at))
            case Logic():
                join = conjunction if node.operator == "&&" else disjunction
                return join(tuple(map(self.of, node.parts)), tuple(map(self._spot, node.parts)))
            case Choice():
                test, yes, no = self.of(node.test), self.of(node.yes), self.of(node.no)
                return _choice(test, yes, no, spot)
            case Has():
                return _has(self.of(node.of))
            case Call():
                named = {name: self.of(operand) for name, _, operand in node.named}
                runs = tuple(map(self.of, node.arguments))
                return call(node, runs, named, self.source, self.functions)
            case Loop():
                return self._loop(node)
            case _:
                assert_never(node)

    def _fold(self, node: Fold) -> Run:
        terms = tuple(
            (ARITHMETIC[symbol], self.of(operand), Spot(self.source, at))
            for symbol, at, operand in node.terms
        )
        first = self.of(node.first)

        def run(scope: Mapping[str, Json], meter: Meter) -> Json:
            value = first(scope, meter)
            for apply, operand, spot in terms:
                value = apply(value, operand(scope, meter), meter, spot)
            return value

        return run

    def _pairs(self, node: Pairs) -> Run:
        pairs = tuple((self.of(key), self.of(value), self._spot(key)) for key, value in node.pairs)

        def run(scope: Mapping[str, Json], meter: Meter) -> Json:
            made: dict[str, Json] = {}
            for of_key, of_value, spot in pairs:
                key = of_key(scope, meter)
                if type(key) is not str:
                    raise needs(spot, "a map", "texts as keys", key)
                if key in made:
                    raise wrong(spot, f"the key {key[:40]} stands twice in this map")
                made[key] = of_value(scope, meter)
            return made

        return run

    def _loop(self, node: Loop) -> Run:
        cost = node.body.span.size + (0 if node.test is None else node.test.span.size)
        return loop(
            Round(
                macro=node.macro,
                over=self.of(node.over),
                name=node.name,
                body=self.of(node.body),
                test=None if node.test is None else self.of(node.test),
                cost=cost,
                spot=Spot(self.source, node.at),
                body_spot=self._spot(node.test or node.body),
            )
        )

    def _spot(self, node: Node) -> Spot:
        return Spot(self.source, node.span.start)

    def _written(self, node: Node) -> str:
        return written(self.source, node)


# ---- reading
def _read(names: tuple[str, ...], path: str) -> Run:
    """A path from the scope. TypeError: what stands there is no map."""
    if len(names) == 1:
        (name,) = names

        def read_one(scope: Mapping[str, Json], meter: Meter) -> Json:
            try:
                return scope[name]
            except KeyError:
                raise Missing(path) from None

        return read_one
    if len(names) == 2:
        first, second = names

        def read_two(scope: Mapping[str, Json], meter: Meter) -> Json:
            try:
                return scope[first][second]
            except (KeyError, TypeError):
                raise Missing(path) from None

        return read_two

    def read_many(scope: Mapping[str, Json], meter: Meter) -> Json:
        value: Json = scope
        try:
            for name in names:
                value = value[name]
        except (KeyError, TypeError):
            raise Missing(path) from None
        return value

    return read_many


def _field(of: Run, name: str, path: str) -> Run:
    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        value = of(scope, meter)
        if is_map(value) and name in value:
            return value[name]
        raise Missing(path)

    return run


def _index(of: Run, index: Run, path: str, spot: Spot) -> Run:
    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        value, key = of(scope, meter), index(scope, meter)
        if is_list(value):
            if type(key) is not int:
                raise needs(spot, "an element of a list", "a whole number", key)
            if 0 <= key < len(value):
                return value[key]
        elif is_map(value):
            if type(key) is str and key in value:
                return value[key]
        elif type(value) is str:
            raise wrong(spot, "a text has no elements", "write text.substring(0, 1)")
        raise Missing(path)

    return run


def _items(items: tuple[Run, ...]) -> Run:
    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        return [item(scope, meter) for item in items]

    return run


# ---- deciding
def _has(of: Run) -> Run:
    """Whether a field is there; false too when what should hold it is not there or is no map."""

    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        try:
            of(scope, meter)
        except Missing:
            return False
        return True

    return run


def _not(of: Run, spot: Spot) -> Run:
    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        value = of(scope, meter)
        if value is True:
            return False
        if value is False:
            return True
        raise needs(spot, "!", "true or false", value)

    return run


def _negative(of: Run, spot: Spot) -> Run:
    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        return negative(of(scope, meter), spot)

    return run


def _choice(test: Run, yes: Run, no: Run, spot: Spot) -> Run:
    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        value = test(scope, meter)
        if value is True:
            return yes(scope, meter)
        if value is False:
            return no(scope, meter)
        raise needs(spot, "? :", "true or false in front", value)

    return run
