"""Document: one piece of a project, how its kind is written, and what is found wrong in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from pydantic import BaseModel

from tidegate.kernel.event import Json
from tidegate.kernel.ids import DocId


class Document(Struct, frozen=True):
    """One parsed version of one document; only the active one of a name may begin new cells."""

    kind: str
    name: str
    body: Json
    active: bool = True
    n: int = 1  # its number among the versions of this name


class Finding(Struct, frozen=True):
    """A fault that a document's model does not see."""

    kind: str
    name: str
    path: tuple[str | int, ...]
    what: str
    fix: str = ""
    warning: bool = False
    code: str = "document.invalid"
    word: str = ""  # the part of the value that is meant
    other: tuple[str, str] | None = None  # kind and name of the document it clashes with
    lacks: str = ""  # nothing is said while what is missing may stand where a document of this
    lacking: str = ""  # kind cannot be read; this name alone, if it is one
    heeds: tuple[tuple[str | int, ...], ...] = ()
    """Paths in the document that it was judged by, beside its own (`place.EACH` for any index): where
    a value on one of them cannot be read, nothing is said."""


class DocumentKind(Struct, frozen=True, kw_only=True):
    """How one kind of document is written, and where it lies.

    `entries` names what one YAML document holds: (name, body, path of the body inside it).
    `check` finds what is wrong beyond single values, also where the model refuses the document,
    `beside` what is wrong beside the others with one of which too little can be read to mend it.
    `spare` are values for keys that must be there and cannot be read, so that the rest can be."""

    name: str
    folder: str
    model: type[BaseModel]
    entries: Callable[[Json], Iterable[tuple[str, Json, tuple[str | int, ...]]]]
    check: Callable[[str, Json], Iterable[Finding]] | None = None
    beside: Callable[[str, Json, Mapping[DocId, Document]], Iterable[Finding]] | None = None
    spare: Mapping[str, Json] = {}
