"""correlate: events to gates. The engine is the match; what may happen to a gate is in gate.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tidegate.correlate import expectation
from tidegate.correlate.action import alarm
from tidegate.correlate.checking import check as check
from tidegate.correlate.checking import check_beside, check_dataset_beside
from tidegate.correlate.coherence import check as check_alone
from tidegate.correlate.compiling import compile_rules, datasets_of
from tidegate.correlate.delivery import begun, deliver, evidence_of, follow
from tidegate.correlate.document import DATASETS, RULES
from tidegate.correlate.expectation import Expectation
from tidegate.correlate.explain import explain_gate
from tidegate.correlate.gate import (
    CLOSE_AFTER,
    FINISHED,
    LATE,
    STATUSES,
    Gate,
    Status,
    close,
    finished,
    next_wake,
    shift,
    upgrade,
    warn,
)
from tidegate.correlate.identity import (
    KIND,
    gate_key,
    named,
    part_of,
)
from tidegate.correlate.matching import Match, Matcher
from tidegate.correlate.moves import (
    came_late,
    due,
    expired,
    lacks,
    moved,
    moved_on,
    passed,
    say,
    waiting_text,
)
from tidegate.correlate.orders import CloseGate, ReleaseGate
from tidegate.correlate.person import Giver, close_gate, release_gate
from tidegate.correlate.rule import Rule
from tidegate.kernel.clock import Day, format_day
from tidegate.kernel.event import Event
from tidegate.kernel.ids import DocId
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
    Routed,
    Say,
    Signal,
    Step,
    View,
    Woke,
)

name = "correlate"
kinds = (
    Kind(
        name=KIND,
        state=Gate,
        part=Gate,
        follows="rule",
        statuses=STATUSES,
        format=2,
        upgrade=upgrade,
        shift=shift,
    ),
    Kind(name=expectation.KIND, state=Expectation, follows="rule"),
)
orders: tuple[type[Struct], ...] = (ReleaseGate, CloseGate)
documents = (
    replace(RULES, check=check_alone, beside=check_beside),
    replace(DATASETS, beside=check_dataset_beside),
)


class Book(Struct, frozen=True):
    """Every version of every rule, and the way from an event to them."""

    rules: Mapping[DocId, Rule]
    active: Mapping[str, Rule]
    matcher: Matcher
    owners: Mapping[str, str]  # dataset to its owner


def compile(documents: Mapping[DocId, Document]) -> Book:
    rules = compile_rules(documents)
    datasets = datasets_of(documents)
    owners = {name: one.owner for name, one in datasets.items() if one.owner is not None}
    return Book(
        rules=rules,
        active={rule.name: rule for rule in rules.values() if rule.active},
        matcher=Matcher(rules.values()),
        owners=owners,
    )


def route(signal: Routed, book: Book) -> Iterable[Need]:
    if type(signal) is Heard:  # nearly all that comes, and quicker than a `match`
        return _route_event(signal.event, book)
    match signal:
        case Adopted(kind="rule", name=rule):
            return (Need((expectation.key_of(rule),)),)
        case Adopted(kind="calendar" | "dataset" | "project"):
            expecting = [rule for rule in book.active.values() if rule.expect is not None]
            return tuple(Need((expectation.key_of(rule.name),)) for rule in expecting)
        case Order(ReleaseGate(gate=key) | CloseGate(gate=key)):
            return (Need((key,)),)
        case _:
            return ()


def hears(book: Book) -> frozenset[str] | None:
    """The types of events that may concern a rule; None: any."""
    return book.matcher.index.types


def _route_event(event: Event, book: Book) -> Sequence[Need]:
    matches = book.matcher.of(event)
    if len(matches) == 1:
        (match,) = matches.values()
        return (match.need,)
    keys: dict[str, dict[Key, None]] = {}
    for match in matches.values():
        keys.setdefault(match.rule.name, {})[match.key] = None
    # Older versions were compiled first: a live gate of theirs takes the event first.
    return [Need(tuple(found)) for found in keys.values()]


def reduce(signal: Signal, view: View, book: Book) -> Answer:
    if type(signal) is Heard:
        return _hear(signal.event, view, book)
    match signal:
        case Woke(key) if key.kind == KIND:
            return _wake(key, view, book)
        case Woke(key):
            return _begin_days(key, view, book)
        case Adopted():
            return _adopt(view.keys[0], view, book)
        case Order(ReleaseGate() as order, actor, reason):
            return release_gate(order, Giver(actor or "somebody", reason), view, book.rules)
        case Order(CloseGate() as order, actor, reason):
            return close_gate(order, Giver(actor or "somebody", reason), view, book.rules)
        case _:
            return NOTHING


def explain(key: Key, look: Look, book: Book) -> Explanation:
    cell = look.cell(key, Gate)
    newest = book.active.get(key.scope)
    rule = book.rules.get(cell.doc) or newest
    if rule is None:
        return Explanation(status="unknown", sentence=f"no rule is called {key.scope}")
    return explain_gate(key, cell, rule, newest, look)


# ---- an event
def _hear(event: Event, view: View, book: Book) -> Answer:
    matches = book.matcher.of(event)
    for key in view.keys:
        cell = view.cell(key, Gate)
        match = matches.get(_version(key, cell, book))
        # No match: no input of the version it follows, or the rule was withdrawn.
        if match is not None and match.key == key and (cell.version or match.rule.active):
            return _deliver(key, cell, match, event, view, book)
    return NOTHING


def _version(key: Key, cell: Cell[Gate], book: Book) -> DocId:
    """A round in flight finishes on its version; what comes after follows the newest, if any."""
    if cell.version and cell.state.status in FINISHED:
        newest = book.active.get(key.scope)
        return DocId(0) if newest is None else newest.doc
    return cell.doc


def _deliver(
    key: Key, cell: Cell[Gate], match: Match, event: Event, view: View, book: Book
) -> Answer:
    rule, now = match.rule, view.now
    before = cell.state if cell.version else begun(key, rule, match.values, now)
    pos = view.pos
    evidence = [evidence_of(event, one, rule, pos, now) for one in match.inputs]
    take = deliver if rule.doc == cell.doc else follow
    after = take(before, evidence, rule, now)
    if after is before and cell.version:
        return NOTHING
    if after.round == before.round:
        step = moved(key, before, after, rule, (), None)
        if after.status != Status.CLOSED or rule.late != "inbox":
            return step
        return replace(step, orders=(came_late(key, after, rule, evidence), *step.orders))
    doc = None if rule.doc == cell.doc else rule.doc
    if before.status in FINISHED:
        kept = Put(part_of(key, before.round), finished(before))
        return moved(key, before, after, rule, (kept,), doc)
    ended = finished(close(before, LATE))
    step = moved(key, before, after, rule, (Put(part_of(key, before.round), ended),), doc)
    about = named(key, ended, rule)
    return replace(step, says=(say("closed", about, {"by": ended.closed_by}), *step.says))


# ---- time
def _wake(key: Key, view: View, book: Book) -> Answer:
    cell = view.cell(key, Gate)
    gate, rule, now = cell.state, book.rules[cell.doc], view.now
    if gate.status in FINISHED:
        return Step(puts=(Put(key, replace(gate, wake_at=None)),))
    if gate.expired and gate.close_at is not None and gate.close_at <= now:
        closed = close(gate, CLOSE_AFTER)
        about = named(key, closed, rule)
        return Step(
            puts=(Put(key, closed),), says=(say("closed", about, {"by": closed.closed_by}),)
        )
    gate = gate if gate.expired else moved_on(gate, rule, key.day, now)
    if gate.expired or not due(gate, now):
        # What was due is here, or a corrected clock woke it too early.
        return Step(puts=(Put(key, replace(gate, wake_at=next_wake(gate))),))
    if not passed(gate, now):
        warned = warn(gate)
        message = waiting_text(key, gate, rule, "is later than usual")
        about = named(key, warned, rule)
        told = alarm(about, "warning", message, "warning")
        return Step(
            puts=(Put(key, warned),),
            orders=(told,) if not gate.backfill else (),
            says=(say("late", about, {"missing": lacks(gate, rule)}),),
        )
    return expired(key, gate, rule, book.owners, view.now, view.pos)


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
    now, values = view.now, (format_day(day),)
    before = cell.state if cell.version else begun(key, rule, values, now, expected=True)
    if before.status in FINISHED:
        return NOTHING
    # It is expected, so its alarm counts even if an event made it first and late.
    gate = moved_on(replace(before, expected=True, backfill=False), rule, day, now)
    if passed(gate, now) and (before.backfill or not before.expired):
        return expired(key, gate, rule, book.owners, now, view.pos)
    return Step(puts=(Put(key, gate),))


def _adopt(key: Key, view: View, book: Book) -> Answer:
    """The rule, or what its dates follow from, has changed or was withdrawn."""
    cell = view.cell(key, Expectation)
    rule = book.active.get(key.scope)
    if rule is None or rule.expect is None:
        return Step(drops=(key,)) if cell.version else NOTHING
    before = cell.state if cell.version else None
    return Step(puts=(Put(key, expectation.begin(rule, view.now, before), doc=rule.doc),))
