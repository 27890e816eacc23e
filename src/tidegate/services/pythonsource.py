"""Python source: what a module surely has and surely lacks, read from its text and never imported.

    fn/mod.py --ast--> Defined, or None where only running it would tell

A name is lacking for certain where nothing at the module's own level binds it. Nothing is certain
where a module fills itself while it runs: `from x import *`, `globals()`, `__getattr__` and the like.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from msgspec import Struct

SOURCE_MAX_BYTES: Final = 1024 * 1024
"""A larger source is not read: nothing is said of it."""
SOURCES_KEPT: Final = 64

_FILLS: Final = frozenset(
    {
        "__dict__", "__getattr__", "eval", "exec", "globals", "import_module", "locals", "modules",
        "setattr", "vars",
    }
)  # fmt: skip
"""Words of a module that may bind names while it runs."""
_OWN_NAMES: Final = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip
"""What binds inside it, binds there alone."""


class Defined(Struct, frozen=True):
    """The names a module binds, and those of its classes that have no more than what is written."""

    names: frozenset[str]
    classes: dict[str, frozenset[str]]

    def lacks(self, path: str) -> str | None:
        """The first part of `Class.method` that is certainly not there; None where it may be."""
        first, _, rest = path.partition(".")
        if first not in self.names:
            return first
        part = rest.partition(".")[0]
        known = self.classes.get(first)
        if not part or known is None or part in known or hasattr(object, part):
            return None
        return f"{first}.{part}"


def defined_in(file: Path) -> Defined | SyntaxError | None:
    """What a file's source binds; what keeps Python from reading it; None where nobody can know."""
    try:
        found = file.stat()
    except OSError:
        return None
    return _read(file, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=SOURCES_KEPT)
def _read(file: Path, changed_at: int, size: int) -> Defined | SyntaxError | None:
    del changed_at  # tells versions of a file apart
    if size > SOURCE_MAX_BYTES:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in somebody else's texts
            module = ast.parse(file.read_bytes(), filename=file.name)
    except SyntaxError as error:
        return error
    except (OSError, ValueError, RecursionError, MemoryError):
        return None
    every = list(ast.walk(module))
    if any(_fills(node) for node in every):
        return None
    told = {name for node in every if isinstance(node, ast.Global) for name in node.names}
    bound = list(_bound(module.body))
    written = {one.name: one for one in module.body if isinstance(one, ast.ClassDef)}
    return Defined(
        frozenset({*bound, *told}),
        {
            name: frozenset(_bound(node.body))
            for name, node in written.items()
            if bound.count(name) == 1 and name not in told and _is_plain(node)
        },
    )


def _fills(node: ast.AST) -> bool:
    match node:
        case ast.ImportFrom():
            return any(one.name == "*" or one.name in _FILLS for one in node.names)
        case ast.Name():
            return node.id in _FILLS
        case ast.Attribute():
            return node.attr in _FILLS
        case ast.FunctionDef():
            return node.name in _FILLS
        case _:
            return False


def _is_plain(node: ast.ClassDef) -> bool:
    """Without bases, decorators or a metaclass: what it has is written in it."""
    return not (node.bases or node.keywords or node.decorator_list)


def _bound(body: Iterable[ast.AST]) -> Iterator[str]:
    """The names that statements bind where they stand; not those inside functions and classes."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.alias():
                yield node.asname or node.name.partition(".")[0]
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() if node.name:
                yield node.name
            case ast.MatchMapping() if node.rest:
                yield node.rest
            case _:
                pass
        if isinstance(node, _OWN_NAMES):
            # Decorators and default values may bind with `:=` as well.
            waiting += [one for one in ast.walk(node) if isinstance(one, ast.NamedExpr)]
        else:
            waiting += ast.iter_child_nodes(node)
