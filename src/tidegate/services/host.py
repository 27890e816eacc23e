"""Host: the one loop. Takes what is there, loads, decides, commits, answers.

    door, later, due --take--> roots --decide--> Decision --commit--> answers, effects handed over

It knows engines only by their shape. One thread runs it; every write of cells goes through it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from msgspec import Struct

from tidegate.kernel.clock import Clock, Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import Defect, TidegateError, TransientError
from tidegate.kernel.event import Event, Json
from tidegate.kernel.ids import Pos
from tidegate.kernel.step import Engine, Order, Refusal
from tidegate.ports.store import (
    Claimed,
    RowFault,
    Store,
    Taken,
    TurnLost,
    Wanted,
    Writes,
)
from tidegate.services.books import Books, ReaderOf, compile_books
from tidegate.services.caution import Caution
from tidegate.services.charge import identities, why
from tidegate.services.decision import Deciding, Decision, decide
from tidegate.services.door import Arrival, Ask, Door, Waiting
from tidegate.services.failing import Failing
from tidegate.services.gather import Gathered, accepts_clock, gather, refuse
from tidegate.services.pace import Pace, Share
from tidegate.services.presence import Presence
from tidegate.services.record import signals_of
from tidegate.services.steady import JUMPED, Steady
from tidegate.services.transaction import Aftermath, Rows, aftermath, host_says, log_row, rows_of
from tidegate.services.turn import Crowded
from tidegate.services.unfold import Unfolded, unfold
from tidegate.services.verdict import Copy, digest_of, hash_of

RETAKES_MAX = 100

T = TypeVar("T")
log = logging.getLogger("tidegate.host")


class Setup(Struct, frozen=True, kw_only=True):
    """What a host is made of."""

    store: Store
    engines: Sequence[Engine[Any]]
    codec: Codec
    reader_of: ReaderOf
    clock: Clock
    replica: str
    release: str
    functions: bytes = b""
    free: Callable[[], int] = lambda: 0
    """Slots of this replica's dispatcher; so many effects are born claimed."""
    hand_over: Callable[[Sequence[Claimed]], None] = lambda claimed: None
    committed: Callable[[Pos], None] = lambda pos: None
    """Told the next place after each commit, on the host's thread."""
    presence_s: float | None = None
    """How often it says that it lives, beside other replicas; None: there can be none."""


class Status(Struct):
    """What pages and health checks read; only the host's thread writes it."""

    turns: int = 0
    signals: int = 0
    at: Instant = Instant(0)
    next_pos: Pos = Pos(0)
    fault: TidegateError | None = None
    careful: bool = False
    turn_began: float | None = None  # on the boot-time clock, while a turn is being decided


