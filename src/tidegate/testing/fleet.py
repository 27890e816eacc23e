"""Fleet: several replicas over one store in memory, on one simulated clock, with every kind of trouble.

A replica is a host with a small performer of local work. At each step of a turn it may end, lose the
store, or be overtaken by another; between steps it may stand still. A generator with a seed chooses,
so a seed replays everything. Senders repeat what was not answered. After `calm` no trouble comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from random import Random
from typing import Any

from msgspec import Struct

from tidegate.kernel.clock import SECOND_US, Instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import TransientError
from tidegate.kernel.ids import CellId
from tidegate.kernel.step import Done, Engine, Failed, Key
from tidegate.ports.store import LEASE_US, Claim, Claimed
from tidegate.services.books import ReaderOf
from tidegate.services.caution import DEATHS_MAX
from tidegate.services.door import Ended
from tidegate.services.host import Host, Setup
from tidegate.services.intake import Intake, Pending
from tidegate.services.work import STOP_TASK, decode_work
from tidegate.testing.memory import MemoryStore
from tidegate.testing.memory_tables import FaultPoint, Tables, fresh
from tidegate.testing.world import SimulatedClock

SLOTS = 3
RENEW_US = 10 * SECOND_US
END_LEFT_US = 5 * SECOND_US
"""So long before its lease ends work is ended by its helper, even if its server stands still."""
CALM_ROUNDS_MAX = 2_000


class Died(BaseException):
    """The replica's process ended here."""


class Trouble(Struct, frozen=True):
    """How often what happens at a step of a turn."""

    death: float = 0.03
    outage: float = 0.03
    overtaken: float = 0.1


class Letter(Struct):
    """One event on its way, until somebody has answered it."""

    raw: bytes
    answered: str = ""
    tries: int = 0
    pending: Pending | None = None
    to: Replica | None = None
    life: int = 0  # of the replica it was sent to


class Doing(Struct):
    """Local work in hand; it goes with its replica."""

    key: Key
    claim: Claim
    lease_until: Instant
    ends_at: Instant
    result: Done | Failed
    told: Future[bool] | None = None


class Start(Struct, frozen=True):
    """One start of a piece of work."""

    replica: str
    life: int
    fence: int


