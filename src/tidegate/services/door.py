"""Door: what waits for its turn, bounded. Senders, people and performers put in; the host takes out.

Thread-safe. Whoever puts something in gets a future; it is answered after the commit, never before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Condition
from typing import TypeAlias

from msgspec import Struct

from tidegate.kernel.clock import Instant
from tidegate.kernel.errors import TransientError
from tidegate.kernel.event import Event, Json
from tidegate.kernel.step import Done, Failed, Key, Order, Outcome, Refusal
from tidegate.ports.store import Claim, Reject
from tidegate.services.verdict import Copy, Verdict

QUEUE_SIGNALS_MAX = 20_000
QUEUE_BYTES_MAX = 64 << 20


class Arrival(Struct, frozen=True, gc=False):
    """A foreign event, decoded and mapped under `activation` before its turn."""

    copy: Copy
    event: Event
    received: Instant
    activation: int
    principal: str | None = None


class Events(Struct):
    """Events that came together; answered with a verdict each, in order."""

    arrivals: Sequence[Arrival]
    answer: Future[list[Verdict]]
    taken: int = 0  # those before it are in a turn; changed only while it is out of the queue
    verdicts: list[Verdict] = []
    size: int = 0  # bytes of those that are in no turn yet; changed together with `taken`

    def __post_init__(self) -> None:
        self.size = sum([len(arrival.copy.raw) for arrival in self.arrivals])


class Ask(Struct):
    """An order; answered with its reply or refusal."""

    order: Order[Struct]
    answer: Future[Json | Refusal]


class Ended(Struct):
    """What came of an effect; answered True when it counted, False when it was stale."""

    key: Key
    claim: Claim
    result: Done | Failed
    answer: Future[bool]
    starts: int = 1  # how often the task was begun

    def signal(self) -> Outcome:
        return Outcome(self.key, self.claim.call, self.result, self.starts)


class Refused(Struct):
    """Deliveries refused at the door, to be kept."""

    rejects: Sequence[Reject]
    answer: Future[None]


Waiting: TypeAlias = Events | Ask | Ended | Refused


def size_of(waiting: Waiting) -> tuple[int, int]:
    """Signals and bytes."""
    match waiting:
        case Events():
            return len(waiting.arrivals) - waiting.taken, waiting.size
        case Refused():
            return len(waiting.rejects), sum(len(reject.body) for reject in waiting.rejects)
        case Ask() | Ended():
            return 1, 1024


class Door:
    """The bounded queue, and the condition the host sleeps on."""

    def __init__(self) -> None:
        self._queue: deque[Waiting] = deque()
        self._signals = 0
        self._bytes = 0
        self._closed = False
        self.changed = Condition()

    def put(self, *waiting: Waiting) -> None:
        """Queue all of it or nothing.

        Raises TransientError: `queue.full`, or `store.unavailable` once closed.
        """
        sizes = [size_of(one) for one in waiting]
        signals, size = sum(one for one, _ in sizes), sum(one for _, one in sizes)
        with self.changed:
            if self._closed:
                raise TransientError("store.unavailable", "the server is stopping")
            full = (
                self._signals + signals > QUEUE_SIGNALS_MAX or self._bytes + size > QUEUE_BYTES_MAX
            )
            # What came of work outside must always get in: it frees more than it takes.
            must = all(isinstance(one, Ended) for one in waiting)
            if full and self._queue and not must:
                raise TransientError(
                    "queue.full",
                    f"{self._signals} signals wait already",
                    fix="send again after the pause that Retry-After names",
                )
            self._queue.extend(waiting)
            self._signals += signals
            self._bytes += size
            self.changed.notify_all()

    def head(self) -> Waiting | None:
        with self.changed:
            return self._queue[0] if self._queue else None

    def pop(self) -> Waiting | None:
        with self.changed:
            if not self._queue:
                return None
            waiting = self._queue.popleft()
            signals, size = size_of(waiting)
            self._signals -= signals
            self._bytes -= size
            return waiting

    def drain(self) -> list[Waiting]:
        """Everything that waits, out of the queue."""
        with self.changed:
            waiting = list(self._queue)
            self._queue.clear()
            self._signals = self._bytes = 0
            return waiting

    def put_back(self, waiting: Sequence[Waiting]) -> None:
        """To the front again, in the order given; no limit holds for what was in already."""
        with self.changed:
            for one in reversed(waiting):
                self._queue.appendleft(one)
                signals, size = size_of(one)
                self._signals += signals
                self._bytes += size

    def close(self) -> None:
        """Nothing more gets in."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    def __len__(self) -> int:
        return self._signals
