"""Outlook: what comes next of a round, and when; who or what would move it.

It reads the state and the rule; nothing here decides.
"""

from __future__ import annotations

from collections.abc import Collection

from tidegate.correlate.expectation import never_was, next_date, opens_at
from tidegate.correlate.gate import OUTSIDE_FIX, Gate, Shown, Status, next_wake, show
from tidegate.correlate.identity import public_id
from tidegate.correlate.rule import Rule
from tidegate.kernel.clock import NO_DAY, Instant, format_day, format_duration, format_second
from tidegate.kernel.errors import InputError
from tidegate.kernel.spelling import listed
from tidegate.kernel.step import Key, Look

_WITHDRAWN = "its rule was withdrawn: what comes now begins nothing"
_REDELIVERY = {
    "new_round": "a redelivery begins the next round",
    "refire": "a redelivery opens the next round at once",
    "ignore": "redeliveries are ignored",
}
_LATE = {
    "new_round": "a late delivery begins the next round",
    "ignore": "a late delivery is shown here and starts nothing",
    "inbox": "a late delivery is shown here and starts nothing; its owner is told",
}
_CLEARED = {
    Shown.MISSING: "what is missing arrives",
    Shown.QUARANTINED: "what is held back is corrected or released",
    Shown.LATE: "what came outside the time window is delivered anew",
}
"""What an input has to see happen before its gate can open."""


def outlook(key: Key, gate: Gate, rule: Rule, newest: Rule | None) -> tuple[Instant | None, str]:
    """Of a round that has begun; `newest` is the version of its rule that is active, if any."""
    if "/" in key.name:
        following = public_id(key.line()[-1], gate.round + 1)
        return None, f"round {gate.round + 1:03d} has begun: tidegate explain {following}"
    match gate.status:
        case Status.OPEN:
            return None, _after_opening(rule, newest)
        case Status.CLOSED:
            return None, _WITHDRAWN if newest is None else _LATE[newest.late]
        case Status.QUARANTINED:
            return None, _held_back(key, gate, rule)
        case _:
            return _waits(gate, rule)


def begins(key: Key, rule: Rule, look: Look) -> tuple[Instant | None, str]:
    """When a gate begins that has not."""
    if rule.expect is None or key.day == NO_DAY:
        return None, "it begins with its first event"
    if closed_day(key, rule) is not None:
        try:
            what = f"{format_day(next_date(rule, key.day))} is expected next"
        except InputError as error:
            what = error.message
        return None, f"an event of this date begins it all the same; {what}"
    at = opens_at(rule, key.day)
    if at > look.now:
        return at, "it begins, with or without an event"
    return None, "it begins with its first event"


def closed_day(key: Key, rule: Rule) -> str | None:
    """Why nobody expects this date; None where it is expected, or the rule expects nothing."""
    if rule.expect is None or key.day == NO_DAY:
        return None
    calendar = rule.expect.calendar
    why = calendar.closed_for(key.day)
    if why is not None:
        return f"{format_day(key.day)} is {why} (calendar {calendar.name})"
    if never_was(rule, key.day):
        return f"{format_day(key.day)} never was in {rule.expect.zone}"
    return None


def _after_opening(rule: Rule, newest: Rule | None) -> str:
    if newest is None:
        return _WITHDRAWN
    if newest.doc == rule.doc or newest.redelivery == "ignore":
        return _REDELIVERY[newest.redelivery]
    # What the older version read is not carried over: a refire waits for all inputs as well.
    return f"a redelivery begins the next round, under version {newest.version} of its rule"


def _held_back(key: Key, gate: Gate, rule: Rule) -> str:
    """What it waits for has no time; when time itself does something comes after that."""
    states = _lacking(gate, rule)
    held = [name for name, state in states.items() if state is Shown.QUARANTINED]
    missing = [name for name, state in states.items() if state is Shown.MISSING]
    cleared = (
        f"for a corrected delivery of {listed(held)}, or for a person: "
        f"tidegate gate release {public_id(key, gate.round)}"
    )
    # A release alone does not open what lacks something else.
    said = f"it waits for {listed(missing)}; and {cleared}" if missing else f"it waits {cleared}"
    at = next_wake(gate)
    return said if at is None else f"{said}; at {format_second(at)} {_woken(gate, rule, at)}"


def _waits(gate: Gate, rule: Rule) -> tuple[Instant | None, str]:
    at = next_wake(gate)
    said = "it waits without a deadline" if at is None else _woken(gate, rule, at)
    if Shown.LATE in _lacking(gate, rule).values():
        said = f"{said}; {OUTSIDE_FIX}"
    return at, said


def _woken(gate: Gate, rule: Rule, at: Instant) -> str:
    if gate.expired:
        return f"it is closed, unless {_unless(_lacking(gate, rule).values())}"
    if at == gate.warn_at:
        return "its owner is warned"
    overdue = "it is overdue, and its owner is alarmed"
    if at == gate.deadline or rule.window_us is None:
        return overdue
    # Without its cause this reads as if it contradicted a later deadline.
    return f"{format_duration(rule.window_us)} after its first arrival {overdue}"


def _unless(states: Collection[Shown]) -> str:
    return " and ".join(words for state, words in _CLEARED.items() if state in states)


def _lacking(gate: Gate, rule: Rule) -> dict[str, Shown]:
    """What keeps it from opening, by input."""
    return {
        name: state
        for name, state in show(gate, rule).items()
        if name in rule.required and state is not Shown.RECEIVED
    }
