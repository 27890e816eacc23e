"""schedule: every wish to run a job becomes one decision.

RequestRun --> Trigger --StartRun--> run
Pause, Resume, AddWindow, RemoveWindow, an edited document --> Hold --> waiting jobs, again
Woke (a window's or pause's end) --> waiting jobs, again
tidegate.run.<end> --> Trigger
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from msgspec import Struct

from tidegate.kernel import ids
from tidegate.kernel.clock import NO_DAY
from tidegate.kernel.event import Event
from tidegate.kernel.ids import DocId
from tidegate.kernel.orders import RequestRun
from tidegate.kernel.public_id import parse_public_id
from tidegate.kernel.step import (
    NOTHING,
    Adopted,
    Answer,
    Document,
    Explanation,
    Finding,
    Heard,
    Key,
    Look,
    Need,
    Order,
    Put,
    Routed,
    Signal,
    Step,
    View,
    Woke,
)
from tidegate.kernel.value import is_map
from tidegate.schedule import admission, book, control, document, trigger
from tidegate.schedule import explain as explaining
from tidegate.schedule import hold as holds
from tidegate.schedule.book import Book as _Book
from tidegate.schedule.hold import ALL, Hold, hold_key
from tidegate.schedule.orders import AddWindow, CancelTrigger, Pause, RemoveWindow, Resume
from tidegate.schedule.trigger import Status, Trigger

Book: TypeAlias = _Book

name = "schedule"
kinds = (trigger.KIND, holds.KIND)
orders: tuple[type[Struct], ...] = (
    RequestRun, Pause, Resume, AddWindow, RemoveWindow, CancelTrigger,
)  # fmt: skip
documents = (document.DOCUMENT,)

_ENDS = {
    "tidegate.run.succeeded": Status.SUCCEEDED,
    "tidegate.run.failed": Status.FAILED,
    "tidegate.run.timed_out": Status.FAILED,
    "tidegate.run.aborted": Status.FAILED,
}


def check(documents: Mapping[DocId, Document], /) -> Iterable[Finding]:
    return book.check(documents)


def compile(documents: Mapping[DocId, Document], /) -> Book:
    return book.compile_book(documents)


def hears(book: Book, /) -> Collection[str]:
    """Only how runs end."""
    return _ENDS.keys()


def route(signal: Routed, book: Book, /) -> Iterable[Need]:
    if isinstance(signal, Heard):
        ended = _ended(signal.event) if signal.event.type in _ENDS else None
        return () if ended is None else (Need((ended,)),)
    match signal:
        case Order(RequestRun() as ask):
            key = trigger.trigger_key(ask)
            return (Need((key, hold_key(key.scope), ALL)),)
        case Order(Pause(job=str(job)) | Resume(job=str(job))):
            return (Need((hold_key(ids.segment(job)), ALL)),)
        case Order(Pause() | Resume() | AddWindow() | RemoveWindow()):
            return (Need((ALL,)),)
        case Order(CancelTrigger(trigger=text)):
            key = parse_public_id(trigger.KIND.name, text) or _NO_TRIGGER
            return (Need((key, hold_key(key.scope))),)
        case Adopted(kind="schedule" | "project"):
            return (Need((ALL,)),)
        case _:
            return ()


def reduce(signal: Signal, view: View, book: Book, /) -> Answer:
    match signal:
        case Order(RequestRun() as ask, actor, reason):
            return admission.request(ask, view, book, actor=actor, reason=reason)
        case Order(Pause() as pause, actor, reason):
            return control.pause(pause, view, book, actor=actor, reason=reason)
        case Order(Resume() as resume):
            return control.resume(resume, view, book)
        case Order(AddWindow() as add):
            return control.add_window(add, view, book)
        case Order(RemoveWindow() as remove):
            return control.remove_window(remove, view, book)
        case Order(CancelTrigger() as cancel, actor, reason):
            return control.cancel(cancel, view.keys[0], view, actor=actor, reason=reason)
        case Heard(event):
            return _follow(view.keys[0], event, view)
        case Adopted():
            return control.documents_changed(view)
        case Woke(key) if key == ALL:
            return admission.review(holds.current(view.cell(ALL, Hold).state, view.now), view)
        case Woke(key) if key.kind == holds.KIND.name:
            return admission.look(key.scope, view.cell(key, Hold).state, view, book)
        case _:
            return NOTHING


def explain(key: Key, look: Look, book: Book, /) -> Explanation:
    return explaining.explain(key, look, book)


_NO_TRIGGER = Key(trigger.KIND.name, NO_DAY, "-", "-")


def _ended(event: Event) -> Key | None:
    """The trigger whose run this event ends."""
    if not is_map(event.data):
        return None
    job, name_ = event.data.get("job"), event.data.get("trigger")
    if not isinstance(job, str) or not isinstance(name_, str) or "/" in name_:
        return None
    day = NO_DAY if event.day is None else event.day
    return Key(trigger.KIND.name, day, ids.segment(job), name_)


def _follow(key: Key, event: Event, view: View) -> Answer:
    cell = view.cell(key, Trigger)
    if cell.state.status != Status.STARTED:
        return NOTHING
    return Step(puts=(Put(key, trigger.end(cell.state, _ENDS[event.type], event.time)),))
