"""Unfold: what a turn took, as roots and log entries. A replay unfolds log rows the same way."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from tidegate.kernel.clock import Instant
from tidegate.kernel.errors import Defect
from tidegate.kernel.event import Json
from tidegate.kernel.ids import CellId, Pos
from tidegate.kernel.step import Adopted, Heard, Key, Order, Refusal, Signal, Woke
from tidegate.ports.store import Activation, Claim, LogRow, Store, Taken
from tidegate.services.books import Books
from tidegate.services.door import Arrival, Ask, Ended
from tidegate.services.gather import Gathered
from tidegate.services.orders import AcceptClock, Activate, ReleaseParked
from tidegate.services.record import REFUSED, Foreign, Mark, Signals, decode_entries
from tidegate.services.transaction import Given
from tidegate.services.turn import EVERY, Root
from tidegate.services.verdict import Copy, Ruling, digest_of, rule_all


class Unfolded(Struct):
    """The turn before it is decided. What is answered goes by index of the guest."""

    given: Given
    rulings: dict[int, Ruling] = {}
    stale: dict[int, bool] = {}
    replies: dict[int, Json | Refusal] = {}
    released: dict[int, tuple[Pos, str]] = {}  # by number of the root
    counted: list[Claim] = []  # outcomes whose effects go
    consumed: set[tuple[CellId, str]] = set()
    unknown: list[Key] = []  # due cells of kinds this release does not keep
    activation: int = 0
    adopted: list[bytes] = []
    shift_us: int = 0


def unfold(
    gathered: Gathered,
    taken: Taken,
    now: Instant,
    jump_us: int,
    books: Books,
    store: Store,
    signals: Signals,
    kinds: frozenset[str],
) -> Unfolded:
    """Guests in order, then `later`, then due cells; places follow it.

    `jump_us` is how far the clock jumped, should a person accept that now.
    """
    unfolded = Unfolded(Given(taken.next_pos))
    given = unfolded.given
    _judge(gathered, taken, store, books, unfolded)
    stale = {(claim.cell, claim.call, claim.fence) for claim in taken.stale}
    for index, guest in enumerate(gathered.guests):
        match guest:
            case Arrival():
                given.hear(_read_again(guest, books), unfolded.rulings[index], index)
            case Ended():
                claim = guest.claim
                identity = (claim.cell, claim.call, claim.fence)
                unfolded.stale[index] = identity in stale
                if identity not in stale:
                    unfolded.counted.append(claim)
                    unfolded.consumed.add((claim.cell, claim.call))
                given.outcome(guest, identity in stale, signals, index)
                stale.add(identity)  # a second report of the same work says nothing new
            case Ask():
                _order(guest, index, jump_us, books, store, signals, unfolded)
    for _, body in taken.later:
        signal = signals.decode(body)
        if not isinstance(signal, Heard | Order | Adopted):
            raise Defect("defect", f"later holds a {type(signal).__name__}")
        given.own(body, signal)
    for key in taken.due:
        if key.kind in kinds:
            woke = Woke(key)
            given.own(signals.encode(woke), woke)
        else:
            unfolded.unknown.append(key)
    return unfolded


def _judge(
    gathered: Gathered, taken: Taken, store: Store, books: Books, unfolded: Unfolded
) -> None:
    arrivals = [
        (index, guest) for index, guest in enumerate(gathered.guests) if isinstance(guest, Arrival)
    ]

    def kept(pos: Pos) -> Copy | None:
        row = store.row_at(pos)
        return copy_at(row, pos, books) if row is not None else None

    rulings = rule_all([guest.copy for _, guest in arrivals], dict(taken.hits), kept)
    for (index, _), ruling in zip(arrivals, rulings, strict=True):
        unfolded.rulings[index] = ruling


def _order(
    ask: Ask,
    index: int,
    jump_us: int,
    books: Books,
    store: Store,
    signals: Signals,
    unfolded: Unfolded,
) -> None:
    given, body = unfolded.given, ask.order.body
    match body:
        case Activate(activation=number):
            found = store.activation(number)
            if found is None:
                unfolded.replies[index] = Refusal("not_found", f"activation {number} is not there")
            else:
                unfolded.activation = number
                unfolded.adopted = [signals.encode(one) for one in changes(books, found)]
                unfolded.replies[index] = {"activation": number, "changed": len(unfolded.adopted)}
            given.order(ask, None, signals, index)
        case AcceptClock(shift=shift):
            unfolded.shift_us = jump_us if shift else 0
            unfolded.replies[index] = {"accepted": True}
            accepted = replace(ask.order, body=AcceptClock(shift=shift, by_us=unfolded.shift_us))
            given.order(Ask(accepted, ask.answer), None, signals, index)
        case ReleaseParked(pos=pos, engine=engine):
            kept = kept_signal(store.row_at(pos), pos, books, signals)
            if kept is None or not store.is_parked(pos, engine):
                unfolded.replies[index] = Refusal(
                    "inbox.unknown",
                    f"nothing of {engine} is parked at {pos}",
                    "`tidegate inbox list` shows what is parked",
                )
                given.order(ask, None, signals, index, (Mark(EVERY, REFUSED, "inbox.unknown"),))
                return
            unfolded.released[len(given.roots)] = (pos, engine)
            unfolded.replies[index] = {"released": f"{pos}.{engine}"}
            only = None if engine == EVERY else engine
            given.order(ask, Root(pos, kept, only, given.next_pos), signals, index)
        case _:
            given.order(ask, Root(given.next_pos, ask.order), signals, index)


def changes(books: Books, to: Activation) -> Sequence[Adopted]:
    """One `Adopted` for each document that the activation changes or withdraws, in a fixed order."""
    after = {(one.kind, one.name): one.id for one in to.documents if one.active}
    return [
        Adopted(kind, name, after.get((kind, name)))
        for kind, name in sorted({*books.active, *after})
        if books.active.get((kind, name)) != after.get((kind, name))
    ]


def _read_again(arrival: Arrival, books: Books) -> Arrival:
    """An event that was mapped under another activation is read under this one."""
    if arrival.activation == books.activation:
        return arrival
    event = books.read.kept(arrival.copy.raw, arrival.received)
    return replace(arrival, event=event, activation=books.activation)


def kept_signal(row: LogRow | None, pos: Pos, books: Books, signals: Signals) -> Signal | None:
    """The signal at a place of the log, read under these books; None when there is none."""
    if row is None:
        return None
    entry = decode_entries(row.body)[pos - row.first]
    if entry is None:
        return None
    if isinstance(entry, Foreign):
        return Heard(books.read.kept(entry.raw, entry.received))
    return signals.decode(entry.signal)


def copy_at(row: LogRow, pos: Pos, books: Books) -> Copy | None:
    """The event at a place, as far as its identity goes."""
    entry = decode_entries(row.body)[pos - row.first]
    if not isinstance(entry, Foreign):
        return None
    event = books.read.kept(entry.raw, entry.received)
    return Copy(event.id, event.source, entry.raw, 0, digest_of(entry.raw))
