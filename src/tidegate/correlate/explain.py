"""Explain: a gate as sentences: a verdict per clause, the evidence, the nearest miss, what is next.

It reads what the verbs left in the state; nothing here decides again.
"""

from __future__ import annotations

from tidegate.correlate.expectation import uncounted, warning_of
from tidegate.correlate.gate import (
    CLOSE_AFTER,
    FINISHED,
    LATE,
    STATUSES,
    Evidence,
    Gate,
    Shown,
    Status,
    because,
    missing,
    show,
)
from tidegate.correlate.identity import matched
from tidegate.correlate.nearmiss import near_misses
from tidegate.correlate.outlook import begins, closed_day, outlook
from tidegate.correlate.rule import Input, Rule, Test
from tidegate.kernel.clock import (
    MINUTE_US,
    NO_DAY,
    SECOND_US,
    format_day,
    format_duration,
    format_second,
)
from tidegate.kernel.event import Json
from tidegate.kernel.step import (
    Cell,
    Clause,
    Compared,
    Explanation,
    Key,
    Look,
    Seen,
    Verdict,
)
from tidegate.kernel.value import MISSING, shown

APART_MIN_US = MINUTE_US
"""An event that happened so long before it arrived is shown with both times."""

_VERDICTS: dict[Shown, Verdict] = {
    Shown.RECEIVED: "met",
    Shown.QUARANTINED: "quarantined",
    Shown.LATE: "not_met",
    Shown.MISSING: "waiting",
}


def explain_gate(
    key: Key, cell: Cell[Gate], rule: Rule, newest: Rule | None, look: Look
) -> Explanation:
    """Why this gate stands where it stands; `newest` is the version of its rule that is active."""
    gate = cell.state
    states = show(gate, rule)
    clauses = [_input_clause(one, states[one.name], gate, rule) for one in rule.inputs]
    if rule.window_us is not None:
        clauses.append(_window_clause(gate, rule, states))
    if gate.deadline is not None:
        clauses.append(_deadline_clause(gate))
    elif (lost := _uncounted(key, gate, rule)) is not None:
        clauses.append(Clause(f"no deadline: {lost}", "waiting"))
    next_at, what = outlook(key, gate, rule, newest) if cell.version else begins(key, rule, look)
    return Explanation(
        status=STATUSES[Status(gate.status)] if cell.version else "waiting",
        sentence=_sentence(gate, rule, states, bool(cell.version), key),
        clauses=tuple(clauses),
        nearest_misses=tuple(near_misses(key, gate, rule, newest, look)),
        next_at=next_at,
        next_what=what,
    )


# ---- clauses
def _input_clause(one: Input, state: Shown, gate: Gate, rule: Rule) -> Clause:
    evidence = next((found for found in gate.inputs if found.input == one.name), None)
    verdict = _VERDICTS[state]
    if one.optional and state is Shown.MISSING:
        verdict = "met"
    if gate.status == Status.CLOSED and verdict == "waiting":
        verdict = "not_met"
    text = f"{one.name} {_words(state, evidence, one)}"
    if evidence is None:
        return Clause(text=text, verdict=verdict)
    return Clause(text, verdict, seen_of(evidence), _compared(one, evidence))


def _words(state: Shown, evidence: Evidence | None, one: Input) -> str:
    if evidence is None:
        wanted = " or ".join(one.types) or "any event"
        optional = " (optional)" if one.optional else ""
        return f"has not arrived{optional}: waits for {wanted}" + "".join(
            f", {test.predicate.text}" for test in one.tests
        )
    arrived = _arrived(evidence)
    match state:
        case Shown.QUARANTINED:
            return f"{arrived} and failed a quality condition"
        case Shown.LATE:
            return f"{arrived}, outside the time window"
        case _:
            return f"{arrived}, {evidence.released}" if evidence.released else arrived


def _arrived(evidence: Evidence) -> str:
    """When it came; and when it happened, where that is another time to a person."""
    said = f"arrived at {format_second(evidence.arrived_at)}"
    if abs(evidence.arrived_at - evidence.time) < APART_MIN_US:
        return said
    return f"{said} (event time {format_second(evidence.time)})"


def _compared(one: Input, evidence: Evidence) -> tuple[Compared, ...]:
    tests = (*one.tests, *one.quality)
    return tuple(compare(test, value) for test, value in zip(tests, evidence.seen, strict=False))


