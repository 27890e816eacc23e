"""Earlier: the round that opened before one that has not; what it got and did stays so.

    round 001 opened, its job succeeded --redelivery--> round 002 waits for all inputs again

Whoever asks about the date is told of both.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.correlate.explain import standing
from tidegate.correlate.gate import Gate, Shown, Status, show
from tidegate.correlate.identity import matched, part_of
from tidegate.correlate.rule import Rule
from tidegate.kernel.clock import format_second
from tidegate.kernel.step import Key
from tidegate.ports.reader import Reader
from tidegate.ports.store import Stored
from tidegate.services.downstream import Followed

ROUNDS_BACK_MAX = 20
"""So many rounds before the newest are looked through for one that opened."""


def opened_before(reader: Reader, root: Key, gate: Gate) -> Stored | None:
    """The last round before this one that opened; None when this one did, or none has."""
    if gate.status == Status.OPEN:
        return None
    for number in range(gate.round - 1, max(0, gate.round - 1 - ROUNDS_BACK_MAX), -1):
        stored = reader.cell(part_of(root, number))
        if stored is not None and gate_of(stored).status == Status.OPEN:
            return stored
    return None


def gate_of(stored: Stored) -> Gate:
    state = stored.cell.state
    assert isinstance(state, Gate)
    return state


def both(states: dict[str, Shown], before: dict[str, Shown]) -> dict[str, Shown]:
    """What inputs show: one that came for a round that opened is here, unless what came anew was
    held back.
    """
    return {
        name: Shown.RECEIVED if _stays(one, before.get(name)) else one
        for name, one in states.items()
    }


def _stays(now: Shown, before: Shown | None) -> bool:
    return before is Shown.RECEIVED and now is not Shown.QUARANTINED


def told_of_both(key: Key, gate: Gate, rule: Rule, before: Gate, runs: Sequence[Followed]) -> str:
    """The sentence about a date whose newest round has not opened and an earlier one has."""
    who = f"{rule.name} for {', '.join(matched(rule, gate).values())}"
    done = " is done" if runs and all(one.status == "succeeded" for one in runs) else ""
    assert before.opened_at is not None, "an open gate has its instant"
    opened = f"{who}{done}: round {before.round:03d} opened at {format_second(before.opened_at)}"
    came = " ".join(one.explanation.sentence for one in runs) or "It asked for no job."
    begun = f"Round {gate.round:03d} has begun{_with(gate)}"
    return f"{opened}. {came} {begun} and {standing(gate, rule, show(gate, rule), key)}"


def _with(gate: Gate) -> str:
    names = [f"{one.input} ({one.source} {one.id})" for one in gate.inputs]
    return f" with {', '.join(names)}" if names else ""
