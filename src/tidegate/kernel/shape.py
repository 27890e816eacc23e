"""Shape: what a document's model expects at a path, read from its JSON Schema.

Used for hints alone (known keys, what sort of value a missing key wants), so where the schema says
nothing the answer is empty and the fault is still reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple, cast

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

from tidegate.kernel.event import Json
from tidegate.kernel.spelling import listed

UNIONS_MAX = 32
"""Unions and references inside one another that are followed at one place."""

_SORTS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys with values, indented below it",
}


class _Node(NamedTuple):
    """One alternative at a place; `names` are what pydantic's error paths may call it."""

    names: frozenset[str]
    schema: Mapping[str, Json]


class Shape:
    """The alternatives a model allows at one place."""

    def __init__(self, root: Mapping[str, Json], nodes: tuple[_Node, ...]) -> None:
        self._root = root
        self._nodes = nodes

    def at(self, step: str | int) -> Shape:
        """One element of an error's path further: a key, an index, or the name of an alternative."""
        if isinstance(step, str):
            chosen = tuple(node for node in self._nodes if step in node.names)
            if chosen:
                return Shape(self._root, chosen)
        below = tuple(
            inner
            for node in self._nodes
            for schema in _children(node.schema, step)
            for inner in _flat(schema, self._root)
        )
        # A step that leads nowhere is a name this schema does not use, such as `constrained-str`.
        return Shape(self._root, below or self._nodes)

    def known(self) -> tuple[str, ...]:
        """The keys a mapping may have here."""
        return tuple(dict.fromkeys(key for node in self._nodes for key in _properties(node.schema)))

    def homes(self, key: str) -> tuple[str, ...]:
        """Where in the whole document this key is known: `at the top`, `under actions`."""
        top = tuple(_flat(self._root, self._root))
        found = ["at the top"] if any(key in _properties(node.schema) for node in top) else []
        for schema in (self._root, *self._root.get("$defs", {}).values()):
            for parent, value in _properties(schema).items():
                if any(key in _properties(node.schema) for node in _held(value, self._root)):
                    found.append(f"under {parent}")
        return tuple(dict.fromkeys(found))

    def wanted(self, key: str) -> str:
        """What sort of value this key takes, as a person says it; "" when anything goes."""
        below = [
            inner
            for node in self._nodes
            for schema in _children(node.schema, key)
            for inner in _flat(schema, self._root)
        ]
        words = [word for node in below for word in _words(node.schema)]
        if words:
            return f"one of {listed(words)}" if len(words) > 1 else words[0]
        sorts = dict.fromkeys(_SORTS.get(node.schema.get("type", ""), "") for node in below)
        return " or ".join(sort for sort in sorts if sort)


def shape_of(model: type[BaseModel]) -> Shape:
    """The shape at the top of a model's documents."""
    root = _schema(model)
    return Shape(root, tuple(_flat(root, root)))


@lru_cache(maxsize=256)
def _schema(model: type[BaseModel]) -> Mapping[str, Json]:
    try:
        return model.model_json_schema()
    except PydanticUserError:
        # A model without a published schema still has its faults, only without these hints.
        return {}


def _children(schema: Mapping[str, Json], step: str | int) -> Iterator[Json]:
    if isinstance(step, int):
        first = schema.get("prefixItems", [])
        yield first[step] if step < len(first) else schema.get("items")
        return
    properties = _properties(schema)
    if step in properties:
        yield properties[step]
    else:
        yield schema.get("additionalProperties")
        yield from schema.get("patternProperties", {}).values()


def _held(schema: Json, root: Mapping[str, Json]) -> Iterator[_Node]:
    """What a value may be, and what its items or its own values may be."""
    for node in _flat(schema, root):
        yield node
        for inner in (node.schema.get("items"), node.schema.get("additionalProperties")):
            yield from _flat(inner, root)


def _properties(schema: Mapping[str, Json]) -> dict[str, Json]:
    properties: dict[str, Json] = schema.get("properties", {})
    return properties


def _flat(
    schema: Json, root: Mapping[str, Json], names: frozenset[str] = frozenset(), depth: int = 0
) -> Iterator[_Node]:
    """A schema without references and unions: the alternatives it stands for."""
    if not isinstance(schema, dict) or depth > UNIONS_MAX:
        return
    known = cast("dict[str, Json]", schema)
    reference = known.get("$ref")
    if isinstance(reference, str):
        name = reference.rpartition("/")[2]
        target = root.get("$defs", {}).get(name)
        yield from _flat(target, root, names | {name}, depth + 1)
        return
    alternatives = [*known.get("anyOf", ()), *known.get("oneOf", ()), *known.get("allOf", ())]
    if not alternatives:
        yield _Node(names, known)
    tags: dict[str, str] = known.get("discriminator", {}).get("mapping", {})
    for alternative in alternatives:
        own = {tag for tag, target in tags.items() if target == alternative.get("$ref")}
        yield from _flat(alternative, root, names | own, depth + 1)


def _words(schema: Mapping[str, Json]) -> list[str]:
    words = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return [str(word) for word in words]
