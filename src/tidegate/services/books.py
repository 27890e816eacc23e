"""Books: one activation, compiled: what every engine follows, and how events are read under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec
from msgspec import Struct

from tidegate.kernel.clock import Instant
from tidegate.kernel.event import Event
from tidegate.kernel.ids import DocId
from tidegate.kernel.step import Document, Engine
from tidegate.ports.store import Activation
from tidegate.services.turn import Seat


class Read(Protocol):
    """A sender's bytes and the instant they came, to the event all engines hear."""

    def __call__(self, raw: bytes, received: Instant, /) -> Event:
        """At the door. Raises InputError."""
        ...

    def kept(self, raw: bytes, received: Instant, /) -> Event:
        """What was accepted once: no application that became strict since refuses it now."""
        ...


ReaderOf: TypeAlias = Callable[[Mapping[DocId, Document]], Read]


class Books(Struct, frozen=True):
    activation: int
    seats: tuple[Seat[Any], ...]
    active: Mapping[tuple[str, str], DocId]
    documents: Mapping[DocId, Document]
    read: Read


def compile_books(
    activation: Activation | None, engines: Sequence[Engine[Any]], reader_of: ReaderOf
) -> Books:
    """Compile every engine's book; without an activation, the books of no documents."""
    stored = activation.documents if activation else ()
    documents = {
        one.id: Document(one.kind, one.name, msgspec.json.decode(one.body), one.active, one.n)
        for one in stored
    }
    return Books(
        activation=activation.id if activation else 0,
        seats=tuple(Seat(engine, engine.compile(documents)) for engine in engines),
        active={(one.kind, one.name): id_ for id_, one in documents.items() if one.active},
        documents=documents,
        read=reader_of(documents),
    )
