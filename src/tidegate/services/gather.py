"""Gather: what one turn takes from the door, and how those who wait there are answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TypeVar

from msgspec import Struct

from tidegate.kernel.errors import TidegateError
from tidegate.kernel.event import Json
from tidegate.kernel.step import Refusal
from tidegate.ports.store import Claim, EventKey, Reject
from tidegate.services.door import Arrival, Ask, Door, Ended, Events, Refused, Waiting
from tidegate.services.orders import ALONE, AcceptClock
from tidegate.services.transaction import Guest
from tidegate.services.verdict import Ruling

TURN_BYTES_MAX = 8 << 20

T = TypeVar("T")


class Piece(Struct, frozen=True):
    """A part of what waits at the door, out of the queue for one turn."""

    waiting: Waiting
    start: int = 0
    stop: int = 0


class Gathered:
    """The pieces of one turn, in order of arrival."""

    def __init__(self, door: Door, pieces: Sequence[Piece]) -> None:
        self._door = door
        self._pieces = pieces
        self.guests: list[Guest] = []
        self.rejects: list[Reject] = []
        for piece in pieces:
            match piece.waiting:
                case Events(arrivals):
                    self.guests += arrivals[piece.start : piece.stop]
                case Refused(rejects):
                    self.rejects += rejects
                case Ask() | Ended():
                    self.guests.append(piece.waiting)

    @property
    def count(self) -> int:
        """How many wait for an answer."""
        return len(self._pieces)

    @property
    def alone(self) -> bool:
        """It holds an order that must be the only entry of its turn."""
        return any(_is_alone(piece.waiting) for piece in self._pieces)

    @property
    def accepts_clock(self) -> bool:
        return any(accepts_clock(piece.waiting) for piece in self._pieces)

    def keys(self) -> tuple[EventKey, ...]:
        """One key for each hash: that of the first copy."""
        keys: dict[int, EventKey] = {}
        for index, guest in enumerate(self.guests):
            if isinstance(guest, Arrival):
                copy = guest.copy
                keys.setdefault(copy.hash, EventKey(copy.hash, copy.digest, index))
        return tuple(keys.values())

    def claims(self) -> tuple[Claim, ...]:
        claims = (guest.claim for guest in self.guests if isinstance(guest, Ended))
        return tuple(dict.fromkeys(claims))

    def answer(
        self,
        rulings: Mapping[int, Ruling],
        stale: Mapping[int, bool],
        replies: Mapping[int, Json | Refusal],
    ) -> None:
        """After the commit; everything by index of the guest."""
        index = 0
        for piece in self._pieces:
            match piece.waiting:
                case Events(arrivals, answer) as events:
                    count = piece.stop - piece.start
                    events.verdicts = [
                        *events.verdicts,
                        *(rulings[n].verdict for n in range(index, index + count)),
                    ]
                    index += count
                    if piece.stop == len(arrivals):
                        _answer(answer, events.verdicts)
                case Ask(_, answer):
                    _answer(answer, replies.get(index))
                    index += 1
                case Ended(answer=answer):
                    _answer(answer, not stale[index])
                    index += 1
                case Refused(_, answer):
                    _answer(answer, None)

    def fail(self, error: TidegateError) -> None:
        """Nothing of the turn happened; everybody who waits is told."""
        refuse([piece.waiting for piece in self._pieces], error)

    def put_back(self) -> None:
        """To the front of the queue again, as if never gathered."""
        waiting: list[Waiting] = []
        for piece in self._pieces:
            if isinstance(piece.waiting, Events):
                if self._door.head() is piece.waiting:
                    self._door.pop()  # its rest, which stands there already
                again = piece.waiting.arrivals[piece.start : piece.waiting.taken]
                piece.waiting.size += sum([len(arrival.copy.raw) for arrival in again])
                piece.waiting.taken = piece.start
            waiting.append(piece.waiting)
        self._door.put_back(waiting)


def refuse(waiting: Sequence[Waiting], error: TidegateError) -> None:
    for one in waiting:
        with suppress(InvalidStateError):  # whoever asked has gone
            one.answer.set_exception(error)


def gather(door: Door, limit: int) -> Gathered:
    """From the door, in order of arrival, at most `limit` signals."""
    pieces: list[Piece] = []
    signals = size = 0
    while signals < limit and size < TURN_BYTES_MAX and (head := door.head()) is not None:
        if _is_alone(head) and pieces:
            break
        waiting = door.pop()
        if waiting is None:
            break  # the door was emptied from another thread
        if waiting.answer.done():
            continue  # whoever asked has gone, or an earlier part of it failed
        if isinstance(waiting, Events):
            start, stop = waiting.taken, len(waiting.arrivals)
            taken = waiting.size
            if stop - start > limit - signals or taken > TURN_BYTES_MAX - size:
                stop, taken = _as_many(waiting, limit - signals, TURN_BYTES_MAX - size)
            size += taken
            signals += stop - start
            waiting.taken, waiting.size = stop, waiting.size - taken
            if stop < len(waiting.arrivals):
                door.put_back([waiting])
            pieces.append(Piece(waiting, start, stop))
            continue
        pieces.append(Piece(waiting))
        signals += 1
        if _is_alone(waiting):
            break
    return Gathered(door, pieces)


def _as_many(events: Events, count_max: int, bytes_max: int) -> tuple[int, int]:
    """Where to stop, and the bytes until there: at least one, the last may be over the limit."""
    stop = start = events.taken
    size = 0
    while stop < len(events.arrivals) and stop - start < count_max and size < bytes_max:
        size += len(events.arrivals[stop].copy.raw)
        stop += 1
    return stop, size


def accepts_clock(waiting: Waiting) -> bool:
    """A person says that the clock is right."""
    return isinstance(waiting, Ask) and isinstance(waiting.order.body, AcceptClock)


def _is_alone(waiting: Waiting) -> bool:
    return isinstance(waiting, Ask) and isinstance(waiting.order.body, ALONE)


def _answer(future: Future[T], result: T) -> None:
    """Whoever asked may give up at this very instant, in another thread."""
    with suppress(InvalidStateError):
        future.set_result(result)
