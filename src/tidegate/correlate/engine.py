"""correlate: events to gates. The engine is the match; what may happen to a gate is in gate.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tidegate.correlate import expectation
from tidegate.correlate.action import Deeds, alarm, perform
from tidegate.correlate.compiling import compile_rules
from tidegate.correlate.delivery import begun, deliver, evidence_of
from tidegate.correlate.document import DOCUMENTS
from tidegate.correlate.expectation import Expectation
from tidegate.correlate.explain import explain_gate
from tidegate.correlate.gate import (
    STATUSES,
    Gate,
    Shown,
    Status,
    close,
    expire,
    missing,
    release,
    show,
    warn,
)
from tidegate.correlate.identity import (
    KIND,
    correlation_id,
    day_text,
    gate_key,
    key_of,
    part_of,
    public_id,
)
from tidegate.correlate.index import Index, build, fits
from tidegate.correlate.orders import CloseGate, ReleaseGate
from tidegate.correlate.rule import Input, Rule
from tidegate.kernel.clock import Day, Instant, format_day, format_instant
from tidegate.kernel.event import Event, Json
from tidegate.kernel.ids import DocId, Pos
from tidegate.kernel.step import (
    NOTHING,
    Adopted,
    Answer,
    Cell,
    Document,
    Explanation,
    Heard,
    Key,
    Kind,
    Look,
    Need,
    Order,
    Put,
    Refusal,
    Routed,
    Say,
    Signal,
    Step,
    View,
    Woke,
)

name = "correlate"
kinds = (
    Kind(name=KIND, state=Gate, part=Gate, follows="rule", statuses=STATUSES),
    Kind(name=expectation.KIND, state=Expectation, follows="rule"),
)
orders: tuple[type[Struct], ...] = (ReleaseGate, CloseGate)
documents = DOCUMENTS


class Book(Struct, frozen=True):
    """Every version of every rule, and the way from an event to them."""

    rules: Mapping[DocId, Rule]
    active: Mapping[str, Rule]
    index: Index
    owners: Mapping[str, str]  # dataset to its owner


def compile(documents: Mapping[DocId, Document]) -> Book:
    rules = compile_rules(documents)
    owners: dict[str, str] = {}
    for document in documents.values():
        if document.kind == "dataset" and document.active and isinstance(document.body, dict):
            owner = document.body.get("owner")
            if isinstance(owner, str):
                owners[document.name] = owner
    return Book(
        rules=rules,
        active={rule.name: rule for rule in rules.values() if rule.active},
        index=build(rules.values()),
        owners=owners,
    )


def route(signal: Routed, book: Book) -> Iterable[Need]:
    match signal:
        case Heard(event):
            return _route_event(event, book)
        case Adopted(kind="rule", name=rule):
            return (Need((expectation.key_of(rule),)),)
        case Order(ReleaseGate(gate=key) | CloseGate(gate=key)):
            return (Need((key,)),)
        case _:
            return ()


def _route_event(event: Event, book: Book) -> Sequence[Need]:
    keys: dict[str, dict[Key, None]] = {}
    for rule, _ in book.index.find(event):
        found = key_of(rule, event)
        if found is not None:
            keys.setdefault(rule.name, {})[found[0]] = None
    # Older versions were compiled first: a live gate of theirs takes the event first.
    return [Need(tuple(found)) for found in keys.values()]


def reduce(signal: Signal, view: View, book: Book) -> Answer:
    match signal:
        case Heard(event):
            return _hear(event, view, book)
        case Woke(key) if key.kind == KIND:
            return _wake(key, view, book)
        case Woke(key):
            return _begin_days(key, view, book)
        case Adopted(name=rule, doc=doc):
            return _adopt(expectation.key_of(rule), doc, view, book)
        case Order(ReleaseGate() as order, actor):
            return _release(order, actor or "somebody", view, book)
        case Order(CloseGate() as order, actor):
            return _close(order, actor or "somebody", view, book)
        case _:
            return NOTHING


def explain(key: Key, look: Look, book: Book) -> Explanation:
    cell = look.cell(key, Gate)
    rule = book.rules.get(cell.doc) or book.active.get(key.scope)
    if rule is None:
        return Explanation(status="unknown", sentence=f"no rule is called {key.scope}")
    return explain_gate(key, cell, rule, look)


# ---- an event
def _hear(event: Event, view: View, book: Book) -> Answer:
    for key in view.keys:
        cell = view.cell(key, Gate)
        rule = book.rules.get(cell.doc)
        if rule is None:
            continue  # the rule was withdrawn and this gate never began
        found = key_of(rule, event)
        if found is None or (not cell.version and (found[0] != key or not rule.active)):
            continue
        inputs = [one for one in rule.inputs if fits(one, event)]
        if inputs:
            return _deliver(key, cell, rule, inputs, event, found[1], view, book)
    return NOTHING


def _deliver(
    key: Key,
    cell: Cell[Gate],
    rule: Rule,
    inputs: Sequence[Input],
    event: Event,
    values: tuple[str, ...],
    view: View,
    book: Book,
) -> Answer:
    before = cell.state if cell.version else begun(key, rule, values, view.now)
    gate, finished = before, list[Put]()
    for one in rule.inputs:
        if one not in inputs:
            continue
        evidence = evidence_of(event, one, rule, view.pos, view.now)
        after = deliver(gate, evidence, rule, view.now)
        if after is gate:
            continue
        if after.round != gate.round:
            finished.append(Put(part_of(key, gate.round), gate))
            newest = book.active.get(rule.name)
            if newest is not None and newest.doc != cell.doc:
                return _renew(key, gate, newest, event, finished, view)
        gate = after
    if gate is before and cell.version:
        return NOTHING
    return _moved(key, before, gate, rule, finished, None, view)


def _renew(
    key: Key, gate: Gate, rule: Rule, event: Event, finished: list[Put], view: View
) -> Answer:
    """A round that begins follows the rule's newest version; the finished one kept its own."""
    found = key_of(rule, event)
    inputs = [one for one in rule.inputs if fits(one, event)]
    if found is None or found[0] != key or not inputs:
        return NOTHING
    after = gate
    for one in inputs:
        after = deliver(after, evidence_of(event, one, rule, view.pos, view.now), rule, view.now)
    return _moved(key, gate, after, rule, finished, rule.doc, view)


