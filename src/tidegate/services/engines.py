"""Engines: the verbs of the product in rank order, and how events are read for all of them.

A further engine is its folder and its line here. Orders flow only to the right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.correlate import engine as correlate
from tidegate.kernel.calendar import CALENDARS
from tidegate.kernel.clock import Instant
from tidegate.kernel.cloudevent import decode, refuse_impostor
from tidegate.kernel.codec import Codec
from tidegate.kernel.context import CONTEXTS
from tidegate.kernel.event import Event
from tidegate.kernel.ids import DocId
from tidegate.kernel.mapping import Applications, applications_of
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
    """How a sender's bytes become an event under these documents."""
    return Reading(applications_of(documents))


class Reading:
    """Events as the applications of one activation mean them."""

    def __init__(self, applications: Applications) -> None:
        self._applications = applications

    def __call__(self, raw: bytes, received: Instant, /) -> Event:
        event = self._applications.read(raw, now=received)
        refuse_impostor(event)
        return event

    def kept(self, raw: bytes, received: Instant, /) -> Event:
        return self._applications.apply(decode(raw, now=received))
