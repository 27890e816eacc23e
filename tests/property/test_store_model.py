"""Law: whatever turns come, SQLite and the store in memory cannot be told apart.

Random turns, claims, refusals, lost turns and restarts go to both; after every step all that a
caller or a reader can see is compared. The store in memory is the oracle: dicts, plainly changed.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec import Struct

from tidegate.kernel.clock import SECOND_US, Instant
from tidegate.kernel.ids import CellId, Pos
from tidegate.kernel.step import Durable, Key
from tidegate.ports.reader import Reader
from tidegate.ports.store import (
    CellWrite,
    Claim,
    DocumentDraft,
    EffectWrite,
    EventKey,
    JournalWrite,
    Parking,
    Reject,
    RowFault,
    Store,
    Taken,
    TurnLost,
    Wanted,
)
from tidegate.testing.contracts.kit import (
    CODEC,
    NOON,
    Box,
    Slot,
    cell,
    commit,
    gate,
    log_row,
)
from tidegate.testing.databases import MemoryDatabase, SqliteDatabase

PARENT = gate("orders", "x", 5)
KEYS = (
    PARENT,
    PARENT.child("1"),
    PARENT.child("1").child("a"),
    gate("orders", "x", 6),
    gate("stock", "x!", 5),
    gate("stock", "", 5, kind="trigger"),
)
OWNERS = ("me", "you")
TOKENS = ("crm", "erp", "batch-7")


# ---- what may happen
class Change(Struct, frozen=True):
    """What a turn does to one cell."""

    key: Key
    act: str  # put, drop, anew
    status: int
    wake_after_s: int | None
    size: int
    doc: int
    effect: str  # none, due, born

    def state(self, now: Instant) -> Durable:
        wake_at = None if self.wake_after_s is None else _after(now, self.wake_after_s)
        if "/" in self.key.name:
            return Slot(status=self.status, wake_at=wake_at, count=self.size)
        return Box(status=self.status, wake_at=wake_at, text="x" * self.size)


class Plan(Struct, frozen=True):
    """A turn, as far as it does not depend on what is stored."""

    changes: Sequence[Change]
    hashes: Sequence[int]
    accepted: int  # every so many of the new events is accepted
    outcomes: Sequence[int]  # which of the claims ever made
    later_max: int
    due_max: int
    later: int
    stray: bool
    park: str  # no, park, release
    reject: bool
    stop: bool
    unwake: bool
    shift_s: int
    token: str
    end: str  # commit, abandon, refuse, disturb


changes = st.lists(
    st.builds(
        Change,
        key=st.sampled_from(KEYS),
        act=st.sampled_from(["put", "put", "put", "drop", "anew"]),
        status=st.sampled_from([0, 1, 100, 101]),
        wake_after_s=st.sampled_from([None, -5, 0, 20, 90]),
        size=st.sampled_from([0, 7, 5000]),
        doc=st.integers(0, 3),
        effect=st.sampled_from(["none", "none", "due", "born"]),
    ),
    max_size=4,
    unique_by=lambda change: change.key,
)
plans = st.builds(
    Plan,
    changes=changes,
    hashes=st.lists(st.integers(-3, 3), max_size=4, unique=True),
    accepted=st.integers(1, 3),
    outcomes=st.lists(st.integers(0, 12), max_size=2, unique=True),
    later_max=st.integers(0, 3),
    due_max=st.integers(0, 3),
    later=st.integers(0, 2),
    stray=st.booleans(),
    park=st.sampled_from(["no", "no", "park", "release"]),
    reject=st.booleans(),
    stop=st.booleans(),
    unwake=st.booleans(),
    shift_s=st.sampled_from([0, 0, 0, 0, -30, 45]),
    token=st.sampled_from(TOKENS),
    end=st.sampled_from(["commit"] * 6 + ["abandon", "refuse", "disturb"]),
)


class Twins(RuleBasedStateMachine):
    """A store in memory and one on SQLite, told the same."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tidegate-"))
        self.databases = (MemoryDatabase(), SqliteDatabase(self.folder / "tidegate.db"))
        self.stores: list[Store] = []
        self.readers: list[Reader] = []
        self.now = NOON
        self.calls = 0
        self.claims: list[Claim] = []
        self.parked: list[tuple[Pos, str]] = []
        self.activations = 0

    @initialize()
    def open(self) -> None:
        self.stores = [database.open(CODEC) for database in self.databases]
        self.readers = [database.reader(CODEC) for database in self.databases]

    def teardown(self) -> None:
        for reader in self.readers:
            reader.close()
        for store in self.stores:
            store.close()
        shutil.rmtree(self.folder)

    def both(self, ask: Callable[[Store], Any]) -> Any:
        """Ask both stores the same; they answer the same."""
        expected, found = (ask(store) for store in self.stores)
        assert found == expected
        return found

    # ---- turns
    @rule(plan=plans, pass_s=st.integers(0, 40))
    def turn(self, plan: Plan, pass_s: int) -> None:
        self.now = _after(self.now, pass_s)
        wanted = Wanted(
            self.now,
            keys=[EventKey(hash_, hash_ * 10, i) for i, hash_ in enumerate(plan.hashes)],
            outcomes=[self.claims[i] for i in plan.outcomes if i < len(self.claims)],
            cells=[change.key for change in plan.changes],
            later_max=plan.later_max,
            due_max=plan.due_max,
        )
        taken = [store.take(wanted) for store in self.stores]
        assert _seen(taken[1]) == _seen(taken[0])
        self.both(lambda store: sorted(store.open_calls([CellId(n) for n in range(1, 40)])))
        self.both(lambda store: dict(store.load(KEYS)))
        if plan.end == "abandon":
            for store in self.stores:
                store.abandon()
            return
        if plan.end == "disturb":
            for database in self.databases:
                database.disturb()
        self.end(plan, wanted, taken)

    def end(self, plan: Plan, wanted: Wanted, taken: Sequence[Taken]) -> None:
        """Commit the same to both; both do it, or both refuse it whole."""
        rest = self.writes(plan, wanted, taken[0])
        for store, one in zip(self.stores, taken, strict=True):
            if plan.end == "commit":
                rest(store, one)
                continue
            with pytest.raises(TurnLost if plan.end == "disturb" else RowFault):
                rest(store, one)
            store.abandon()

    def writes(self, plan: Plan, wanted: Wanted, taken: Taken) -> Callable[[Store, Taken], None]:
        """The host's part: numbers for what the plan says."""
        first, n = taken.next_pos, max(1, len(plan.hashes))
        at = max(taken.now, taken.at)
        cells, drops, effects, journal = self.cells(plan, taken, at)
        begun = sum(write.begins for write in cells)
        if plan.end == "refuse":
            known = taken.cells.get(KEYS[0]) or next(iter(taken.cells.values()), None)
            key = next((key for key, one in taken.cells.items() if one is known), KEYS[0])
            cells = [*cells, cell(900, key), cell(901, key)]  # one key under two ids
        new = [key for i, key in enumerate(wanted.keys) if not i % plan.accepted]
        place = (first, "run")
        release = [self.parked.pop()] if plan.park == "release" and self.parked else []
        if plan.park == "park" and plan.end == "commit":
            self.parked.append(place)
        calls = [(one.cell, one.call) for one in self.claims[-2:]]

        def write(store: Store, taken: Taken) -> None:
            commit(
                store,
                taken,
                at=Instant(at),
                log=log_row(n, tokens=[plan.token], chain=bytes([taken.n % 256])),
                activation=self.activations,
                next_cell=taken.next_cell + begun,
                keys=[
                    (key.hash, Pos(first + key.index), key.digest)
                    for key in new
                    if key.hash not in taken.hits
                ],
                outcomes=[claim for claim in wanted.outcomes if claim not in taken.stale],
                cells=cells,
                drops=drops,
                journal=journal,
                effects=effects,
                stops=[(*call, b"stop") for call in calls] if plan.stop else (),
                later_taken=[number for number, _ in taken.later],
                later=[b"later %d" % i for i in range(plan.later)],
                strays=[first] if plan.stray else (),
                parked=[Parking(*place, "reducer.failed")] if plan.park == "park" else (),
                unparked=release,
                rejects=[Reject(at, None, "event.size", "big", b"x")] if plan.reject else (),
                unwoken=taken.due if plan.unwake else (),
                shift_wakes_us=plan.shift_s * SECOND_US,
            )

        return write

    def cells(
        self, plan: Plan, taken: Taken, at: Instant
    ) -> tuple[list[CellWrite], list[tuple[CellId, Key]], list[EffectWrite], list[JournalWrite]]:
        cells: list[CellWrite] = []
        drops: list[tuple[CellId, Key]] = []
        effects: list[EffectWrite] = []
        journal: list[JournalWrite] = []
        for change in plan.changes:
            stored = taken.cells.get(change.key)
            if stored is not None and change.act != "put":
                drops.append((stored.id, change.key))
                stored = None
            if change.act == "drop":
                continue
            begun = sum(write.begins for write in cells)
            id_ = CellId(taken.next_cell + begun) if stored is None else stored.id
            version = 1 if stored is None else stored.cell.version + 1
            write = cell(id_, change.key, change.state(at), version=version, doc=change.doc)
            cells.append(write)
            journal.append(JournalWrite(id_, version, write.format, write.body, taken.next_pos))
            if change.effect != "none":
                effects.append(self.effect(id_, at, born=change.effect == "born"))
        return cells, drops, effects, journal

    def effect(self, cell_id: CellId, at: Instant, *, born: bool) -> EffectWrite:
        self.calls += 1
        call = f"call.{self.calls}"
        if not born:
            return EffectWrite(cell_id, call, 1, at, 0, None, b"work")
        self.claims.append(Claim(cell_id, call, 1))
        return EffectWrite(cell_id, call, 1, _after(at, 30), 1, "me", b"work")

    # ---- effects
    @rule(owner=st.sampled_from(OWNERS), limit=st.integers(1, 3), pass_s=st.integers(0, 40))
    def claim(self, owner: str, limit: int, pass_s: int) -> None:
        self.now = _after(self.now, pass_s)
        claimed = self.both(
            lambda store: sorted(
                store.claim(self.now, owner, limit), key=lambda one: (one.cell, one.call)
            )
        )
        self.claims += [Claim(one.cell, one.call, one.fence) for one in claimed]

    @rule(owner=st.sampled_from(OWNERS))
    def renew(self, owner: str) -> None:
        self.both(
            lambda store: sorted(
                store.renew(self.now, owner, self.claims),
                key=lambda one: (one.cell, one.call, one.fence),
            )
        )

    @rule(
        which=st.integers(0, 12), after_s=st.integers(-5, 40), handle=st.sampled_from([None, "h"])
    )
    def defer(self, which: int, after_s: int, handle: str | None) -> None:
        if which < len(self.claims):
            claim = self.claims[which]
            self.both(lambda store: store.defer(claim, _after(self.now, after_s), handle, which))

    @rule(which=st.integers(0, 12))
    def end_stop(self, which: int) -> None:
        if which < len(self.claims):
            self.both(lambda store: store.end_stop(self.claims[which]))

    # ---- documents, suspects, replicas
    @rule(contents=st.lists(st.sampled_from(["x", "y"]), max_size=2))
    def activate(self, contents: list[str]) -> None:
        drafts = [
            DocumentDraft("rule", f"r{i}", content.encode(), content)
            for i, content in enumerate(contents)
        ]
        added = self.both(lambda store: store.add_activation(self.now, b"f", drafts))
        self.activations = added.id

    @rule(root=st.sampled_from([b"one", b"two"]), act=st.sampled_from(["note", "clear", "count"]))
    def suspect(self, root: bytes, act: str) -> None:
        if act == "note":
            self.both(lambda store: store.note_suspect(root, self.now))
        elif act == "clear":
            self.both(lambda store: store.clear_suspects([root]))
        else:
            self.both(lambda store: dict(store.count_deaths()))

    @rule(replica=st.sampled_from(OWNERS), release=st.sampled_from(["1.0", "1.1"]))
    def replica(self, replica: str, release: str) -> None:
        self.both(lambda store: store.see_replica(replica, release, 1, b"f", self.now))
        self.both(lambda store: store.others_since("me", _after(self.now, -60)))

    # ---- restarts
    @rule(takes_over=st.booleans())
    def reopen(self, takes_over: bool) -> None:
        for store in self.stores:
            store.close()
        self.stores = [database.open(CODEC) for database in self.databases]
        if takes_over:
            self.both(lambda store: store.take_over("you"))

    # ---- the law
    @invariant()
    def both_look_the_same(self) -> None:
        if not self.readers:
            return
        expected, found = (_everything(reader) for reader in self.readers)
        for (what, one), (_, other) in zip(expected, found, strict=True):
            assert other == one, what
        self.both(lambda store: (store.next_wake(), store.next_visible(), store.has_later()))


