"""Trace: what each part of an expression came to, so that people see which part decided.

The same closures run as in an evaluation, with a note taken around each. Parts of `&&` and `||`
that the evaluation did not reach are looked at as well; the branch of a choice that was not taken
is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.expression_call import Functions
from tidegate.kernel.expression_closure import Closures
from tidegate.kernel.expression_fault import STEPS_MAX, Meter, Missing, Run
from tidegate.kernel.expression_tree import (
    Call,
    Compare,
    Has,
    Logic,
    Loop,
    Node,
    children,
    constant,
    written,
)
from tidegate.kernel.value import shown

SENTENCE_MAX: Final = 500
"""Characters of a sentence."""
VALUE_MAX: Final = 80
"""Characters of a value in a sentence."""
_DECISIVE: Final = {"all": False, "exists": True}


class Traced(Struct, frozen=True, omit_defaults=True):
    """One part of an expression and what it came to."""

    text: str
    sentence: str
    """`data.record_count > 0 was false: 0`, or `data.record_count is missing`."""
    value: Json | UnsetType = UNSET
    """Unset where there is none; `why` says why."""
    why: str = ""
    parts: tuple[Traced, ...] = ()


class _Note(Struct):
    value: Json = UNSET
    error: Missing | InputError | None = None


def trace(tree: Node, source: str, functions: Functions, scope: Mapping[str, Json]) -> Traced:
    """Evaluates once, remembering every part. Raises nothing."""
    return _Trace(source, functions, scope, tree).of(tree)


class _Trace:
    def __init__(
        self, source: str, functions: Functions, scope: Mapping[str, Json], tree: Node
    ) -> None:
        self._source = source
        self._scope = scope
        self._notes: dict[int, _Note] = {}
        self._runs: dict[int, Run] = {}
        self._meter: Meter = [STEPS_MAX - tree.span.size]
        Closures(source, functions, self._noting).of(tree)
        self._look(tree)

    def of(self, node: Node, *, looped: bool = False) -> Traced:
        seen: list[Traced] = []
        for part in () if isinstance(node, Has) else children(node):
            if isinstance(node, Logic) and not looped:
                self._look(part)
            if id(part) in self._notes and not constant(part):
                inside = looped or (isinstance(node, Loop) and part is not node.over)
                seen.append(self.of(part, looped=inside))
        note = self._notes[id(node)]
        text, parts = written(self._source, node), tuple(seen)
        if note.error is None:
            sentence = _sentence(node, text, note.value, parts)
            return Traced(text, _cut(sentence), note.value, parts=parts)
        why = str(note.error) if isinstance(note.error, Missing) else note.error.message
        return Traced(text, _cut(_blamed(node, parts) or why), why=why, parts=parts)

    def _noting(self, node: Node, run: Run) -> Run:
        def noted(scope: Mapping[str, Json], meter: Meter) -> Json:
            try:
                value = run(scope, meter)
            except (Missing, InputError) as error:
                self._notes[id(node)] = _Note(error=error)
                raise
            self._notes[id(node)] = _Note(value)
            return value

        self._runs[id(node)] = noted
        return noted

    def _look(self, node: Node) -> None:
        """Evaluates a part nobody has evaluated; inside a loop it lacks the loop's own name."""
        if id(node) in self._notes:
            return
        try:
            self._runs[id(node)](self._scope, self._meter)
        except (Missing, InputError):
            return  # noted


def _sentence(node: Node, text: str, value: Json, parts: tuple[Traced, ...]) -> str:
    if type(value) is not bool:
        return f"{text} was {shown(value, VALUE_MAX)}"
    verdict = f"{text} was {'true' if value else 'false'}"
    match node:
        case Logic() if not value:
            return _blamed(node, parts) or verdict
        case Loop() if value is _DECISIVE.get(node.macro) and not constant(node.body):
            return f"{verdict}: {parts[-1].sentence}"  # the round that decided was the last one
        case Compare() | Call():
            values = [shown(part.value, VALUE_MAX) for part in parts if part.value is not UNSET]
            return f"{verdict}: {' and '.join(values)}" if values else verdict
        case _:
            return verdict


def _blamed(node: Node, parts: tuple[Traced, ...]) -> str:
    """Why `&&` or `||` is not true: all parts that are not, or that have no value."""
    if not isinstance(node, Logic):
        return ""
    return "; ".join(part.sentence for part in parts if part.value is False or part.value is UNSET)


def _cut(text: str) -> str:
    return text if len(text) <= SENTENCE_MAX else f"{text[: SENTENCE_MAX - 1]}…"
