"""Expression: the one language of conditions and templates; CEL's syntax, as closures.

    compile(source) -> Expression --evaluate--> value | Missing | InputError
                                  --holds-----> true, or false and why
                                  --explain---> what each part came to

Bounded in source, depth, steps, texts and lists (`expression_fault`); a limit met is an error with
a code. The same source and scope give the same answer for ever.

Differences from CEL, all deliberate: whole numbers and fractions may be mixed in arithmetic; a
result that is no finite number is an error; keys of maps are texts; `has` may ask for a name or an
element, and is false when what should hold the field is missing too; functions of the project take
named arguments. Left out, because a value here is JSON: bytes, unsigned numbers, types, instants
and durations of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.expression_call import Functions
from tidegate.kernel.expression_closure import Closures
from tidegate.kernel.expression_fault import (
    DEPTH_MAX,
    LIST_MAX,
    SOURCE_MAX,
    STEPS_MAX,
    TEXT_MAX,
    Missing,
    Run,
    Spot,
    invalid,
)
from tidegate.kernel.expression_parser import Parser
from tidegate.kernel.expression_token import scan
from tidegate.kernel.expression_trace import Traced, trace
from tidegate.kernel.expression_tree import Node, calls, reads
from tidegate.kernel.value import kind, shown

NO_FUNCTIONS: Final[Functions] = MappingProxyType({})


class Expression(Struct, frozen=True, eq=False):
    """A compiled expression; may be used in any thread."""

    source: str
    paths: tuple[str, ...]
    """Dotted paths it reads, sorted."""
    calls: tuple[str, ...]
    """Functions of the project it calls, sorted."""
    run: Run
    tree: Node
    whole: str
    """The text the tree's spans count in: the source, or the template it is a hole of."""
    functions: Functions

    def evaluate(self, scope: Mapping[str, Json]) -> Json:
        """Its value for these names; do not change it, it may be part of the scope.

        Raises Missing, or InputError (`expression.type`, `expression.function`,
        `expression.budget`).
        """
        return self.run(scope, [STEPS_MAX - self.tree.span.size])

    def met(self, scope: Mapping[str, Json]) -> bool:
        """Whether it is true. Raises nothing: what is missing or wrong is not true."""
        try:
            return self.run(scope, [STEPS_MAX - self.tree.span.size]) is True
        except (Missing, InputError):
            return False

    def holds(self, scope: Mapping[str, Json]) -> tuple[bool, str]:
        """Whether it is true, else also why not. Raises nothing."""
        if self.met(scope):
            return True, ""
        traced = self.explain(scope)
        if type(traced.value) is bool or traced.why:
            return False, traced.sentence
        seen = f"{kind(traced.value)} {shown(traced.value)}"
        return False, f"{traced.text} is not true or false but {seen}"

    def explain(self, scope: Mapping[str, Json]) -> Traced:
        """What each part comes to. Raises nothing."""
        return trace(self.tree, self.whole, self.functions, scope)


def compile(
    source: str, *, functions: Functions = NO_FUNCTIONS, names: frozenset[str] | None = None
) -> Expression:
    """A source as an expression; `names` are those it may read, None for any.

    Raises InputError (`expression.invalid`) with `line`, `column` and `source` among its details.
    """
    return compile_hole(source, 0, functions=functions, names=names)[0]


def compile_hole(
    text: str,
    start: int,
    closing: str = "",
    *,
    functions: Functions = NO_FUNCTIONS,
    names: frozenset[str] | None = None,
) -> tuple[Expression, int]:
    """The expression from `start` to the brace that closes it, and where the text goes on.

    Places in faults count in the whole text. Raises as `compile`.
    """
    _check_text(text, start)
    tokens = scan(text, start, len(text), closing)
    end = tokens[-1]
    if end.text != closing:
        fix = f"close it with {closing}"
        raise invalid(Spot(text, start), "the expression is never closed", fix)
    if end.start - start > SOURCE_MAX:
        what = f"the expression is longer than {SOURCE_MAX:,} characters"
        raise invalid(Spot(text, start), what)
    tree = Parser(text, tokens, names).parse()
    if tree.span.size > STEPS_MAX:
        what = f"the expression has more than {STEPS_MAX:,} parts"
        raise invalid(Spot(text, start), what)
    expression = Expression(
        source=text[start : end.start].strip(),
        paths=tuple(sorted(reads(tree))),
        calls=tuple(sorted(calls(tree) & functions.keys())),
        run=Closures(text, functions).of(tree),
        tree=tree,
        whole=text,
        functions=functions,
    )
    return expression, end.end


def _check_text(text: str, start: int) -> None:
    if len(text) > TEXT_MAX or (start == 0 and len(text) > SOURCE_MAX):
        most = TEXT_MAX if start else SOURCE_MAX
        raise invalid(Spot(text[:1], 0), f"it is longer than {most:,} characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise invalid(Spot(text, error.start), "half a surrogate pair is no character") from error


__all__ = [
    "DEPTH_MAX", "LIST_MAX", "NO_FUNCTIONS", "SOURCE_MAX", "STEPS_MAX", "TEXT_MAX", "Expression",
    "Functions", "Missing", "Traced", "compile", "compile_hole",
]  # fmt: skip
