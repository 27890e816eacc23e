"""Law: one turn of many signals leaves what as many turns of one signal leave, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random

import msgspec
import pytest

from tidegate.kernel.clock import MINUTE_US, Instant
from tidegate.kernel.ids import Pos
from tidegate.kernel.step import Key, Order, Woke
from tidegate.ports.store import LogRow
from tidegate.services.books import Books
from tidegate.services.decision import Decision
from tidegate.services.engines import ENGINES, codec_of, reader_of
from tidegate.services.turn import Root
from tidegate.services.verify import Replay
from tidegate.testing.memory import MemoryStore
from tidegate.testing.memory_tables import CellRow
from tidegate.testing.mixture import DOCUMENTS, Mixture
from tidegate.testing.world import World

SEEDS = 300
SEEDS_A_TEST = 50
BUSY_MINUTES_MAX = 90
BOOKS: dict[int, Books] = {}  # every world here follows the same documents


class Turns(Replay):
    """Each row as the turn it was; remembers what was left for later."""

    def __init__(self, world: World) -> None:
        super().__init__(world.reader, ENGINES, codec_of(), reader_of)
        self.later: list[bytes] = []
        self.widest = 0

    def books_of(self, activation: int) -> Books:
        return BOOKS.get(activation) or BOOKS.setdefault(activation, super().books_of(activation))

    def keep(self, decision: Decision) -> None:
        super().keep(decision)
        self.later += decision.later

    def decide(self, row: LogRow) -> None:
        self.later.clear()
        super().decide(row)
        self.widest = max(self.widest, row.n)


class Singly(Turns):
    """Each signal of a row in a turn of its own, at the same instant."""

    def decide(self, row: LogRow) -> None:
        self.later.clear()
        books = self.books_of(row.activation)
        roots, parked = self.roots(row, books)
        for index, root in enumerate(roots):
            if self._is_due(root, row.at):
                mine = {(0, engine): why for (of, engine), why in parked.items() if of == index}
                self.keep(self.decided([root], mine, books, row.at))

    def _is_due(self, root: Root, now: Instant) -> bool:
        """A store offers only cells whose time has come; a signal before may have moved it."""
        if not isinstance(root.signal, Woke):
            return True
        found = self.cells.get(root.signal.key)
        wake_at = found[0].cell.state.wake_at if found else None
        return wake_at is not None and wake_at <= now


def lived(seed: int) -> World:
    """A world in which a few hours of anything have happened, in turns of several signals."""
    random = Random(seed)
    mixture = Mixture(random)
    world = World(DOCUMENTS, perform=mixture.perform)
    for _ in range(random.randrange(1, 4)):
        raws = [msgspec.json.encode(one) for one in mixture.events(world, random.randrange(2, 10))]
        for part in (raws[::2], raws[1::2]):
            if random.random() < 0.4:
                world.host.order(Order(mixture.order(world), "ann", "because"))
            world.intake.receive(part, "test")
        world.settle()
        passing_us = random.randrange(BUSY_MINUTES_MAX) * MINUTE_US
        if random.random() < 0.5:
            world.advance(passing_us)
        else:
            # Nobody looked: what came due meets what comes in.
            world.clock.to(Instant(world.clock.now() + passing_us))
    world.settle()
    return world


def rows_of(world: World) -> Sequence[LogRow]:
    rows: list[LogRow] = []
    while page := world.reader.rows(Pos(rows[-1].first + rows[-1].n if rows else 0), 1000):
        rows += page
    return rows


def cells_of(world: World) -> Iterable[CellRow]:
    assert isinstance(world.store, MemoryStore)
    return world.store.tables.cells.values()


def bytes_of(replay: Replay) -> Mapping[Key, tuple[int, int, int, bytes]]:
    """Id, version, document and encoded state of every cell."""
    return {
        key: (stored.id, stored.cell.version, stored.cell.doc, body)
        for key, (stored, _, body) in replay.cells.items()
    }


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_A_TEST))
def test_one_turn_of_many_signals_leaves_what_turns_of_one_leave(first: int) -> None:
    widest = 0
    for seed in range(first, first + SEEDS_A_TEST):
        world = lived(seed)
        together, singly = Turns(world), Singly(world)

        for row in rows_of(world):
            together.decide(row)
            singly.decide(row)

            place = f"seed {seed}, place {row.first}"
            assert together.later == singly.later, place
            assert bytes_of(together) == bytes_of(singly), place
        stored = {row.key: (row.id, row.version, row.doc, row.body) for row in cells_of(world)}
        assert stored == bytes_of(together), f"seed {seed}"
        widest = max(widest, together.widest)

    assert widest >= 10, "turns of several signals were compared"
