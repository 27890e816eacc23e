"""Admission: may this trigger start now? Every start of every kind passes here.

    request --nothing holds, nobody waits--> start        (order StartRun, exactly one per trigger)
    request --something holds--------------> held, in the queue of its job
    a job's time has come --nothing holds--> the first of its queue start, the next a moment later

All reasons against a start are kept. What starts is put and ordered in one step, so a trigger that
is stored as started has been ordered once, and no other step orders it again.
"""

from __future__ import annotations

from msgspec.structs import replace

from tidegate.kernel import spelling, value
from tidegate.kernel.clock import Instant
from tidegate.kernel.orders import RequestRun, StartRun
from tidegate.kernel.public_id import public_id
from tidegate.kernel.step import Answer, Key, Need, Put, Refusal, Say, Step, View
from tidegate.schedule import hold as holds
from tidegate.schedule import queue as queues
from tidegate.schedule import trigger as triggers
from tidegate.schedule.book import Book
from tidegate.schedule.hold import ALL, Hold, hold_key
from tidegate.schedule.queue import Chunk, Waiting, chunk_key
from tidegate.schedule.trigger import Reason, Trigger

PARAMETERS_MAX = 256 * 1024
"""Bytes of JSON of a request's parameters."""
RELEASE_MAX = 20
"""Triggers that one step starts: with the largest parameters 5 MiB to read, decide and store."""


# ---- what stands against a start
def reasons(scope: str, everyone: Hold, own: Hold, book: Book, now: Instant) -> tuple[Reason, ...]:
    """All that holds the triggers of this job at this instant; nothing means they may start."""
    pauses = (
        holds.pause_of(everyone, "all jobs are", now),
        holds.pause_of(own, f"{scope} is", now),
    )
    found = [reason for reason in pauses if reason is not None]
    for window in (*book.windows_of(scope), *everyone.windows):
        until = window.covers(now) if window.concerns(scope) else None
        if until is not None:
            found.append(Reason("window", f"maintenance window {window.title()}", until))
    return tuple(found)


def look_at(why: tuple[Reason, ...]) -> Instant | None:
    """The earliest instant at which none of these may hold any more; None: only a person knows."""
    latest = Instant(0)
    for reason in why:
        if reason.until is None:
            return None
        latest = max(latest, reason.until)
    return latest


# ---- a request
def request(
    ask: RequestRun, view: View, book: Book, *, actor: str | None, reason: str | None
) -> Answer:
    """One decision for one request; the same request is decided once."""
    key = triggers.trigger_key(ask)
    cell = view.cell(key, Trigger)
    if cell.version:
        return _repeated(key, cell.state, ask, view, book)
    trigger = Trigger(request=ask, requested_at=view.now, actor=actor, reason=reason)
    if ask.job not in book.jobs:
        return _refuse(key, trigger, "job.unknown", _no_job(ask.job, book), view)
    size = len(value.canonical(dict(ask.parameters)))
    if size > PARAMETERS_MAX:
        # Not kept: they are what is too much.
        trigger = replace(trigger, request=replace(ask, parameters={}))
        return _refuse(key, trigger, "trigger.parameters", _too_many(size), view)
    own = view.cell(hold_key(key.scope), Hold).state
    everyone = view.cell(ALL, Hold).state
    why = reasons(key.scope, everyone, own, book, view.now)
    if why or own.queue.chunks:
        return _join(key, trigger, why, view)
    started = triggers.start(trigger, view.now)
    return Step(
        puts=(Put(key, started),),
        orders=(_start(key, started, view.now),),
        says=(say("admitted", key, started),),
        reply=triggers.report(key, started),
    )


def _repeated(
    key: Key, trigger: Trigger, ask: RequestRun, view: View, book: Book
) -> Step | Refusal:
    """What was asked for before is answered as it stands; a person's wish for something else is not."""
    other = _other(trigger.asked, ask)
    if ask.origin == "person" and other and trigger.status != triggers.Status.REFUSED:
        return Refusal(
            "trigger.conflict",
            f"{public_id(key)} was asked for before, with {other}",
            f"give another key for another run, or see tidegate trigger show {public_id(key)}",
        )
    own = view.cell(hold_key(key.scope), Hold).state
    now = reasons(key.scope, view.cell(ALL, Hold).state, own, book, view.now)
    report = triggers.report(key, replace(trigger, reasons=now))
    return Step(reply={**report, "duplicate": True})


def _other(before: RequestRun, ask: RequestRun) -> str:
    """In what two requests of one name differ."""
    if value.canonical(dict(before.parameters)) != value.canonical(dict(ask.parameters)):
        return "other parameters"
    return f"priority {before.priority}" if before.priority != ask.priority else ""


def _refuse(
    key: Key, trigger: Trigger, code: str, why: tuple[str, str], view: View
) -> Step | Refusal:
    """A person can ask again at once; a rule's request is kept, so that it is seen."""
    if trigger.actor is not None and trigger.asked.origin == "person":
        return Refusal(code, *why)
    refused = triggers.refuse(trigger, Reason(code, "; ".join(why)), view.now)
    return Step(
        puts=(Put(key, refused),),
        says=(say("refused", key, refused),),
        reply=triggers.report(key, refused),
    )


def _no_job(job: str, book: Book) -> tuple[str, str]:
    otherwise = "write it in jobs/*.yaml, or name one that is there"
    return (
        f"no job is called {job[:80]!r}",
        spelling.did_you_mean(job, sorted(book.jobs), otherwise),
    )


