"""World: a whole deployment on a simulated clock, for tests and simulations.

One host over a store in memory (or any other store), the product's own engines, and a performer
that answers effects as the test says. Nothing waits: `advance` goes from one due moment to the
next. The same seed and the same calls give the same log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from tidegate.kernel.clock import SECOND_US, Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.event import Event, Json
from tidegate.kernel.ids import Pos, digest
from tidegate.kernel.step import (
    CallTask,
    Done,
    Durable,
    Effect,
    Engine,
    Failed,
    Key,
    Order,
    Refusal,
    SendNotice,
)
from tidegate.ports.reader import PAGE_MAX, Reader
from tidegate.ports.store import Claim, DocumentDraft, Store
from tidegate.services.asking import Asking
from tidegate.services.door import Ended
from tidegate.services.downstream import Downstream
from tidegate.services.engines import ENGINES, codec_of, reader_of
from tidegate.services.holds import Holds
from tidegate.services.host import Host, Setup
from tidegate.services.intake import Intake, Receipt
from tidegate.services.look import Library, event_at
from tidegate.services.orders import Activate
from tidegate.services.runs import Runs
from tidegate.services.search import Search
from tidegate.services.trace import Trace
from tidegate.services.verify import Report, verify
from tidegate.services.work import STOP_TASK, decode_work
from tidegate.testing.memory import MemoryStore

START = Instant(1_763_715_600_000_000)  # 2025-11-21 09:00 UTC
STEPS_MAX = 100_000

D = TypeVar("D", bound=Durable)


class Takes(Struct, frozen=True):
    """Work that comes to its end after so long."""

    duration_us: int
    result: Done | Failed


Performer = Callable[[Key, Effect], Done | Failed | Takes | None]
"""What an effect comes to; None: it goes on until somebody calls `finish`."""


class SimulatedClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: Instant = START) -> None:
        self.at = at
        self.boot = 0.0

    def now(self) -> Instant:
        return self.at

    def monotonic(self) -> float:
        return self.boot

    def to(self, at: Instant) -> None:
        """Forward, as time passes."""
        assert at >= self.at, "time does not go back; use `step`"
        self.boot += (at - self.at) / SECOND_US
        self.at = at

    def step(self, by_us: int) -> None:
        """A jump of the wall clock that the boot-time clock does not share."""
        self.at = Instant(self.at + by_us)


class Performed(Struct, frozen=True):
    key: Key
    effect: Effect


def succeed(key: Key, effect: Effect) -> Done | Failed | Takes | None:
    del key, effect
    return Done()


class World:
    """One deployment. `documents` are raw bodies by (kind, name), as `tidegate activate` stores them."""

    def __init__(
        self,
        documents: Mapping[tuple[str, str], Json] | None = None,
        *,
        at: Instant = START,
        perform: Performer = succeed,
        engines: tuple[Engine[Any], ...] = ENGINES,
        store: tuple[Store, Reader] | None = None,
        release: str = "test",
    ) -> None:
        self.clock = SimulatedClock(at)
        self.attended = True
        """Whoever asks finds a server that works on the database."""
        self._release = release
        self._ends: list[tuple[Instant, Key, str, Done | Failed]] = []
        self.engines = engines
        self.codec: Codec = codec_of(engines)
        self.perform = perform
        self.performed: list[Performed] = []
        self.running: dict[tuple[Key, str], Claim] = {}
        if store is None:
            memory = MemoryStore(self.codec)
            store = (memory, memory.reader())
        self.store, self.reader = store
        self.host = self._host()
        if documents:
            self.activate(documents)

    def _host(self, *, unclean: bool = False) -> Host:
        host = Host(
            Setup(
                store=self.store,
                engines=self.engines,
                codec=self.codec,
                reader_of=reader_of,
                clock=self.clock,
                replica="world",
                release=self._release,
            )
        )
        host.start(unclean=unclean)
        self.intake = Intake(host, self.clock)
        library = Library(self.reader, self.engines, reader_of)
        self.library = library
        shared = (self.reader, library, self.codec, host.signals, self.clock)
        self.downstream = Downstream(*shared, attended=lambda: self.attended)
        self.asking = Asking(*shared, self.downstream)
        self.search = Search(self.reader, library, host.signals)
        self.runs = Runs(*shared, self.downstream)
        self.trace = Trace(self.reader, library, self.search, self.runs, self.downstream)
        self.holds = Holds(self.reader, library, self.clock)
        return host

    def restart(self, *, unclean: bool = False) -> None:
        """The process ended and another one begins: nothing in memory survives."""
        self.running.clear()
        self.store.abandon()
        self.host = self._host(unclean=unclean)
        self.store.take_over("world")

    # ---- what comes in
    def activate(self, documents: Mapping[tuple[str, str], Json]) -> Json | Refusal:
        drafts = [
            DocumentDraft(kind, name, digest(body), body.decode())
            for (kind, name), raw in documents.items()
            if (body := msgspec.json.encode(raw, order="sorted"))
        ]
        activation = self.store.add_activation(self.clock.now(), b"", drafts)
        return self.order(Activate(activation=activation.id), actor="test")

    def hear(self, *events: Mapping[str, Json] | bytes) -> Receipt:
        """Deliver events together, and settle."""
        raws = [one if isinstance(one, bytes) else msgspec.json.encode(one) for one in events]
        pending = self.intake.receive(raws, "test")
        self.settle()
        return pending.result(0)

    def order(self, body: Struct, actor: str = "ann", reason: str | None = None) -> Json | Refusal:
        answer = self.host.order(Order(body, actor, reason))
        self.settle()
        return answer.result(0)

    # ---- time
    def settle(self) -> None:
        """Turns and effects until nothing is left to do at this instant."""
        for _ in range(STEPS_MAX):
            self.host.run_calls()
            if not self.host.step() and not self._perform():
                return
        raise AssertionError("the world does not come to rest")

    def advance(self, by_us: int) -> None:
        """Go on by so long, stopping at every moment something is due."""
        end = Instant(self.clock.now() + by_us)
        self.settle()
        for _ in range(STEPS_MAX):
            moments = [self.store.next_wake(), self.store.next_visible()]
            moments += [at for at, *_ in self._ends]
            due = [at for at in moments if at is not None and self.clock.now() < at <= end]
            if not due:
                break
            self.clock.to(min(due))
            self._end_due()
            self.settle()
        self.clock.to(end)
        self.settle()

    # ---- effects
    def _end_due(self) -> None:
        now = self.clock.now()
        due = [end for end in self._ends if end[0] <= now]
        self._ends = [end for end in self._ends if end[0] > now]
        for _, key, call, result in due:
            self._offer(key, self.running.pop((key, call)), result)

    def _perform(self) -> bool:
        now = self.clock.now()
        if self.running:
            self.store.renew(now, "world", tuple(self.running.values()))
        claimed = self.store.claim(now, "world", 100)
        for one in claimed:
            claim = Claim(one.cell, one.call, one.fence)
            if one.kind == STOP_TASK:
                self.store.end_stop(claim)
                continue
            work = decode_work(one.body)
            place = (work.key, one.call)
            self.performed.append(Performed(work.key, work.effect))
            result = self.perform(work.key, work.effect)
            if result is None:
                self.running[place] = claim
            elif isinstance(result, Takes):
                self.running[place] = claim
                at = Instant(self.clock.now() + result.duration_us)
                self._ends.append((at, work.key, one.call, result.result))
            else:
                self._offer(work.key, claim, result)
        return bool(claimed)

    def finish(self, key: Key, call: str, result: Done | Failed) -> None:
        """A running effect comes to its end."""
        self._offer(key, self.running.pop((key, call)), result)
        self.settle()

    def _offer(self, key: Key, claim: Claim, result: Done | Failed) -> None:
        self.host.submit(Ended(key, claim, result, Future()))

    # ---- what is there
    def cells(self, kind: str, type_: type[D]) -> dict[Key, D]:
        """All cells of a kind whose state is of this type."""
        found: dict[Key, D] = {}
        for one in self.reader.cells(kind, limit=PAGE_MAX):
            state = one.stored.cell.state
            if isinstance(state, type_):
                found[one.key] = state
        return found

    def gates(self, **filters: Any) -> list[Json]:
        """The oldest date first, then by rule, match values and round."""
        found = self.asking.all_gates(**filters)
        return sorted(found, key=lambda gate: (gate["id"].split("~~")[1], gate["id"]))

    def events(self, type_: str | None = None) -> list[Event]:
        """Every event of the log, own ones too, oldest first."""
        books = self.library.books()
        found: list[Event] = []
        for row in self.reader.rows(Pos(1), PAGE_MAX):
            for offset in range(row.n):
                event = event_at(row, Pos(row.first + offset), books, self.host.signals)
                if event is not None and type_ in (None, event.type):
                    found.append(event)
        return found

    def tasks(self) -> list[CallTask]:
        return [one.effect for one in self.performed if isinstance(one.effect, CallTask)]

    def notices(self) -> list[SendNotice]:
        return [one.effect for one in self.performed if isinstance(one.effect, SendNotice)]

    def verify(self) -> Report:
        return verify(self.reader, self.engines, self.codec, reader_of, self._release, b"")
