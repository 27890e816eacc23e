"""Why a trigger started, or what still holds it; what a hold holds. Judged as admission judges."""

from __future__ import annotations

from tidegate.kernel.clock import format_second
from tidegate.kernel.public_id import business_date, public_id
from tidegate.kernel.step import Clause, Compared, Explanation, Key, Look
from tidegate.schedule import admission
from tidegate.schedule import hold as holds
from tidegate.schedule.book import Book
from tidegate.schedule.hold import ALL, Hold, hold_key
from tidegate.schedule.trigger import Reason, Status, Trigger

_CONDITIONS = (("pause", "not paused"), ("window", "no maintenance window"))


def explain(key: Key, look: Look, book: Book) -> Explanation:
    if key.kind == holds.KIND.name:
        return _hold(key.line()[-1], look, book)
    cell = look.cell(key, Trigger)
    trigger = cell.state
    if not cell.version:
        return Explanation(status="unknown", sentence=f"Nobody asked for {public_id(key)}.")
    status = Status(trigger.status)
    if status == Status.HELD:
        return _held(key, trigger, look, book)
    said = {
        Status.STARTED: f"started at {_at(trigger)} and runs",
        Status.SUCCEEDED: f"started at {_at(trigger)} and succeeded",
        Status.FAILED: f"started at {_at(trigger)} and failed",
        Status.CANCELLED: f"was cancelled{_by(trigger)}",
    }.get(status, f"was refused: {_texts(trigger.reasons)}")
    verdicts = () if trigger.started_at is None else _clauses(())
    return Explanation(
        status=status.name.lower(),
        sentence=f"{_name(key, trigger)} {said}.",
        clauses=verdicts,
        next_what=(
            f"to ask again: tidegate trigger send --again {public_id(key)}"
            if status in (Status.CANCELLED, Status.REFUSED)
            else None
        ),
    )


def _by(trigger: Trigger) -> str:
    by = f" by {trigger.cancelled_by}" if trigger.cancelled_by else ""
    return f"{by}: {trigger.cancel_reason}" if trigger.cancel_reason else by


def holding(key: Key, trigger: Trigger, look: Look, book: Book) -> tuple[Reason, ...]:
    """What stands against a trigger now, whatever did when it was decided: all answers say this.

    Of one that is held: nothing where it is about to start. Of a refused one: its refusal.
    """
    if trigger.status != Status.HELD:
        return trigger.reasons if trigger.status == Status.REFUSED else ()
    own = look.cell(hold_key(key.scope), Hold).state
    why = admission.reasons(key.scope, look.cell(ALL, Hold).state, own, book, look.now)
    if not why and own.wake_at is not None and own.wake_at == trigger.look_at:
        # Nobody has looked again since: the server stands still, or its clock is not the asker's.
        return trigger.reasons
    return why


def _held(key: Key, trigger: Trigger, look: Look, book: Book) -> Explanation:
    own = look.cell(hold_key(key.scope), Hold).state
    why = holding(key, trigger, look, book)
    waiting = own.queue.length - 1
    others = f"; {waiting} more of this job wait" if waiting > 0 else ""
    because = _texts(why) if why else "it is about to start"
    at = admission.look_at(why) if why else own.wake_at
    return Explanation(
        status="held",
        sentence=f"{_name(key, trigger)} is held: {because}{others}.",
        clauses=_clauses(why),
        next_at=at,
        next_what=(
            f"{trigger.asked.job} starts, unless something else holds it then"
            if at is not None
            else f"{trigger.asked.job} starts when a person resumes it: {_resume(key, own, look)}"
        ),
    )


def _resume(key: Key, own: Hold, look: Look) -> str:
    """The commands that end the pauses nobody set an end to."""
    everyone = look.cell(ALL, Hold).state
    commands = ["tidegate schedule resume"] if _endless(everyone) else []
    if _endless(own):
        commands.append(f"tidegate schedule resume --job {key.scope}")
    return " and ".join(commands)


def _endless(hold: Hold) -> bool:
    return hold.status == holds.Status.PAUSED and hold.until is None


def _hold(key: Key, look: Look, book: Book) -> Explanation:
    own = look.cell(key, Hold).state
    if key == ALL:
        pause = holds.pause_of(own, "all jobs are", look.now)
        why: tuple[Reason, ...] = (pause,) if pause else ()
        who = "All jobs"
        rest = f"{len(own.windows)} maintenance windows were added at run time"
    else:
        why = admission.reasons(key.scope, look.cell(ALL, Hold).state, own, book, look.now)
        who = f"Runs of {key.scope}"
        rest = f"{own.queue.length} triggers wait"
    said = f"are held: {_texts(why)}" if why else "may start"
    return Explanation(
        status="held" if why else "clear",
        sentence=f"{who} {said}. {rest}.",
        clauses=_clauses(why),
        next_at=own.wake_at,
        next_what=None if own.wake_at is None else "it is looked at again",
    )


def _clauses(why: tuple[Reason, ...]) -> tuple[Clause, ...]:
    """Every condition of admission, with all that stands against it."""
    return tuple(
        Clause(
            text,
            "not_met" if any(reason.what == what for reason in why) else "met",
            compared=tuple(
                Compared(what, text, _text(reason), met=False)
                for reason in why
                if reason.what == what
            ),
        )
        for what, text in _CONDITIONS
    )


def _texts(why: tuple[Reason, ...]) -> str:
    return "; ".join(_text(reason) for reason in why)


def _text(reason: Reason) -> str:
    until = "" if reason.until is None else f" (until {format_second(reason.until)})"
    return f"{reason.text}{until}"


def _name(key: Key, trigger: Trigger) -> str:
    date = business_date(key)
    return f"{trigger.asked.job}{f' for {date}' if date else ''}"


def _at(trigger: Trigger) -> str:
    return "-" if trigger.started_at is None else format_second(trigger.started_at)