def _after(at: Instant, seconds: int) -> Instant:
    return Instant(at + seconds * SECOND_US)


def _seen(taken: Taken) -> tuple[object, ...]:
    return (
        taken.n, taken.next_pos, taken.next_cell, taken.next_later, taken.at, taken.now,
        taken.activation, taken.chain, dict(taken.hits), list(taken.stale), list(taken.later),
        list(taken.due), dict(taken.cells),
    )  # fmt: skip


def _everything(reader: Reader) -> list[tuple[str, object]]:
    """All a reader can see."""
    end = Pos(2**62)
    return [
        ("turn", reader.turn()),
        *((f"cells {kind}", list(reader.cells(kind))) for kind in ("gate", "trigger")),
        ("second page", list(reader.cells("gate", after=KEYS[1], limit=2))),
        ("parts", list(reader.cells("gate", scope="orders", name="x/1"))),
        ("care", list(reader.cells("gate", statuses=[100, 101]))),
        ("counts", dict(reader.counts("gate"))),
        *((f"cell {key}", reader.cell(key)) for key in KEYS[:2]),
        *((f"journal {n}", list(reader.journal(CellId(n)))) for n in range(1, 6)),
        ("rows", list(reader.rows(Pos(3), 1000))),
        ("rows before", list(reader.rows_before(end, 5))),
        *((f"find {token}", list(reader.find([token], end, 5))) for token in TOKENS[:2]),
        ("strays", list(reader.strays(end, 1000))),
        ("rejects", list(reader.rejects(end, 1000))),
        ("parked", list(reader.parked())),
        ("effects", list(reader.effects(1000))),
        *((f"activation {n}", reader.activation(n)) for n in (1, 2)),
        ("replicas", list(reader.replicas())),
    ]


TestTwins: type = Twins.TestCase
Twins.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
