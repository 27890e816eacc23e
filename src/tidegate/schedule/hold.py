"""Hold: what keeps triggers from starting. One for all jobs, and one for each job that needs one.

    clear --pause--> paused --resume, or `until` comes--> clear

The hold of all jobs keeps its pause, the maintenance windows added at run time, and which jobs
have triggers waiting. The hold of one job keeps its pause and the queue of its triggers, whatever
holds them: so a trigger stands in exactly one queue, and order within a job is always kept.

A job that has triggers waiting is looked at when its `wake_at` comes. It is the earliest instant
at which nothing may hold them any more, as far as is known; whatever changes that (a resume, a
window, an edit) reviews the waiting jobs, REVIEW_MAX a step, by setting their `wake_at`.
"""

from __future__ import annotations

from enum import IntEnum

from msgspec.structs import replace

from tidegate.kernel.clock import NO_DAY, Instant, shifted
from tidegate.kernel.step import Durable, Key, Kind
from tidegate.schedule.queue import Queue, Waiting, head
from tidegate.schedule.trigger import Reason
from tidegate.schedule.window import MaintenanceWindow

REVIEW_MAX = 500
"""Waiting jobs looked at in one step."""
WINDOWS_MAX = 500
"""Maintenance windows added at run time."""


class Status(IntEnum):
    CLEAR = 0
    PAUSED = 1


class Hold(Durable, frozen=True, array_like=True, kw_only=True):
    until: Instant | None = None  # end of the pause; None while paused: until resumed
    paused_at: Instant | None = None
    actor: str | None = None  # who paused
    reason: str | None = None
    # of one job:
    queue: Queue = Queue()
    # of all jobs:
    windows: tuple[MaintenanceWindow, ...] = ()
    waiting: tuple[str, ...] = ()  # scopes of jobs with a queue; some may have been served since
    review_left: int = 0  # so many of `waiting`, from the front, are still to be looked at


def shift(hold: Hold, by_us: int) -> Hold:
    """A person accepted a jump of the clock: a pause lasts as long as it would have."""
    return replace(hold, until=shifted(hold.until, by_us))


KIND = Kind(
    name="hold",
    state=Hold,
    shift=shift,
    part=Waiting,
    statuses={int(status): status.name.lower() for status in Status},
)
ALL = Key("hold", NO_DAY, "all")


def hold_key(scope: str) -> Key:
    """The hold of one job; its name part keeps a job called `all` apart from all jobs."""
    return Key("hold", NO_DAY, scope, "job")


# ---- the pause
def pause(
    hold: Hold, until: Instant | None, now: Instant, *, actor: str | None, reason: str | None
) -> Hold:
    return replace(
        hold, status=Status.PAUSED, until=until, paused_at=now, actor=actor, reason=reason
    )


def resume(hold: Hold) -> Hold:
    return replace(hold, status=Status.CLEAR, until=None, paused_at=None, actor=None, reason=None)


def current(hold: Hold, now: Instant) -> Hold:
    """The hold without what is over: a pause past its end, windows that never come again."""
    if hold.status == Status.PAUSED and hold.until is not None and hold.until <= now:
        hold = resume(hold)
    over = tuple(window for window in hold.windows if not window.is_over(now))
    return hold if len(over) == len(hold.windows) else replace(hold, windows=over)


def pause_of(hold: Hold, who: str, now: Instant) -> Reason | None:
    """Why this pause holds a trigger; `who` is what is paused."""
    if hold.status != Status.PAUSED or (hold.until is not None and hold.until <= now):
        return None
    by = f" by {hold.actor}" if hold.actor else ""
    why = f": {hold.reason}" if hold.reason else ""
    return Reason("pause", f"{who} paused{by}{why}", hold.until)


# ---- when to look again
def wake(hold: Hold, now: Instant, look_at: Instant | None) -> Hold:
    """The hold with its next wake: the end of its pause, or `look_at`, where something waits."""
    ends = hold.until if hold.status == Status.PAUSED else None
    wakes = [at for at in (ends, look_at) if at is not None]
    return replace(hold, wake_at=Instant(max(min(wakes), now + 1)) if wakes else None)


def soon(hold: Hold, now: Instant) -> Instant:
    """The instant to look at a waiting queue: at once, the urgent before the others."""
    first = head(hold.queue)
    return Instant(now + 1 + (first.rank if first else 0))


# ---- which jobs wait
def enlist(everyone: Hold, scope: str) -> Hold:
    if scope in everyone.waiting:
        return everyone
    return replace(everyone, waiting=(*everyone.waiting, scope))


def review(everyone: Hold) -> Hold:
    """Begin to look at every waiting job."""
    return replace(everyone, review_left=len(everyone.waiting))


def page(everyone: Hold) -> tuple[str, ...]:
    """The jobs to look at in this step."""
    return everyone.waiting[: min(everyone.review_left, REVIEW_MAX)]


def reviewed(everyone: Hold, still: tuple[str, ...]) -> Hold:
    """After a page; `still` are those of its jobs that go on waiting."""
    size = len(page(everyone))
    return replace(
        everyone,
        waiting=(*everyone.waiting[size:], *still),
        review_left=everyone.review_left - size,
    )