class Replica:
    def __init__(self, fleet: Fleet, name: str) -> None:
        self.name = name
        self.lives = 0
        self.alive = False
        self.died = False
        """The process before this one did not end well."""
        self.stands_until = Instant(0)
        self.doing: dict[tuple[CellId, str], Doing] = {}
        self._fleet = fleet
        self._inbox: list[Claimed] = []
        self._renewed_at = Instant(0)
        self.host: Host
        self.intake: Intake

    def start(self) -> None:
        """A new process; it may end while it starts."""
        self.lives += 1
        fleet = self._fleet
        store = MemoryStore(fleet.codec, fleet.tables, fault=self._fault)
        setup = Setup(
            store=store,
            engines=fleet.engines,
            codec=fleet.codec,
            reader_of=fleet.reader_of,
            clock=fleet.clock,
            replica=self.name,
            release="test",
            free=lambda: SLOTS - len(self.doing) - len(self._inbox),
            hand_over=self._inbox.extend,
        )
        host = Host(setup)
        try:
            host.start(unclean=self.died)
        except Died:
            self.died = True
            return
        except TransientError:
            return
        self.host, self.intake = host, Intake(host, fleet.clock)
        self.alive, self.died = True, False

    def die(self) -> None:
        self.alive, self.died = False, True
        self.doing.clear()
        self._inbox.clear()

    @property
    def acts(self) -> bool:
        return self.alive and self.stands_until <= self._fleet.clock.now()

    def turn(self) -> bool:
        """One turn, if it can; False when there was nothing to do."""
        try:
            return self.host.step()
        except TransientError:
            return True
        except Died:
            self.die()
            return True

    def perform(self) -> None:
        """What a dispatcher does from time to time."""
        try:
            self._renew()
            self._tell()
            room = SLOTS - len(self.doing) - len(self._inbox)
            if room > 0:
                now, store = self._fleet.clock.now(), self.host.store
                self._inbox.extend(store.claim(now, self.name, room))
            while self._inbox:
                self._begin(self._inbox.pop(0))
        except TransientError:
            return

    def _begin(self, one: Claimed) -> None:
        fleet, place = self._fleet, (one.cell, one.call)
        claim = Claim(one.cell, one.call, one.fence)
        if one.kind == STOP_TASK:
            self.host.store.end_stop(claim)
            return
        known = self.doing.get(place)
        if known is not None:
            known.claim, known.lease_until = claim, one.lease_until
            return
        if one.lease_until - fleet.clock.now() < RENEW_US:
            return  # too late to begin; whoever claims it next does
        fleet.started(one.cell, one.call, Start(self.name, self.lives, one.fence))
        seconds, result = fleet.fate()
        ends_at = Instant(fleet.clock.now() + seconds * SECOND_US)
        self.doing[place] = Doing(
            decode_work(one.body).key, claim, one.lease_until, ends_at, result
        )

    def _renew(self) -> None:
        now = self._fleet.clock.now()
        if now - self._renewed_at < RENEW_US or not self.doing:
            return
        asked = {one.claim: place for place, one in self.doing.items()}
        ours = self.host.store.renew(now, self.name, tuple(asked))
        self._renewed_at = now
        for claim, place in asked.items():
            if claim in ours:
                self.doing[place].lease_until = Instant(now + LEASE_US)
            else:
                del self.doing[place]

    def _tell(self) -> None:
        """Offer what ended, until the host has answered."""
        now = self._fleet.clock.now()
        for place, one in list(self.doing.items()):
            if one.told is not None and one.told.done():
                if one.told.exception() is None:
                    del self.doing[place]
                    continue
                one.told = None
            if one.ends_at <= now and one.told is None:
                one.told = Future()
                self.host.submit(Ended(one.key, one.claim, one.result, one.told))

    def _fault(self, point: FaultPoint) -> None:
        self._fleet.at(self, point)


