"""Delivery: an event as evidence for one input, and what it does to a gate in whatever state."""

from __future__ import annotations

from msgspec.structs import replace

from tidegate.correlate import expectation
from tidegate.correlate.gate import Evidence, Gate, Status, arrive, counts, next_round, settle
from tidegate.correlate.rule import SEEN_MAX, Input, Rule
from tidegate.kernel.clock import NO_DAY, Instant
from tidegate.kernel.deadline import deadline_at
from tidegate.kernel.event import Event, Json
from tidegate.kernel.ids import Pos
from tidegate.kernel.step import Key
from tidegate.kernel.value import MISSING, shown

REFUSED_MAX = 20
"""So many late or ignored deliveries are shown with a gate; all of them are in the log."""


_WAITING = int(Status.WAITING)


def begun(key: Key, rule: Rule, values: tuple[str, ...], now: Instant) -> Gate:
    """A gate's first round. Made after its deadline it is history, and alarms nobody."""
    gate = Gate(values=values, made_at=now)
    if rule.expect is None or key.day == NO_DAY:
        return gate
    deadline = expectation.deadline_of(rule, key.day) if rule.expect.deadline else None
    warn_at = None
    if rule.expect.warn is not None:
        warn_at = deadline_at(rule.expect.warn, key.day, rule.expect.zone, rule.expect.calendar)
    if deadline is not None and deadline <= now:
        close_at = None if rule.close_after_us is None else Instant(now + rule.close_after_us)
        return replace(
            gate, deadline=deadline, expired=True, backfill=True, close_at=close_at,
            status=Status.OVERDUE, wake_at=close_at,
        )  # fmt: skip
    warn_at = warn_at if warn_at is not None and warn_at > now else None
    wakes = [at for at in (deadline, warn_at) if at is not None]
    return replace(gate, deadline=deadline, warn_at=warn_at, wake_at=min(wakes, default=None))


def deliver(gate: Gate, evidence: Evidence, rule: Rule, now: Instant) -> Gate:
    """What one delivery makes of a gate; the same gate when it changes nothing."""
    if counts(gate, evidence.id, evidence.source):
        return gate
    if gate.status == _WAITING:
        return arrive(gate, evidence, rule, now)
    match gate.status:
        case Status.OPEN:
            if rule.redelivery == "ignore":
                return _refuse(gate, evidence)
            if rule.redelivery == "refire":
                return _refire(gate, evidence, rule, now)
            return arrive(_fresh(gate, rule, now), evidence, rule, now)
        case Status.CLOSED:
            if rule.late == "new_round":
                return arrive(_fresh(gate, rule, now), evidence, rule, now)
            return _refuse(gate, evidence) if rule.late == "inbox" else gate
        case _:
            return arrive(gate, evidence, rule, now)


def evidence_of(event: Event, one: Input, rule: Rule, pos: Pos, now: Instant) -> Evidence:
    """The delivery with the values compared, so that an explanation outlives the log."""
    constants = one.constants
    if rule.readings:
        # Read anew: the rule's own reading may see another dataset than the one that fitted.
        event, constants = _own_reading(event, rule), None
    good = True
    seen: list[Json] = (
        [_storable(test.read(event)) for test in one.tests]
        if constants is None
        else list(constants)
    )
    for test in one.quality:
        value = test.read(event)
        if not test.holds(value):
            good = False
        seen.append(value if type(value) in _NUMBERS else _storable(value))
    # All fields in their order: names would cost as much as all the rest.
    return Evidence(
        one.name,
        pos,
        event.id,
        event.source,
        event.time,
        now,
        good,
        tuple(seen),
        tuple([kept.read(event) for kept in rule.kept]) if rule.kept else (),
        event.priority or "normal",
        event.application,
        one.dataset or event.dataset,
        event.context_id,
        event.owner,
    )


def _own_reading(event: Event, rule: Rule) -> Event:
    """The rule's own mapping of an application wins over the shared one."""
    for reading in rule.readings:
        if reading.matches(event.source):
            return reading.apply(event)
    return event


def _fresh(gate: Gate, rule: Rule, now: Instant) -> Gate:
    """The next round: no deadline of its own, for its day's deadline belonged to the first."""
    return next_round(gate, now)


def _refire(gate: Gate, evidence: Evidence, rule: Rule, now: Instant) -> Gate:
    """The next round opens at once with the newest of each input, if the new one is good."""
    fresh = next_round(gate, now)
    kept = tuple(one for one in gate.inputs if one.input != evidence.input)
    return settle(replace(fresh, inputs=(*kept, evidence)), rule, now, evidence.pos)


def _refuse(gate: Gate, evidence: Evidence) -> Gate:
    return replace(gate, refused=(*gate.refused, evidence)[-REFUSED_MAX:])


def _storable(value: Json) -> Json:
    """A value as evidence keeps it: short texts and numbers themselves, all else as a short text."""
    if type(value) is str:
        return value if len(value) <= SEEN_MAX else shown(value, SEEN_MAX)
    if type(value) in _KEPT:
        return value
    return None if value is MISSING else shown(value, SEEN_MAX)


_NUMBERS = frozenset({int, float})
_KEPT = frozenset({type(None), bool, int, float})
