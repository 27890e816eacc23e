"""Downstream: what a round of a gate asked for: its triggers, what holds them, how their runs went.

    gate opens --> trigger: held, refused, started --> execution: running, retrying, failed, succeeded

Found by name, never by search: the request of each action is known for ever, and a run that a
person asked for again is named after the one it repeats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

from msgspec import Struct
from msgspec.structs import replace

from tidegate.correlate.gate import Gate
from tidegate.correlate.identity import request_id
from tidegate.correlate.rule import Rule, TriggerJob
from tidegate.kernel.clock import Clock, Day, Instant, format_instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import Defect
from tidegate.kernel.ids import segment
from tidegate.kernel.public_id import public_id
from tidegate.kernel.request import again_request, parse_again
from tidegate.kernel.step import Explanation, Key
from tidegate.kernel.value import text
from tidegate.ports.reader import PAGE_MAX, Listed, Reader
from tidegate.ports.store import Stored
from tidegate.run import engine as run
from tidegate.run.execution import Execution
from tidegate.run.explain import Unattended, started
from tidegate.run.explain import unattended as run_words
from tidegate.schedule import engine as schedule
from tidegate.schedule.explain import holding
from tidegate.schedule.trigger import HeldAnswer, Reason, Trigger, shown
from tidegate.schedule.trigger import Status as TriggerStatus
from tidegate.services.attendance import Attended, here, starts_now, unattended
from tidegate.services.books import Books
from tidegate.services.explained import NextAnswer, following
from tidegate.services.look import Library, ReaderLook
from tidegate.services.record import Signals

AGAIN_MAX = 1000
"""So many times a run can be asked for again."""
EARLIER_MAX = 20
"""Of a run that was asked for again so many earlier ones are told, the newest; all have their ids."""
_ENDED_BADLY = ("failed", "timed_out", "aborted", "refused")
UNREAD = "unreadable"
"""How a run stands of which nothing is known."""
_URGENT = (*_ENDED_BADLY, UNREAD, "retrying", "held", "running", "cancelled")


class EarlierRunAnswer(TypedDict):
    """A run that was repeated by another: what it came to, and who had asked for it."""

    trigger: str
    status: str
    sentence: str
    ended_at: str | None
    error: str | None
    actor: str | None
    reason: str | None


class RunAnswer(TypedDict):
    """A run that a round asked for, as far as it has come; `earlier` are those it repeats."""

    execution: str | None
    trigger: str
    job: str
    status: str
    unattended: Unattended | None
    sentence: str
    held: list[HeldAnswer]
    attempt: int
    attempts_max: int | None
    started_at: str | None
    ended_at: str | None
    retry_at: str | None
    error: str | None
    cause: str | None
    next: NextAnswer
    actor: str | None
    reason: str | None
    earlier: list[EarlierRunAnswer]


class Followed(Struct, frozen=True, kw_only=True):
    """One run that was asked for, as far as it has come."""

    key: Key  # of its trigger
    trigger: Trigger
    execution: Execution | None
    explanation: Explanation
    held: tuple[Reason, ...] = ()  # what stands against its start now
    unattended: Unattended | None = None
    earlier: tuple[Followed, ...] = ()  # what it repeats, the newest first

    @property
    def status(self) -> str:
        return self.explanation.status

    @property
    def needs_person(self) -> bool:
        """It failed for good, was stopped, or was refused: what waits for it has nothing."""
        return self.status in _ENDED_BADLY

    def listed(self) -> RunAnswer:
        """As `explain --json` prints it under `runs`."""
        started, why = self.execution, self.explanation
        return {
            "execution": public_id(self.key) if started is not None else None,
            "trigger": public_id(self.key),
            "job": self.trigger.asked.job,
            "status": self.status,
            "unattended": self.unattended,
            "sentence": why.sentence,
            "held": shown(self.held),
            "attempt": started.attempt if started else 0,
            "attempts_max": started.retry.attempts_max if started else None,
            "started_at": _text(started.started_at) if started else None,
            "ended_at": _text(started.ended_at) if started else None,
            "retry_at": _text(started.retry_at) if started else None,
            "error": (started.error or None) if started else None,
            "cause": (started.cause or None) if started else None,
            "next": following(why.next_at, why.next_what),
            "actor": self.trigger.actor,
            "reason": self.trigger.reason,
            "earlier": [one.repeated() for one in self.earlier],
        }

    def repeated(self) -> EarlierRunAnswer:
        """As it is told under the run that repeats it."""
        ended = self.execution
        return {
            "trigger": public_id(self.key),
            "status": self.status,
            "sentence": self.explanation.sentence,
            "ended_at": _text(ended.ended_at) if ended else None,
            "error": (ended.error or None) if ended else None,
            "actor": self.trigger.actor,
            "reason": self.trigger.reason,
        }


class Downstream:
    """Safe in every thread; reads only."""

    def __init__(
        self,
        reader: Reader,
        library: Library,
        codec: Codec,
        signals: Signals,
        clock: Clock,
        attended: Attended = here,
    ) -> None:
        self._reader = reader
        self._library = library
        self._codec = codec
        self._signals = signals
        self._clock = clock
        self._attended = attended

    def standings(self, days: tuple[Day, Day]) -> Standings:
        """How every run of these dates stands: for lists, which cannot follow each."""
        found: dict[tuple[Day, str], dict[str, str]] = {}
        unreadable: list[Defect] = []
        for kind in ("trigger", "execution"):
            names = self._codec.kind(kind).statuses
            for one in self._pages(kind, days):
                key = one.key
                if isinstance(one.kept, Defect):
                    unreadable.append(one.kept)
                    status = UNREAD
                else:
                    number = one.kept.cell.state.status
                    status = names.get(number, str(number))
                # A trigger's scope is the job's name as a segment, an execution's the name itself.
                scope = key.scope if kind == "trigger" else segment(key.scope)
                found.setdefault((key.day, key.name), {})[scope] = status
        return Standings(found, unreadable)

    def of(self, gate_key: Key, gate: Gate, rule: Rule) -> list[Followed]:
        """Every run this round asked for, the one that needs somebody first."""
        found: list[Followed] = []
        for job, request in _requests(gate_key, gate, rule):
            for key in self._triggers(job, request, gate_key):
                followed = self.follow(key)
                if followed is not None:
                    found.append(followed)
        found.sort(key=lambda one: _rank(one.status))
        return found

    def follow(self, key: Key) -> Followed | None:
        """A trigger and its execution, by the trigger's key or the execution's, with what it repeats."""
        found = self._alone(key)
        return None if found is None else replace(found, earlier=tuple(self._earlier(found)))

    def _earlier(self, found: Followed) -> Iterator[Followed]:
        first, number = parse_again(found.trigger.asked.request)
        for before in range(number - 1, max(number - 1 - EARLIER_MAX, -1), -1):
            request = again_request(first, before) if before else first
            one = self._alone(Key("trigger", found.key.day, found.key.scope, segment(request)))
            if one is not None:
                yield one

    def _alone(self, key: Key) -> Followed | None:
        key = Key("trigger", key.day, key.scope, key.name)
        stored = self._reader.cell(key)
        if stored is None:
            return None
        trigger = stored.cell.state
        assert isinstance(trigger, Trigger)
        started = Key("execution", key.day, trigger.asked.job, key.name)
        begun = self._reader.cell(started)
        execution = begun.cell.state if begun is not None else None
        assert execution is None or isinstance(execution, Execution)
        if begun is not None:
            why, alone = self.explain_run(started, begun)
            return Followed(
                key=key, trigger=trigger, execution=execution, explanation=why, unattended=alone
            )
        books = self._library.books()
        look = ReaderLook(self._reader, self._codec, self._signals, books, self._clock.now())
        book = book_of(books, schedule)
        why = schedule.explain(key, look, book)
        held = trigger.status == TriggerStatus.HELD
        return Followed(
            key=key,
            trigger=trigger,
            execution=None,
            explanation=why,
            held=holding(key, trigger, look, book) if held else (),
        )

    def explain_run(self, key: Key, stored: Stored) -> tuple[Explanation, Unattended | None]:
        """Where an execution stands, and how where nobody works on it."""
        state = stored.cell.state
        assert isinstance(state, Execution)
        books = self._library.books(stored.cell.doc)
        look = ReaderLook(self._reader, self._codec, self._signals, books, self._clock.now())
        why = run.explain(key, look, book_of(books, run))
        alone = unattended(self._reader, stored, self._attended)
        why = why if alone is None else run_words(key, state, why, alone)
        return started(state, why, state.starts + starts_now(self._reader, stored)), alone

    def last(self, key: Key, request: str) -> Key:
        """The newest run that repeats this request, by triggers' keys; itself when none does."""
        first, _ = parse_again(request)
        for number in range(1, AGAIN_MAX + 1):
            again = Key("trigger", key.day, key.scope, segment(again_request(first, number)))
            if self._reader.cell(again) is None:
                break
            key = again
        return key

    def _triggers(self, job: str | None, request: str, gate: Key) -> Iterator[Key]:
        """Keys of the triggers of one request: the last one, where it was asked for again."""
        name = segment(request)
        if job is not None:
            yield self.last(Key("trigger", gate.day, segment(job), name), request)
            return
        # The job's name was a template: look at all triggers of that day under this name.
        days = (gate.day, gate.day)
        for one in self._reader.cells("trigger", days=days, name=name, limit=PAGE_MAX):
            yield self.last(one.key, request)

    def _pages(self, kind: str, days: tuple[Day, Day]) -> Iterator[Listed]:
        after: Key | None = None
        while True:
            page = self._reader.cells(kind, days=days, after=after, limit=PAGE_MAX)
            yield from (one for one in page if "/" not in one.key.name)
            if len(page) < PAGE_MAX:
                return
            after = page[-1].key


