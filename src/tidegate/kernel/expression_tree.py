"""Tree: an expression as nouns. It says nothing of how they are evaluated.

Long chains (`a && b && c`, `a + b - c`) are one node, so depth is what a person would call depth.
"""

from __future__ import annotations

from typing import Final, TypeAlias, assert_never

from msgspec import Struct

from tidegate.kernel.event import Json

WRITTEN_MAX: Final = 200
"""Characters of a part of an expression in a message."""


class Span(Struct, frozen=True, gc=False):
    """Which part of the source a node is, how many nodes it holds, and how deep they go."""

    start: int
    end: int
    size: int
    depth: int


class Literal(Struct, frozen=True):
    span: Span
    value: Json


class Read(Struct, frozen=True):
    """A name and the fields below it: `data.record_count`."""

    span: Span
    names: tuple[str, ...]


class Field(Struct, frozen=True):
    """A field of something computed: `rows[0].name`."""

    span: Span
    of: Node
    name: str


class Index(Struct, frozen=True):
    span: Span
    of: Node
    index: Node


class Items(Struct, frozen=True):
    """A list written out."""

    span: Span
    items: tuple[Node, ...]


class Pairs(Struct, frozen=True):
    """A map written out."""

    span: Span
    pairs: tuple[tuple[Node, Node], ...]


class Not(Struct, frozen=True):
    span: Span
    of: Node


class Negative(Struct, frozen=True):
    span: Span
    of: Node


class Fold(Struct, frozen=True):
    """Arithmetic of one rank, from left to right; each term is (operator, its place, operand)."""

    span: Span
    first: Node
    terms: tuple[tuple[str, int, Node], ...]


class Compare(Struct, frozen=True):
    span: Span
    operator: str
    at: int
    left: Node
    right: Node


class Logic(Struct, frozen=True):
    """Two or more parts joined by `&&` or by `||`."""

    span: Span
    operator: str
    parts: tuple[Node, ...]


class Choice(Struct, frozen=True):
    """`test ? yes : no`"""

    span: Span
    test: Node
    yes: Node
    no: Node


class Has(Struct, frozen=True):
    span: Span
    of: Node


class Call(Struct, frozen=True):
    """A function; a method's own value is its first argument."""

    span: Span
    name: str
    at: int
    method: bool
    arguments: tuple[Node, ...]
    named: tuple[tuple[str, int, Node], ...] = ()


class Loop(Struct, frozen=True):
    """`over.macro(name, body)`; only `map` may have a test: `over.map(name, test, body)`."""

    span: Span
    macro: str
    at: int
    over: Node
    name: str
    body: Node
    test: Node | None = None


Node: TypeAlias = (
    Literal
    | Read
    | Field
    | Index
    | Items
    | Pairs
    | Not
    | Negative
    | Fold
    | Compare
    | Logic
    | Choice
    | Has
    | Call
    | Loop
)


def children(node: Node) -> tuple[Node, ...]:
    """The parts of a node, in the order they are written."""
    match node:
        case Literal() | Read():
            return ()
        case Field() | Not() | Negative() | Has():
            return (node.of,)
        case Index():
            return (node.of, node.index)
        case Items():
            return node.items
        case Pairs():
            return tuple(part for pair in node.pairs for part in pair)
        case Fold():
            return (node.first, *(operand for _, _, operand in node.terms))
        case Compare():
            return (node.left, node.right)
        case Logic():
            return node.parts
        case Choice():
            return (node.test, node.yes, node.no)
        case Call():
            return (*node.arguments, *(operand for _, _, operand in node.named))
        case Loop():
            tests = () if node.test is None else (node.test,)
            return (node.over, *tests, node.body)
        case _:
            assert_never(node)


def written(source: str, node: Node) -> str:
    """A node as it stands in its source, shortened for people."""
    text = source[node.span.start : node.span.end]
    return text if len(text) <= WRITTEN_MAX else f"{text[: WRITTEN_MAX - 1]}…"


def constant(node: Node) -> bool:
    """Whether nothing outside of it can change its value."""
    return not isinstance(node, Read | Call) and all(constant(part) for part in children(node))


def reads(node: Node, bound: frozenset[str] = frozenset()) -> set[str]:
    """The dotted paths a tree reads; the names a loop binds are none.

    A field whose name is no plain word ends its path: `data["a b"].c` reads `data`.
    """
    match node:
        case Read(names=names):
            if names[0] in bound:
                return set()
            plain = next((n for n, name in enumerate(names) if not name.isidentifier()), len(names))
            return {".".join(names[:plain])}
        case Loop():
            inner = bound | {node.name}
            tests = set[str]() if node.test is None else reads(node.test, inner)
            return reads(node.over, bound) | tests | reads(node.body, inner)
        case _:
            return set[str]().union(*(reads(part, bound) for part in children(node)))


def calls(node: Node) -> set[str]:
    """The names of all functions a tree calls as functions."""
    own = {node.name} if isinstance(node, Call) and not node.method else set[str]()
    return own.union(*(calls(part) for part in children(node)))
