"""watch: what people must know. `Tell` becomes notices; SLA clocks and counters follow events.

Tell ------------------------> Notice --SendNotice--> a channel
SendAgain, of a person ------> Notice
tidegate.gate.opened --------> Sla --80 %, 100 %----> Notice
tidegate.run.succeeded ------> Sla ends
dashboard.updated, run ends,
gate openings ---------------> Counter
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from tidegate.kernel.clock import NO_DAY, Instant
from tidegate.kernel.event import Event
from tidegate.kernel.ids import DocId
from tidegate.kernel.orders import Tell
from tidegate.kernel.public_id import parse_public_id, public_id
from tidegate.kernel.step import (
    NOTHING,
    Answer,
    Document,
    Done,
    Explanation,
    Failed,
    Finding,
    Heard,
    Key,
    Look,
    Need,
    Order,
    Outcome,
    Put,
    Refusal,
    Routed,
    Say,
    Signal,
    Step,
    View,
    Woke,
)
from tidegate.watch import channel, counter, findings, notice, sla
from tidegate.watch import explain as explaining
from tidegate.watch.channel import Book as _Book
from tidegate.watch.counter import Counter
from tidegate.watch.notice import Notice
from tidegate.watch.orders import SendAgain
from tidegate.watch.sla import Sla

Book: TypeAlias = _Book

name = "watch"
kinds = (notice.KIND, sla.KIND, counter.KIND)
orders: tuple[type[Struct], ...] = (Tell, SendAgain)
documents = (channel.DOCUMENT,)

_OPENED = "tidegate.gate.opened"
_SUCCEEDED = "tidegate.run.succeeded"
_HEARD = frozenset({_OPENED, _SUCCEEDED, *counter.TYPES})


def check(documents: Mapping[DocId, Document], /) -> Iterable[Finding]:
    return findings.check(documents)


def compile(documents: Mapping[DocId, Document], /) -> Book:
    return channel.compile_book(documents)


def hears(book: Book, /) -> Collection[str]:
    """What starts and ends clocks and moves counters."""
    return _HEARD


def route(signal: Routed, book: Book, /) -> Iterable[Need]:
    if type(signal) is Heard:  # nearly all that comes, and quicker than a `match`
        return _follow(signal.event)
    match signal:
        case Order(Tell() as tell):
            return (Need((notice.notice_key(tell),)),)
        case Order(SendAgain(notice=text)):
            key = parse_public_id(notice.KIND.name, text)
            # An id that is none still has somebody who waits for the answer.
            return (Need((key or _NO_NOTICE,)),)
        case _:
            return ()


def reduce(signal: Signal, view: View, book: Book, /) -> Answer:
    key = view.keys[0]
    if type(signal) is Heard:
        if key.kind == sla.KIND.name:
            return _clock(key, signal.event, view, book)
        return _count(key, signal.event, view)
    match signal:
        case Order(Tell() as tell):
            return _tell(tell, view, book)
        case Order(SendAgain() as again, actor):
            return _send_again(key, again, view, book, actor)
        case Woke(sleeper) if sleeper.kind == sla.KIND.name:
            return _pass(sleeper, view, book)
        case Outcome(ended, call, result) if call.startswith(notice.CALLS):
            told = view.cell(ended, Notice).state
            return Step(puts=(Put(ended, _delivered(told, result, view.now)),))
        case _:
            return NOTHING


def explain(key: Key, look: Look, book: Book, /) -> Explanation:
    return explaining.explain(key, look, book)


# ---- notices
def _tell(tell: Tell, view: View, book: Book) -> Answer:
    key = notice.notice_key(tell)
    if view.cell(key, Notice).version:
        return NOTHING  # told once
    return Step(puts=(notice.begin(tell, book, view.now),))


def _send_again(key: Key, order: SendAgain, view: View, book: Book, actor: str | None) -> Answer:
    cell = view.cell(key, Notice)
    if not cell.version:
        return Refusal(
            "notice.unknown",
            f"there is no notice {order.notice[:200]!r}",
            "list them with `tidegate notice list`",
        )
    if cell.state.status != notice.Status.UNDELIVERED:
        status = notice.Status(cell.state.status).name.lower()
        return Refusal(
            "notice.state", f"{order.notice} is {status}; only undelivered ones are sent"
        )
    put = notice.again(key, cell.state, book, actor)
    return Step(puts=(put,), reply={"notice": public_id(key), "status": "sending"})


_NO_NOTICE = Key(notice.KIND.name, NO_DAY, "-", "-")


def _delivered(told: Notice, result: Done | Failed, now: Instant) -> Notice:
    match result:
        case Done():
            return notice.sent(told, now)
        case Failed(error, cause):
            return notice.give_up(told, f"{error}: {cause}" if cause else error, now)


def _follow(event: Event) -> tuple[Need, ...]:
    """The clocks and the counter that this event moves."""
    if event.type not in _HEARD:
        return ()
    clocks = tuple([Need((sla.sla_key(event.day, one),)) for one in _clocks(event)])
    moved = counter.key_of(event)
    return clocks if moved is None else (*clocks, Need((moved,)))


# ---- clocks
def _clocks(event: Event) -> Sequence[sla.Opened | sla.Ended]:
    """What starts or ends a clock each."""
    if event.type == _OPENED:
        return sla.opened(event)
    about = sla.ended(event) if event.type == _SUCCEEDED else None
    return () if about is None else (about,)


def _clock(key: Key, event: Event, view: View, book: Book) -> Answer:
    cell = view.cell(key, Sla)
    if event.type == _OPENED:
        if cell.version:
            return NOTHING  # one clock for a round, however often its opening is heard
        (about,) = (one for one in sla.opened(event) if sla.sla_key(event.day, one) == key)
        return Step(puts=(Put(key, sla.begin(about, event.time, view.now)),))
    if not cell.version or cell.state.ended_at is not None:
        return NOTHING
    ended = sla.end(cell.state, event.time)
    if ended.status == sla.Status.MET or cell.state.status == sla.Status.BREACHED:
        return Step(puts=(Put(key, ended),))
    # It ended late and nobody had noticed the breach yet: that is told now.
    return _with_notice(key, ended, view, book)


def _pass(key: Key, view: View, book: Book) -> Answer:
    before = view.cell(key, Sla).state
    after = sla.wake(before, view.now)
    if after.status == before.status:
        return Step(puts=(Put(key, after),))
    return _with_notice(key, after, view, book)


def _with_notice(key: Key, clock: Sla, view: View, book: Book) -> Answer:
    """Put a clock that warns or has breached, and tell people in the same step."""
    tell = sla.tell(key, clock)
    told = notice.notice_key(tell)
    if told not in view:
        return Need((told,))
    what = "warning" if clock.status == sla.Status.WARNED else "breached"
    puts: tuple[Put, ...] = (Put(key, clock),)
    if not view.cell(told, Notice).version:
        puts = (*puts, notice.begin(tell, book, view.now))
    return Step(
        puts=puts,
        says=(Say(f"tidegate.sla.{what}", clock.job, tell.data, clock.correlation_id),),
    )


# ---- counters
def _count(key: Key, event: Event, view: View) -> Answer:
    moved = counter.move(event)
    if moved is None:
        return NOTHING
    return Step(puts=(Put(key, counter.add(view.cell(key, Counter).state, moved, view.now)),))
