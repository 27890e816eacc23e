"""Moves: a gate's next state with everything that follows from the change.

opened --> its actions        quarantined --> its owner is told        overdue --> alarms
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from tidegate.correlate.action import Deeds, alarm, perform
from tidegate.correlate.expectation import next_deadline
from tidegate.correlate.gate import (
    FINISHED,
    STATUSES,
    Evidence,
    Gate,
    Shown,
    Status,
    expire,
    missing,
    show,
)
from tidegate.correlate.identity import Named, day_text, named
from tidegate.correlate.rule import Rule, TriggerJob
from tidegate.kernel.clock import Day, Instant, format_instant
from tidegate.kernel.event import Json
from tidegate.kernel.ids import DocId, Pos, segment
from tidegate.kernel.orders import RequestRun, Tell
from tidegate.kernel.step import Key, Put, Say, Step

Held: TypeAlias = tuple[str, str, str]
"""Input, source and id of a delivery that failed a quality condition."""


_OPEN = int(Status.OPEN)


def moved(
    key: Key,
    before: Gate,
    gate: Gate,
    rule: Rule,
    finished: Sequence[Put],
    doc: DocId | None,
) -> Step:
    """A gate's next state with everything that follows from the change."""
    put = Put(key, gate, doc=doc)
    puts = (*finished, put) if finished else (put,)
    same = before.round == gate.round
    if gate.status == _OPEN and not (same and before.status == _OPEN):
        about = named(key, gate, rule)
        deeds = perform(about, rule.actions, "open")
        opened = say("opened", about, _opening(gate, rule, deeds))
        return Step(puts=puts, orders=tuple(deeds.orders), says=(opened, *deeds.says))
    held = _held_back(gate)
    fresh = held - _held_back(before) if held and same else held
    if fresh:
        deeds = _quarantine(named(key, gate, rule), fresh)
        return Step(puts=puts, orders=tuple(deeds.orders), says=tuple(deeds.says))
    return Step(puts=puts)


_NOBODY: frozenset[Held] = frozenset()


def _held_back(gate: Gate) -> frozenset[Held]:
    if gate.status in FINISHED:
        return _NOBODY
    held = [(one.input, one.source, one.id) for one in gate.inputs if not one.good]
    return frozenset(held) if held else _NOBODY


def _quarantine(about: Named, fresh: frozenset[Held]) -> Deeds:
    """One event was held back; it may be several inputs."""
    rule = about.rule
    names = [one.input for one in about.gate.inputs if (one.input, one.source, one.id) in fresh]
    _, source, id_ = min(fresh)
    what = f"quarantine.{_event(source, id_)}"
    said = say("quarantined", about, {"inputs": names, "backfill": about.gate.backfill})
    if about.gate.backfill:
        return Deeds([], [said])
    deeds = perform(about, rule.on_quality_failure, what)
    deeds.says.insert(0, said)
    message = (
        f"{rule.name} for {about.date or about.key.name}: {', '.join(names)} failed a quality "
        f"condition; nothing was started. A corrected delivery clears it, or: "
        f"tidegate gate release {about.id}"
    )
    deeds.orders.append(alarm(about, what, message, "warning"))
    return deeds


def _event(source: str, id_: str) -> str:
    """An event in the name of a notice; both texts come from outside and may be long."""
    return segment(f"{len(source)} {source} {id_}")


def _opening(gate: Gate, rule: Rule, deeds: Deeds) -> dict[str, Json]:
    # As they were asked for: in the rule a name may be a template.
    runs = [one for one in deeds.orders if isinstance(one, RequestRun)]
    inputs = gate.inputs
    start = min([one.time for one in inputs]) if rule.sla_from_first else gate.opened_at
    found: dict[str, Json] = {
        "job": runs[0].job if runs else None,
        "inputs": [one.input for one in inputs],
        "sla_minutes": runs[0].sla_minutes if runs else None,
        "backfill": gate.backfill,
        "sla_from": format_instant(start) if start is not None else None,
        "last_input_at": format_instant(max([one.arrived_at for one in inputs])),
    }
    if len(runs) > 1:
        found["further"] = [{"job": one.job, "sla_minutes": one.sla_minutes} for one in runs[1:]]
    return found


