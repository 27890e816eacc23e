"""Why a notice was (not) delivered, where an SLA clock stands, what a counter says."""

from __future__ import annotations

from tidegate.kernel.clock import NO_DAY, format_day, format_duration, format_instant
from tidegate.kernel.step import Clause, Compared, Explanation, Key, Look, Verdict
from tidegate.watch import sla
from tidegate.watch.channel import Book
from tidegate.watch.counter import Counter
from tidegate.watch.notice import Notice
from tidegate.watch.notice import Status as NoticeStatus
from tidegate.watch.sla import Sla


def explain(key: Key, look: Look, book: Book) -> Explanation:
    match key.kind:
        case "notice":
            return _notice(key, look)
        case "sla":
            return _sla(key, look)
        case _:
            return _counter(key, look)


_DELIVERY: dict[NoticeStatus, Verdict] = {
    NoticeStatus.SENT: "met",
    NoticeStatus.UNDELIVERED: "not_met",
}
_PROMISE: dict[sla.Status, Verdict] = {
    sla.Status.MET: "met",
    sla.Status.ENDED_LATE: "not_met",
    sla.Status.BREACHED: "not_met",
}


def _notice(key: Key, look: Look) -> Explanation:
    cell = look.cell(key, Notice)
    told = cell.state
    if not cell.version:
        return Explanation(status="unknown", sentence=f"Nothing was told as {key.name}.")
    status = NoticeStatus(told.status)
    where = f"{told.channel}, {told.receiver}" if told.receiver else told.channel
    said = {
        NoticeStatus.SENT: f"It was delivered at {format_instant(told.ended_at or told.told_at)}.",
        NoticeStatus.UNDELIVERED: f"It could not be delivered: {told.error}.",
    }.get(status, "It is being delivered.")
    clauses = (
        Clause(
            f"channel {told.channel} delivers",
            "not_met" if told.diverted else "met",
            compared=(Compared("channel", told.channel, "console", met=False),)
            if told.diverted
            else (),
        ),
        Clause(
            "delivered",
            _DELIVERY.get(status, "waiting"),
        ),
    )
    diverted = f" It went to the console: {told.diverted}." if told.diverted else ""
    return Explanation(
        status=status.name.lower(),
        sentence=f"{told.severity.capitalize()} notice for {where}: {told.message} {said}{diverted}",
        clauses=clauses,
    )


def _sla(key: Key, look: Look) -> Explanation:
    cell = look.cell(key, Sla)
    clock = cell.state
    if not cell.version:
        return Explanation(status="unknown", sentence=f"No SLA clock runs for {key.name}.")
    status = sla.Status(clock.status)
    date = f" for {format_day(key.day)}" if key.day != NO_DAY else ""
    due = format_instant(clock.due_at)
    said = {
        sla.Status.MET: "was done within",
        sla.Status.ENDED_LATE: "was done, but not within",
        sla.Status.BREACHED: "is not done and is past",
        sla.Status.WARNED: "is not done and is near the end of",
    }.get(status, "is not done and is within")
    limit = format_duration(clock.due_at - clock.started_at)
    seen = "not yet" if clock.ended_at is None else format_instant(clock.ended_at)
    verdict = _PROMISE.get(status, "waiting")
    return Explanation(
        status=status.name.lower(),
        sentence=f"{clock.job}{date} {said} its SLA of {limit}, due {due}.",
        clauses=(
            Clause(
                f"{clock.job} succeeded by {due}",
                verdict,
                compared=(Compared("succeeded", f"by {due}", seen, met=verdict == "met"),),
            ),
        ),
        next_at=clock.wake_at,
        next_what=None
        if clock.wake_at is None
        else (
            "people are warned"
            if status == sla.Status.RUNNING
            else "people are told it is breached"
        ),
    )


def _counter(key: Key, look: Look) -> Explanation:
    counter = look.cell(key, Counter).state
    of = f" of {counter.of[0]} {counter.of[1]}" if counter.of else ""
    ends = ", ".join(f"{count} {how}" for how, count in sorted(counter.by.items()))
    return Explanation(
        status="counting",
        sentence=f"{counter.metric or key.name}{of} stands at {counter.total:g}, "
        f"moved {counter.count} times{f' ({ends})' if ends else ''}.",
    )
