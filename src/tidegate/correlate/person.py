"""Person: what people may order of a gate, each whole or refused."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from tidegate.correlate.explain import closer
from tidegate.correlate.gate import (
    FINISHED,
    OUTSIDE_FIX,
    STATUSES,
    Gate,
    Shown,
    Status,
    close,
    release,
    show,
)
from tidegate.correlate.identity import named, public_id
from tidegate.correlate.moves import moved, reply, say
from tidegate.correlate.orders import CloseGate, ReleaseGate
from tidegate.correlate.rule import Rule
from tidegate.kernel.event import Json
from tidegate.kernel.ids import DocId
from tidegate.kernel.spelling import did_you_mean, listed
from tidegate.kernel.step import Answer, Cell, Key, Put, Refusal, Step, View


class Giver(Struct, frozen=True):
    """Who gave an order, and why."""

    actor: str
    reason: str | None = None

    def told(self) -> dict[str, Json]:
        """As events have it; no reason where none was given."""
        return {"by": self.actor} | ({"reason": self.reason} if self.reason else {})


def release_gate(
    order: ReleaseGate, giver: Giver, view: View, rules: Mapping[DocId, Rule]
) -> Answer:
    cell = view.cell(order.gate, Gate)
    refusal = _not_this_round(order.gate, order.round, cell)
    if refusal is not None:
        return refusal
    gate, rule = cell.state, rules[cell.doc]
    held = {one.input for one in gate.inputs if not one.good}
    wanted = frozenset(order.inputs) or frozenset(held)
    unknown = wanted - {one.name for one in rule.inputs}
    id_, status = public_id(order.gate, order.round), STATUSES[Status(gate.status)]
    if unknown:
        names = [one.name for one in rule.inputs]
        return Refusal(
            "gate.state",
            f"{id_} has no input called {', '.join(sorted(unknown))[:200]}",
            did_you_mean(min(unknown), names, f"its inputs are {listed(names)}"),
        )
    if gate.status in (Status.OPEN, Status.CLOSED) or not held or not wanted <= held:
        return Refusal(
            "gate.state",
            f"{id_} is {status}; quarantined inputs: {', '.join(sorted(held)) or 'none'}",
            _release_fix(order, gate, rule, held, wanted),
        )
    after = release(gate, wanted, rule, view.now, view.pos, actor=giver.actor, reason=giver.reason)
    step = moved(order.gate, gate, after, rule, (), None)
    about = named(order.gate, after, rule)
    released = say("released", about, {"inputs": sorted(wanted), **giver.told()})
    return replace(step, says=(released, *step.says), reply=reply(about))


def _release_fix(
    order: ReleaseGate, gate: Gate, rule: Rule, held: set[str], wanted: frozenset[str]
) -> str:
    id_ = public_id(order.gate, order.round)
    if held and wanted & held:
        return f"leave out {listed(sorted(wanted - held))}"
    if gate.status in FINISHED:
        return f"it has ended: look at it with tidegate gate show {id_}"
    if held:
        return f"release what is held: tidegate gate release {id_}"
    if Shown.LATE in show(gate, rule).values():
        return OUTSIDE_FIX
    return f"see what it waits for: tidegate gate show {id_}"


def close_gate(order: CloseGate, giver: Giver, view: View, rules: Mapping[DocId, Rule]) -> Answer:
    cell = view.cell(order.gate, Gate)
    refusal = _not_this_round(order.gate, order.round, cell)
    if refusal is not None:
        return refusal
    gate, rule = cell.state, rules[cell.doc]
    if gate.status in (Status.OPEN, Status.CLOSED):
        return _has_ended(public_id(order.gate, order.round), gate)
    after = close(gate, giver.actor, giver.reason)
    about = named(order.gate, after, rule)
    return Step(
        puts=(Put(order.gate, after),),
        says=(say("closed", about, giver.told()),),
        reply=reply(about),
    )


def _has_ended(id_: str, gate: Gate) -> Refusal:
    if gate.status == Status.CLOSED:
        return Refusal("gate.state", f"{id_} was closed already, {closer(gate)}")
    return Refusal(
        "gate.state",
        f"{id_} is open: what opened is never closed",
        "what it started can be stopped: tidegate run list, tidegate run stop",
    )


def _not_this_round(key: Key, round_: int, cell: Cell[Gate]) -> Refusal | None:
    if not cell.version:
        return Refusal("gate.unknown", f"no gate {public_id(key, round_)}")
    if round_ > cell.state.round:
        return Refusal(
            "gate.unknown",
            f"no gate {public_id(key, round_)}; its round {round_:03d} has not begun",
            f"the round that goes on: {public_id(key, cell.state.round)}",
        )
    if round_ != cell.state.round:
        return Refusal(
            "gate.state",
            f"round {round_:03d} has ended; the gate is in round {cell.state.round:03d}",
            f"the round that goes on: {public_id(key, cell.state.round)}",
        )
    return None
