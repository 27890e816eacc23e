"""Gate model: what `correlate` must do, said a second time, plainly and slowly.

An oracle for laws: it imports nothing of the engine, keeps every delivery of a round, and works out
what a gate shows from all of them anew whenever it is asked. Instants are whole hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from msgspec import Struct

Anchor: TypeAlias = Literal["event_time", "arrival", "business_date"]
Values: TypeAlias = tuple[str, ...]


class Wanted(Struct, frozen=True):
    """One input of the rule: a dataset, or the larger deliveries of it."""

    name: str
    dataset: str
    optional: bool = False
    above: int | None = None  # it takes only deliveries with more rows than this


class Written(Struct, frozen=True, kw_only=True):
    """A rule, as far as the model goes."""

    inputs: tuple[Wanted, ...]
    rows_above: int = 0  # quality: a delivery with no more rows than this is bad
    by_region: bool = False  # a second match field beside the business date
    window: int | None = None  # at least an hour: what a moment is, is not said
    anchor: Anchor = "event_time"
    keep: Literal["latest", "first"] = "latest"
    redelivery: Literal["new_round", "refire", "ignore"] = "new_round"
    late: Literal["inbox", "ignore", "new_round"] = "inbox"
    close_after: int = 24 * 30


class Sent(Struct, frozen=True, kw_only=True):
    """One event."""

    id: str
    source: str
    dataset: str
    time: int
    rows: int
    date: str | None
    midnight: int  # of its business date
    region: str | None = None

    def values(self, rule: Written) -> Values | None:
        """The gate it belongs to; None where a match field is missing."""
        if self.date is None or (rule.by_region and self.region is None):
            return None
        return (self.date, self.region or "") if rule.by_region else (self.date,)


@dataclass(frozen=True)
class Delivery:
    """An event as one input."""

    input: str
    sent: Sent
    arrived: int
    good: bool


@dataclass
class Round:
    number: int
    midnight: int
    deliveries: list[Delivery] = field(default_factory=list[Delivery])
    window_end: int | None = None
    expired: bool = False
    close_at: int | None = None
    opened_at: int | None = None
    closed_by: str = ""

    @property
    def finished(self) -> bool:
        return self.opened_at is not None or bool(self.closed_by)


class Shown(Struct, frozen=True):
    """A round as it is compared."""

    values: Values
    round: int
    status: str
    inputs: tuple[tuple[str, str, str | None], ...]  # name, what it shows, the event that counts
    opened_at: int | None


class GateModel:
    """All gates of one rule."""

    def __init__(self, rule: Written) -> None:
        self.rule = rule
        self.now = 0
        self.gates: dict[Values, list[Round]] = {}
        self.said: list[tuple[str, Values, int]] = []  # what, gate, round; in order
        self.unheard = 0
        self._seen: set[tuple[str, str]] = set()
        self._required = {one.name for one in rule.inputs if not one.optional}

    # ---- what happens
    def hear(self, sent: Sent) -> None:
        if (sent.source, sent.id) in self._seen:
            return
        self._seen.add((sent.source, sent.id))
        names = [one.name for one in self.rule.inputs if _fits(one, sent)]
        values = sent.values(self.rule)
        if not names or values is None:
            self.unheard += 1
            return
        good = sent.rows > self.rule.rows_above
        new = [Delivery(name, sent, self.now, good) for name in names]
        rounds = self.gates.setdefault(values, [Round(1, sent.midnight)])
        if rounds[-1].opened_at is not None:
            self._after_opening(values, rounds, new)
        elif rounds[-1].closed_by:
            if self.rule.late == "new_round":
                self._arrive(values, self._begin(rounds), new)
        else:
            self._before_opening(values, rounds, new)

    def wait(self, hours: int) -> None:
        """Hour by hour, so that nothing that is due can be stepped over."""
        for _ in range(hours):
            self.now += 1
            for values, rounds in sorted(self.gates.items()):
                self._pass(values, rounds[-1])

    def release(self, values: Values) -> bool:
        """All that is held back of the current round; whether anything was."""
        last = self.gates[values][-1]
        held = [one for one in self._kept(last).values() if not one.good]
        if last.finished or not held:
            return False
        last.deliveries = [
            Delivery(one.input, one.sent, one.arrived, good=True) if one in held else one
            for one in last.deliveries
        ]
        self._open_if_all_are_here(values, last)
        return True

    def close(self, values: Values) -> bool:
        last = self.gates[values][-1]
        if last.finished:
            return False
        last.closed_by = "ann"
        self.said.append(("closed", values, last.number))
        return True

    # ---- rounds
    def _before_opening(self, values: Values, rounds: list[Round], new: list[Delivery]) -> None:
        last = rounds[-1]
        others = [
            one
            for name, one in self._kept(last).items()
            if name not in {each.input for each in new}
        ]
        late = self._late([*others, *new], last.midnight)
        if self.rule.late == "inbox" or not any(one.input in late for one in new):
            self._arrive(values, last, new)
        elif self.rule.late == "new_round" and not self._late(new, last.midnight):
            # It is late to the others only: they end here, and what was owed is owed by the next.
            last.closed_by = "late"
            self.said.append(("closed", values, last.number))
            begun = self._begin(rounds)
            begun.expired, begun.close_at = last.expired, last.close_at
            self._arrive(values, begun, new)
        elif self.rule.late == "new_round":
            self._arrive(values, last, new)

    def _after_opening(self, values: Values, rounds: list[Round], new: list[Delivery]) -> None:
        last = rounds[-1]
        kept = self._kept(last)
        if not any(one.input in kept for one in new):
            last.deliveries += new  # optional, and late to the opening
        elif self.rule.redelivery == "new_round":
            self._arrive(values, self._begin(rounds), new)
        elif self.rule.redelivery == "refire":
            newer = [one for one in new if one.input in kept]
            if all(_newness(one) < _newness(kept[one.input]) for one in newer):
                # Nothing a job has not had; what the round lacked it takes as ever.
                last.deliveries += [one for one in new if one.input not in kept]
                return
            begun = self._begin(rounds)
            for one in new:
                old = kept.get(one.input)
                kept[one.input] = one if old is None or _newness(one) > _newness(old) else old
            begun.deliveries = list(kept.values())
            self._arrive(values, begun, [])

    def _begin(self, rounds: list[Round]) -> Round:
        rounds.append(Round(len(rounds) + 1, rounds[-1].midnight))
        return rounds[-1]

    def _arrive(self, values: Values, last: Round, new: Iterable[Delivery]) -> None:
        held = {(one.input, one.sent) for one in self._kept(last).values() if not one.good}
        if new:
            last.deliveries += new
        else:
            held.clear()  # a round that begins with all of the one before
        if self.rule.window is not None and last.window_end is None:
            last.window_end = self.now + self.rule.window
        self._open_if_all_are_here(values, last)
        now_held = {(one.input, one.sent) for one in self._kept(last).values() if not one.good}
        if not last.finished and now_held - held:
            self.said.append(("quarantined", values, last.number))
        self._pass(values, last)

    def _open_if_all_are_here(self, values: Values, last: Round) -> None:
        here = {name for name, shown in self._states(last).items() if shown == "received"}
        if self._required <= here:
            last.opened_at = self.now
            self.said.append(("opened", values, last.number))

    def _pass(self, values: Values, last: Round) -> None:
        """What is due by now."""
        if last.finished:
            return
        if not last.expired and last.window_end is not None and last.window_end <= self.now:
            last.expired = True
            last.close_at = last.window_end + self.rule.close_after
            self.said.append(("overdue", values, last.number))
        if last.expired and last.close_at is not None and last.close_at <= self.now:
            last.closed_by = "close_after"
            self.said.append(("closed", values, last.number))

    # ---- what a round comes to: always from all its deliveries
    def _kept(self, last: Round) -> dict[str, Delivery]:
        kept: dict[str, Delivery] = {}
        for wanted in self.rule.inputs:
            found = [one for one in last.deliveries if one.input == wanted.name]
            if found:
                first = self.rule.keep == "first"
                kept[wanted.name] = (
                    min(found, key=_firstness) if first else max(found, key=_newness)
                )
        return kept

    def _late(self, deliveries: Iterable[Delivery], midnight: int) -> set[str]:
        """Good deliveries outside the window of all the good ones."""
        good = [one for one in deliveries if one.good]
        if self.rule.window is None or not good:
            return set()
        arrival = self.rule.anchor == "arrival"
        times = {one.input: one.arrived if arrival else one.sent.time for one in good}
        start = midnight if self.rule.anchor == "business_date" else min(times.values())
        return {name for name, time in times.items() if time - start > self.rule.window}

    def _states(self, last: Round) -> dict[str, str]:
        kept = self._kept(last)
        late = self._late(kept.values(), last.midnight)
        return {
            one.name: "missing"
            if one.name not in kept
            else "quarantined"
            if not kept[one.name].good
            else "late"
            if one.name in late
            else "received"
            for one in self.rule.inputs
        }

    def _status(self, last: Round) -> str:
        states = self._states(last)
        if last.opened_at is not None:
            return "open"
        if last.closed_by:
            return "closed"
        if any(states[name] == "quarantined" for name in self._required):
            return "quarantined"
        return "overdue" if last.expired else "waiting"

    def shown(self) -> list[Shown]:
        """Every round of every gate."""
        found: list[Shown] = []
        for values, rounds in sorted(self.gates.items()):
            for one in rounds:
                kept, states = self._kept(one), self._states(one)
                inputs = tuple(
                    (name, state, kept[name].sent.id if name in kept else None)
                    for name, state in states.items()
                )
                found.append(Shown(values, one.number, self._status(one), inputs, one.opened_at))
        return found

    def count(self, what: str) -> int:
        return sum(said == what for said, _, _ in self.said)


def _fits(wanted: Wanted, sent: Sent) -> bool:
    return sent.dataset == wanted.dataset and (wanted.above is None or sent.rows > wanted.above)


def _newness(one: Delivery) -> tuple[int, bool, str, str]:
    return one.sent.time, one.good, one.sent.source, one.sent.id


def _firstness(one: Delivery) -> tuple[bool, int, str, str]:
    return not one.good, one.sent.time, one.sent.source, one.sent.id


def played(rule: Written, happenings: Sequence[Sent | int]) -> GateModel:
    """Events, and hours that pass between them."""
    model = GateModel(rule)
    for one in happenings:
        if isinstance(one, int):
            model.wait(one)
        else:
            model.hear(one)
    return model
