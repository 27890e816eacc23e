"""Gate: one rule for one set of match values; waits for every input, opens once per round.

    waiting --last good input--> open            waiting, quarantined --deadline, window--> overdue
    waiting --input fails quality--> quarantined overdue --last good input--> open
    quarantined --corrected, released--> waiting overdue --close_after, operator--> closed
    open --redelivery--> waiting, in the next round; the finished round is kept under its number

What an input shows (received, quarantined, late) follows from the kept deliveries alone, so the
order of arrival never changes it. Pure: no clock and no I/O; instants arrive with the signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, IntEnum

from msgspec import Struct
from msgspec.structs import replace

from tidegate.correlate.memory import remembered, remembers, upgraded
from tidegate.correlate.rule import Anchor, Input, Rule
from tidegate.kernel.clock import Instant, shifted
from tidegate.kernel.event import PRIORITIES, Json
from tidegate.kernel.ids import Pos
from tidegate.kernel.step import CARE_MIN, Durable

OUTSIDE_FIX = (
    "what came outside the time window cannot be let through: close the round (tidegate gate close) "
    "and start its job by hand (tidegate trigger send), or deliver again so that the event times that "
    "count lie inside one window"
)
"""What a person can do about an input that is late; of each input the latest time counts."""
CLOSE_AFTER = "close_after"
"""Who closed a gate that nobody closed: its time was over."""
LATE = "late"
"""... or a delivery that came too late for it, and began the next round."""
REPLACED_MAX = 100
"""Replaced deliveries of a round whose places it keeps, the newest; all of them are in the log."""


class Status(IntEnum):
    WAITING = 0
    OPEN = 1
    CLOSED = 2
    OVERDUE = CARE_MIN
    QUARANTINED = CARE_MIN + 1


STATUSES: dict[int, str] = {int(status): status.name.lower() for status in Status}
FINISHED = frozenset({Status.OPEN, Status.CLOSED})
"""What comes now belongs to another round, if to any."""


class Shown(IntEnum):
    """What an input shows."""

    MISSING = 0
    RECEIVED = 1
    QUARANTINED = 2
    LATE = 3


class Evidence(Struct, frozen=True, array_like=True, gc=False):
    """One kept delivery: enough to decide and to explain, even when the log is gone."""

    input: str
    pos: Pos
    id: str
    source: str
    time: Instant
    arrived_at: Instant
    good: bool  # it passed the quality conditions, or a person released it
    seen: tuple[Json, ...] = ()  # values compared: conditions first, then quality conditions
    kept: tuple[Json, ...] = ()  # values the rule's actions will ask for
    priority: str = "normal"
    application: str = ""
    dataset: str | None = None
    context_id: str | None = None
    owner: str | None = None
    released_by: str | None = None
    failed: tuple[int, ...] = ()  # positions among the input's quality conditions
    release_reason: str | None = None  # why that person released it

    @property
    def released(self) -> str | None:
        """By whom and why, in words; None where nobody did."""
        if self.released_by is None:
            return None
        return f"released by {self.released_by}{because(self.release_reason)}"


class Gate(Durable, frozen=True, array_like=True, kw_only=True):
    """The current round; finished ones are parts of the same cell's key."""

    round: int = 1
    values: tuple[str, ...] = ()  # match values as texts, in the rule's order
    inputs: tuple[Evidence, ...] = ()  # in order of first arrival
    made_at: Instant = Instant(0)
    deadline: Instant | None = None
    window_end: Instant | None = None
    warn_at: Instant | None = None
    close_at: Instant | None = None
    expired: bool = False  # the deadline or window has passed
    backfill: bool = False  # it was made after its deadline; it alarms nobody
    expected: bool = False  # its expectation made it or claims it
    opened_at: Instant | None = None
    opened_pos: Pos | None = None
    closed_by: str | None = None
    counted: bytes = b""  # digests of replaced deliveries and of earlier rounds, oldest first
    refused: tuple[Evidence, ...] = ()  # late for a closed gate, or ignored: shown, not counted
    warned: bool = False  # it is later than usual, and its owner was told
    replaced: tuple[Pos, ...] = ()  # of this round: what another delivery took the place of
    close_reason: str | None = None  # why the person closed it


_NONE: frozenset[str] = frozenset()


def because(reason: str | None) -> str:
    """A person's reason, behind what was done."""
    return f": {reason}" if reason else ""


