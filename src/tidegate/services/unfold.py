"""Unfold: what a turn took, as roots and log entries. A replay unfolds log rows the same way.

A signal that cannot be unfolded, and one that is condemned, costs nobody else anything: it is
logged with its mark and parked as a whole, or refused where somebody waits for the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tidegate.kernel.clock import Instant
from tidegate.kernel.errors import Defect
from tidegate.kernel.event import Json
from tidegate.kernel.ids import CellId, Pos
from tidegate.kernel.step import (
    Adopted,
    Failed,
    Heard,
    Key,
    Order,
    Outcome,
    Refusal,
    Signal,
    Woke,
)
from tidegate.ports.store import Activation, Claim, LogRow, Store, Taken
from tidegate.services.books import Books
from tidegate.services.charge import STORE_FAULTS, identity_of, why
from tidegate.services.door import Arrival, Ask, Ended
from tidegate.services.gather import Gathered
from tidegate.services.orders import AcceptClock, Activate, ReleaseParked
from tidegate.services.record import REFUSED, Foreign, Mark, Own, Signals, decode_entries
from tidegate.services.transaction import Given, Guest
from tidegate.services.turn import EVERY, Root
from tidegate.services.verdict import DUPLICATE, Copy, Ruling, digest_of, rule_all


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
    condemned: list[bytes] = []  # those that were met; nothing is held against them any more
    unwoken: list[Key] = []  # wakes that are parked unread


def unfold(
    gathered: Gathered,
    taken: Taken,
    now: Instant,
    jump_us: int,
    books: Books,
    store: Store,
    signals: Signals,
    kinds: frozenset[str],
    condemned: Mapping[bytes, str],
) -> Unfolded:
    """Guests in order, then `later`, then due cells; places follow it.

    `jump_us` is how far the clock jumped, should a person accept that now. `condemned` are not to
    be tried, by identity. Raises TransientError, RowFault and TurnLost of the store; nothing else
    that is one signal's doing.
    """
    unfolded = Unfolded(Given(taken.next_pos))
    given = unfolded.given
    _judge(gathered, taken, store, books, condemned, unfolded)
    stale = {(claim.cell, claim.call, claim.fence) for claim in taken.stale}
    for index, guest in enumerate(gathered.guests):
        entries, roots = len(given.entries), len(given.roots)
        try:
            if condemned and (error := _met(guest, condemned, signals, unfolded)):
                _spoil(guest, index, error, stale, signals, unfolded)
                continue
            match guest:
                case Arrival():
                    ruling = unfolded.rulings[index]
                    if ruling.error:
                        _spoil(guest, index, ruling.error, stale, signals, unfolded)
                    else:
                        given.hear(_read_again(guest, books), ruling, index)
                case Ended():
                    given.outcome(guest, _count(guest, index, stale, unfolded), signals, index)
                case Ask():
                    _order(guest, index, jump_us, books, store, signals, unfolded)
        except STORE_FAULTS:
            raise
        except Exception as error:
            # Its own fault alone: everything else of the turn goes on.
            given.rewind(entries, roots)
            _spoil(guest, index, why(error), stale, signals, unfolded)
    for _, body in taken.later:
        _own(body, condemned, signals, unfolded)
    for key in taken.due:
        if key.kind in kinds:
            woke = Woke(key)
            body = signals.encode(woke)
            if condemned and body in condemned:
                unfolded.unwoken.append(key)
            _own(body, condemned, signals, unfolded, woke)
        else:
            unfolded.unknown.append(key)
    return unfolded


def _own(
    body: bytes,
    condemned: Mapping[bytes, str],
    signals: Signals,
    unfolded: Unfolded,
    signal: Signal | None = None,
) -> None:
    """One of our own signals; what cannot be read is kept as it is."""
    if body in condemned:
        unfolded.condemned.append(body)
        unfolded.given.spoil(Own(body), condemned[body])
        return
    try:
        signal = signal or signals.decode(body)
        if not isinstance(signal, Heard | Order | Adopted | Woke):
            raise Defect("defect", f"later holds a {type(signal).__name__}")
    except Exception as error:
        # Whatever wrote it: the row in `later` must not be met again with every turn.
        unfolded.given.spoil(Own(body), why(error))
        return
    unfolded.given.own(body, signal)


def _count(
    ended: Ended, index: int, stale: set[tuple[CellId, str, int]], unfolded: Unfolded
) -> bool:
    """Is this outcome stale? One that is not uses up its effect, whatever becomes of it."""
    claim = ended.claim
    identity = (claim.cell, claim.call, claim.fence)
    is_stale = unfolded.stale[index] = identity in stale
    if not is_stale:
        unfolded.counted.append(claim)
        unfolded.consumed.add((claim.cell, claim.call))
    stale.add(identity)  # a second report of the same work says nothing new
    return is_stale


# ---- what cannot be decided
def _met(
    guest: Guest,
    condemned: Mapping[bytes, str],
    signals: Signals,
    unfolded: Unfolded,
) -> str:
    identity = identity_of(guest, signals)
    if identity in condemned:
        unfolded.condemned.append(identity)
    return condemned.get(identity, "")


def _spoil(
    guest: Guest,
    index: int,
    error: str,
    stale: set[tuple[CellId, str, int]],
    signals: Signals,
    unfolded: Unfolded,
) -> None:
    """Parked as a whole; an order is refused, and of it nothing happened."""
    given = unfolded.given
    match guest:
        case Arrival(copy=copy):
            if unfolded.rulings[index].verdict == "duplicate":
                given.entries.append(None)
                return
            if unfolded.rulings[index].indexed:
                given.keys.append((copy.hash, given.next_pos, copy.digest))
            given.spoil(Foreign(copy.raw, guest.received, guest.principal), error)
        case Ended():
            if index not in unfolded.stale:
                _count(guest, index, stale, unfolded)
            body = identity_of(guest, signals) or signals.encode(
                Outcome(guest.key, guest.claim.call, Failed("Tidegate.ResultUnusable", error))
            )
            given.spoil(Own(body), error)
        case Ask():
            # An order that changes what is followed is alone in its turn, so this undoes its own.
            unfolded.activation, unfolded.adopted, unfolded.shift_us = 0, [], 0
            unfolded.released.pop(len(given.roots), None)
            code, _, message = error.partition(": ")
            unfolded.replies[index] = Refusal(code, message)
            if body := identity_of(guest, signals):
                given.spoil(Own(body), error, parked=False)


def _judge(
    gathered: Gathered,
    taken: Taken,
    store: Store,
    books: Books,
    condemned: Mapping[bytes, str],
    unfolded: Unfolded,
) -> None:
    arrivals: list[tuple[int, Arrival]] = []
    for index, guest in enumerate(gathered.guests):
        if isinstance(guest, Arrival):
            if condemned and guest.copy.raw in condemned:
                unfolded.rulings[index] = _untried(guest.copy, taken, condemned[guest.copy.raw])
            else:
                arrivals.append((index, guest))

    def kept(pos: Pos) -> Copy | None:
        row = store.row_at(pos)
        return copy_at(row, pos, books) if row is not None else None

    rulings = _rule(arrivals, taken, kept)
    for (index, _), ruling in zip(arrivals, rulings, strict=True):
        unfolded.rulings[index] = ruling


def _untried(copy: Copy, taken: Taken, error: str) -> Ruling:
    """Of one that is condemned: what the index alone says."""
    hit = taken.hits.get(copy.hash)
    if hit is not None and hit.digest == copy.digest:
        return DUPLICATE
    return Ruling("accepted", indexed=hit is None, error=error)


def _rule(
    arrivals: Sequence[tuple[int, Arrival]], taken: Taken, kept: Callable[[Pos], Copy | None]
) -> Sequence[Ruling]:
    try:
        return rule_all([guest.copy for _, guest in arrivals], dict(taken.hits), kept)
    except STORE_FAULTS:
        raise
    except Exception as error:
        # Such as a damaged row at its hit. The host decides one a turn, and then it is this one.
        if len(arrivals) > 1:
            raise
        return [Ruling("accepted", error=why(error))]


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
