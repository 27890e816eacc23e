"""Trace: everything under one id, across applications, in the order of time.

From an event, an application's context id, a global correlation id, a gate, a trigger or an
execution: what came, also what was replaced later, the gates it was counted for, the runs that
followed. Every step goes by an index: events by the log's filter or by place, the gates of an event
by routing it again, the gates of a correlation id by what they said or by its date, runs by name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct

from tidegate.correlate.engine import route
from tidegate.correlate.gate import Gate
from tidegate.correlate.identity import KIND, correlation_id, parse_id, public_id
from tidegate.correlate.listing import listed
from tidegate.correlate.rule import Rule
from tidegate.kernel.clock import Day, parse_day
from tidegate.kernel.errors import Defect, InputError
from tidegate.kernel.event import Json
from tidegate.kernel.ids import Pos
from tidegate.kernel.problem import problem_of
from tidegate.kernel.public_id import cell_name, parse_public_id
from tidegate.kernel.public_id import public_id as run_id
from tidegate.kernel.step import Heard, Key
from tidegate.ports.reader import PAGE_MAX, Listed, Reader, readable
from tidegate.services.asking import rules_of
from tidegate.services.downstream import Downstream, Followed
from tidegate.services.look import Library
from tidegate.services.runs import Runs
from tidegate.services.search import Found, Search, Wanted, printed

FOLLOWED_MAX = 50
"""So many gates, and so many events of each, are followed from what an id leads to."""
_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)", re.ASCII)
_ABOUT_GATES = "tidegate.gate."
_ABOUT_RUNS = ("tidegate.run.", "tidegate.trigger.")


class _Round(Struct, frozen=True):
    """One round of a gate."""

    key: Key  # of the gate
    gate: Gate
    rule: Rule

    @property
    def id(self) -> str:
        return public_id(self.key, self.gate.round)

    @property
    def correlation_id(self) -> str:
        return correlation_id(self.rule, self.gate)

    def knows(self, event: Found) -> bool:
        """It counted the event, or kept it as refused."""
        return event.pos in self.gate.replaced or any(
            (one.source, one.id) == (event.event.source, event.event.id)
            for one in (*self.gate.inputs, *self.gate.refused)
        )


class Trace:
    """Safe in every thread; reads only."""

    def __init__(
        self,
        reader: Reader,
        library: Library,
        search: Search,
        runs: Runs,
        downstream: Downstream,
    ) -> None:
        self._reader = reader
        self._library = library
        self._search = search
        self._runs = runs
        self._downstream = downstream

    def trace(self, id_: str) -> dict[str, Json]:
        """Every event, gate and run that belongs to the id; `unreadable` names gates that may.

        Raises InputError (`not_found`), Defect (`cell.unreadable`) where nothing else is known.
        """
        unread: dict[str, Defect] = {}
        named = self._run(id_)
        correlation = named.trigger.asked.correlation_id if named is not None else None
        wanted = Wanted(token=correlation or id_)
        events = {one.pos: one for one in self._search.found(wanted, PAGE_MAX)}
        rounds = {one.id: one for one in self._rounds(id_, events.values(), unread)}
        chosen = list(rounds.values())[:FOLLOWED_MAX]
        correlations = list(dict.fromkeys(one.correlation_id for one in chosen))
        for one in chosen:
            events.update((found.pos, found) for found in self._deliveries(one))
        for correlation in correlations:
            if correlation != id_:
                wanted = Wanted(token=correlation)
                events.update((one.pos, one) for one in self._search.found(wanted, PAGE_MAX))
        triggers = dict.fromkeys(self._triggers(id_, chosen, events.values()))
        followed = [run for key in triggers if (run := self._downstream.follow(key)) is not None]
        events.update((one.pos, one) for one in self._releases(events, chosen, followed))
        if unread and not (events or rounds or followed):
            raise next(iter(unread.values()))
        if not (events or rounds or followed):
            raise InputError(
                "not_found",
                f"nothing is known under {id_[:200]!r}",
                fix="give the id of an event, a context id, a correlation id, a gate or a run, "
                "in full; `tidegate event search` finds them",
            )
        answer: dict[str, Json] = {
            "id": id_,
            "correlation_ids": correlations,
            "events": [printed(events[pos]) for pos in sorted(events)],
            "gates": [listed(one.key, one.gate, one.rule) for one in rounds.values()],
            "triggers": [one.listed() for one in followed],
            "executions": self._executions(followed),
        }
        if unread:
            answer["unreadable"] = [problem_of(one) for one in unread.values()]
        return answer

    # ---- gates
    def _rounds(
        self, id_: str, events: Iterable[Found], unread: dict[str, Defect]
    ) -> Iterator[_Round]:
        """Rounds this id names, that said something under it, or that counted one of its events.

        What may be one of them and cannot be read is put into `unread`, by its name.
        """
        books = self._library.books()
        for found in events:
            event = found.event
            if found.verdict == "said" and event.type.startswith(_ABOUT_GATES):
                yield from self._named(event.subject or "", unread)
            else:
                for need in route(Heard(event), rules_of(books)):
                    for key in need.keys:
                        if key.kind == KIND:
                            yield from (one for one in self._all(key, unread) if one.knows(found))
        yield from self._named(id_, unread)
        for day in self._days(id_):
            yield from (one for one in self._of_day(day, unread) if one.correlation_id == id_)

    def _named(self, id_: str, unread: dict[str, Defect]) -> Iterator[_Round]:
        try:
            key, round_ = parse_id(id_)
        except ValueError:
            return
        yield from (one for one in self._all(key, unread) if one.gate.round == round_)

    def _all(self, key: Key, unread: dict[str, Defect]) -> Iterator[_Round]:
        """Every round of a gate, the oldest first."""
        days = (key.day, key.day)
        page = self._reader.cells(
            key.kind, scope=key.scope, days=days, name=key.name, limit=PAGE_MAX
        )
        yield from self._told(page, unread)

    def _of_day(self, day: Day, unread: dict[str, Defect]) -> Iterator[_Round]:
        after = None
        while True:
            page = self._reader.cells(KIND, days=(day, day), after=after, limit=PAGE_MAX)
            yield from self._told(page, unread)
            if len(page) < PAGE_MAX:
                return
            after = page[-1].key

    def _told(self, cells: Iterable[Listed], unread: dict[str, Defect]) -> Iterator[_Round]:
        """Cells as rounds."""
        known, defects = readable(list(cells))
        unread.update((str(one), one) for one in defects)
        rounds = [one for one in known if isinstance(one.stored.cell.state, Gate)]
        rounds.sort(key=lambda one: (_root(one.key), _gate(one).round))
        for one in rounds:
            key, gate = _root(one.key), _gate(one)
            doc = one.stored.cell.doc
            rule = rules_of(self._library.books(doc)).rules[doc]
            yield _Round(key, gate, rule)

    def _days(self, id_: str) -> Iterator[Day]:
        """Dates written in an id: a gate that only waits has said nothing that could be found."""
        for text in dict.fromkeys(_DATE.findall(id_)):
            try:
                yield parse_day(text)
            except ValueError:
                continue

    # ---- events and runs
    def _releases(
        self, places: Collection[Pos], rounds: Iterable[_Round], runs: Iterable[Followed]
    ) -> Iterator[Found]:
        """Who let a signal out of the inbox that is one of these, or concerns one of their cells."""
        cells = {cell_name(one.key) for one in rounds}
        for run in runs:
            started = Key("execution", run.key.day, run.trigger.asked.job, run.key.name)
            cells |= {cell_name(run.key), cell_name(started)}
        for found in self._search.released():
            data = found.event.data
            if data["pos"] in places or data.get("cell") in cells:
                yield found

    def _deliveries(self, one: _Round) -> Iterator[Found]:
        """What the round counted, refused and replaced."""
        kept = (*one.gate.inputs, *one.gate.refused)
        places = [Pos(evidence.pos) for evidence in kept]
        yield from self._search.at([*places, *one.gate.replaced[-FOLLOWED_MAX:]])

    def _run(self, id_: str) -> Followed | None:
        key = parse_public_id("trigger", id_)
        return None if key is None else self._downstream.follow(key)

    def _triggers(
        self, id_: str, rounds: Iterable[_Round], events: Iterable[Found]
    ) -> Iterator[Key]:
        key = parse_public_id("trigger", id_)
        if key is not None:
            yield key
        for one in rounds:
            yield from (run.key for run in self._downstream.of(one.key, one.gate, one.rule))
        for found in events:
            if found.verdict == "said" and found.event.type.startswith(_ABOUT_RUNS):
                key = parse_public_id("trigger", found.event.subject or "")
                if key is not None:
                    yield key

    def _executions(self, followed: Iterable[Followed]) -> list[Json]:
        begun = [one for one in followed if one.execution is not None]
        begun.sort(key=lambda one: one.execution.started_at if one.execution else 0)
        return [
            {**self._runs.execution_listed(run_id(one.key)), "unattended": one.unattended}
            for one in begun
        ]


def _root(key: Key) -> Key:
    return key.line()[-1]


def _gate(one: Listed) -> Gate:
    state = one.stored.cell.state
    assert isinstance(state, Gate)
    return state
