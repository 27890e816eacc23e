"""Drives engines in memory: the product's own deciding, over a dict of cells, on a clock set by hand.

Every state, effect and signal passes through its encoding, as it does in a database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tidegate.kernel.clock import Instant
from tidegate.kernel.codec import Codec, unpack
from tidegate.kernel.event import Event, Json
from tidegate.kernel.ids import CellId, DocId, Pos
from tidegate.kernel.step import (
    NOTHING,
    Adopted,
    Answer,
    Cell,
    Document,
    DocumentKind,
    Done,
    Durable,
    Effect,
    Engine,
    Explanation,
    Failed,
    Finding,
    Heard,
    Key,
    Kind,
    Look,
    Need,
    Order,
    Outcome,
    Refusal,
    Routed,
    S,
    Signal,
    StopTask,
    View,
    Woke,
)
from tidegate.ports.store import Stored
from tidegate.services.decision import Deciding, Decision, decide
from tidegate.services.record import Signals
from tidegate.services.turn import Root, Seat

TURNS_MAX = 5_000
Given = Signal | Struct


class Driver:
    def __init__(self, engines: Sequence[Engine[Any]], now: Instant) -> None:
        self.now = now
        self.cells: dict[Key, Stored] = {}
        self.effects: dict[tuple[Key, str], Effect] = {}  # open ones
        self.journal: dict[Key, list[Json]] = {}
        self.said: list[Event] = []  # everything engines have said
        self.obeyed: list[Struct] = []  # orders that went through `later`
        self.documents: dict[DocId, Document] = {}
        self._engines = tuple(engines)
        self._codec = Codec([kind for engine in engines for kind in engine.kinds])
        self._signals = Signals([body for engine in engines for body in engine.orders])
        self._later: list[bytes] = []
        self._pos = 0
        self._seats: tuple[Seat[Any], ...] = ()
        self._active: Mapping[tuple[str, str], DocId] = {}
        self.follow({})

    # ---- documents
    def follow(self, documents: Mapping[tuple[str, str], Json]) -> None:
        """Make these the documents to follow; what changed is adopted in the next turn."""
        before = {(one.kind, one.name): id_ for id_, one in self.documents.items() if one.active}
        known = {
            id_: msgspec.structs.replace(one, active=False) for id_, one in self.documents.items()
        }
        active: dict[tuple[str, str], DocId] = {}
        for name, body in documents.items():
            id_ = before.get(name)
            if id_ is None or known[id_].body != body:
                id_ = DocId(len(known) + 1)
                self._adopt(Adopted(*name, id_))
            known[id_] = Document(*name, body)
            active[name] = id_
        for name in before:
            if name not in documents:
                self._adopt(Adopted(*name, None))
        self.documents = known
        self._active = active
        self._seats = tuple(
            Seat(engine, engine.compile(self.documents)) for engine in self._engines
        )

    def _adopt(self, adopted: Adopted) -> None:
        self._later.append(self._signals.encode(adopted))

    # ---- turns
    def give(self, *given: Given, actor: str | None = None, reason: str | None = None) -> list[Any]:
        """One turn of these signals; a bare struct is an order. Answers replies and refusals."""
        signals = [_signal(one, actor, reason) for one in given]
        decision = self._turn(signals)
        return [decision.replies.get(index) for index in range(len(signals))]

    def hear(self, type_: str, data: Json, **attributes: Any) -> None:
        self._pos += 1
        event = Event(
            id=f"e{self._pos}",
            source="test",
            type=type_,
            time=self.now,
            data=data,
            **attributes,
        )
        self.give(Heard(event))

    def finish(self, key: Key, result: Done | Failed | None = None) -> None:
        """Work outside ends: the one open effect of this cell."""
        (call,) = [call for cell, call in self.effects if cell == key]
        self.give(Outcome(key, call, result if result is not None else Done()))

    def settle(self) -> None:
        """What was said, ordered, or is due at this instant is decided, until nothing is left."""
        for _ in range(TURNS_MAX):
            if self._later:
                signals = [self._signals.decode(body) for body in self._later]
                self._later = []
                self._turn(signals)
            elif due := self._due():
                self._turn([Woke(key) for key in due[:500]])
            elif (wake_at := self.next_wake()) is not None and wake_at <= self.now + 100:
                # "a moment later", as engines ask for when a step has done enough
                self.now = wake_at
            else:
                return
        raise AssertionError("it never comes to rest")

    def advance(self, until: Instant) -> None:
        """Time passes; every wake on the way is decided at its instant."""
        while True:
            self.settle()
            wake_at = self.next_wake()
            if wake_at is None or wake_at > until:
                self.now = max(self.now, until)
                return self.settle()
            self.now = max(self.now, wake_at)

    def next_wake(self) -> Instant | None:
        wakes = [one.cell.state.wake_at for one in self.cells.values()]
        return min((at for at in wakes if at is not None), default=None)

    def _due(self) -> list[Key]:
        due = [
            (one.cell.state.wake_at, one.id, key)
            for key, one in self.cells.items()
            if one.cell.state.wake_at is not None and one.cell.state.wake_at <= self.now
        ]
        return [key for _, _, key in sorted(due)]

    def _turn(self, signals: Sequence[Signal]) -> Decision:
        signals = [self._signals.decode(self._signals.encode(one)) for one in signals]
        self.obeyed += [one.body for one in signals if isinstance(one, Order)]
        consumed = {
            (self.cells[one.key].id, one.call) for one in signals if isinstance(one, Outcome)
        }
        for one in signals:
            if isinstance(one, Outcome):
                del self.effects[one.key, one.call]
        first = self._pos + 1
        self._pos += len(signals)
        by = Deciding(
            seats=self._seats,
            active=self._active,
            codec=self._codec,
            signals=self._signals,
            load=self._load,
            open_calls=self._open_calls,
            consumed=consumed,
        )
        roots = [Root(Pos(first + n), one) for n, one in enumerate(signals)]
        decision = decide(roots, by, self.now)
        assert not decision.parked, decision.parked
        self._write(decision)
        return decision

    def _load(self, keys: Sequence[Key]) -> Mapping[Key, Stored]:
        return {key: self.cells[key] for key in keys if key in self.cells}

    def _open_calls(self, cells: Sequence[CellId]) -> list[tuple[CellId, str]]:
        ids = {key: one.id for key, one in self.cells.items()}
        return [(ids[key], call) for key, call in self.effects if ids[key] in cells]

    def _write(self, decision: Decision) -> None:
        for key, _ in decision.drops:
            del self.cells[key]
        for put in decision.puts:
            state = self._codec.decode(put.key, put.format, put.body)
            assert state == put.staged.state, "a state comes back from its bytes"
            stored = self.cells.get(put.key)
            id_ = stored.id if stored else CellId(self._pos * 10_000 + len(self.cells))
            cell: Cell[Durable] = Cell(state, put.staged.doc, put.staged.version)
            self.cells[put.key] = Stored(id_, cell)
        for key, call in decision.stops:
            self.effects.pop((key, call), None)
        for key, effect in decision.effects:
            assert not isinstance(effect, StopTask)
            self.effects[key, effect.call] = effect
        for one in decision.journal:
            self.journal.setdefault(one.key, []).append(
                msgspec.msgpack.decode(unpack(one.format, one.body))
            )
        self._later += decision.later
        for body in decision.later:
            signal = self._signals.decode(body)
            if isinstance(signal, Heard):
                self.said.append(signal.event)

    # ---- looking
    def state(self, key: Key, type_: type[S]) -> S:
        state = self.cells[key].cell.state
        assert isinstance(state, type_)
        return state

    def kind(self, kind: str) -> list[Key]:
        return sorted(key for key in self.cells if key.kind == kind)

    def types(self) -> list[str]:
        return [event.type for event in self.said]

    def explain(self, engine: Engine[Any], key: Key) -> Explanation:
        book = next(seat.book for seat in self._seats if seat.engine is engine)
        return engine.explain(key, Looking(self), book)


def _signal(given: Given, actor: str | None, reason: str | None) -> Signal:
    match given:
        case Heard() | Order() | Adopted() | Woke() | Outcome():
            return given
        case _:
            return Order(given, actor, reason)


class Looking:
    """What `explain` may look at."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    @property
    def now(self) -> Instant:
        return self._driver.now

    def cell(self, key: Key, state: type[S], /) -> Cell[S]:
        stored = self._driver.cells.get(key)
        if stored is None:
            return Cell(state())
        assert isinstance(stored.cell.state, state)
        return Cell(stored.cell.state, stored.cell.doc, stored.cell.version)

    def events(self, places: Iterable[Pos], /) -> tuple[Event, ...]:
        return ()

    def parts(self, key: Key, /) -> tuple[Key, ...]:
        return tuple(one for one in sorted(self._driver.cells) if key in one.line()[1:])

    def siblings(self, key: Key, days: int, /) -> tuple[Key, ...]:
        return ()

    def strays(self, limit: int, /) -> tuple[tuple[Pos, Event], ...]:
        return ()

    def rejects(self, limit: int, /) -> tuple[Json, ...]:
        return ()


class Ear:
    """An engine that only keeps the orders it is given: the far side of whatever is tested."""

    name = "ear"
    kinds: tuple[Kind, ...] = ()
    documents: tuple[DocumentKind, ...] = ()

    def __init__(self, *orders: type[Struct]) -> None:
        self.orders = orders
        self.heard: list[Any] = []

    def check(self, documents: Mapping[DocId, Document], /) -> Iterable[Finding]:
        return ()

    def compile(self, documents: Mapping[DocId, Document], /) -> None:
        return None

    def route(self, signal: Routed, book: None, /) -> Iterable[Need]:
        return (Need(()),) if isinstance(signal, Order) else ()

    def reduce(self, signal: Signal, view: View, book: None, /) -> Answer:
        if isinstance(signal, Order):
            self.heard.append(signal.body)
        return NOTHING

    def explain(self, key: Key, look: Look, book: None, /) -> Explanation:
        return Explanation(status="", sentence="")


def refusal(answer: Json | Refusal) -> Refusal:
    assert isinstance(answer, Refusal), answer
    return answer
