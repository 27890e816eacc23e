"""run: what was admitted is done, tried again as its policy says, and ends exactly once.

    StartRun --> Execution --CallTask--> a performer
    Outcome ---> succeeded, or retrying until its time comes, or failed
    Woke ------> the next attempt, or timed out
    StopExecution --> aborted

Says tidegate.run.started, then exactly one of .succeeded, .failed, .timed_out, .aborted, with
.retrying between attempts. When the tries are spent the owner is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from msgspec import Struct

from tidegate.kernel.ids import DocId
from tidegate.kernel.orders import StartRun
from tidegate.kernel.public_id import parse_public_id
from tidegate.kernel.step import (
    NO_DAY,
    NOTHING,
    Answer,
    Document,
    Explanation,
    Finding,
    Key,
    Look,
    Need,
    Order,
    Outcome,
    Routed,
    Signal,
    View,
    Woke,
)
from tidegate.run import document, findings, job, transitions
from tidegate.run import execution as executions
from tidegate.run import explain as explaining
from tidegate.run.execution import Execution
from tidegate.run.job import Book as _Book
from tidegate.run.orders import StopExecution

Book: TypeAlias = _Book

name = "run"
kinds = (executions.KIND,)
orders: tuple[type[Struct], ...] = (StartRun, StopExecution)
documents = (document.DOCUMENT,)


def check(documents: Mapping[DocId, Document], /) -> Iterable[Finding]:
    return findings.check(documents)


def compile(documents: Mapping[DocId, Document], /) -> Book:
    return job.compile_book(documents)


def hears(book: Book, /) -> Collection[str]:
    """No event: it obeys orders, wakes, and outcomes."""
    return ()


def route(signal: Routed, book: Book, /) -> Iterable[Need]:
    match signal:
        case Order(StartRun() as start):
            return (Need((_key(start),)),)
        case Order(StopExecution(execution=text)):
            key = parse_public_id(executions.KIND.name, text)
            # An id that is none still has somebody who waits for the answer.
            return (Need((key or _NO_EXECUTION,)),)
        case _:
            return ()


def reduce(signal: Signal, view: View, book: Book, /) -> Answer:
    key = view.keys[0]
    cell = view.cell(key, Execution)
    following = book.jobs.get(cell.doc)
    match signal:
        case Order(StartRun() as start):
            return transitions.begin(key, cell, start, following, view.now)
        case Order(StopExecution() as stop, actor, reason):
            why = stop.reason or reason
            return transitions.stop(key, cell, stop, following, view.now, actor=actor, reason=why)
        case Outcome(_, call) as outcome if call == cell.state.call:
            return transitions.end_attempt(key, cell.state, outcome, following, view.now)
        case Woke():
            return transitions.wake(key, cell.state, following, view.now)
        case _:
            return NOTHING


def explain(key: Key, look: Look, book: Book, /) -> Explanation:
    return explaining.explain(key, look)


_NO_EXECUTION = Key(executions.KIND.name, NO_DAY, "-", "-")


def _key(start: StartRun) -> Key:
    return Key(executions.KIND.name, start.request.day, start.request.job, start.trigger)