class Fleet:
    """Replicas, their store, their senders."""

    def __init__(
        self,
        seed: int,
        prepared: Tables,
        engines: tuple[Engine[Any], ...],
        codec: Codec,
        reader_of: ReaderOf,
        *,
        at: Instant,
        replicas: int = 2,
        trouble: Trouble | None = None,
    ) -> None:
        self.random = Random(seed)
        self.tables = fresh(prepared)
        self.engines, self.codec, self.reader_of = engines, codec, reader_of
        self.clock = SimulatedClock(at)
        self.trouble: Trouble | None = None
        self.starts: dict[tuple[CellId, str], list[Start]] = {}
        self.letters: list[Letter] = []
        self._overtaking = False
        self.replicas = [Replica(self, f"replica{n}") for n in range(replicas)]
        for replica in self.replicas:
            replica.start()
        self.trouble = trouble or Trouble()

    # ---- what happens to whom
    def at(self, replica: Replica, point: FaultPoint) -> None:
        """A step of a turn: somebody else may be quicker, the store go away, the process end."""
        trouble = self.trouble
        if trouble is None:
            return
        dice = self.random.random
        if not self._overtaking and dice() < trouble.overtaken:
            self._overtaking = True
            for other in self.replicas:
                if other is not replica and other.acts:
                    other.turn()
                    other.perform()
            self._overtaking = False
        if dice() < trouble.death and self._may_die():
            raise Died(point)
        if dice() < trouble.outage:
            raise TransientError("store.unavailable", f"the store went away: {point}")

    def _may_die(self) -> bool:
        """Deaths over one signal park it in the end; here all are innocent.

        Two real ones are never reached: a third may be the note of a replica that lost the store
        while another one started.
        """
        deaths = (deaths for deaths, _ in self.tables.suspects.values())
        return max(deaths, default=0) < DEATHS_MAX - 2

    def started(self, cell: CellId, call: str, start: Start) -> None:
        """Nobody may be doing it just now, and its fence must be newer."""
        for replica in self.replicas:
            doing = replica.doing.get((cell, call))
            runs = doing is not None and doing.ends_at > self.clock.now()
            assert not runs, f"{call} of {cell} runs on {replica.name}"
        earlier = self.starts.setdefault((cell, call), [])
        assert all(one.fence < start.fence for one in earlier), f"{call} of {cell}: {start}"
        earlier.append(start)

    def fate(self) -> tuple[int, Done | Failed]:
        """How long a piece of work takes, and what comes of it."""
        broken = self.random.random() < 0.2
        seconds = self.random.choice((0, 1, 7, 45))
        return seconds, Failed("Broken", "it broke") if broken else Done("done")

    # ---- senders
    def send(self, raws: Sequence[bytes]) -> None:
        self.letters += [Letter(raw) for raw in raws]

    def _post(self) -> None:
        """Hear the answers, and send again what has none."""
        able = [one for one in self.replicas if one.acts]
        for letter in self.letters:
            if letter.answered:
                continue
            to, pending = letter.to, letter.pending
            if pending is not None and to is not None and to.alive and to.lives == letter.life:
                verdicts = pending.verdicts
                assert verdicts is not None, "nothing here is rejected"
                if not verdicts.done():
                    continue
                if verdicts.exception() is None:
                    (letter.answered,) = verdicts.result()
                    continue
            if able and self.random.random() < 0.5:
                to = self.random.choice(able)
                letter.to, letter.life, letter.tries = to, to.lives, letter.tries + 1
                letter.pending = to.intake.receive([letter.raw])

    # ---- time
    def live(self, moments: int) -> None:
        """Go on for so many moments, with trouble."""
        for _ in range(moments):
            self._moment()
            dice = self.random.random()
            replica = self.random.choice(self.replicas)
            if dice < 0.03 and self._may_die():
                replica.die()
            elif dice < 0.06:
                stands = self.random.choice((3, 20, 60)) * SECOND_US
                replica.stands_until = Instant(self.clock.now() + stands)
            elif dice < 0.09:
                self.tables.readable = not self.tables.readable
        self.tables.readable = True

    def calm(self) -> None:
        """No more trouble: everybody comes back, everything comes to rest."""
        self.trouble = None
        for _ in range(CALM_ROUNDS_MAX):
            for replica in self.replicas:
                replica.stands_until = Instant(0)
            self._moment(others=False)
            if all(one.answered for one in self.letters) and self._at_rest():
                return
        raise AssertionError("the fleet does not come to rest")

    def _at_rest(self) -> bool:
        tables = self.tables
        waiting = any(len(one.host.door) or one.doing for one in self.replicas if one.alive)
        return not (waiting or tables.later or tables.effects or tables.wakes)

    def _moment(self, *, others: bool = True) -> None:
        """Everybody who can does something, in any order; then some time passes."""
        self._post()
        order = list(self.replicas)
        self.random.shuffle(order)
        for replica in order:
            if not replica.alive and (not others or self.random.random() < 0.3):
                replica.start()
            if replica.acts:
                replica.perform()
            if replica.acts:
                replica.turn()
        self.clock.to(Instant(self.clock.now() + self.random.choice((0, 0, 1, 4)) * SECOND_US))
        self._end_leases()

    def _end_leases(self) -> None:
        """Helpers end work whose lease runs out; their servers see it when they can."""
        now = self.clock.now()
        for replica in self.replicas:
            for one in replica.doing.values():
                if one.lease_until - END_LEFT_US <= now < one.ends_at:
                    one.ends_at, one.result = now, Failed("Tidegate.LeaseLost", "")