def expired(
    key: Key, gate: Gate, rule: Rule, owners: Mapping[str, str], now: Instant, pos: Pos
) -> Step:
    """The deadline or the window passed: alarm, unless it is history being loaded."""
    after = expire(gate, rule, now, pos)
    about = named(key, after, rule)
    lacking = lacks(gate, rule)
    says = (say("overdue", about, {"missing": lacking, "backfill": gate.backfill}),)
    if gate.backfill:
        return Step(puts=(Put(key, after),), says=says)
    deeds = perform(about, rule.on_timeout, "timeout")
    message = waiting_text(key, gate, rule, "is overdue")
    tells = [alarm(about, "overdue", message, "critical")]
    for owner in sorted({owners[one] for one in lacking if one in owners} - {rule.owner}):
        told = alarm(about, f"overdue/{owner}", message, "critical")
        tells.append(replace(told, receiver=owner))
    return Step(
        puts=(Put(key, after),),
        orders=(*deeds.orders, *tells),
        says=(*says, *deeds.says),
    )


def came_late(key: Key, gate: Gate, rule: Rule, event: Sequence[Evidence]) -> Tell:
    """A person decides about what came for a gate that was closed."""
    about = named(key, gate, rule)
    what = ", ".join(one.input for one in event)
    at = format_instant(event[0].time)
    message = (
        f"{rule.name} for {about.date or key.name}: {what} of {at} came after the gate was closed; "
        f"nothing was started (event {event[0].id} of {event[0].source})"
    )
    return alarm(about, f"late.{_event(event[0].source, event[0].id)}", message, "warning")


def due(gate: Gate, now: Instant) -> bool:
    return passed(gate, now) or (gate.warn_at is not None and gate.warn_at <= now)


def moved_on(gate: Gate, rule: Rule, day: Day, now: Instant) -> Gate:
    """The gate with the next deadline of a dataset, where all that is due so far is here."""
    if rule.expect is None or gate.deadline is None or gate.deadline > now:
        return gate
    shown = show(gate, rule)
    received = frozenset(name for name, state in shown.items() if state is Shown.RECEIVED)
    return replace(gate, deadline=next_deadline(rule, day, now, received))


def passed(gate: Gate, now: Instant) -> bool:
    return any(at is not None and at <= now for at in (gate.deadline, gate.window_end))


def say(what: str, about: Named, more: Mapping[str, Json]) -> Say:
    rule = about.rule
    jobs = [one.job.text for one in rule.actions if isinstance(one, TriggerJob)]
    return Say(
        f"tidegate.gate.{what}",
        about.id,
        {
            "gate": about.id,
            "rule": rule.name,
            "rule_version": rule.version,
            "business_date": about.date,
            "round": about.gate.round,
            "correlation_id": about.correlation_id,
            "process": rule.process,
            "owner": rule.owner,
            "job": jobs[0] if jobs else None,
            **more,
        },
        about.correlation_id,
    )


def reply(about: Named) -> dict[str, Json]:
    """What a person who moved the gate is told."""
    return {"gate": about.id, "status": STATUSES[about.gate.status]}


def lacks(gate: Gate, rule: Rule) -> list[str]:
    """What people call the inputs that keep it from opening."""
    return [one.dataset or one.name for one in missing(gate, rule)]


def waiting_text(key: Key, gate: Gate, rule: Rule, what: str) -> str:
    shown = show(gate, rule)
    states = ", ".join(
        f"{one} {state.name.lower()}" for one, state in shown.items() if state != Shown.RECEIVED
    )
    return f"{rule.name} for {day_text(key) or key.name} {what}: {states}"
