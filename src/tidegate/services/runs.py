"""Runs: executions and triggers, and the pauses that hold them, as lists and the API print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from tidegate.kernel.clock import NO_DAY, Clock, Day, format_instant
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import Defect, InputError
from tidegate.kernel.event import Json
from tidegate.kernel.given import check_given
from tidegate.kernel.ids import DocId, segment
from tidegate.kernel.orders import RequestRun
from tidegate.kernel.public_id import business_date, parse_public_id, public_id
from tidegate.kernel.request import PERSON, again_request, parse_again, person_request
from tidegate.kernel.spelling import did_you_mean
from tidegate.kernel.spelling import listed as listed_words
from tidegate.kernel.step import Key
from tidegate.kernel.value import is_map
from tidegate.ports.reader import Listed, Reader, readable
from tidegate.run import engine as run
from tidegate.run.execution import Execution
from tidegate.schedule import engine as schedule
from tidegate.schedule.explain import holding
from tidegate.schedule.trigger import Reason, Trigger, shown
from tidegate.services.answer import (
    AttemptAnswer,
    ExecutionAnswer,
    ExecutionShown,
    TriggerAnswer,
    TriggerShown,
    TriggerWhy,
)
from tidegate.services.attendance import starts_now
from tidegate.services.downstream import (
    AGAIN_MAX,
    Downstream,
    book_of,
)
from tidegate.services.explained import (
    EXIT_PERSON,
    EXIT_READY,
    EXIT_WAITING,
    Explained,
    printed,
)
from tidegate.services.look import Library, ReaderLook
from tidegate.services.page import Page, cursor_of, parse_cursor
from tidegate.services.record import Signals

_LIVE = frozenset({"held", "started", "running", "retrying"})


class Runs:
    """Safe in every thread; reads only."""

    def __init__(
        self,
        reader: Reader,
        library: Library,
        codec: Codec,
        signals: Signals,
        clock: Clock,
        downstream: Downstream,
    ) -> None:
        self._reader = reader
        self._library = library
        self._codec = codec
        self._signals = signals
        self._clock = clock
        self._downstream = downstream

    # ---- executions
    def executions(
        self,
        *,
        job: str | None = None,
        status: str | None = None,
        days: tuple[Day, Day] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[ExecutionAnswer]:
        """One page of executions, the newest business date first. Raises InputError (`input`)."""
        page, following = self._page("execution", job, status, days, limit, cursor)
        found, unreadable = readable(page)
        items = [self._execution(one) for one in found]
        items.sort(
            key=lambda item: (item["business_date"] or "", item["started_at"] or ""), reverse=True
        )
        return Page(items, following, unreadable)

    def execution(self, id_: str) -> ExecutionShown:
        """One execution with its attempts and journal. Raises InputError (`execution.unknown`)."""
        key, one = self._find("execution", id_)
        journal: list[dict[str, Json]] = [
            {"version": row.version, "pos": row.pos, **_journal(row.body)}
            for row in self._reader.journal(one.stored.id)
        ]
        why, unattended = self._downstream.explain_run(key, one.stored)
        return {
            **self._execution(one),
            "journal": journal,
            "attempts": attempts_of(journal, starts_now(self._reader, one.stored)),
            "unattended": unattended,
            "why": printed(why),
        }

    def execution_listed(self, id_: str) -> ExecutionAnswer:
        """One execution as lists have it. Raises InputError (`execution.unknown`)."""
        return self._execution(self._find("execution", id_)[1])

    # ---- triggers
    def triggers(
        self,
        *,
        job: str | None = None,
        status: str | None = None,
        days: tuple[Day, Day] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[TriggerAnswer]:
        """One page of triggers, the newest business date first. Raises InputError (`input`)."""
        page, following = self._page("trigger", job, status, days, limit, cursor)
        found, unreadable = readable(page)
        return Page([self._trigger(one) for one in found], following, unreadable)

    def trigger(self, id_: str) -> TriggerShown:
        """One trigger and what holds it. Raises InputError (`trigger.unknown`)."""
        key, one = self._find("trigger", id_)
        books = self._library.books()
        why = schedule.explain(key, self._look(one), book_of(books, schedule))
        return {**self._trigger(one), "why": printed(why)}

    def explain(self, id_: str) -> Explained:
        """Why this trigger has not started, or how its run went. Raises InputError (`trigger.unknown`)."""
        key, _ = self._find("trigger", id_)
        followed = self._downstream.follow(key)
        assert followed is not None, "it was found"
        answer: TriggerWhy = {
            "trigger": public_id(key), **printed(followed.explanation), "runs": [followed.listed()],
        }  # fmt: skip
        if followed.needs_person:
            return Explained(answer, EXIT_PERSON)
        waits = followed.execution is None
        return Explained(answer, EXIT_WAITING if waits else EXIT_READY)

    def request(
        self,
        job: str | None,
        key: str,
        *,
        day: Day | None = None,
        priority: str = "normal",
        parameters: Mapping[str, Json] | None = None,
    ) -> RequestRun:
        """The order of a person who wants a run; the same `key` asks once.

        Without a job the only one is meant. Raises InputError (`job.unknown`, `input` where the job
        needs a date and there is none, or the key looks like a run that was asked for again).
        """
        if job is None:
            known = [str(one["job"]) for one in self.jobs()]
            if len(known) != 1:
                raise InputError(
                    "job.unknown",
                    f"no job was named, and there are {len(known)}",
                    fix=f"name one of: {listed_words(known)}"
                    if known
                    else "write one in jobs/*.yaml",
                )
            job = known[0]
        if day is None and self._is_dated(job):
            raise InputError(
                "input",
                f"job {job} needs a business date: its target, environment or parameters name it",
                fix='name it: --date 2024-01-15, or "business_date" in a request',
            )
        check_given(dict(parameters or {}), "parameters")
        return RequestRun(
            job=job,
            request=person_request(key),
            day=NO_DAY if day is None else day,
            priority=priority,
            parameters=dict(parameters or {}),
            origin=PERSON,
        )

    def again(self, id_: str) -> RequestRun:
        """The order that asks for this run once more, as it was asked for.

        Repeating the call before the new run is there gives the same request, which starts once.
        Raises InputError (`trigger.unknown`, `trigger.state` while the last one has not ended).
        """
        key, one = self._find("trigger", id_)
        state = one.stored.cell.state
        assert isinstance(state, Trigger)
        last = self._downstream.follow(self._downstream.last(key, state.asked.request))
        assert last is not None, "it was found"
        if last.status in _LIVE:
            raise InputError(
                "trigger.state",
                f"{public_id(last.key)} is {last.status}: it has not come to its end",
                fix=f"see tidegate explain {public_id(last.key)}",
            )
        first, number = parse_again(last.trigger.asked.request)
        if number >= AGAIN_MAX:
            raise InputError("trigger.state", f"{id_} was asked for {AGAIN_MAX} times again")
        request = again_request(first, number + 1)
        return replace(state.asked, request=request, origin=PERSON)

    # ---- jobs
    def jobs(self) -> list[Json]:
        """Jobs that can be started, by name."""
        books = self._library.books()
        jobs = book_of(books, run).jobs
        active = [jobs[doc] for doc in books.active.values() if doc in jobs]
        return [
            {"job": one.name, "kind": one.kind, "owner": one.owner, "timeout_s": one.timeout_s}
            for one in sorted(active, key=lambda one: one.name)
        ]

    def _is_dated(self, job: str) -> bool:
        books = self._library.books()
        found = book_of(books, run).jobs.get(books.active.get(("job", job), DocId(0)))
        return found is not None and found.dated

    # ---- printing
    def _execution(self, one: Listed) -> ExecutionAnswer:
        state = one.stored.cell.state
        assert isinstance(state, Execution)
        asked = state.asked
        return {
            "id": public_id(one.key),
            "job": asked.job,
            "business_date": business_date(one.key),
            "status": self._status("execution", state.status),
            "attempt": state.attempt,
            "attempts_max": state.retry.attempts_max,
            "started_at": format_instant(state.started_at) if state.started_at else None,
            "ended_at": format_instant(state.ended_at) if state.ended_at else None,
            "retry_at": format_instant(state.retry_at) if state.retry_at else None,
            "correlation_id": asked.correlation_id,
            "trigger": state.trigger,
            "origin": asked.origin,
            "request": asked.request,
            "parameters": state.parameters,
            "error": state.error or None,
            "cause": state.cause or None,
            "output": state.output,
        }

    def _trigger(self, one: Listed) -> TriggerAnswer:
        state = one.stored.cell.state
        assert isinstance(state, Trigger)
        asked = state.asked
        return {
            "trigger_id": public_id(one.key),
            "job": asked.job,
            "business_date": business_date(one.key),
            "status": self._status("trigger", state.status),
            "origin": asked.origin,
            "priority": asked.priority,
            "correlation_id": asked.correlation_id,
            "parameters": asked.parameters,
            "requested_at": format_instant(state.requested_at),
            "started_at": format_instant(state.started_at) if state.started_at else None,
            "execution": public_id(one.key) if state.started_at else None,
            "actor": state.actor,
            "reason": state.reason,
            "held": shown(self._holding(one, state)),
            "cancelled_by": state.cancelled_by,
            "cancel_reason": state.cancel_reason,
        }

    def _holding(self, one: Listed, trigger: Trigger) -> tuple[Reason, ...]:
        book = book_of(self._library.books(), schedule)
        try:
            return holding(one.key, trigger, self._look(one), book)
        except Defect as unreadable:  # a list goes on, and names it
            return (Reason(unreadable.code, str(unreadable)),)

    def _status(self, kind: str, status: int) -> str:
        return self._codec.kind(kind).statuses.get(status, str(status))

    # ---- finding
    def _page(
        self,
        kind: str,
        scope: str | None,
        status: str | None,
        days: tuple[Day, Day] | None,
        limit: int,
        cursor: str | None,
    ) -> tuple[list[Listed], str | None]:
        """Cells of one page, and the cursor of the next."""
        numbers = {name: number for number, name in self._codec.kind(kind).statuses.items()}
        if status is not None and status not in numbers:
            raise InputError(
                "input",
                f"no {kind} status is called {status[:80]!r}",
                fix=did_you_mean(status, numbers, f"one of {', '.join(numbers)}"),
            )
        page = self._reader.cells(
            kind,
            scope=scope if scope is None or kind == "execution" else segment(scope),
            statuses=(numbers[status],) if status is not None else (),
            days=days,
            after=parse_cursor(kind, cursor) if cursor else None,
            limit=limit,
            newest_first=True,
        )
        if not page and scope is not None:
            self._check_job(scope)
        return list(page), cursor_of(page[-1].key) if len(page) == limit else None

    def _check_job(self, name: str) -> None:
        """Raises InputError (`job.unknown`) for a name no job and no run has."""
        known = [one["job"] for one in self.jobs()]
        if name in known or self._reader.cells("trigger", scope=segment(name), limit=1):
            return
        fix = did_you_mean(name, known, "`tidegate job list` names those that are there")
        raise InputError("job.unknown", f"no job is called {name[:80]!r}", fix=fix)

    def _find(self, kind: str, id_: str) -> tuple[Key, Listed]:
        key = parse_public_id(kind, id_)
        stored = self._reader.cell(key) if key is not None else None
        if key is None or stored is None:
            listing = "trigger list" if kind == "trigger" else "run list"
            asked = parse_public_id("trigger", id_) if kind == "execution" else None
            if asked is not None and self._reader.cell(asked) is not None:
                raise InputError(
                    f"{kind}.unknown",
                    f"{public_id(asked)} has not started: it is a trigger, and has no {kind} yet",
                    fix=f"see what holds it: tidegate trigger show {public_id(asked)}",
                )
            raise InputError(
                f"{kind}.unknown",
                f"there is no {kind} {id_[:200]!r}",
                fix=f"list them with `tidegate {listing}`",
            )
        return key, Listed(key, stored, self._clock.now())

    def _look(self, one: Listed) -> ReaderLook:
        books = self._library.books(one.stored.cell.doc or DocId(0))
        return ReaderLook(self._reader, self._codec, self._signals, books, self._clock.now())


def _journal(body: bytes) -> dict[str, Json]:
    entry: Json = msgspec.msgpack.decode(body)
    return entry if is_map(entry) else {"entry": entry}


def attempts_of(journal: Sequence[Json], starts: int) -> list[AttemptAnswer]:
    """Each try of an execution, out of its journal: when it began, how often its task was started,
    and how it ended. `starts`: of the one that runs."""
    found: dict[int, AttemptAnswer] = {}
    for entry in journal:
        one = found.setdefault(
            entry["attempt"],
            {
                "attempt": entry["attempt"],
                "began_at": None,
                "ended_at": None,
                "status": "running",
                "starts": starts,
            },
        )
        at = format_instant(entry["at"])
        if entry["what"] not in ("began", "tried"):
            # Who ends it before its task has ended does not know.
            one["starts"] = entry.get("starts") or None
        match entry["what"]:
            case "began" | "tried":
                one["began_at"] = at
            case "erred":
                one["ended_at"], one["status"] = at, "failed"
                one["error"], one["cause"] = entry["error"], entry["cause"]
            case "left":
                one["cause"] = f"{one.get('cause', '')}; {entry['cause']}"
            case _:
                error = entry.get("error")
                one["ended_at"], one["status"] = at, "failed" if error else "succeeded"
                if error:
                    one["error"], one["cause"] = error, entry.get("cause", "")
    return list(found.values())
