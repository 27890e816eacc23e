"""Sla: the clock from a gate's opening to the end of the job it asked for.

    (new) --gate opened with sla_minutes--> running --80 % gone--> warned --100 % gone--> breached
    running, warned --the job succeeded--> met          breached --the job succeeded--> ended_late

A clock belongs to one correlation id and one job, so the run's own event finds it. A failed run
does not stop it: what is promised is the result. A gate that asks for no job has no clock.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tidegate.kernel import ids
from tidegate.kernel.clock import (
    DURATION_MAX_US,
    MINUTE_US,
    NO_DAY,
    Day,
    Instant,
    format_duration,
    format_instant,
    parse_instant,
)
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Event, Json
from tidegate.kernel.orders import Tell
from tidegate.kernel.public_id import NO_DATE, business_date
from tidegate.kernel.step import CARE_MIN, Durable, Key, Kind
from tidegate.kernel.value import is_map

WARN_AT = 0.8
"""Share of the time after which people are warned."""


class Status(IntEnum):
    NEW = 0
    RUNNING = 1
    WARNED = 2
    MET = 3
    ENDED_LATE = 4
    BREACHED = CARE_MIN


class Sla(Durable, frozen=True, array_like=True, kw_only=True):
    gate: str = ""
    rule: str = ""
    job: str = ""
    process: str | None = None
    owner: str | None = None
    correlation_id: str = ""
    round: int = 1
    minutes: float = 0.0
    started_at: Instant = Instant(0)
    warn_at: Instant = Instant(0)
    due_at: Instant = Instant(0)
    ended_at: Instant | None = None


def shift(sla: Sla, by_us: int) -> Sla:
    """A person accepted a jump of the clock: the run has had as long as before."""
    return replace(
        sla,
        started_at=Instant(sla.started_at + by_us),
        warn_at=Instant(sla.warn_at + by_us),
        due_at=Instant(sla.due_at + by_us),
    )


KIND = Kind(
    name="sla",
    state=Sla,
    shift=shift,
    statuses={int(status): status.name.lower() for status in Status},
)


# ---- what is heard
class Further(Struct, frozen=True):
    """A job that an opening asked for beside its first one."""

    job: str
    sla_minutes: float | None = None


class Opened(Struct, frozen=True):
    """What a clock needs of `tidegate.gate.opened`."""

    job: str
    correlation_id: str
    sla_minutes: float | None = None
    gate: str = ""
    rule: str = ""
    round: int = 1
    sla_from: int | str | None = None  # where the clock starts, if that is not the opening
    owner: str | None = None
    process: str | None = None
    backfill: bool = False
    further: tuple[Further, ...] = ()


class Ended(Struct, frozen=True):
    """What a clock needs of `tidegate.run.succeeded`."""

    job: str
    correlation_id: str


def opened(event: Event) -> tuple[Opened, ...]:
    """What starts a clock each, by job; none without a limit, or of history that is loaded."""
    if is_map(event.data) and event.data.get("job") is None:
        return ()  # said at once, for it is what most openings are
    try:
        first = msgspec.convert(event.data, Opened)
    except msgspec.ValidationError:
        return ()
    if first.backfill:
        return ()
    found: dict[str, Opened] = {}
    for one in (Further(first.job, first.sla_minutes), *first.further):
        if 0 < (one.sla_minutes or 0) * MINUTE_US <= DURATION_MAX_US:
            about = replace(first, job=one.job, sla_minutes=one.sla_minutes, further=())
            found.setdefault(one.job, about)
    return tuple(found.values())


def ended(event: Event) -> Ended | None:
    try:
        return msgspec.convert(event.data, Ended)
    except msgspec.ValidationError:
        return None


def sla_key(day: Day | None, about: Opened | Ended) -> Key:
    name = f"{ids.segment(about.correlation_id)}&{ids.segment(about.job)}"
    return Key("sla", NO_DAY if day is None else day, "all", name)


# ---- verbs
def begin(about: Opened, at: Instant, now: Instant) -> Sla:
    """A clock; `at` is the opening. One that is behind already wakes at once."""
    start = _start(about.sla_from, at)
    minutes = about.sla_minutes or 0
    limit_us = round(minutes * MINUTE_US)
    warn_at = Instant(start + round(limit_us * WARN_AT))
    return Sla(
        status=Status.RUNNING,
        wake_at=Instant(max(warn_at, now + 1)),
        gate=about.gate,
        rule=about.rule,
        job=about.job,
        process=about.process,
        owner=about.owner,
        correlation_id=about.correlation_id,
        round=about.round,
        minutes=minutes,
        started_at=start,
        warn_at=warn_at,
        due_at=Instant(start + limit_us),
    )


def _start(written: int | str | None, at: Instant) -> Instant:
    if isinstance(written, int):
        return Instant(written)
    if isinstance(written, str):
        try:
            return parse_instant(written)[0]
        except InputError:
            return at
    return at


def wake(sla: Sla, now: Instant) -> Sla:
    """The clock when its time has come; one that slept through its warning breaches at once."""
    if sla.status not in (Status.RUNNING, Status.WARNED):
        return replace(sla, wake_at=None)
    if now >= sla.due_at:
        return replace(sla, status=Status.BREACHED, wake_at=None)
    if now >= sla.warn_at:
        return replace(sla, status=Status.WARNED, wake_at=sla.due_at)
    return replace(sla, wake_at=sla.warn_at)


def end(sla: Sla, at: Instant) -> Sla:
    """The job succeeded at `at`."""
    status = Status.MET if at <= sla.due_at else Status.ENDED_LATE
    return replace(sla, status=status, wake_at=None, ended_at=at)


# ---- what people are told
def tell(key: Key, sla: Sla) -> Tell:
    """The notice of a warning, or of a breach."""
    breached = sla.status != Status.WARNED
    what = "breached" if breached else "warning"
    limit = format_duration(sla.due_at - sla.started_at)
    verb = "was not done within" if breached else "is near the end of"
    date = business_date(key)
    return Tell(
        notice=f"sla.{what}/{sla.job}/{business_date(key) or NO_DATE}/{sla.correlation_id}",
        channel="",
        receiver=sla.owner,
        severity="critical" if breached else "warning",
        message=(
            f"{sla.job}{f' for {date}' if date else ''} {verb} its SLA of {limit}: started "
            f"{format_instant(sla.started_at)}, due {format_instant(sla.due_at)}. "
            f"Rule {sla.rule or '-'}, process {sla.process or '-'}, "
            f"correlation id {sla.correlation_id}."
        ),
        day=key.day,
        correlation_id=sla.correlation_id,
        data=facts(key, sla),
    )


def facts(key: Key, sla: Sla) -> dict[str, Json]:
    return {
        "job": sla.job,
        "gate": sla.gate,
        "rule": sla.rule,
        "process": sla.process,
        "owner": sla.owner,
        "business_date": business_date(key),
        "round": sla.round,
        "correlation_id": sla.correlation_id,
        "sla_minutes": sla.minutes,
        "started_at": format_instant(sla.started_at),
        "due_at": format_instant(sla.due_at),
    }
