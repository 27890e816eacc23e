"""Trigger: one wish to run a job. It passes admission and then follows its run.

    (new) --nothing holds--> started          held --nothing holds any more--> started
    (new) --something holds--> held           held --the job is withdrawn--> refused
    (new) --no such job--> refused            held, refused --cancel--> cancelled
    started --its run ends--> succeeded, failed

A trigger starts at most once, for ever; retries of its run are no new triggers. Why it is held
stands here as it was seen when it was last decided; answers look again (`explain.holding`).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TypedDict

from msgspec import Struct
from msgspec.structs import replace

from tidegate.kernel import ids
from tidegate.kernel.clock import Instant, format_instant
from tidegate.kernel.event import Json
from tidegate.kernel.orders import RequestRun
from tidegate.kernel.public_id import business_date, public_id
from tidegate.kernel.step import CARE_MIN, Durable, Key, Kind


class Status(IntEnum):
    NEW = 0
    HELD = 1
    STARTED = 2
    SUCCEEDED = 3
    FAILED = 4  # its execution is what waits for a person, not the trigger
    CANCELLED = 5
    REFUSED = CARE_MIN


class Reason(Struct, frozen=True, array_like=True):
    """One thing that stands against a start, and when it is known to end."""

    what: str  # pause, window, queue, or the code of a refusal
    text: str
    until: Instant | None = None


class Trigger(Durable, frozen=True, array_like=True, kw_only=True):
    request: RequestRun | None = None
    requested_at: Instant = Instant(0)
    actor: str | None = None
    reason: str | None = None  # why the actor asked
    reasons: tuple[Reason, ...] = ()  # what held or refused it
    look_at: Instant | None = None  # when it is looked at again, as known when it was held
    chunk: int = 0  # where it stands in its job's queue
    started_at: Instant | None = None
    ended_at: Instant | None = None
    cancelled_by: str | None = None
    cancel_reason: str | None = None

    @property
    def asked(self) -> RequestRun:
        assert self.request is not None, "a stored trigger has its request"
        return self.request


KIND = Kind(
    name="trigger",
    state=Trigger,
    statuses={int(status): status.name.lower() for status in Status},
)
# It follows no document: one for a job that does not exist must be kept as well.


# ---- names
def trigger_key(request: RequestRun) -> Key:
    return Key("trigger", request.day, ids.segment(request.job), ids.segment(request.request))


# ---- verbs
def hold(trigger: Trigger, reasons: tuple[Reason, ...], look_at: Instant | None) -> Trigger:
    return replace(trigger, status=Status.HELD, reasons=reasons, look_at=look_at)


def start(trigger: Trigger, now: Instant) -> Trigger:
    assert trigger.status in (Status.NEW, Status.HELD), "a trigger starts once"
    return replace(trigger, status=Status.STARTED, started_at=now, look_at=None, chunk=0)


def refuse(trigger: Trigger, reason: Reason, now: Instant) -> Trigger:
    return replace(
        trigger,
        status=Status.REFUSED,
        reasons=(reason,),
        look_at=None,
        chunk=0,
        ended_at=now,
    )


def cancel(
    trigger: Trigger, now: Instant, *, actor: str | None = None, reason: str | None = None
) -> Trigger:
    return replace(
        trigger,
        status=Status.CANCELLED,
        look_at=None,
        chunk=0,
        ended_at=now,
        cancelled_by=actor,
        cancel_reason=reason,
    )


def end(trigger: Trigger, status: Status, now: Instant) -> Trigger:
    return replace(trigger, status=status, ended_at=now)


# ---- how it is shown
def report(key: Key, trigger: Trigger) -> dict[str, Json]:
    """What whoever asked for the run is answered."""
    started = trigger.started_at is not None
    return {
        "trigger_id": public_id(key),
        "status": Status(trigger.status).name.lower(),
        "job": trigger.asked.job,
        "held": shown(trigger.reasons) if trigger.status == Status.HELD else [],
        "look_at": None if trigger.look_at is None else format_instant(trigger.look_at),
        "execution_id": public_id(key) if started else None,
    }


def facts(key: Key, trigger: Trigger) -> dict[str, Json]:
    """The data of what is said about a trigger."""
    by: dict[str, Json] = {"by": trigger.cancelled_by} if trigger.cancelled_by else {}
    if trigger.cancel_reason:
        by["reason"] = trigger.cancel_reason
    return {
        "trigger": key.name,
        "trigger_id": public_id(key),
        "job": trigger.asked.job,
        "business_date": business_date(key),
        "correlation_id": trigger.asked.correlation_id,
        "priority": trigger.asked.priority,
        "origin": trigger.asked.origin,
        "reasons": shown(trigger.reasons),
        **by,
    }


class HeldAnswer(TypedDict):
    """What holds or refused a trigger, and until when."""

    what: str
    text: str
    until: str | None


def shown(reasons: Iterable[Reason]) -> list[HeldAnswer]:
    return [
        {
            "what": reason.what,
            "text": reason.text,
            "until": None if reason.until is None else format_instant(reason.until),
        }
        for reason in reasons
    ]
