"""Engines: the verbs of the product in rank order, and how events are read for all of them.

A further engine is its folder and its line here. Orders flow only to the right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.correlate import engine as correlate
from tidegate.correlate.document import RuleDocument
from tidegate.kernel.calendar import CALENDARS
from tidegate.kernel.clock import Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.context import CONTEXTS, ApplicationMapping, ContextDocument
from tidegate.kernel.event import Event
from tidegate.kernel.ids import DocId
from tidegate.kernel.mapping import Applications
from tidegate.kernel.step import Document, DocumentKind, Engine
from tidegate.run import engine as run
from tidegate.schedule import engine as schedule
from tidegate.services.books import Read
from tidegate.watch import engine as watch

ENGINES: tuple[Engine[Any], ...] = (correlate, schedule, run, watch)
DOCUMENT_KINDS: tuple[DocumentKind, ...] = (
    CONTEXTS,
    CALENDARS,
    *(kind for engine in ENGINES for kind in engine.documents),
)


def codec_of(engines: tuple[Engine[Any], ...] = ENGINES) -> Codec:
    return Codec(kind for engine in engines for kind in engine.kinds)


def reader_of(documents: Mapping[DocId, Document]) -> Read:
    """How a sender's bytes become an event under these documents.

    What the shared context says of a source wins here; a rule reads its own inputs its own way.
    """
    entries: list[tuple[str, ApplicationMapping]] = []
    for document in documents.values():
        if document.active and document.kind == "rule":
            written = RuleDocument.model_validate(document.body)
            if written.context_normalization.enabled:
                entries += written.context_normalization.application_mappings.items()
    for document in documents.values():
        if document.active and document.kind == "context":
            context = ContextDocument.model_validate(document.body)
            entries += context.context_mapping.applications.items()
    applications = Applications.of(entries)

    def read(raw: bytes, received: Instant) -> Event:
        return applications.read(raw, now=received)

    return read