def _moved(
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
        deeds.says.insert(0, _say("opened", key, gate, rule, _opening(gate, rule)))
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
    deeds.says.insert(0, _say("quarantined", key, gate, rule, {"inputs": [one for one, _ in held]}))
    if not gate.backfill:
        message = (
            f"{rule.name} for {day_text(key) or key.name}: {names} failed a quality condition; "
            f"nothing was started. A corrected delivery clears it, or: "
            f"tidegate gate release {public_id(key, gate.round)}"
        )
        deeds.orders.append(alarm(key, gate, rule, f"quarantine/{held[-1][1]}", message, "warning"))
    return deeds


def _opening(gate: Gate, rule: Rule) -> dict[str, Json]:
    sla = next((one.sla_minutes for one in rule.actions if hasattr(one, "sla_minutes")), None)
    first = min((one.time for one in gate.inputs), default=None)
    start = first if rule.sla_from_first else gate.opened_at
    return {
        "inputs": [one.input for one in gate.inputs],
        "sla_minutes": sla,
        "sla_from": format_instant(start) if start is not None else None,
        "last_input_at": format_instant(max(one.arrived_at for one in gate.inputs)),
    }


# ---- time
def _wake(key: Key, view: View, book: Book) -> Answer:
    cell = view.cell(key, Gate)
    gate, rule, now = cell.state, book.rules[cell.doc], view.now
    if gate.status in (Status.OPEN, Status.CLOSED):
        return Step(puts=(Put(key, replace(gate, wake_at=None)),))
    if gate.expired:
        closed = close(gate, "close_after")
        return Step(puts=(Put(key, closed),), says=(_say("closed", key, closed, rule, {}),))
    if gate.warn_at is not None and not _passed(gate, now):
        warned = warn(gate)
        message = _waiting_text(key, gate, rule, "is later than usual")
        told = alarm(key, gate, rule, "warning", message, "warning")
        return Step(
            puts=(Put(key, warned),),
            orders=(told,) if not gate.backfill else (),
            says=(_say("late", key, warned, rule, {"missing": _names(gate, rule)}),),
        )
    return _expired(key, gate, rule, book, view.now, view.pos)


def _expired(key: Key, gate: Gate, rule: Rule, book: Book, now: Instant, pos: Pos) -> Step:
    """The deadline or the window passed: alarm, unless it is history being loaded."""
    after = expire(gate, rule, now, pos)
    names = _names(gate, rule)
    says = (_say("overdue", key, after, rule, {"missing": names, "backfill": gate.backfill}),)
    if gate.backfill:
        return Step(puts=(Put(key, after),), says=says)
    deeds = perform(key, after, rule, rule.on_timeout, "timeout")
    message = _waiting_text(key, gate, rule, "is overdue")
    tells = [alarm(key, after, rule, "overdue", message, "critical")]
    for owner in sorted({book.owners[one] for one in names if one in book.owners} - {rule.owner}):
        told = alarm(key, after, rule, f"overdue/{owner}"[:200], message, "critical")
        tells.append(replace(told, receiver=owner))
    return Step(
        puts=(Put(key, after),),
        orders=(*deeds.orders, *tells),
        says=(*says, *deeds.says),
    )


def _passed(gate: Gate, now: Instant) -> bool:
    return any(at is not None and at <= now for at in (gate.deadline, gate.window_end))


def _begin_days(key: Key, view: View, book: Book) -> Answer:
    """The expectation's time has come: the gates of its due business dates."""
    cell = view.cell(key, Expectation)
    rule = book.rules[cell.doc]
    if rule.expect is None:
        return Step(drops=(key,))
    days = expectation.due_days(cell.state, rule, view.now)
    keys = tuple(gate_key(rule, (format_day(day),)) for day in days)
    if any(one not in view for one in keys):
        return Need(keys)
    puts: list[Put] = [Put(key, expectation.advance(cell.state, rule, days, view.now))]
    orders_, says = list[Struct](), list[Say]()
    for day, one in zip(days, keys, strict=True):
        step = _expect_day(one, day, view, book, rule)
        puts += step.puts
        orders_ += step.orders
        says += step.says
    return Step(puts=tuple(puts), orders=tuple(orders_), says=tuple(says))


def _expect_day(key: Key, day: Day, view: View, book: Book, rule: Rule) -> Step:
    cell = view.cell(key, Gate)
    if cell.version:
        rule = book.rules.get(cell.doc, rule)
    gate = cell.state if cell.version else begun(key, rule, (format_day(day),), view.now)
    if gate.status in (Status.OPEN, Status.CLOSED):
        return NOTHING
    # It is expected, so its alarm counts even if an event made it first and late.
    gate = replace(gate, expected=True, backfill=False)
    if _passed(gate, view.now):
        return _expired(key, gate, rule, book, view.now, view.pos)
    return Step(puts=(Put(key, gate),))


def _adopt(key: Key, doc: DocId | None, view: View, book: Book) -> Answer:
    cell = view.cell(key, Expectation)
    rule = book.rules.get(doc) if doc is not None else None
    if rule is None or rule.expect is None:
        return Step(drops=(key,)) if cell.version else NOTHING
    return Step(puts=(Put(key, expectation.begin(rule, view.now), doc=doc),))


# ---- people
def _release(order: ReleaseGate, actor: str, view: View, book: Book) -> Answer:
    cell = view.cell(order.gate, Gate)
    refusal = _not_this_round(order.gate, order.round, cell)
    if refusal is not None:
        return refusal
    gate, rule = cell.state, book.rules[cell.doc]
    held = {one.input for one in gate.inputs if not one.good}
    wanted = frozenset(order.inputs) or frozenset(held)
    if gate.status in (Status.OPEN, Status.CLOSED) or not held or not wanted <= held:
        return Refusal(
            "gate.state",
            f"{public_id(order.gate, order.round)} is {STATUSES[Status(gate.status)]}; "
            f"quarantined inputs: {', '.join(sorted(held)) or 'none'}",
        )
    after = release(gate, wanted, actor, rule, view.now, view.pos)
    step = _moved(order.gate, gate, after, rule, (), None, view)
    released = _say("released", order.gate, after, rule, {"inputs": sorted(wanted), "by": actor})
    return replace(step, says=(released, *step.says))


def _close(order: CloseGate, actor: str, view: View, book: Book) -> Answer:
    cell = view.cell(order.gate, Gate)
    refusal = _not_this_round(order.gate, order.round, cell)
    if refusal is not None:
        return refusal
    gate, rule = cell.state, book.rules[cell.doc]
    if gate.status in (Status.OPEN, Status.CLOSED):
        return Refusal("gate.state", f"the gate is {STATUSES[Status(gate.status)]} already")
    after = close(gate, actor)
    return Step(
        puts=(Put(order.gate, after),),
        says=(_say("closed", order.gate, after, rule, {"by": actor}),),
        reply={"gate": public_id(order.gate, after.round), "status": "closed"},
    )


def _not_this_round(key: Key, round_: int, cell: Cell[Gate]) -> Refusal | None:
    if not cell.version:
        return Refusal("gate.unknown", f"no gate {public_id(key, round_)}")
    if cell.state.round != round_:
        return Refusal(
            "gate.state",
            f"round {round_:03d} has ended; the gate is in round {cell.state.round:03d}",
        )
    return None


# ---- words
def _say(what: str, key: Key, gate: Gate, rule: Rule, more: Mapping[str, Json]) -> Say:
    jobs = [one.job.text for one in rule.actions if hasattr(one, "job")]
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


def _names(gate: Gate, rule: Rule) -> list[str]:
    return [one.dataset or one.name for one in missing(gate, rule)]


def _waiting_text(key: Key, gate: Gate, rule: Rule, what: str) -> str:
    shown = show(gate, rule)
    states = ", ".join(
        f"{one} {state.name.lower()}" for one, state in shown.items() if state != Shown.RECEIVED
    )
    return f"{rule.name} for {day_text(key) or key.name} {what}: {states}"
