"""Control: what persons change about starting: pauses, windows, giving a trigger up.

Whatever holds all jobs, when it changes, sends the waiting jobs to admission again.
"""

from __future__ import annotations

from msgspec.structs import replace

from tidegate.kernel import ids, spelling
from tidegate.kernel.clock import format_instant
from tidegate.kernel.event import Json
from tidegate.kernel.public_id import public_id
from tidegate.kernel.step import NOTHING, Answer, Key, Need, Put, Refusal, Step, View
from tidegate.schedule import admission
from tidegate.schedule import hold as holds
from tidegate.schedule import queue as queues
from tidegate.schedule import trigger as triggers
from tidegate.schedule.book import Book
from tidegate.schedule.hold import ALL, WINDOWS_MAX, Hold, hold_key
from tidegate.schedule.orders import AddWindow, CancelTrigger, Pause, RemoveWindow, Resume
from tidegate.schedule.queue import Waiting, chunk_key
from tidegate.schedule.trigger import Trigger


# ---- pauses
def pause(order: Pause, view: View, book: Book, *, actor: str | None, reason: str | None) -> Answer:
    """Start nothing from now on; what waits goes on waiting at least as long."""
    if order.until is not None and order.until <= view.now:
        return Refusal(
            "input",
            f"the pause would end at {format_instant(order.until)}, which is past",
            "name a later instant, or none for a pause until it is resumed",
        )
    reply: dict[str, Json] = {
        "job": order.job,
        "paused": True,
        "until": None if order.until is None else format_instant(order.until),
    }
    if order.job is None:
        before = view.cell(ALL, Hold).state
        everyone = holds.pause(before, order.until, view.now, actor=actor, reason=reason)
        return _change(everyone, view, reply | _replaced(before, view))
    if order.job not in book.jobs:
        return _no_job(order.job, book)
    scope = ids.segment(order.job)
    before = view.cell(hold_key(scope), Hold).state
    own = holds.pause(before, order.until, view.now, actor=actor, reason=reason)
    reply |= _replaced(before, view)
    return _with_reply(admission.look(scope, own, view, book), reply)


def _replaced(before: Hold, view: View) -> dict[str, Json]:
    """The pause that this one takes the place of, where there was one: it may have been longer."""
    hold = holds.current(before, view.now)
    if hold.status != holds.Status.PAUSED:
        return {}
    until = None if hold.until is None else format_instant(hold.until)
    return {"replaces": {"until": until, "actor": hold.actor, "reason": hold.reason}}


def resume(order: Resume, view: View, book: Book) -> Answer:
    """Harmless where nothing is paused; the answer says so."""
    reply: dict[str, Json] = {"job": order.job, "paused": False, "until": None}
    held = ALL if order.job is None else hold_key(ids.segment(order.job))
    if holds.current(view.cell(held, Hold).state, view.now).status != holds.Status.PAUSED:
        reply["was_paused"] = False
    if order.job is None:
        return _change(holds.resume(view.cell(ALL, Hold).state), view, reply)
    scope = ids.segment(order.job)
    cell = view.cell(hold_key(scope), Hold)
    if order.job not in book.jobs and not cell.version:
        return _no_job(order.job, book)
    return _with_reply(admission.look(scope, holds.resume(cell.state), view, book), reply)


# ---- windows
def add_window(order: AddWindow, view: View, book: Book) -> Answer:
    everyone = holds.current(view.cell(ALL, Hold).state, view.now)
    for job in order.window.jobs:
        if job not in book.jobs:
            return _no_job(job, book)
    if order.window.is_over(view.now):
        return Refusal(
            "window.invalid", "the window would be over already", "name an until that is to come"
        )
    if len(everyone.windows) >= WINDOWS_MAX:
        return Refusal(
            "window.invalid",
            f"there are {WINDOWS_MAX} windows added at run time, and no more are kept",
            "remove some, or write windows in schedules/*.yaml",
        )
    # The place of the order is used once, so no two windows ever share an id.
    window = replace(order.window, id=f"w{view.pos}")
    if order.in_project_zone:
        window = replace(window, window=replace(window.window, zone=book.zone))
    everyone = replace(everyone, windows=(*everyone.windows, window))
    return _change(everyone, view, window.report())


def remove_window(order: RemoveWindow, view: View, book: Book) -> Answer:
    everyone = view.cell(ALL, Hold).state
    kept = tuple(window for window in everyone.windows if window.id != order.window_id)
    if len(kept) == len(everyone.windows):
        written = any(window.id == order.window_id for window in book.windows)
        return Refusal(
            "window.unknown",
            f"no window {order.window_id[:80]!r} was added at run time",
            "it stands in schedules/*.yaml: change it there" if written else "",
        )
    reply = {"window_id": order.window_id, "removed": True}
    return _change(replace(everyone, windows=kept), view, reply)


def documents_changed(view: View) -> Answer:
    """Windows may have come or gone: what waits is looked at again."""
    everyone = view.cell(ALL, Hold).state
    return _change(everyone, view, None) if everyone.waiting else NOTHING


def _change(everyone: Hold, view: View, reply: Json) -> Answer:
    changed = holds.review(holds.current(everyone, view.now))
    return _with_reply(admission.review(changed, view), reply)


def _with_reply(answer: Answer, reply: Json) -> Answer:
    return replace(answer, reply=reply) if isinstance(answer, Step) else answer


def _no_job(job: str, book: Book) -> Refusal:
    fix = spelling.did_you_mean(job, sorted(book.jobs), "list them with `tidegate job list`")
    return Refusal("job.unknown", f"no job is called {job[:80]!r}", fix)


# ---- giving up
_STARTED = "stop its execution with `tidegate run stop`"


def cancel(
    order: CancelTrigger, key: Key, view: View, *, actor: str | None, reason: str | None
) -> Answer:
    cell = view.cell(key, Trigger)
    trigger = cell.state
    if not cell.version:
        return Refusal(
            "trigger.unknown",
            f"there is no trigger {order.trigger[:200]}",
            "list them with `tidegate trigger list`",
        )
    if trigger.status not in (triggers.Status.HELD, triggers.Status.REFUSED):
        status = triggers.Status(trigger.status).name.lower()
        return Refusal(
            "trigger.state",
            f"trigger {public_id(key)} is {status}; only what is held or refused can be cancelled",
            _STARTED if trigger.status == triggers.Status.STARTED else "",
        )
    given_up = triggers.cancel(trigger, view.now, actor=actor, reason=reason)
    own = view.cell(hold_key(key.scope), Hold).state
    chunk = queues.find(own.queue, trigger.chunk)
    puts: tuple[Put, ...] = ()
    drops: tuple[Key, ...] = ()
    if chunk is not None:
        at = chunk_key(hold_key(key.scope), chunk.number)
        if at not in view:
            return Need((at,))
        mine = (key.day, key.name)
        rest = tuple(one for one in view.cell(at, Waiting).state.triggers if one != mine)
        own = replace(own, queue=queues.counted(own.queue, chunk, len(rest)))
        puts = (Put(hold_key(key.scope), own),)
        if rest:
            puts = (*puts, Put(at, Waiting(triggers=rest)))
        else:
            drops = (at,)
    return Step(
        puts=(Put(key, given_up), *puts),
        drops=drops,
        says=(admission.say("cancelled", key, given_up),),
        reply=triggers.report(key, given_up),
    )
