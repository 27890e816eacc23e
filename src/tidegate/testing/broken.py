"""Broken: an engine that does with an event whatever the event says, to see who survives it.

It hears `test.mark` events and counts them by their subject. `act` is called with `data.how` before
it counts: it may raise, take its time, or end the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, cast

from tidegate.kernel.clock import NO_DAY
from tidegate.kernel.ids import DocId
from tidegate.kernel.step import (
    NOTHING,
    Answer,
    Document,
    Durable,
    Engine,
    Explanation,
    Heard,
    Key,
    Kind,
    Look,
    Need,
    Put,
    Routed,
    Signal,
    Step,
    View,
)

NAME = "broken"
TYPE = "test.mark"


class Tally(Durable, frozen=True, array_like=True, kw_only=True):
    """How many events of its subject were decided."""

    count: int = 0


def broken(act: Callable[[str], None]) -> Engine[None]:
    """The engine, as a module would look."""

    def check(documents: Mapping[DocId, Document]) -> Iterable[Any]:
        del documents
        return ()

    def compile_(documents: Mapping[DocId, Document]) -> None:
        del documents

    def route(signal: Routed, book: None) -> Iterable[Need]:
        del book
        if isinstance(signal, Heard) and signal.event.type == TYPE:
            count, subject = signal.event.data.get("cells", 1), signal.event.subject or "-"
            assert isinstance(count, int)
            names = (subject, *(f"{subject}{number}" for number in range(1, count)))
            return tuple(Need((tally_key(name),)) for name in names)
        return ()

    def reduce(signal: Signal, view: View, book: None) -> Answer:
        del book
        if not isinstance(signal, Heard):
            return NOTHING
        act(str(signal.event.data["how"]))
        key = view.keys[0]
        before = view.cell(key, Tally).state
        return Step(puts=(Put(key, Tally(count=before.count + 1)),))

    def explain(key: Key, look: Look, book: None) -> Explanation:
        del key, look, book
        return Explanation(status="", sentence="it counts")

    return cast(
        Engine[None],
        SimpleNamespace(
            name=NAME, kinds=(Kind(name="tally", state=Tally),), orders=(), documents=(),
            check=check, compile=compile_, route=route, reduce=reduce, explain=explain,
        ),
    )  # fmt: skip


def tally_key(subject: str) -> Key:
    return Key("tally", NO_DAY, "all", subject)


def mark(id_: str, how: str, subject: str = "all", cells: int = 1) -> dict[str, Any]:
    """An event for it; it is counted under its subject, and so many cells in all."""
    return {
        "specversion": "1.0",
        "id": id_,
        "source": "/test",
        "type": TYPE,
        "subject": subject,
        "data": {"how": how, "cells": cells},
    }
