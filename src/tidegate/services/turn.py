"""Turn: roots shown to engines, from left to right. Pure; `services/decision.py` drives it.

    roots --seat by seat--> needs --load--> view --reduce--> Stage --> orders to the seats on the right

Within a seat, signals come in the order of their roots, then of emission. A reducer reads only
cells of its own engine, so this equals handling one root after the other (a law, tested).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeAlias

from msgspec import Struct, field

from tidegate.kernel.clock import Instant
from tidegate.kernel.errors import TransientError
from tidegate.kernel.ids import DocId, Pos
from tidegate.kernel.step import (
    Adopted,
    B,
    Cell,
    Engine,
    Heard,
    Key,
    Kind,
    Need,
    Order,
    Outcome,
    Refusal,
    Signal,
    Step,
    Woke,
)
from tidegate.ports.store import Stored
from tidegate.services.draft import Draft, Limit, Part, PartFailed, Sight, Stage

NEED_ROUNDS_MAX = 3
NEED_KEYS_MAX = 10_000
NEEDS_MAX = 10_000
ORDERS_MAX = 1_000
TURN_NEEDS_MAX = 10_000
"""Of all roots of one turn together; a turn of one root is bounded by the limits above."""
PART_SECONDS_MAX = 1.0
EVERY = "*"
"""Stands for all engines in `parked`."""

Load: TypeAlias = Callable[[Sequence[Key]], Mapping[Key, Stored]]
Item: TypeAlias = tuple[int, Part, Signal]
"""A signal on its way: index of its root, the part it belongs to, the signal."""


class Seat(Struct, Generic[B]):
    """An engine with its book. Seats are listed in rank order: orders flow only to a later seat."""

    engine: Engine[B]
    book: B
    kinds: Mapping[str, Kind] = field(default_factory=dict[str, Kind])
    hears: Collection[str] | None = None
    """Types of events it is shown; None: all. An engine may name them by a function `hears`."""

    def __post_init__(self) -> None:
        self.kinds = {kind.name: kind for kind in self.engine.kinds}
        hears: Callable[[B], Collection[str] | None] | None = getattr(self.engine, "hears", None)
        self.hears = None if hears is None else hears(self.book)

    def needs(self, signal: Signal) -> Iterable[Need]:
        if isinstance(signal, Heard):
            # Nearly all that comes; a `match` by class costs five times this test.
            return self.engine.route(signal, self.book)
        match signal:
            case Adopted():
                # An engine may read documents another owns: the project's zone, the jobs there are.
                return self.engine.route(signal, self.book)
            case Woke(key) | Outcome(key):
                return (Need(key.line()),) if key.kind in self.kinds else ()
            case Order(body):
                if isinstance(body, self.engine.orders):
                    return self.engine.route(signal, self.book)
                return ()


class Crowded(Exception):
    """These roots concern too many cells for one turn; the first `fits` of them do not."""

    def __init__(self, fits: int) -> None:
        super().__init__(f"the first {fits} signals fill a turn")
        self.fits = fits


class Root(Struct, frozen=True, gc=False):
    """One signal of the turn; `only` names the engine a released one goes to."""

    pos: Pos  # what a view shows: of a released signal its first place
    signal: Signal
    only: str | None = None
    place: Pos | None = None  # where this turn logs it, if that is elsewhere


class Decider:
    """Shows roots to seats. Keeps what was loaded, so that a second try asks the store nothing."""

    def __init__(
        self,
        roots: Sequence[Root],
        seats: Sequence[Seat[Any]],
        active: Mapping[tuple[str, str], DocId],
        load: Load,
        now: Instant,
        meter: Callable[[], float] | None = None,
        *,
        needs_max: int | None = None,
    ) -> None:
        """`needs_max` bounds the needs of all roots together: what is over it raises Crowded."""
        self._needs_max = needs_max
        self._roots = roots
        self._seats = seats
        self._active = active
        self._load = load
        self._now = now
        self._meter = meter
        self._loaded: dict[Key, Stored | None] = {}
        self._ranks = {body: rank for rank, seat in enumerate(seats) for body in seat.engine.orders}

    def cascade(self, indices: Iterable[int], draft: Draft, parked: Mapping[Part, str]) -> None:
        """Show these roots to every seat and stage what follows. Raises PartFailed."""
        listed = list(indices)
        stage = Stage(draft, self._loaded, self._active)
        waiting: list[Item] = []  # orders on their way to the right
        for rank, seat in enumerate(self._seats):
            items = self._items(listed, seat, parked)
            if waiting:
                mine = [item for item in waiting if self._rank_of(item[2]) == rank]
                waiting = [item for item in waiting if self._rank_of(item[2]) != rank]
                items = sorted((*items, *mine), key=_root_of)
            fresh: dict[Key, Part] = {}
            for item, keys in self._needs(seat, items):
                step = self._decide(rank, seat, item, keys, stage, fresh)
                if step is not None and (step.says or step.orders or step.reply is not None):
                    self._pass_on(rank, item, step, draft, waiting)
            if fresh:
                self._must_be_new(fresh)

    def _items(self, indices: list[int], seat: Seat[Any], parked: Mapping[Part, str]) -> list[Item]:
        """The roots this seat is shown, in their order."""
        name, hears, roots = seat.engine.name, seat.hears, self._roots
        items: list[Item] = []
        for index in indices:
            root = roots[index]
            signal = root.signal
            if type(signal) is Heard and hears is not None and signal.event.type not in hears:
                continue
            if root.only is not None and root.only != name:
                continue
            part = (index, name)
            if not parked or (part not in parked and (index, EVERY) not in parked):
                items.append((index, part, signal))
        return items

    def _needs(self, seat: Seat[Any], items: list[Item]) -> list[tuple[Item, tuple[Key, ...]]]:
        """What this seat needs for these signals, one row a need; all of it is loaded."""
        loaded, needs_max = self._loaded, self._needs_max
        needed: list[tuple[Item, tuple[Key, ...]]] = []
        missing: list[Key] = []
        for item in items:
            try:
                needs = tuple(seat.needs(item[2]))
            except Exception as error:
                # Routing is the engine's code as well: its part is parked, the turn goes on.
                raise PartFailed(item[1], _defect(seat, error)) from error
            if len(needs) > NEEDS_MAX:
                raise PartFailed(item[1], f"limit.needs: {len(needs)} needs of {NEEDS_MAX}")
            for need in needs:
                keys = need.keys
                needed.append((item, keys))
                for key in keys:
                    if key not in loaded:
                        missing.append(key)
            if needs_max is not None and len(needed) > needs_max and item[0] > items[0][0]:
                raise Crowded(item[0])
        self._fetch(missing)
        return needed

    def _fetch(self, keys: Iterable[Key]) -> None:
        loaded = self._loaded
        missing = [key for key in dict.fromkeys(keys) if key not in loaded]
        if missing:
            found = self._load(missing)
            for key in missing:
                loaded[key] = found.get(key)

    def _decide(
        self,
        rank: int,
        seat: Seat[Any],
        item: Item,
        keys: tuple[Key, ...],
        stage: Stage,
        fresh: dict[Key, Part],
    ) -> Step | None:
        """One need of one signal; None when nothing follows."""
        index, part, signal = item
        woke = isinstance(signal, Woke)
        if isinstance(signal, Woke) and self._settled(signal.key, stage.draft):
            return None
        try:
            answer, sight = self._ask(seat, index, signal, keys, stage)
            if isinstance(answer, Refusal):
                stage.draft.refusals[part] = answer
                if signal is self._roots[index].signal:
                    stage.draft.replies[index] = answer
                return None
            if answer.puts or answer.drops or woke:
                stage.step(answer, signal, sight, seat.kinds, part, rank, fresh)
            return answer
        except Limit as error:
            raise PartFailed(part, f"{error} ({seat.engine.name})") from error
        except TransientError:
            raise
        except Exception as error:
            # A defect of one engine parks one part, never the turn.
            raise PartFailed(part, _defect(seat, error)) from error

    def _settled(self, key: Key, draft: Draft) -> bool:
        """Something earlier in this turn made the wake pointless."""
        staged = draft.cells.get(key)
        if staged is None:
            return key in draft.drops or self._loaded.get(key) is None
        wake_at = staged.state.wake_at
        return wake_at is None or wake_at > self._now

    def _ask(
        self, seat: Seat[Any], index: int, signal: Signal, keys: tuple[Key, ...], stage: Stage
    ) -> tuple[Step | Refusal, Sight]:
        pos, kinds, meter = self._roots[index].pos, seat.kinds, self._meter
        for _ in range(NEED_ROUNDS_MAX + 1):
            if len(keys) > NEED_KEYS_MAX:
                raise Limit(f"limit.needs: {len(keys)} keys of {NEED_KEYS_MAX}")
            cells: dict[Key, Cell[Any]] = {}
            for key in keys:
                cells[key] = stage.shown(key, kinds)
            sight = Sight(self._now, pos, keys, cells)
            began = meter() if meter else 0.0
            answer = seat.engine.reduce(signal, sight, seat.book)
            if meter and meter() - began > PART_SECONDS_MAX:
                raise Limit(f"limit.time: deciding took over {PART_SECONDS_MAX:g} s")
            if not isinstance(answer, Need):
                return answer, sight
            keys = tuple(dict.fromkeys((*keys, *answer.keys)))
            self._fetch(keys)
        raise Limit(f"limit.needs: asked for more cells {NEED_ROUNDS_MAX + 1} times")

    def _pass_on(
        self, rank: int, item: Item, step: Step, draft: Draft, waiting: list[Item]
    ) -> None:
        """Replies, says, and orders: to the right in this turn, else in a later one."""
        index, part, signal = item
        cause = self._roots[index].signal
        if step.reply is not None and signal is cause:
            draft.replies[index] = step.reply
        for say in step.says:
            draft.later.append((index, say, part))
        if not step.orders:
            return
        draft.orders[index] = draft.orders.get(index, 0) + len(step.orders)
        if draft.orders[index] > ORDERS_MAX:
            raise PartFailed(part, f"limit.orders: more than {ORDERS_MAX} orders from one cause")
        actor, reason = (cause.actor, cause.reason) if isinstance(cause, Order) else (None, None)
        for body in step.orders:
            order: Order[Struct] = Order(body, actor, reason)
            obeys = self._ranks.get(type(body))
            if obeys is None:
                raise PartFailed(part, f"defect: nobody obeys {type(body).__name__}")
            if obeys > rank:
                waiting.append((index, part, order))
            else:
                draft.later.append((index, order, part))

    def _rank_of(self, signal: Signal) -> int | None:
        """The seat that obeys an order."""
        return self._ranks.get(type(signal.body)) if isinstance(signal, Order) else None

    def _must_be_new(self, fresh: Mapping[Key, Part]) -> None:
        """Descendants that were put without being needed may not be stored already."""
        self._fetch(fresh)
        for key, part in fresh.items():
            if self._loaded.get(key) is not None:
                raise PartFailed(part, f"defect: {key} exists and was not needed")


def _root_of(item: Item) -> int:
    return item[0]


def _defect(seat: Seat[Any], error: Exception) -> str:
    return f"reducer.failed: {seat.engine.name}: {type(error).__name__}: {error}"[:500]
