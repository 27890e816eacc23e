"""Calls: functions, methods, and the functions of the project, as closures.

Whether a function exists and takes these arguments is settled when the expression is compiled.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence

from tidegate.kernel.errors import InputError, TidegateError
from tidegate.kernel.event import Json
from tidegate.kernel.expression_fault import (
    Meter,
    Missing,
    Run,
    Spot,
    failed,
    invalid,
    nearest,
    needs,
)
from tidegate.kernel.expression_function import (
    ELSEWHERE,
    FUNCTIONS,
    METHODS,
    Function,
    found,
    plain,
)
from tidegate.kernel.expression_parser import MACROS
from tidegate.kernel.expression_tree import Call, Literal
from tidegate.kernel.pattern import Pattern
from tidegate.kernel.pattern_parser import PatternError

Functions = Mapping[str, Callable[..., Json]]


def call(
    node: Call,
    arguments: Sequence[Run],
    named: Mapping[str, Run],
    source: str,
    functions: Functions,
) -> Run:
    """One call. Raises InputError (`expression.invalid`)."""
    spot = Spot(source, node.at)
    if not node.method and node.name in functions:
        return _of_project(node, functions[node.name], tuple(arguments), dict(named), spot)
    function = (METHODS if node.method else FUNCTIONS).get(node.name)
    if function is None:
        raise _unknown(node, spot, functions)
    if node.named:
        raise invalid(
            Spot(source, node.named[0][1]),
            f"{node.name}() has no named arguments",
            f"write {function.usage}",
        )
    if not function.least <= len(arguments) <= function.most:
        raise invalid(
            spot, f"{node.name}() has the wrong number of arguments", f"write {function.usage}"
        )
    if node.name == "matches":
        pattern = node.arguments[1]
        if isinstance(pattern, Literal) and type(pattern.value) is str:
            return _matching(arguments[0], pattern.value, spot, Spot(source, pattern.span.start))
    return _of_table(node.name, function, tuple(arguments), spot)


def _of_table(name: str, function: Function, arguments: tuple[Run, ...], spot: Spot) -> Run:
    body, kinds = function.body, function.kinds

    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        values = [argument(scope, meter) for argument in arguments]
        for value, wanted in zip(values, kinds, strict=False):
            if type(value) is not wanted:
                raise needs(spot, f"{name}()", f"what {function.usage} shows", *values)
        return body(values, meter, spot)

    return run


def _matching(subject: Run, source: str, spot: Spot, at: Spot) -> Run:
    try:
        pattern = Pattern(source)
    except PatternError as error:
        raise invalid(at, str(error), error.fix) from error

    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        value = subject(scope, meter)
        if type(value) is not str:
            raise needs(spot, "matches()", "a text", value)
        return found(pattern, value, meter, spot)

    return run


def _of_project(
    node: Call,
    function: Callable[..., Json],
    arguments: tuple[Run, ...],
    named: dict[str, Run],
    spot: Spot,
) -> Run:
    _check_binding(node, function, spot)

    def run(scope: Mapping[str, Json], meter: Meter) -> Json:
        values = [argument(scope, meter) for argument in arguments]
        words = {name: argument(scope, meter) for name, argument in named.items()}
        try:
            answer = function(*values, **words)
        except (TidegateError, Missing):
            raise
        except Exception as error:  # whatever the project's own code raises becomes one fault
            what = f"{node.name}() failed: {type(error).__name__}: {error}"
            raise failed(spot, what[:500], "mend it in functions/") from error
        return plain(answer, node.name, meter, spot)

    return run


def _check_binding(node: Call, function: Callable[..., Json], spot: Spot) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions have none
        return
    try:
        signature.bind(*node.arguments, **{name: None for name, _, _ in node.named})
    except TypeError as error:
        for name, at, _ in node.named:
            if name not in signature.parameters:
                raise invalid(
                    Spot(spot.source, at),
                    f"{node.name}() has no argument {name}",
                    nearest(name, signature.parameters),
                ) from error
        usage = f"write {node.name}{signature}"
        raise invalid(spot, f"{node.name}() cannot be called so: {error}", usage) from error


def _unknown(node: Call, spot: Spot, functions: Functions) -> InputError:
    what = f"unknown function {node.name}"
    if node.method:
        other = FUNCTIONS.get(node.name)
        if other is not None or node.name in functions:
            usage = other.usage if other is not None else f"{node.name}(...)"
            return invalid(spot, f"{node.name} is no method", f"write {usage}")
        fix = ELSEWHERE.get(node.name) or nearest(node.name, {*METHODS, *MACROS})
        return invalid(spot, what, fix)
    if node.name in METHODS:
        return invalid(spot, f"{node.name} is a method", f"write {METHODS[node.name].usage}")
    if node.name in MACROS:
        return invalid(spot, f"{node.name} is a method", f"write list.{node.name}(x, ...)")
    fix = ELSEWHERE.get(node.name) or nearest(node.name, {*FUNCTIONS, "has", *functions})
    return invalid(spot, what, fix)