# ---- verbs
def arrive(gate: Gate, event: Sequence[Evidence], rule: Rule, now: Instant) -> Gate:
    """One accepted event, as every input it is, to a round that has not opened.

    It opens when it was the last.
    """
    inputs, counted, replaced = gate.inputs, gate.counted, gate.replaced
    for evidence in event:
        kept: Evidence | None = None
        for one in inputs:
            if one.input == evidence.input:
                kept = one
                break
        if kept is None:
            inputs = (*inputs, evidence)
            continue
        loser = evidence
        if replaces(evidence, kept, rule):
            inputs = tuple([evidence if one is kept else one for one in inputs])
            loser = kept
        counted = remembered(counted, ((loser.source, loser.id),))
        replaced = (*replaced, loser.pos)[-REPLACED_MAX:]
    window_end = gate.window_end
    if rule.window_us is not None and window_end is None:
        # Measured on the machine's clock from the first arrival: old samples do not expire at once.
        window_end = Instant(now + rule.window_us)
    standing = stand(inputs, gate.values, rule)
    if standing is _OPEN:
        return replace(
            gate, inputs=inputs, counted=counted, replaced=replaced, window_end=window_end,
            status=Status.OPEN, opened_at=now, opened_pos=event[0].pos, wake_at=None, close_at=None,
        )  # fmt: skip
    return replace(
        gate, inputs=inputs, counted=counted, replaced=replaced, window_end=window_end,
        status=_not_open(standing, gate), wake_at=_next_wake(gate, window_end),
    )  # fmt: skip


def settle(gate: Gate, rule: Rule, now: Instant, pos: Pos) -> Gate:
    """The status and the next wake that follow from what was kept."""
    standing = stand(gate.inputs, gate.values, rule)
    if standing is _OPEN:
        return replace(
            gate, status=Status.OPEN, opened_at=now, opened_pos=pos, wake_at=None, close_at=None
        )
    return replace(gate, status=_not_open(standing, gate), wake_at=next_wake(gate))


class Standing(Enum):
    """What the kept deliveries come to."""

    OPEN = "all required inputs are received"
    QUARANTINED = "a required input waits for a person or a correction"
    INCOMPLETE = "something is missing or late"


_OPEN, _QUARANTINED, _INCOMPLETE = Standing


def stand(inputs: tuple[Evidence, ...], values: tuple[str, ...], rule: Rule) -> Standing:
    """All required inputs are received, or not. The same as `show` tells, without its names."""
    required = rule.required
    received, quarantined = 0, False
    late = late_of(inputs, values, rule) if rule.window_us is not None else _NONE
    for one in inputs:
        if one.input not in required:
            continue
        if not one.good:
            quarantined = True
        elif one.input not in late:
            received += 1
    if received == len(required) and inputs:
        return _OPEN
    return _QUARANTINED if quarantined else _INCOMPLETE


def _not_open(standing: Standing, gate: Gate) -> Status:
    if standing is _QUARANTINED:
        return Status.QUARANTINED
    return Status.OVERDUE if gate.expired else Status.WAITING


def expire(gate: Gate, rule: Rule, now: Instant, pos: Pos) -> Gate:
    """Its deadline or window has passed; it still opens for on-time events until it is closed."""
    passed = max(at for at in (gate.deadline, gate.window_end, gate.made_at) if at is not None)
    close_at = (
        None
        if rule.close_after_us is None
        else Instant(max(max(passed, now) + rule.close_after_us, now + 1))
    )
    return settle(replace(gate, expired=True, warn_at=None, close_at=close_at), rule, now, pos)


def warn(gate: Gate) -> Gate:
    """Its early warning is given; once."""
    gate = replace(gate, warn_at=None, warned=True)
    return replace(gate, wake_at=next_wake(gate))


def close(gate: Gate, by: str, reason: str | None = None) -> Gate:
    return replace(gate, status=Status.CLOSED, wake_at=None, closed_by=by, close_reason=reason)


def release(
    gate: Gate,
    names: frozenset[str],
    rule: Rule,
    now: Instant,
    pos: Pos,
    *,
    actor: str,
    reason: str | None = None,
) -> Gate:
    """A person lets quarantined inputs through."""
    inputs = tuple(
        replace(one, good=True, released_by=actor, release_reason=reason)
        if one.input in names and not one.good
        else one
        for one in gate.inputs
    )
    return settle(replace(gate, inputs=inputs), rule, now, pos)


def next_round(gate: Gate, now: Instant) -> Gate:
    """An empty round after this one; it remembers what was counted, and history stays history."""
    counted = remembered(gate.counted, [(one.source, one.id) for one in gate.inputs])
    return Gate(
        round=gate.round + 1, values=gate.values, made_at=now, counted=counted,
        backfill=gate.backfill,
    )  # fmt: skip


