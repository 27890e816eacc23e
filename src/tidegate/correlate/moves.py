"""Moves: a gate's next state with everything that follows from the change.

opened --> its actions        quarantined --> its owner is told        overdue --> alarms
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from tidegate.correlate.action import Deeds, alarm, perform
from tidegate.correlate.gate import STATUSES, Gate, Shown, Status, expire, missing, show
from tidegate.correlate.identity import correlation_id, day_text, public_id
from tidegate.correlate.rule import Rule, TriggerJob
from tidegate.kernel.clock import Instant, format_instant
from tidegate.kernel.event import Json
from tidegate.kernel.ids import DocId, Pos
from tidegate.kernel.step import Key, Put, Say, Step, View


def moved(
    key: Key,
    before: Gate,
    gate: Gate,
    rule: Rule,
    finished: Sequence[Put],
    doc: DocId | None,
    view: View,
) -> Step:
    """A gate's next state with everything that follows from the change."""
    deeds = Deeds([], [])
    fresh = before if before.round == gate.round else Gate(round=gate.round)
    if gate.status == Status.OPEN and fresh.status != Status.OPEN:
        deeds = perform(key, gate, rule, rule.actions, "open")
        deeds.says.insert(0, say("opened", key, gate, rule, _opening(gate, rule)))
    elif _held_back(gate, rule) - _held_back(fresh, rule):
        deeds = _quarantine(key, gate, rule, sorted(_held_back(gate, rule)))
    return Step(
        puts=(*finished, Put(key, gate, doc=doc)),
        orders=tuple(deeds.orders),
        says=tuple(deeds.says),
        reply={"gate": public_id(key, gate.round), "status": STATUSES[Status(gate.status)]},
    )


def _held_back(gate: Gate, rule: Rule) -> set[tuple[str, str]]:
    if gate.status in (Status.OPEN, Status.CLOSED):
        return set()
    return {(one.input, one.id) for one in gate.inputs if not one.good}


def _quarantine(key: Key, gate: Gate, rule: Rule, held: Sequence[tuple[str, str]]) -> Deeds:
    names = ", ".join(name for name, _ in held)
    deeds = perform(key, gate, rule, rule.on_quality_failure, f"quarantine.{held[-1][1]}"[:200])
    deeds.says.insert(0, say("quarantined", key, gate, rule, {"inputs": [one for one, _ in held]}))
    if not gate.backfill:
        message = (
            f"{rule.name} for {day_text(key) or key.name}: {names} failed a quality condition; "
            f"nothing was started. A corrected delivery clears it, or: "
            f"tidegate gate release {public_id(key, gate.round)}"
        )
        deeds.orders.append(alarm(key, gate, rule, f"quarantine/{held[-1][1]}", message, "warning"))
    return deeds


def _opening(gate: Gate, rule: Rule) -> dict[str, Json]:
    sla = next((one.sla_minutes for one in rule.actions if isinstance(one, TriggerJob)), None)
    first = min((one.time for one in gate.inputs), default=None)
    start = first if rule.sla_from_first else gate.opened_at
    return {
        "inputs": [one.input for one in gate.inputs],
        "sla_minutes": sla,
        "sla_from": format_instant(start) if start is not None else None,
        "last_input_at": format_instant(max(one.arrived_at for one in gate.inputs)),
    }


def expired(
    key: Key, gate: Gate, rule: Rule, owners: Mapping[str, str], now: Instant, pos: Pos
) -> Step:
    """The deadline or the window passed: alarm, unless it is history being loaded."""
    after = expire(gate, rule, now, pos)
    lacking = names(gate, rule)
    says = (say("overdue", key, after, rule, {"missing": lacking, "backfill": gate.backfill}),)
    if gate.backfill:
        return Step(puts=(Put(key, after),), says=says)
    deeds = perform(key, after, rule, rule.on_timeout, "timeout")
    message = waiting_text(key, gate, rule, "is overdue")
    tells = [alarm(key, after, rule, "overdue", message, "critical")]
    for owner in sorted({owners[one] for one in lacking if one in owners} - {rule.owner}):
        told = alarm(key, after, rule, f"overdue/{owner}"[:200], message, "critical")
        tells.append(replace(told, receiver=owner))
    return Step(
        puts=(Put(key, after),),
        orders=(*deeds.orders, *tells),
        says=(*says, *deeds.says),
    )


def passed(gate: Gate, now: Instant) -> bool:
    return any(at is not None and at <= now for at in (gate.deadline, gate.window_end))


def say(what: str, key: Key, gate: Gate, rule: Rule, more: Mapping[str, Json]) -> Say:
    jobs = [one.job.text for one in rule.actions if isinstance(one, TriggerJob)]
    return Say(
        f"tidegate.gate.{what}",
        public_id(key, gate.round),
        {
            "gate": public_id(key, gate.round),
            "rule": rule.name,
            "rule_version": rule.version,
            "business_date": day_text(key),
            "round": gate.round,
            "correlation_id": correlation_id(rule, gate),
            "process": rule.process,
            "owner": rule.owner,
            "job": jobs[0] if jobs else None,
            **more,
        },
        correlation_id(rule, gate),
    )


def names(gate: Gate, rule: Rule) -> list[str]:
    return [one.dataset or one.name for one in missing(gate, rule)]


def waiting_text(key: Key, gate: Gate, rule: Rule, what: str) -> str:
    shown = show(gate, rule)
    states = ", ".join(
        f"{one} {state.name.lower()}" for one, state in shown.items() if state != Shown.RECEIVED
    )
    return f"{rule.name} for {day_text(key) or key.name} {what}: {states}"