def compare(test: Test, value: Json) -> Compared:
    """A value held against a condition; null stands for what was missing."""
    given = MISSING if value is None and not test.predicate.holds(None) else value
    met = test.predicate.holds(given)
    seen = "missing" if given is MISSING else shown(given, 200)
    return Compared(what=test.field, wanted=test.predicate.text, seen=seen, met=met)


def _window_clause(gate: Gate, rule: Rule, states: dict[str, Shown]) -> Clause:
    assert rule.window_us is not None
    good = [one for one in gate.inputs if one.good]
    span = format_duration(rule.window_us)
    if not good:
        return Clause(f"all inputs within {span}", "waiting")
    first, last = min(one.time for one in good), max(one.time for one in good)
    apart = format_duration(last - first)
    seen = Compared("span of event times", f"at most {span}", apart, last - first <= rule.window_us)
    if Shown.LATE in states.values():
        late = ", ".join(name for name, state in states.items() if state is Shown.LATE)
        return Clause(f"all inputs within {span}: {late} came too late", "not_met", None, (seen,))
    verdict: Verdict = "met" if gate.status == Status.OPEN else "waiting"
    return Clause(f"all inputs within {span} of each other", verdict, None, (seen,))


def _deadline_clause(gate: Gate) -> Clause:
    assert gate.deadline is not None
    at = format_second(gate.deadline)
    if gate.opened_at is not None:
        met = gate.opened_at <= gate.deadline
        apart = format_duration(abs(gate.opened_at - gate.deadline) // SECOND_US * SECOND_US)
        words = f"opened {apart} {'before' if met else 'after'} its deadline {at}"
        return Clause(words, "met" if met else "not_met")
    if gate.expired:
        return Clause(f"its deadline {at} has passed", "not_met")
    return Clause(f"its deadline is {at}", "waiting")


def _uncounted(key: Key, gate: Gate, rule: Rule) -> str | None:
    if rule.expect is None or key.day == NO_DAY or gate.status in FINISHED:
        return None
    return uncounted(rule, key.day)


# ---- sentences
def _sentence(gate: Gate, rule: Rule, states: dict[str, Shown], exists: bool, key: Key) -> str:
    values = ", ".join(matched(rule, gate).values()) if exists else _date(key)
    who = f"{rule.name} for {values} (round {gate.round:03d})"
    return f"{who} {standing(gate, rule, states, key) if exists else _not_begun(key, rule)}"


def standing(gate: Gate, rule: Rule, states: dict[str, Shown], key: Key) -> str:
    """How a round stands, as the rest of a sentence about it."""
    waiting = [one.dataset or one.name for one in missing(gate, rule)]
    needed = len(rule.required)
    which = "inputs" if needed == len(rule.inputs) else "required inputs"
    count = f"{needed - len(waiting)} of {needed} {which} are here"
    match gate.status:
        case Status.OPEN:
            assert gate.opened_at is not None
            return f"opened at {format_second(gate.opened_at)}: all {which} are here"
        case Status.CLOSED:
            by = f"{closer(gate)} without {', '.join(waiting)}"
            return f"was closed {by}{because(gate.close_reason)}"
        case Status.QUARANTINED:
            held = [name for name, state in states.items() if state is Shown.QUARANTINED]
            return f"is held back: {', '.join(held)} failed a quality condition"
        case Status.OVERDUE:
            mark = " (history that was loaded later)" if gate.backfill else ""
            return f"is overdue{mark}: {count}, {', '.join(waiting)} did not come in time"
        case _:
            late = _later_than_usual(gate, rule, key)
            return f"is {late}waiting for {', '.join(waiting)}: {count}"


def _later_than_usual(gate: Gate, rule: Rule, key: Key) -> str:
    """What the early warning said, and when; nothing before it."""
    if not gate.warned:
        return ""
    at = None if rule.expect is None else warning_of(rule, key.day)
    since = "" if at is None else f" (since {format_second(at)})"
    return f"later than usual{since}, "


def _not_begun(key: Key, rule: Rule) -> str:
    closed = closed_day(key, rule)
    if closed is None:
        return "has not begun: nothing that belongs to it was heard"
    return f"is not expected: {closed}, and nothing that belongs to it was heard"


def closer(gate: Gate) -> str:
    """Who or what closed it, as the rest of "was closed"."""
    if gate.closed_by == CLOSE_AFTER:
        return "because its time was over"
    return "by a late delivery" if gate.closed_by == LATE else f"by {gate.closed_by}"


def _date(key: Key) -> str:
    return format_day(key.day) if key.day != NO_DAY else key.name


def seen_of(evidence: Evidence) -> Seen:
    return Seen(evidence.pos, evidence.source, evidence.id, evidence.time)