class Standings(Struct, frozen=True):
    """How runs stand, by (day, name of the trigger) and the job's segment."""

    found: Mapping[tuple[Day, str], Mapping[str, str]]
    unreadable: Sequence[Defect] = ()

    def of(self, gate_key: Key, gate: Gate, rule: Rule) -> str | None:
        """The status of what this round asked for that needs somebody first; None: of nothing."""
        seen = [
            status
            for job, request in _requests(gate_key, gate, rule)
            for status in self._of(gate_key.day, job, request)
        ]
        return min(seen, key=_rank, default=None)

    def _of(self, day: Day, job: str | None, request: str) -> Iterator[str]:
        """Of the last run under this request, for each job that has one."""
        scope = None if job is None else segment(job)
        last = {
            name: status
            for name, status in self.found.get((day, segment(request)), {}).items()
            if scope is None or name == scope
        }
        for name, status in last.items():
            latest = status
            for number in range(1, AGAIN_MAX + 1):
                again = self.found.get((day, segment(again_request(request, number))), {})
                if name not in again:
                    break
                latest = again[name]
            yield latest


def book_of(books: Books, engine: Any) -> Any:
    """What an engine compiled."""
    return next(seat.book for seat in books.seats if seat.engine is engine)


def _requests(key: Key, gate: Gate, rule: Rule) -> Iterator[tuple[str | None, str]]:
    """(job, request) of every action that starts one; no job where its name is a template."""
    for what, actions in (("open", rule.actions), ("timeout", rule.on_timeout)):
        for number, action in enumerate(actions, 1):
            if isinstance(action, TriggerJob):
                job = text(action.job.render({})) if action.job.constant else None
                yield job, request_id(key, gate.round, number, what)


def _rank(status: str) -> int:
    return _URGENT.index(status) if status in _URGENT else len(_URGENT)


def _text(at: Instant | None) -> str | None:
    return None if at is None else format_instant(at)
