"""Delivery: an event as evidence for one input, and what it does to a gate in whatever state."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tidegate.correlate import expectation
from tidegate.correlate.gate import (
    Evidence,
    Gate,
    Status,
    arrive,
    counts,
    late_of,
    next_round,
    next_wake,
    replaces,
)
from tidegate.correlate.reading import reread
from tidegate.correlate.rule import SEEN_MAX, Input, Rule
from tidegate.kernel.clock import NO_DAY, Instant
from tidegate.kernel.event import Event, Json
from tidegate.kernel.ids import Pos
from tidegate.kernel.step import Key
from tidegate.kernel.value import MISSING, shown

REFUSED_MAX = 20
"""So many late or ignored deliveries are shown with a gate; all of them are in the log."""

_WAITING = int(Status.WAITING)


def begun(
    key: Key, rule: Rule, values: tuple[str, ...], now: Instant, *, expected: bool = False
) -> Gate:
    """A gate's first round. Made after its deadline it is history, and alarms nobody."""
    gate = Gate(values=values, made_at=now, expected=expected)
    if rule.expect is None or key.day == NO_DAY:
        return gate
    deadlines = expectation.deadlines(rule, key.day)
    if deadlines and max(deadlines) <= now:
        close_at = None if rule.close_after_us is None else Instant(now + rule.close_after_us)
        return replace(
            gate, deadline=max(deadlines), expired=True, backfill=True, close_at=close_at,
            status=Status.OVERDUE, wake_at=close_at,
        )  # fmt: skip
    warn_at = expectation.warning_of(rule, key.day)
    if warn_at is not None and warn_at <= now and not expected:
        warn_at = None
    gate = replace(gate, deadline=min(deadlines, default=None), warn_at=warn_at)
    return replace(gate, wake_at=next_wake(gate))


def deliver(gate: Gate, event: Sequence[Evidence], rule: Rule, now: Instant) -> Gate:
    """What one event, as every input it is, makes of a gate; the same gate when it changes nothing.

    A gate of a later round is the next one's beginning; the caller keeps the finished round.
    """
    if counts(gate, event[0].id, event[0].source):
        return gate
    if gate.status == _WAITING and rule.late == "inbox":
        return arrive(gate, event, rule, now)
    match gate.status:
        case Status.OPEN:
            here = {one.input for one in gate.inputs}
            if not any(one.input in here for one in event):
                # Optional, and later than the opening: it joins, and nothing else happens.
                return replace(gate, inputs=(*gate.inputs, *event))
            if rule.redelivery == "refire":
                return _refire(gate, event, rule, now)
            return _after_opening(gate, event, rule, now)
        case Status.CLOSED:
            return _after_closing(gate, event, rule, now)
        case _:
            if rule.late == "inbox" or not _is_late(gate, event, rule):
                return arrive(gate, event, rule, now)
            return _too_late(gate, event, rule, now)


def follow(gate: Gate, event: Sequence[Evidence], rule: Rule, now: Instant) -> Gate:
    """What an event makes of a finished round under a newer version of its rule.

    What that round kept was read under other conditions, so the next begins empty: here a refire
    waits for all inputs as well.
    """
    if counts(gate, event[0].id, event[0].source):
        return gate
    if gate.status == Status.CLOSED:
        return _after_closing(gate, event, rule, now)
    return _after_opening(gate, event, rule, now)


def evidence_of(event: Event, one: Input, rule: Rule, pos: Pos, now: Instant) -> Evidence:
    """The delivery with the values compared, so that an explanation outlives the log."""
    if rule.readings:
        event = reread(event, rule.readings)
    failed: list[int] = []
    seen: list[Json] = (
        [_storable(test.read(event)) for test in one.tests]
        if one.constants is None
        else list(one.constants)
    )
    for number, test in enumerate(one.quality):
        value = test.read(event)
        if not test.holds(value):
            failed.append(number)
        seen.append(value if type(value) in _NUMBERS else _storable(value))
    # All fields in their order: names would cost as much as all the rest.
    return Evidence(
        one.name,
        pos,
        event.id,
        event.source,
        event.time,
        now,
        not failed,
        tuple(seen),
        tuple([kept.read(event) for kept in rule.kept]) if rule.kept else (),
        event.priority or "normal",
        event.application,
        one.dataset or event.dataset,
        event.context_id,
        event.owner,
        None,
        tuple(failed),
    )


def _after_opening(gate: Gate, event: Sequence[Evidence], rule: Rule, now: Instant) -> Gate:
    if rule.redelivery == "ignore":
        return _refuse(gate, event)
    # No deadline of its own: its day's deadline belonged to the first round.
    return arrive(next_round(gate, now), event, rule, now)


def _after_closing(gate: Gate, event: Sequence[Evidence], rule: Rule, now: Instant) -> Gate:
    if rule.late == "new_round":
        return arrive(next_round(gate, now), event, rule, now)
    return _refuse(gate, event)


def _refire(gate: Gate, event: Sequence[Evidence], rule: Rule, now: Instant) -> Gate:
    """The next round opens at once with the newest of each input, if the new one is good.

    Where what came is older than all it would take the place of, it would start the same again.
    """
    newest = replace(rule, keep_first=False)
    kept = {one.input: one for one in gate.inputs}
    known = [one for one in event if one.input in kept]
    if any(replaces(one, kept[one.input], newest) for one in known):
        return arrive(replace(next_round(gate, now), inputs=gate.inputs), event, newest, now)
    if len(known) < len(event):
        lacked = [one for one in event if one.input not in kept]
        return replace(gate, inputs=(*gate.inputs, *lacked))
    return _refuse(gate, event)


def _is_late(gate: Gate, event: Sequence[Evidence], rule: Rule) -> bool:
    """It lies outside the window of the other inputs that are kept."""
    delivered = {one.input for one in event}
    others = tuple(one for one in gate.inputs if one.input not in delivered)
    late = late_of((*others, *event), gate.values, rule)
    return any(one.input in late for one in event)


def _too_late(gate: Gate, event: Sequence[Evidence], rule: Rule, now: Instant) -> Gate:
    """A rule that does not keep what is late: it is refused, or the next round begins with it."""
    if rule.late == "ignore":
        return _refuse(gate, event)
    if late_of(tuple(event), gate.values, rule):
        return arrive(gate, event, rule, now)  # it would be late in any round
    # The round that ends never opened, so what was asked for its date is still owed.
    fresh = replace(
        next_round(gate, now),
        deadline=gate.deadline,
        warn_at=gate.warn_at,
        close_at=gate.close_at,
        expired=gate.expired,
        expected=gate.expected,
        warned=gate.warned,
    )
    return arrive(fresh, event, rule, now)


def _refuse(gate: Gate, event: Sequence[Evidence]) -> Gate:
    return replace(gate, refused=(*gate.refused, *event)[-REFUSED_MAX:])


def _storable(value: Json) -> Json:
    """A value as evidence keeps it: short texts and numbers themselves, all else as a short text."""
    if type(value) is str:
        return value if len(value) <= SEEN_MAX else f"{value[: SEEN_MAX - 1]}…"
    if type(value) in _KEPT:
        return value
    return None if value is MISSING else shown(value, SEEN_MAX)


_NUMBERS = frozenset({int, float})
_KEPT = frozenset({type(None), bool, int, float})