def finished(gate: Gate) -> Gate:
    """The round as it is kept under its number: what comes again is for the gate to know."""
    return replace(gate, counted=b"")


def shift(gate: Gate, by_us: int) -> Gate:
    """A person accepted a jump of the clock: what was read from it before moves along, so that the
    gate waits as long as it would have and its inputs are as far apart as they were.

    A deadline is a time of day: a clock that was set back comes to it again.
    """
    later = max(by_us, 0)
    return replace(
        gate,
        inputs=tuple(
            [replace(one, arrived_at=Instant(one.arrived_at + by_us)) for one in gate.inputs]
        ),
        made_at=Instant(gate.made_at + by_us),
        deadline=shifted(gate.deadline, later),
        window_end=shifted(gate.window_end, by_us),
        warn_at=shifted(gate.warn_at, later),
        close_at=shifted(gate.close_at, by_us),
    )


# ---- questions
def counts(gate: Gate, id_: str, source: str) -> bool:
    """This event was counted already, in this round or an earlier one."""
    for one in gate.inputs:
        if one.id == id_ and one.source == source:
            return True
    return bool(gate.counted) and remembers(gate.counted, source, id_)


def show(gate: Gate, rule: Rule) -> dict[str, Shown]:
    """What each input of the rule shows, in the rule's order."""
    late = late_inputs(gate, rule)
    shown = dict.fromkeys((one.name for one in rule.inputs), Shown.MISSING)
    for one in gate.inputs:
        if not one.good:
            shown[one.input] = Shown.QUARANTINED
        else:
            shown[one.input] = Shown.LATE if one.input in late else Shown.RECEIVED
    return shown


def late_inputs(gate: Gate, rule: Rule) -> frozenset[str]:
    """Good deliveries that lie outside the window of the others; a quarantined one never anchors."""
    return late_of(gate.inputs, gate.values, rule)


def late_of(inputs: tuple[Evidence, ...], values: tuple[str, ...], rule: Rule) -> frozenset[str]:
    """The same, of deliveries."""
    if rule.window_us is None:
        return _NONE
    good = [one for one in inputs if one.good]
    if not good:
        return _NONE
    match rule.anchor:
        case Anchor.EVENT_TIME:
            end = min([one.time for one in good]) + rule.window_us
            late = [one.input for one in good if one.time > end]
        case Anchor.ARRIVAL:
            end = min([one.arrived_at for one in good]) + rule.window_us
            late = [one.input for one in good if one.arrived_at > end]
        case Anchor.BUSINESS_DATE:
            start = rule.midnight(values)
            if start is None:
                return _NONE
            end = start + rule.window_us
            late = [one.input for one in good if one.time > end]
    return frozenset(late) if late else _NONE


def missing(gate: Gate, rule: Rule) -> tuple[Input, ...]:
    """Required inputs that keep the gate from opening."""
    shown = show(gate, rule)
    return tuple(
        one for one in rule.inputs if not one.optional and shown[one.name] != Shown.RECEIVED
    )


def priority(gate: Gate) -> str:
    """The highest of its inputs."""
    found = [PRIORITIES.index(one.priority) for one in gate.inputs if one.priority in PRIORITIES]
    return PRIORITIES[max(found, default=1)]


def next_wake(gate: Gate) -> Instant | None:
    """When it must look again; why follows from comparing the same instants with the clock."""
    return _next_wake(gate, gate.window_end)


def replaces(new: Evidence, old: Evidence, rule: Rule) -> bool:
    """Which of two deliveries of one input is kept; a function of the two alone."""
    if rule.keep_first:
        if new.good != old.good:
            return new.good
        return (new.time, new.source, new.id) < (old.time, old.source, old.id)
    # At one instant a good one beats a bad one: a correction may carry the time of what it corrects.
    return (new.time, new.good, new.source, new.id) > (old.time, old.good, old.source, old.id)


def _next_wake(gate: Gate, window_end: Instant | None) -> Instant | None:
    if gate.expired:
        return gate.close_at
    if gate.warn_at is None and gate.deadline is None:
        return window_end
    return min([at for at in (gate.warn_at, gate.deadline, window_end) if at is not None])


def upgrade(raw: list[Json]) -> list[Json]:
    """Of format 1, which remembered what it counted in full."""
    if len(raw) > _COUNTED:
        raw[_COUNTED] = upgraded(raw[_COUNTED])
    return raw


_COUNTED = Gate.__struct_fields__.index("counted")