def _too_many(size: int) -> tuple[str, str]:
    return (
        f"the parameters have {size} bytes, {PARAMETERS_MAX} are allowed",
        "pass where the data is, not the data",
    )


def _join(key: Key, trigger: Trigger, why: tuple[Reason, ...], view: View) -> Answer:
    """Last in the queue of its job, among those of its priority."""
    hold = hold_key(key.scope)
    own = view.cell(hold, Hold).state
    chunk = queues.tail(own.queue, queues.rank_of(trigger.asked.priority))
    at = chunk_key(hold, chunk.number)
    if chunk.count and at not in view:
        return Need((at,))
    before = view.cell(at, Waiting).state.triggers if chunk.count else ()
    own = replace(own, queue=queues.counted(own.queue, chunk, chunk.count + 1))
    # Nothing holds, but others came first: this one starts when they have.
    look = look_at(why) if why else holds.soon(own, view.now)
    own = holds.wake(own, view.now, look)
    held = triggers.hold(replace(trigger, chunk=chunk.number), why or (_QUEUE,), look)
    everyone = view.cell(ALL, Hold).state
    enlisted = holds.enlist(everyone, key.scope)
    return Step(
        puts=(
            Put(key, held),
            Put(hold, own),
            Put(at, Waiting(triggers=(*before, (key.day, key.name)))),
            *((Put(ALL, enlisted),) if enlisted is not everyone else ()),
        ),
        says=(say("held", key, held),),
        reply=triggers.report(key, held),
    )


_QUEUE = Reason("queue", "others of this job wait before it")


# ---- what waits, looked at again
def look(scope: str, own: Hold, view: View, book: Book) -> Answer:
    """Decide again about the queue of one job; `own` is its hold as it is from now on."""
    hold = hold_key(scope)
    first = queues.head(own.queue)
    needed = (ALL,) if first is None else (ALL, chunk_key(hold, first.number))
    if any(key not in view for key in needed):
        return Need(needed)
    own = holds.current(own, view.now)
    why = reasons(scope, view.cell(ALL, Hold).state, own, book, view.now)
    if first is None:
        return Step(puts=(Put(hold, holds.wake(own, view.now, None)),))
    if why:
        return Step(puts=(Put(hold, holds.wake(own, view.now, look_at(why))),))
    return _release(scope, own, first, view, book)


def _release(scope: str, own: Hold, first: Chunk, view: View, book: Book) -> Answer:
    """Start the first of the head chunk; what is behind them follows by a wake of its own."""
    hold = hold_key(scope)
    at = chunk_key(hold, first.number)
    waiting = view.cell(at, Waiting).state.triggers
    now, later = waiting[:RELEASE_MAX], waiting[RELEASE_MAX:]
    keys = tuple(Key("trigger", day, scope, name) for day, name in now)
    if any(key not in view for key in keys):
        return Need(keys)
    rest, gone = ((Put(at, Waiting(triggers=later)),), ()) if later else ((), (at,))
    queue = queues.counted(own.queue, first, len(later))
    own = replace(own, queue=queue)
    own = holds.wake(own, view.now, holds.soon(own, view.now) if queue.chunks else None)
    begun = tuple((key, view.cell(key, Trigger).state) for key in keys)
    if scope not in book.jobs:
        withdrawn = Reason("job.unknown", f"{scope} was withdrawn while this waited")
        refused = tuple((key, triggers.refuse(one, withdrawn, view.now)) for key, one in begun)
        return Step(
            puts=(Put(hold, own), *(Put(key, one) for key, one in refused), *rest),
            drops=gone,
            says=tuple(say("refused", key, one) for key, one in refused),
        )
    started = tuple((key, triggers.start(one, view.now)) for key, one in begun)
    return Step(
        puts=(Put(hold, own), *(Put(key, one) for key, one in started), *rest),
        drops=gone,
        orders=tuple(_start(key, one, view.now) for key, one in started),
        says=tuple(say("admitted", key, one) for key, one in started),
    )


def review(everyone: Hold, view: View) -> Answer:
    """Look at the next page of waiting jobs: each decides for itself, a moment later."""
    scopes = holds.page(everyone)
    keys = tuple(hold_key(scope) for scope in scopes)
    if any(key not in view for key in keys):
        return Need(keys)
    owns = tuple((scope, view.cell(hold_key(scope), Hold).state) for scope in scopes)
    still = tuple((scope, own) for scope, own in owns if own.queue.chunks)
    everyone = holds.reviewed(everyone, tuple(scope for scope, _ in still))
    soon = Instant(view.now + 1) if everyone.review_left else None
    return Step(
        puts=(
            Put(ALL, holds.wake(everyone, view.now, soon)),
            *(
                Put(hold_key(scope), replace(own, wake_at=holds.soon(own, view.now)))
                for scope, own in still
            ),
        )
    )


# ---- what is said and ordered
def _start(key: Key, trigger: Trigger, now: Instant) -> StartRun:
    return StartRun(request=trigger.asked, trigger=key.name, admitted_at=now)


def say(what: str, key: Key, trigger: Trigger) -> Say:
    return Say(
        f"tidegate.trigger.{what}",
        public_id(key),
        triggers.facts(key, trigger),
        trigger.asked.correlation_id,
    )
