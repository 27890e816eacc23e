"""Turned away: refused deliveries that may be what a waiting gate waits for.

A call that was refused unread (no token, a packed body) could have held anything; of a refused event
something is kept, and it concerns a gate where it names a dataset that is missing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypedDict

from tidegate.correlate.gate import Gate, Shown, Status, show
from tidegate.correlate.rule import Rule
from tidegate.kernel.clock import DAY_US, NO_DAY, Day, Instant, format_instant
from tidegate.kernel.step import Key
from tidegate.ports.reader import PAGE_MAX, Reader
from tidegate.ports.store import Reject
from tidegate.services.books import Read
from tidegate.services.look import LATEST
from tidegate.services.recognised import attributes, business_date
from tidegate.services.refusals import calls_of

LOOKED_BACK_US = DAY_US
_DOOR = "POST /api/v1/events"


class RefusedAnswer(TypedDict):
    """Deliveries of the last day that were refused with one code."""

    code: str
    deliveries: int
    last: str
    event: dict[str, str | None] | None
    since: str


def refused_for(
    reader: Reader, key: Key, gate: Gate, rule: Rule, read: Read, now: Instant
) -> list[RefusedAnswer]:
    """Refused deliveries that may be what this gate waits for."""
    if gate.status not in (Status.WAITING, Status.OVERDUE):
        return []
    states = show(gate, rule)
    missing = {one.dataset or one.name for one in rule.inputs if states[one.name] is Shown.MISSING}
    if not missing:
        return []
    # A rule with mappings of its own may read another date than all others do.
    day = None if key.day == NO_DAY or rule.readings else key.day
    return turned_away(reader, missing, day, read, now)


def turned_away(
    reader: Reader, datasets: Collection[str], day: Day | None, read: Read, now: Instant
) -> list[RefusedAnswer]:
    """By code: how many of the last day, since when, and what the last one was.

    With a day, those whose business date can be read count for that date alone.
    """
    found: dict[str, RefusedAnswer] = {}
    for row in reader.rejects(LATEST, PAGE_MAX):  # newest first
        reject = row.reject
        if reject.at < now - LOOKED_BACK_US:
            break
        if not _concerns(reject, datasets):
            continue
        of = business_date(reject.body, read) if reject.body and day is not None else None
        if of is not None and of != day:
            continue
        one = found.setdefault(
            reject.code,
            {
                "code": reject.code,
                "deliveries": 0,
                "last": reject.message,
                "event": attributes(reject.body),
                "since": "",
            },
        )
        one["deliveries"] += calls_of(reject)
        one["since"] = format_instant(reject.at)
    return list(found.values())


def _concerns(reject: Reject, datasets: Collection[str]) -> bool:
    if not reject.body:
        return _DOOR in reject.message
    if reject.code.startswith("body."):
        return True
    return any(dataset.encode() in reject.body for dataset in datasets)