class Host:
    """One replica's writer. `step` runs one turn; `services/loop.py` runs it in a thread."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.store = setup.store
        self.signals = signals_of(setup.engines)
        self.door = Door()
        self.status = Status()
        self.steady = Steady(setup.clock)
        self.books: Books = compile_books(None, setup.engines, setup.reader_of)
        self.presence = Presence(
            setup.replica, setup.release, setup.functions, self.steady, setup.clock,
            setup.presence_s,
        )  # fmt: skip
        self._kinds = frozenset(kind.name for engine in setup.engines for kind in engine.kinds)
        self._pace = Pace()
        self._caution = Caution(setup.clock)
        self._failing = Failing(setup.clock, self._pace)
        self._calls: deque[tuple[Callable[[Store], Any], Future[Any]]] = deque()
        self._deciding: tuple[bytes, ...] = ()  # identities, where one signal is decided a turn
        self._gathered = Gathered(self.door, ())  # of the turn
        self._open = False  # a turn is being decided, and nothing of it is committed yet
        self._coming: Books | None = None  # of the activation that this turn begins to follow

    # ---- asked from any thread
    def submit(self, *waiting: Waiting) -> None:
        """Queue what waits at the door, all of it or nothing. Raises TransientError (`queue.full`)."""
        self.door.put(*waiting)

    def order(self, order: Order[Any]) -> Future[Json | Refusal]:
        """Give an order; answered after the commit."""
        answer: Future[Json | Refusal] = Future()
        self.submit(Ask(order, answer))
        return answer

    def call(self, work: Callable[[Store], T]) -> Future[T]:
        """Run a write on the host's thread, between turns."""
        answer: Future[T] = Future()
        with self.door.changed:
            self._calls.append((work, answer))
            self.door.changed.notify_all()
        return answer

    def arrival(
        self, raw: bytes, event: Event, received: Instant, principal: str | None
    ) -> Arrival:
        """An event as the door takes it."""
        id_, source = event.id, event.source
        hashed = hash_of(id_, source, self.store.hash_seed)
        copy = Copy(id_, source, raw, hashed, digest_of(raw))
        return Arrival(copy, event, received, self.books.activation, principal)

    # ---- the host's thread
    def start(self, *, unclean: bool) -> None:
        """Once, before the first step; `unclean`: the process before did not end well."""
        taken = self.store.take(Wanted(self.setup.clock.now()))
        self.store.abandon()
        if unclean:
            log.warning("a process ended uncleanly; one signal is decided a turn for a minute")
            self._caution.begin(self.store, taken)
        self._follow(taken.activation)
        self.status.next_pos, self.status.at = taken.next_pos, taken.at
        self.status.careful = self._caution.holds()
        try:
            self.steady.start(taken.now, taken.at)
        except TransientError as error:
            self.status.fault = error

    def end(self) -> None:
        """The last thing of a process that ends well."""
        self._caution.end(self.store)

    def run_calls(self) -> bool:
        """Run what was asked to be written between turns."""
        ran = False
        while self._calls:
            work, answer = self._calls.popleft()
            ran = True
            if not answer.set_running_or_notify_cancel():
                continue
            try:
                answer.set_result(work(self.store))
            except Exception as error:
                # Whoever asked is told; the loop goes on.
                answer.set_exception(error)
        return ran

    def has_calls(self) -> bool:
        return bool(self._calls)

    def step(self) -> bool:
        """One turn; False when there was nothing to do.

        Raises TransientError when the store is away or the clock jumped: those who waited were
        told, and nothing of the turn happened.
        """
        gathered, turns = Gathered(self.door, ()), self.status.turns
        self._gathered = gathered
        try:
            self.presence.look(self.store, self.books.activation)
            share = self._share()
            gathered = self._gathered = gather(self.door, share.door)
            did = self._turn(gathered, share)
            if self.status.fault is not None and self.status.turns == turns:
                # A full disk can still be read: is this a write that succeeds?
                self.presence.write(self.store, self.books.activation)
        except TransientError as error:
            self.status.fault = error
            self.refuse_all(error)
            raise
        except Crowded as error:
            self._pace.crowded(error.fits)
            gathered.put_back()
            return True
        except RowFault as error:
            self._narrow(gathered, error)
            return True
        except Exception as error:
            if self._open:
                # Some signal of this turn did it; it is found and charged, the others go on.
                log.exception("a turn could not be decided")
                self._narrow(gathered, error)
                return True
            # A defect of the host itself: callers are told, and the loop must not hide it.
            gathered.fail(Defect("defect", f"{type(error).__name__}: {error}"))
            raise
        finally:
            self._open, self.status.turn_began = False, None
        self.status.fault = None
        return did

    def refuse_all(self, error: TransientError) -> None:
        """Whoever waits is told, not only whose turn this is. From any thread.

        A person who accepts the clock came to end that fault: his order is decided next.
        """
        self._gathered.fail(error)
        waiting = self.door.drain()
        if error.code == JUMPED:
            self.door.put_back([one for one in waiting if accepts_clock(one)])
            waiting = [one for one in waiting if not accepts_clock(one)]
        refuse(waiting, error)

    def _share(self) -> Share:
        careful = self.status.careful = self._caution.holds()
        if not careful and not self._pace.single:
            return self._pace.share(self.store)
        later, wake_at = self.store.has_later(), self.store.next_wake()
        self._caution.look(later, wake_at)
        due = wake_at is not None and wake_at <= self.steady.reading()
        return self._pace.one(door=self.door.head() is not None, later=later, due=due)

    def _turn(self, gathered: Gathered, share: Share) -> bool:
        now = self.setup.clock.now()
        self._deciding = ()
        later, due = (0, 0) if gathered.alone else share.own(len(gathered.guests))
        keys, claims = gathered.keys(), gathered.claims()
        wanted = Wanted(now, keys, claims, later_max=later, due_max=due)
        for _ in range(RETAKES_MAX):
            taken = self.store.take(wanted)
            try:
                if not gathered.accepts_clock:
                    elsewhere = taken.at if taken.at != self.status.at else None
                    self.steady.judge(taken.now, elsewhere)
                if taken.activation == self.books.activation:
                    return self._decide_and_commit(gathered, taken, due)
                self.store.abandon()
                self._follow(taken.activation)
            except TurnLost:
                self._failing.lost()
            except BaseException:
                self.store.abandon()
                self._failing.lost()
                raise
        raise TransientError("store.unavailable", "other writers kept taking the turn")

    def _decide_and_commit(self, gathered: Gathered, taken: Taken, due_max: int) -> bool:
        # A person who accepts the clock also accepts that it went back.
        accepts = gathered.accepts_clock
        now = taken.now if accepts else max(taken.now, taken.at)
        jump_us = self.steady.jump_us(now) if accepts else 0
        self._open, self.status.turn_began = True, self.setup.clock.monotonic()
        if self.status.careful or self._pace.single:
            self._deciding = identities(gathered.guests, taken, self.signals)
            if self.status.careful and self._deciding:
                self._caution.note(self.store, self._deciding[0], now)
        unfolded = unfold(
            gathered, taken, now, jump_us, self.books, self.store, self.signals, self._kinds,
            self._caution.condemned,
        )  # fmt: skip
        given = unfolded.given
        if not given.entries and not gathered.rejects:
            self.store.abandon()
            gathered.answer(unfolded.rulings, unfolded.stale, unfolded.replies)
            return gathered.count > 0
        if unfolded.activation:
            self._coming = self._compiled(unfolded.activation)
        decision = self._decide(unfolded, now)
        seconds = self._failing.decided()
        rows = rows_of(
            decision, taken, now, self.store.epoch, self.setup.replica, self.setup.free()
        )
        after = aftermath(given, decision, unfolded.released)
        self.store.commit(
            taken, self._writes(gathered, taken, now, unfolded, decision, rows, after)
        )
        self._open = False
        replies = {
            given.guest_of[root]: reply
            for root, reply in after.replies.items()
            if root in given.guest_of
        }
        gathered.answer(unfolded.rulings, unfolded.stale, {**unfolded.replies, **replies})
        if accepts:
            self.steady.accept(now)
        self._pace.took(seconds, taken, due_max)
        self._caution.took(taken)
        self._committed(unfolded, rows, now, len(given.entries))
        return True

    def _decide(self, unfolded: Unfolded, now: Instant) -> Decision:
        by = Deciding(
            seats=self.books.seats,
            active=self.books.active,
            codec=self.setup.codec,
            signals=self.signals,
            load=self.store.load,
            open_calls=self.store.open_calls,
            consumed=unfolded.consumed,
            meter=self.setup.clock.monotonic,
            one_by_one=self._pace.single,
        )
        parked = self._failing.begin(unfolded.given.identities)
        return decide(unfolded.given.roots, by, now, parked)

    def _writes(
        self,
        gathered: Gathered,
        taken: Taken,
        now: Instant,
        unfolded: Unfolded,
        decision: Decision,
        rows: Rows,
        after: Aftermath,
    ) -> Writes:
        given = unfolded.given
        release, functions = self.setup.release, self.setup.functions
        entries = bool(given.entries)
        parked = (*given.spoiled, *after.parked)
        return Writes(
            at=now,
            log=log_row(given, decision, taken, release, functions) if entries else None,
            activation=unfolded.activation or taken.activation,
            next_cell=rows.next_cell,
            keys=given.keys,
            outcomes=unfolded.counted,
            cells=rows.cells,
            drops=tuple((stored.id, key) for key, stored in decision.drops),
            journal=rows.journal,
            effects=rows.effects,
            stops=rows.stops,
            later_taken=tuple(number for number, _ in taken.later),
            later=(
                *decision.later,
                *unfolded.adopted,
                *host_says(parked, after, given, unfolded.released, self.signals, now),
            ),
            strays=after.strays,
            parked=parked,
            unparked=after.unparked,
            rejects=gathered.rejects,
            decided=self._caution.notes(self._deciding, unfolded.condemned),
            unwoken=(*after.unwoken, *unfolded.unknown, *unfolded.unwoken),
            shift_wakes_us=unfolded.shift_us,
        )

    def _committed(self, unfolded: Unfolded, rows: Rows, now: Instant, entries: int) -> None:
        self._failing.committed()
        self._caution.decided((*self._deciding, *unfolded.condemned))
        if unfolded.activation:
            self._follow(unfolded.activation)
        status = self.status
        status.turns += 1
        status.signals += entries
        status.at, status.next_pos = now, unfolded.given.next_pos
        if rows.claimed:
            self.setup.hand_over(rows.claimed)
        self.setup.committed(status.next_pos)

    def _narrow(self, gathered: Gathered, error: Exception) -> None:
        """The turn failed: find by whose doing, one root a turn, and park that one."""
        log.warning(
            "deciding one signal a turn, for this failed: %s: %s", type(error).__name__, error
        )
        if self._pace.single or self.status.careful:
            if not self._deciding:
                # Not a signal's doing: what was refused at the door, or what the turn asked for.
                self._tell(gathered, error)
                return
            (guilty,) = self._deciding
            if guilty in self._caution.condemned:
                # It was not even tried this time.
                self._tell(gathered, error)
                raise Defect("defect", f"a parked signal cannot be committed: {error}") from error
            self._caution.condemned[guilty] = why(error)
        self._pace.narrow()
        gathered.put_back()

    def _tell(self, gathered: Gathered, error: Exception) -> None:
        defect = Defect("defect", f"the turn failed: {type(error).__name__}: {error}")
        if not gathered.count:
            raise defect from error
        gathered.fail(defect)

    def _follow(self, activation: int) -> None:
        """Compile the books of an activation; from here on events are read under them."""
        coming, self._coming = self._coming, None
        if activation == self.books.activation:
            return
        if coming is None or coming.activation != activation:
            coming = self._compiled(activation)
        self.books = coming

    def _compiled(self, activation: int) -> Books:
        found = self.store.activation(activation)
        if found is None:
            raise Defect("defect", f"activation {activation} is missing from the database")
        return compile_books(found, self.setup.engines, self.setup.reader_of)
