"""Template: a text with holes that expressions fill.

    style      holes               where
    action     ${expr}             actions, parameters, messages
    id         {name} ${expr}      correlation ids, pipeline ids; always a text
    manifest   {{expr}}            Kubernetes; `${HOME}` is left to the shell
    value      ${expr}             pipelines; also f"..." with {expr} in it, always a text, and
                                   one call of a function of the project: stage(env="prod")

A text that is nothing but one hole keeps the type of its value (not an id, not f"..."); otherwise
values appear as `value.text` has it. Braces of other kinds stay text, and so do keys of maps. To
write a hole's opening itself: `$${`, in ids and f"..." `{{` and `}}`, in manifests `{{"{{"}}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from tidegate.kernel import expression
from tidegate.kernel.event import Json
from tidegate.kernel.expression import (
    NO_FUNCTIONS,
    TEXT_MAX,
    Expression,
    Functions,
    Missing,
    compile_hole,
)
from tidegate.kernel.expression_fault import Spot, invalid, spent
from tidegate.kernel.value import DEPTH_MAX, is_list, is_map, shown
from tidegate.kernel.value import text as text_of

Style: TypeAlias = Literal["action", "id", "manifest", "value"]
Render: TypeAlias = Callable[[Mapping[str, Json]], Json]

_DOLLAR: Final = re.compile(r"\$\$\{|\$\{")
_BRACES: Final = re.compile(r"\$\$\{|\$\{|\{\{|\}\}|\{")
_DOUBLE: Final = re.compile(r"\{\{")
_NAMED: Final = re.compile(r"\{\s*[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\s*\}", re.ASCII)
_CALL: Final = re.compile(r"\s*([A-Za-z_]\w*)\((.*)\)\s*", re.ASCII | re.DOTALL)
_NAMED_ARGUMENT: Final = re.compile(r"[A-Za-z_]\w*\s*=[^=]", re.ASCII)
_CONSTANTS: Final = {"$${": "${", "{{": "{", "}}": "}"}


class Template(Struct, frozen=True, eq=False):
    """A parsed template, or a list or map with templates somewhere in it."""

    text: str
    """As it was written; a list or map as JSON."""
    paths: tuple[str, ...]
    """Dotted paths its holes read, sorted."""
    calls: tuple[str, ...]
    """Functions of the project its holes call, sorted."""
    constant: bool
    """It has no holes."""
    fill: Render
    parts: tuple[str | Expression, ...] = ()
    """Constant texts and holes in their order, where it is one text."""

    def render(self, scope: Mapping[str, Json]) -> Json:
        """The value with all holes filled.

        Raises Missing with the path and the template, or InputError as Expression.evaluate.
        """
        return self.fill(scope)

    def render_text(self, scope: Mapping[str, Json]) -> str:
        """`render`, always as a text: what an id, a name or an environment variable needs."""
        return text_of(self.fill(scope))


def parse_template(
    text: str,
    style: Style,
    *,
    functions: Functions = NO_FUNCTIONS,
    names: frozenset[str] | None = None,
) -> Template:
    """Raises InputError (`expression.invalid`); places count in the text."""
    if len(text) > TEXT_MAX:
        raise invalid(Spot("", 0), f"the template is longer than {TEXT_MAX:,} characters")
    reader = _Reader(text, functions, names)
    if style == "value" and len(text) > 2 and text[:2] in ('f"', "f'") and text[-1] == text[1]:
        return _template(text, reader.parts(_BRACES, 2, len(text) - 1), keeps=False, nullable=True)
    if style == "value" and _is_call(text, functions):
        whole = expression.compile(text, functions=functions, names=names)
        return _template(text, (whole,), keeps=True, nullable=True)
    if style == "id":
        reader.only_names = True
        return _template(text, reader.parts(_BRACES, 0, len(text)), keeps=False, nullable=False)
    opening = _DOUBLE if style == "manifest" else _DOLLAR
    return _template(text, reader.parts(opening, 0, len(text)), keeps=True, nullable=True)


def parse_any(
    value: Json,
    style: Style,
    *,
    functions: Functions = NO_FUNCTIONS,
    names: frozenset[str] | None = None,
) -> Template:
    """Every text in lists and maps as a template; keys and other values stay as they are."""
    return _nested(
        value, lambda text: parse_template(text, style, functions=functions, names=names)
    )


class _Reader:
    """Cuts a text into constant texts and expressions."""

    def __init__(self, text: str, functions: Functions, names: frozenset[str] | None) -> None:
        self._text = text
        self._functions = functions
        self._names = names
        self.only_names = False
        """What stands in single braces is a dotted name and nothing else."""

    def parts(self, opening: re.Pattern[str], at: int, stop: int) -> tuple[str | Expression, ...]:
        parts: list[str | Expression] = []
        while found := opening.search(self._text, at, stop):
            parts.append(self._text[at : found.start()])
            sign, at = found[0], found.end()
            if opening is not _DOUBLE and sign in _CONSTANTS:
                parts.append(_CONSTANTS[sign])
                continue
            if sign == "{" and self.only_names and not _NAMED.match(self._text, found.start()):
                raise invalid(
                    Spot(self._text, found.start()),
                    "only a name may stand in single braces",
                    "write {business_date}, ${...} for an expression, or {{ for a brace",
                )
            closing = "}}" if opening is _DOUBLE else "}"
            hole, at = compile_hole(
                self._text, at, closing, functions=self._functions, names=self._names
            )
            parts.append(hole)
        parts.append(self._text[at:stop])
        return tuple(part for part in parts if part != "")


def _is_call(text: str, functions: Functions) -> bool:
    """A registered function and nothing else; an unknown one if named arguments give it away."""
    found = _CALL.fullmatch(text)
    return found is not None and (
        found[1] in functions or _NAMED_ARGUMENT.match(found[2].lstrip()) is not None
    )


def _template(
    text: str, parts: tuple[str | Expression, ...], *, keeps: bool, nullable: bool
) -> Template:
    holes = [part for part in parts if isinstance(part, Expression)]
    if not holes:
        constant = "".join(part for part in parts if isinstance(part, str))
        return Template(text, (), (), True, lambda scope: constant, (constant,))
    if keeps and len(parts) == 1:
        fill = _whole(text, holes[0])
    else:
        fill = _joined(text, parts, nullable)
    return Template(text, *_used(holes), False, fill, parts)


def _whole(text: str, hole: Expression) -> Render:
    def fill(scope: Mapping[str, Json]) -> Json:
        try:
            return hole.evaluate(scope)
        except Missing as error:
            raise Missing(error.path, text) from error

    return fill


def _joined(text: str, parts: tuple[str | Expression, ...], nullable: bool) -> Render:
    def fill(scope: Mapping[str, Json]) -> Json:
        texts: list[str] = []
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            try:
                value = part.evaluate(scope)
            except Missing as error:
                raise Missing(error.path, text) from error
            if value is None and not nullable:  # an id with `null` in it would look like a good one
                raise Missing(part.source, text)
            texts.append(value if type(value) is str else text_of(value))
        filled = "".join(texts)
        if len(filled) > TEXT_MAX:
            what = f"the filled template is longer than {TEXT_MAX:,} characters"
            raise spent(Spot(text, 0), what)
        return filled

    return fill


def _nested(value: Json, parse: Callable[[str], Template], depth: int = 0) -> Template:
    if depth > DEPTH_MAX:
        raise invalid(Spot("", 0), f"the templates are nested deeper than {DEPTH_MAX} levels")
    if type(value) is str:
        return parse(value)
    if is_list(value):
        items = [_nested(item, parse, depth + 1) for item in value]
        return _tree(value, items, lambda scope: [item.fill(scope) for item in items])
    if is_map(value):
        pairs = {key: _nested(item, parse, depth + 1) for key, item in value.items()}
        return _tree(
            value,
            pairs.values(),
            lambda scope: {key: item.fill(scope) for key, item in pairs.items()},
        )
    return Template(shown(value, TEXT_MAX), (), (), True, lambda scope: value)


def _tree(value: Json, inner: Iterable[Template], fill: Render) -> Template:
    parts = tuple(inner)
    text = shown(value, TEXT_MAX)
    # A constant text may still hold an escape, so a map of constants is built anew too.
    return Template(text, *_used(parts), all(part.constant for part in parts), fill)


def _used(holes: Iterable[Template | Expression]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    paths, calls = set[str](), set[str]()
    for hole in holes:
        paths.update(hole.paths)
        calls.update(hole.calls)
    return tuple(sorted(paths)), tuple(sorted(calls))
