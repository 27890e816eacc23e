"""Listing: a gate's round as lists, the API and `gate show` print it."""

from __future__ import annotations

from typing import TypedDict

from tidegate.correlate.gate import STATUSES, Evidence, Gate, Shown, Status, show
from tidegate.correlate.identity import correlation_id, matched, public_id
from tidegate.correlate.rule import Input, Rule, Test
from tidegate.kernel.clock import Instant, format_instant
from tidegate.kernel.event import Json
from tidegate.kernel.step import Key
from tidegate.kernel.value import MISSING


class EventAnswer(TypedDict):
    """Which event an input was given."""

    source: str
    id: str


class InputAnswer(TypedDict):
    """One input of a round, and the event that counts for it."""

    name: str
    dataset: str | None
    status: str
    event: EventAnswer | None
    reason: str | None
    time: str | None
    arrived_at: str | None


class GateAnswer(TypedDict):
    """One round of a gate."""

    id: str
    rule: str
    rule_version: int
    key: dict[str, str]
    round: int
    status: str
    correlation_id: str
    opened_at: str | None
    deadline: str | None
    backfill: bool
    warned: bool
    closed_by: str | None
    close_reason: str | None
    inputs: list[InputAnswer]


def listed(key: Key, gate: Gate, rule: Rule) -> GateAnswer:
    """One round of a gate; `key` may be the gate's or a finished round's."""
    root = Key(key.kind, key.day, key.scope, key.name.partition("/")[0])
    states = show(gate, rule)
    return {
        "id": public_id(root, gate.round),
        "rule": rule.name,
        "rule_version": rule.version,
        "key": matched(rule, gate),
        "round": gate.round,
        "status": STATUSES[Status(gate.status)],
        "correlation_id": correlation_id(rule, gate),
        "opened_at": _text(gate.opened_at),
        "deadline": _text(gate.deadline),
        "backfill": gate.backfill,
        "warned": gate.warned,
        "closed_by": gate.closed_by,
        "close_reason": gate.close_reason,
        "inputs": [_input(one, states[one.name], gate, rule) for one in rule.inputs],
    }


def _input(one: Input, state: Shown, gate: Gate, rule: Rule) -> InputAnswer:
    evidence = next((found for found in gate.inputs if found.input == one.name), None)
    return {
        "name": one.name,
        "dataset": one.dataset,
        "status": state.name.lower(),
        "event": {"source": evidence.source, "id": evidence.id} if evidence else None,
        "reason": _reason(one, state, evidence),
        "time": _text(evidence.time) if evidence else None,
        "arrived_at": _text(evidence.arrived_at) if evidence else None,
    }


def _reason(one: Input, state: Shown, evidence: Evidence | None) -> str | None:
    if evidence is None:
        return None
    if state is Shown.QUARANTINED:
        values = evidence.seen[len(one.tests) :]
        return "; ".join(why(one.quality[failed], values[failed]) for failed in evidence.failed)
    if state is Shown.LATE:
        return "outside the time window of the other inputs"
    return evidence.released


def why(test: Test, value: Json) -> str:
    """Why a condition was not met; null stands for what was missing, too."""
    predicate = test.predicate
    return f"{predicate.text}: {predicate.why(MISSING if value is None else value)}"


def _text(at: Instant | None) -> str | None:
    return None if at is None else format_instant(at)
