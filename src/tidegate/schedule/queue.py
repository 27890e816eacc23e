"""Queue: the triggers of one job that wait, in chunks, so that a long queue costs what changed.

    hold of the job: index of chunks         below it: .../q000001  up to CHUNK_MAX triggers
        (1, critical, 3) (2, low, 500) ...             .../q000002  ...

A chunk holds triggers of one priority, in the order they came; the head is the oldest chunk of the
highest priority there is. Numbers of chunks are never used twice under one hold.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from tidegate.kernel.clock import Day
from tidegate.kernel.event import PRIORITIES
from tidegate.kernel.step import Durable, Key

CHUNK_MAX = 500
"""Triggers in one chunk."""

_URGENCY = {name: rank for rank, name in enumerate(reversed(PRIORITIES))}
_NORMAL = _URGENCY["normal"]


def rank_of(priority: str) -> int:
    """0 for the most urgent; a priority nobody knows counts as normal."""
    return _URGENCY.get(priority, _NORMAL)


class Chunk(Struct, frozen=True, array_like=True):
    """What the index says about one chunk."""

    number: int
    rank: int
    count: int


class Queue(Struct, frozen=True, array_like=True):
    """The index of a queue, kept in the hold."""

    chunks: tuple[Chunk, ...] = ()  # by number; never one that is empty
    last: int = 0  # number of the newest chunk there ever was

    @property
    def length(self) -> int:
        return sum(chunk.count for chunk in self.chunks)


class Waiting(Durable, frozen=True, array_like=True, kw_only=True):
    """The cell of one chunk: day and name of each trigger, first in first."""

    triggers: tuple[tuple[Day, str], ...] = ()


def chunk_key(hold: Key, number: int) -> Key:
    return hold.child(f"q{number:06d}")


def head(queue: Queue) -> Chunk | None:
    """Whose turn it is."""
    return min(queue.chunks, key=lambda chunk: (chunk.rank, chunk.number), default=None)


def tail(queue: Queue, rank: int) -> Chunk:
    """Where one more of this rank goes: the newest of its chunks with room, else a new one."""
    for chunk in reversed(queue.chunks):
        if chunk.rank == rank:
            if chunk.count < CHUNK_MAX:
                return chunk
            break
    return Chunk(queue.last + 1, rank, 0)


def counted(queue: Queue, chunk: Chunk, count: int) -> Queue:
    """The queue with so many triggers in this chunk."""
    others = tuple(one for one in queue.chunks if one.number != chunk.number)
    kept = (*others, replace(chunk, count=count)) if count else others
    ordered = tuple(sorted(kept, key=lambda one: one.number))
    return Queue(ordered, max(queue.last, chunk.number))


def find(queue: Queue, number: int) -> Chunk | None:
    return next((chunk for chunk in queue.chunks if chunk.number == number), None)
