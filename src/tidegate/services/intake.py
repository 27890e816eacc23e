"""Intake: events in. Decode and map before the turn, queue, answer after the commit.

A batch is judged event by event; a bad one never takes its neighbours down, and its bytes are kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future

from msgspec import Struct

from tidegate.kernel.clock import DAY_US, Clock, Day, Instant, format_day
from tidegate.kernel.delivery import BATCH_MAX
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import UNMAPPED, Event, unread
from tidegate.ports.store import Reject
from tidegate.services.door import Arrival, Events, Refused, Waiting
from tidegate.services.host import Host
from tidegate.services.refusals import Refusals
from tidegate.services.verdict import Verdict

log = logging.getLogger("tidegate.intake")

KEPT_MAX = 64 * 1024
"""Bytes of a refused delivery that are kept."""
MESSAGE_MAX = 1000
AHEAD_DAYS_MAX = 400
"""A business date further ahead is remarked upon: it is hardly what somebody meant."""
FIRST_DAY = Day(0)
"""1970-01-01; so is one before."""


class Rejected(Struct, frozen=True):
    """One event of a delivery that was refused, and why."""

    index: int
    code: str
    message: str


class Remark(Struct, frozen=True):
    """What a sender should know of an event that was taken in."""

    index: int
    code: str  # event.conflict, event.unmapped, event.far_date
    message: str


class Receipt(Struct, frozen=True, omit_defaults=True):
    """What became of a delivery; everything in it is durable."""

    accepted: int
    duplicates: int
    conflicts: int
    rejected: tuple[Rejected, ...]
    remarks: tuple[Remark, ...] = ()


class Pending(Struct, frozen=True):
    """A delivery on its way."""

    verdicts: Future[list[Verdict]] | None
    kept: Future[None] | None
    rejected: tuple[Rejected, ...]
    sent: Sequence[tuple[int, Event]] = ()  # index and event of each that has a verdict
    received_at: Instant = Instant(0)

    def result(self, timeout_s: float | None = None) -> Receipt:
        """Wait for the commit. Raises TransientError when the store is away."""
        verdicts = self.verdicts.result(timeout_s) if self.verdicts else []
        if self.kept:
            self.kept.result(timeout_s)
        return self._receipt(verdicts)

    async def wait(self) -> Receipt:
        verdicts = await asyncio.wrap_future(self.verdicts) if self.verdicts else []
        if self.kept:
            await asyncio.wrap_future(self.kept)
        return self._receipt(verdicts)

    def _receipt(self, verdicts: list[Verdict]) -> Receipt:
        return Receipt(
            accepted=verdicts.count("accepted"),
            duplicates=verdicts.count("duplicate"),
            conflicts=verdicts.count("conflict"),
            rejected=self.rejected,
            remarks=tuple(
                remark
                for (index, event), verdict in zip(self.sent, verdicts, strict=True)
                if (remark := _remark(index, event, verdict, self.received_at)) is not None
            ),
        )


class Intake:
    """The way events come in, from HTTP, files and Python alike. Safe in every thread."""

    def __init__(self, host: Host, clock: Clock) -> None:
        self._host = host
        self._clock = clock
        self._refusals = Refusals()

    def receive(self, raws: Sequence[bytes], principal: str | None = None) -> Pending:
        """Take a delivery in. Raises InputError (`limit.batch`), TransientError (`queue.full`)."""
        if len(raws) > BATCH_MAX:
            raise InputError(
                "limit.batch",
                f"{len(raws)} events in one batch, {BATCH_MAX} are allowed",
                fix="send several batches",
            )
        now = self._clock.now()
        read = self._host.books.read
        arrivals: list[Arrival] = []
        sent: list[tuple[int, Event]] = []
        rejected: list[Rejected] = []
        rejects: list[Reject] = []
        for index, raw in enumerate(raws):
            try:
                event = read(raw, now)
            except InputError as error:
                message = str(error)[:MESSAGE_MAX]
                rejected.append(Rejected(index, error.code, message))
                rejects.append(Reject(now, principal, error.code, message, bytes(raw[:KEPT_MAX])))
                continue
            arrivals.append(self._host.arrival(bytes(raw), event, now, principal))
            sent.append((index, event))
        verdicts: Future[list[Verdict]] | None = Future() if arrivals else None
        kept: Future[None] | None = Future() if rejects else None
        waiting: list[Waiting] = []
        if verdicts is not None:
            waiting.append(Events(arrivals, verdicts))
        if kept is not None:
            waiting.append(Refused(rejects, kept))
        # Both or none: a sender who is told to come again has left nothing behind.
        self._host.submit(*waiting)
        return Pending(verdicts, kept, tuple(rejected), sent, self._clock.now())

    def keep(self, rejects: Sequence[Reject]) -> Future[None]:
        """Keep deliveries refused at the door, so that they can be found again."""
        kept: Future[None] = Future()
        self._host.submit(Refused(rejects, kept))
        return kept

    def turn_away(self, code: str, address: str, what: str) -> None:
        """Count a call that was refused unread. Raises TransientError (`queue.full`)."""
        self._keep_counted(self._refusals.add(self._clock.now(), code, address, what[:MESSAGE_MAX]))

    def look_round(self) -> None:
        """Keep what was counted in minutes that are over; to be called now and then."""
        self._keep_counted(self._refusals.over(self._clock.now()))

    def end(self) -> None:
        """Nothing more comes: keep what was counted."""
        self._keep_counted(self._refusals.end())

    def _keep_counted(self, rows: Sequence[Reject]) -> None:
        for row in rows:
            log.warning("refused: %s: %s", row.code, row.message)
        if rows:
            self.keep(rows)

    def refuse(self, code: str, message: str, body: bytes, principal: str | None) -> Future[None]:
        """Keep a delivery that was refused as a whole; of its body the first KEPT_MAX bytes."""
        now = self._clock.now()
        return self.keep([Reject(now, principal, code, message[:MESSAGE_MAX], body[:KEPT_MAX])])


def _remark(index: int, event: Event, verdict: Verdict, now: Instant) -> Remark | None:
    if verdict == "conflict":
        message = (
            f"{event.source} sent {event.id} before with other content: this one is kept in the "
            "inbox and counts for nothing; a new delivery needs an id of its own"
        )
        return Remark(index, "event.conflict", message[:MESSAGE_MAX])
    if verdict == "accepted" and event.marks & UNMAPPED:
        return Remark(index, "event.unmapped", f"{event.id}: {unread(event)}"[:MESSAGE_MAX])
    if verdict == "accepted" and event.day is not None and _is_far(event.day, now):
        message = (
            f"{event.id}: its business date {format_day(event.day)} is before 1970 or more than "
            f"{AHEAD_DAYS_MAX} days ahead; it counts for the gates of that date, and "
            "`tidegate gate close` ends their waiting if it is a slip"
        )
        return Remark(index, "event.far_date", message[:MESSAGE_MAX])
    return None


def _is_far(day: Day, now: Instant) -> bool:
    return day < FIRST_DAY or day > now // DAY_US + AHEAD_DAYS_MAX
