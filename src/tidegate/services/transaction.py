"""Transaction: what a turn was given as roots and log entries, and what was decided as rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from tidegate.kernel import bloom
from tidegate.kernel.clock import Instant
from tidegate.kernel.cloudevent import OWN_SOURCE
from tidegate.kernel.event import Event, Json
from tidegate.kernel.ids import CellId, Pos
from tidegate.kernel.public_id import cell_name
from tidegate.kernel.step import (
    CallTask,
    Heard,
    Key,
    Outcome,
    Refusal,
    SendNotice,
    Signal,
    StopTask,
    Woke,
)
from tidegate.ports.store import (
    LEASE_US,
    CellWrite,
    Claimed,
    EffectWrite,
    JournalWrite,
    LogWrite,
    Parking,
    Taken,
)
from tidegate.services.decision import Decision
from tidegate.services.door import Arrival, Ask, Ended
from tidegate.services.record import (
    CONFLICT,
    PARKED,
    REFUSED,
    STALE,
    Entry,
    Foreign,
    Mark,
    Own,
    Signals,
    encode_entries,
    link,
)
from tidegate.services.turn import EVERY, Root
from tidegate.services.verdict import Ruling
from tidegate.services.work import Work, encode_work, idempotency_key, kind_of

Guest: TypeAlias = Arrival | Ask | Ended
"""One signal that waited at the door."""


class Given(Struct):
    """What a turn was given, place by place."""

    first: Pos
    entries: list[Entry] = field(default_factory=list[Entry])
    roots: list[Root] = field(default_factory=list[Root])
    places: list[int] = field(default_factory=list[int])  # root number -> index of its entry
    guests: dict[int, Guest] = field(default_factory=dict[int, Guest])  # root number -> who waits
    guest_of: dict[int, int] = field(default_factory=dict[int, int])  # root number -> guest's index
    identities: list[bytes] = field(default_factory=list[bytes])  # of roots; names a suspect
    keys: list[tuple[int, Pos, int]] = field(default_factory=list[tuple[int, Pos, int]])
    spoiled: list[Parking] = field(default_factory=list[Parking])  # logged, but no root
    conflicts: list[tuple[Pos, Event]] = field(default_factory=list[tuple[Pos, Event]])

    def hear(self, arrival: Arrival, ruling: Ruling, index: int) -> None:
        entries, copy = self.entries, arrival.copy
        pos = Pos(self.first + len(entries))
        if ruling.verdict == "duplicate":
            entries.append(None)
            return
        verdict = CONFLICT if ruling.verdict == "conflict" else 0
        entries.append(Foreign(copy.raw, arrival.received, arrival.principal, verdict))
        if verdict:
            self.conflicts.append((pos, arrival.event))
            return
        if ruling.indexed:
            self.keys.append((copy.hash, pos, copy.digest))
        self._root(Root(pos, Heard(arrival.event)), copy.raw, arrival, index)

    def outcome(self, ended: Ended, stale: bool, signals: Signals, index: int) -> None:
        signal = ended.signal()
        body = signals.encode(signal)
        pos = self._next()
        if stale:
            self.entries.append(Own(body, (Mark(EVERY, STALE),)))
            return
        self.entries.append(Own(body))
        self._root(Root(pos, signal), body, ended, index)

    def order(
        self,
        ask: Ask,
        root: Root | None,
        signals: Signals,
        index: int,
        marks: tuple[Mark, ...] = (),
    ) -> None:
        """`root` is None for an order the host obeys, or refuses, by itself."""
        body = signals.encode(ask.order)
        self.entries.append(Own(body, marks))
        if root is not None:
            self._root(root, body, ask, index)

    def own(self, body: bytes, signal: Signal) -> None:
        pos = self._next()
        self.entries.append(Own(body))
        self._root(Root(pos, signal), body)

    def spoil(self, entry: Entry, error: str, *, parked: bool = True) -> None:
        """Logged with its mark, decided by nobody. `parked` is False where its giver is told."""
        assert entry is not None, "a hole of the log holds nothing that could fail"
        if parked:
            self.spoiled.append(Parking(self._next(), EVERY, error))
        self.entries.append(replace(entry, marks=(Mark(EVERY, PARKED, error),)))

    def rewind(self, entries: int, roots: int) -> None:
        """Forget what a signal left behind that could not be unfolded to its end."""
        del self.entries[entries:]
        del self.roots[roots:], self.places[roots:], self.identities[roots:]
        self.keys = [key for key in self.keys if key[1] < self._next()]
        self.conflicts = [one for one in self.conflicts if one[0] < self._next()]
        for root in [root for root in self.guests if root >= roots]:
            del self.guests[root], self.guest_of[root]

    def _next(self) -> Pos:
        return Pos(self.first + len(self.entries))

    def _root(
        self, root: Root, identity: bytes, guest: Guest | None = None, index: int = 0
    ) -> None:
        if guest is not None:
            number = len(self.roots)
            self.guests[number] = guest
            self.guest_of[number] = index
        self.roots.append(root)
        self.places.append(len(self.entries) - 1)
        self.identities.append(identity)

    @property
    def next_pos(self) -> Pos:
        return self._next()


def log_row(
    given: Given, decision: Decision, taken: Taken, release: str, functions: bytes
) -> LogWrite:
    """The row of this turn, with a mark wherever an engine did not simply decide."""
    entries = list(given.entries)
    marks: dict[int, list[Mark]] = {}
    for (index, engine), error in decision.parked.items():
        marks.setdefault(index, []).append(Mark(engine, PARKED, error))
    for (index, engine), refusal in decision.refusals.items():
        marks.setdefault(index, []).append(Mark(engine, REFUSED, refusal.code))
    for index, found in marks.items():
        place = given.places[index]
        entry = entries[place]
        if entry is not None:
            entries[place] = replace(entry, marks=tuple(found))
    body = encode_entries(entries)
    events = [root.signal.event for root in given.roots if type(root.signal) is Heard]
    times = [event.time for event in events]
    tokens = _tokens([*events, *(event for _, event in given.conflicts)])
    if given.conflicts:
        tokens.add(CONFLICTS)
    return LogWrite(
        n=len(entries),
        body=body,
        chain=link(taken.chain, body),
        release=release,
        functions=functions,
        bits=bloom.make(tokens),
        time_min=min(times, default=None),
        time_max=max(times, default=None),
    )


CONFLICTS = "tidegate.event.conflict"
"""What a row with a conflict can be found by."""


def _tokens(events: Sequence[Event]) -> set[str]:
    """What the events of a turn can be searched by."""
    tokens: set[str] = set()
    add = tokens.add
    for event in events:
        add(event.id)
        add(event.source)
        add(event.type)
        if event.context_id:
            add(event.context_id)
        correlation = event.extensions.get("correlationid")
        if type(correlation) is str and correlation:
            add(correlation)
    return tokens


def tokens_of(event: Event) -> set[str]:
    """What an event can be searched by."""
    return _tokens((event,))


class Rows(Struct, frozen=True):
    """Cells and effects with their ids, and what the dispatcher gets at once."""

    cells: tuple[CellWrite, ...]
    effects: tuple[EffectWrite, ...]
    stops: tuple[tuple[CellId, str, bytes], ...]
    journal: tuple[JournalWrite, ...]
    next_cell: CellId
    claimed: tuple[Claimed, ...]


def rows_of(
    decision: Decision, taken: Taken, now: Instant, epoch: str, owner: str, free: int
) -> Rows:
    """Number new cells, and claim as many effects for this replica as it has free slots."""
    next_cell = taken.next_cell
    ids: dict[Key, CellId] = {}
    cells: list[CellWrite] = []
    for put in decision.puts:
        staged, key = put.staged, put.key
        stored = staged.stored
        if stored is not None:
            id_, begins = stored.id, False
        else:
            id_, begins = next_cell, True
            next_cell = CellId(next_cell + 1)
        ids[key] = id_
        cells.append(
            CellWrite(
                id_, key, staged.doc, staged.version, put.format, put.body, staged.state, begins
            )
        )
    effects: list[EffectWrite] = []
    claimed: list[Claimed] = []
    for key, effect in decision.effects:
        cell, kind = ids[key], kind_of(effect)
        body = encode_work(Work(key, idempotency_key(epoch, cell, effect.call), effect))
        due = effect.due_at if isinstance(effect, CallTask) and effect.due_at else now
        if free > 0 and due <= now and isinstance(effect, CallTask | SendNotice):
            free -= 1
            lease = Instant(now + LEASE_US)
            effects.append(EffectWrite(cell, effect.call, kind, lease, 1, owner, body))
            claimed.append(Claimed(cell, effect.call, kind, 1, 0, None, body, lease))
        else:
            effects.append(EffectWrite(cell, effect.call, kind, due, 0, None, body))
    return Rows(
        cells=tuple(cells),
        effects=tuple(effects),
        stops=tuple(
            (ids[key], call, _stop(key, call, epoch, ids[key])) for key, call in decision.stops
        ),
        journal=tuple(
            JournalWrite(ids[one.key], one.version, one.format, one.body, one.pos)
            for one in decision.journal
        ),
        next_cell=next_cell,
        claimed=tuple(claimed),
    )


def _stop(key: Key, call: str, epoch: str, cell: CellId) -> bytes:
    return encode_work(Work(key, idempotency_key(epoch, cell, call), StopTask(call=call)))


class Aftermath(Struct, frozen=True):
    """What parking, strays and replies come to."""

    parked: tuple[Parking, ...]
    unparked: tuple[tuple[Pos, str], ...]
    unwoken: tuple[Key, ...]
    strays: tuple[Pos, ...]
    replies: Mapping[int, Json | Refusal]  # by number of the root


def aftermath(
    given: Given, decision: Decision, released: Mapping[int, tuple[Pos, str]]
) -> Aftermath:
    """`released` names, by root, the parked row that an order hands out again."""
    parked: list[Parking] = []
    unwoken: list[Key] = []
    replies = dict(decision.replies)
    failed: set[int] = set()
    for (index, engine), error in decision.parked.items():
        failed.add(index)
        guest, root = given.guests.get(index), given.roots[index]
        if isinstance(guest, Ask):
            code, _, message = error.partition(": ")
            replies[index] = Refusal(code, message or error)
            continue
        parked.append(Parking(root.pos, engine, error))
        if isinstance(root.signal, Woke):
            unwoken.append(root.signal.key)
    touched = decision.touched
    strays = tuple(
        [
            given.roots[index].pos
            for index, guest in given.guests.items()
            if index not in touched and index not in failed and type(guest) is Arrival
        ]
    )
    unparked = tuple(row for index, row in released.items() if index not in failed)
    return Aftermath(tuple(parked), unparked, tuple(unwoken), strays, replies)


RELEASED = "tidegate.host.released"


def host_says(
    parked: Sequence[Parking],
    after: Aftermath,
    given: Given,
    released: Mapping[int, tuple[Pos, str]],
    signals: Signals,
    now: Instant,
) -> tuple[bytes, ...]:
    """What became of parked signals, as events for the next turn."""
    return (
        *_parked_says(parked, given, signals, now),
        *_released_says(after.unparked, given, released, signals, now),
    )


def _released_says(
    unparked: Sequence[tuple[Pos, str]],
    given: Given,
    released: Mapping[int, tuple[Pos, str]],
    signals: Signals,
    now: Instant,
) -> tuple[bytes, ...]:
    """`tidegate.host.released`: who had a parked signal decided after all, and why."""
    says: list[bytes] = []
    for index, (pos, engine) in released.items():
        guest, root = given.guests[index], given.roots[index]
        if (pos, engine) not in unparked or not isinstance(guest, Ask):
            continue
        data: dict[str, Json] = {"pos": pos, "engine": engine, "by": guest.order.actor}
        data["reason"] = guest.order.reason
        match root.signal:
            case Heard(event):
                data["event"] = {"id": event.id, "source": event.source}
            case Woke(key) | Outcome(key):
                data["cell"] = cell_name(key)
            case _:
                pass
        says.append(_said(RELEASED, f"{root.place}.{pos}.{engine}", data, signals, now))
    return tuple(says)


SAYS_PARKED_MAX = 10
"""So many parked signals are said as events each turn; all are listed in the inbox."""


def _parked_says(
    parked: Sequence[Parking], given: Given, signals: Signals, now: Instant
) -> tuple[bytes, ...]:
    """`tidegate.host.parked`, so that alerts can hear it; never about what the host itself said."""
    if not parked:
        return ()
    own = {
        root.pos
        for root in given.roots
        if isinstance(root.signal, Heard)
        and root.signal.event.source == OWN_SOURCE
        and root.signal.event.type.startswith("tidegate.host.")
    }
    says: list[bytes] = []
    for row in parked[:SAYS_PARKED_MAX]:
        if row.pos in own:
            continue
        data = {"pos": row.pos, "engine": row.engine, "error": row.error}
        id_ = f"{given.first}.{row.pos}.{row.engine}"
        says.append(_said("tidegate.host.parked", id_, data, signals, now))
    return tuple(says)


def _said(type_: str, id_: str, data: Mapping[str, Json], signals: Signals, now: Instant) -> bytes:
    """What the host says about a parked signal, whose name in the inbox is the subject."""
    event = Event(
        id=id_,
        source=OWN_SOURCE,
        type=type_,
        time=now,
        subject=f"{data['pos']}.{data['engine']}",
        data=data,
        application=OWN_SOURCE,
    )
    return signals.encode(Heard(event))
