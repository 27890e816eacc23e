"""Asking: questions about gates. One record, made by the engine while deciding, feeds every answer.

A name becomes a key here; the engine's own `explain` says why. Nothing is decided a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from tidegate.correlate import engine as correlate
from tidegate.correlate.gate import CLOSE_AFTER, STATUSES, Gate, Status
from tidegate.correlate.identity import GATES_FIX, gate_key, part_of, public_id, round_named
from tidegate.correlate.listing import GateAnswer, listed
from tidegate.correlate.rule import Rule
from tidegate.kernel.clock import NO_DAY, Clock, Day, format_day, format_instant, parse_day
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import Defect, InputError
from tidegate.kernel.event import Json
from tidegate.kernel.problem import problem_of
from tidegate.kernel.projectzone import project_zone
from tidegate.kernel.spelling import did_you_mean
from tidegate.kernel.spelling import listed as listed_words
from tidegate.kernel.step import Cell, Explanation, Key
from tidegate.kernel.zone import local_day, zone
from tidegate.ports.reader import PAGE_MAX, Listed, Reader, readable
from tidegate.services import earlier, versions
from tidegate.services.answer import GateShown, gate_why
from tidegate.services.books import Books
from tidegate.services.downstream import Downstream, Followed
from tidegate.services.explained import (
    EXIT_LATE,
    EXIT_PERSON,
    EXIT_READY,
    EXIT_WAITING,
    Explained,
    following,
    printed,
)
from tidegate.services.look import Library, ReaderLook
from tidegate.services.page import Page, cursor_of, parse_cursor
from tidegate.services.record import Signals
from tidegate.services.turned_away import refused_for

OTHERS_MAX = 20
"""Gates of the same rule and date that an explanation names beside its own."""
FIRST_DAY, LAST_DAY = parse_day("0001-01-01"), parse_day("9999-12-31")
_CARE = (Status.QUARANTINED, Status.OVERDUE, Status.WAITING, Status.OPEN, Status.CLOSED)
"""Which of several gates of one date is explained: the one that needs somebody first."""
_NUMBERS = {name: int(status) for status, name in STATUSES.items()}


class Unread(Struct, frozen=True):
    """A gate of which nothing is known: what is stored of it cannot be read."""

    key: Key
    error: Defect


class Asking:
    """Safe in every thread; reads only."""

    def __init__(
        self,
        reader: Reader,
        library: Library,
        codec: Codec,
        signals: Signals,
        clock: Clock,
        downstream: Downstream,
        written: Callable[[str], str | None] = lambda name: None,
    ) -> None:
        """`written` tells in which file of the project's folder a rule stands."""
        self._reader = reader
        self._library = library
        self._codec = codec
        self._signals = signals
        self._clock = clock
        self._downstream = downstream
        self._written = written

    # ---- gates
    def gates(
        self,
        *,
        rule: str | None = None,
        status: str | None = None,
        day: Day | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[GateAnswer]:
        """One page, the newest date first; of one gate the newest round first.

        Raises InputError (`rule.unknown` for a name no rule and no gate has).
        """
        statuses = (status_number(status),) if status else ()
        after = parse_cursor("gate", cursor) if cursor else None
        found = self._reader.cells(
            "gate",
            scope=rule,
            statuses=statuses,
            days=(day, day) if day is not None else None,
            after=after,
            limit=limit,
            newest_first=True,
        )
        if not found and rule is not None:
            self._check_rule(rule)
        cursor_next = cursor_of(found[-1].key) if len(found) == limit else None
        known, unreadable = readable(found)
        items = [listed(*one) for one in self._with_rules(sorted(known, key=_newest_first))]
        return Page(items, cursor_next, unreadable)

    def all_gates(
        self, *, rule: str | None = None, status: str | None = None, day: Day | None = None
    ) -> Iterator[Json]:
        """Every gate. Raises Defect (`cell.unreadable`): some are not all."""
        for page in self.pages(rule=rule, status=status, day=day):
            if page.unreadable:
                raise page.unreadable[0]
            yield from page.items

    def pages(
        self, *, rule: str | None = None, status: str | None = None, day: Day | None = None
    ) -> Iterator[Page[GateAnswer]]:
        """Every gate, page by page."""
        cursor: str | None = None
        while True:
            page = self.gates(rule=rule, status=status, day=day, limit=PAGE_MAX, cursor=cursor)
            yield page
            cursor = page.next
            if cursor is None:
                return

    def rounds(self, days: tuple[Day, Day]) -> Iterator[tuple[Key, Gate, Rule] | Unread]:
        """The newest round of every gate of these dates."""
        after: Key | None = None
        while True:
            found = self._reader.cells("gate", days=days, after=after, limit=PAGE_MAX)
            roots = [one for one in found if "/" not in one.key.name]
            yield from self._with_rules(readable(roots)[0])
            yield from (Unread(one.key, one.kept) for one in roots if isinstance(one.kept, Defect))
            if len(found) < PAGE_MAX:
                return
            after = found[-1].key

    def unread(self, day: Day) -> Iterator[Unread]:
        """Gates of a date, and earlier rounds of theirs, that cannot be read."""
        after: Key | None = None
        while True:
            found = self._reader.cells("gate", days=(day, day), after=after, limit=PAGE_MAX)
            yield from (Unread(one.key, one.kept) for one in found if isinstance(one.kept, Defect))
            if len(found) < PAGE_MAX:
                return
            after = found[-1].key

    def gate(self, id_: str) -> GateShown:
        """One round of one gate, and the runs it asked for. Raises InputError (`gate.unknown`)."""
        key, cell, rule = self._find(id_)
        runs = self._downstream.of(_root(key), cell.state, rule)
        return {**listed(key, cell.state, rule), "runs": [one.listed() for one in runs]}

    def newest_day(self) -> Day | None:
        """The newest business date of gates that is not after tomorrow; where there is none such, the
        newest: one event with a date far ahead does not hide the others.
        """
        near = self._reader.last_day("gate", self._tomorrow())
        return self._reader.last_day("gate") if near is None or near == NO_DAY else near

    def beyond(self, day: Day) -> tuple[int, Day | None]:
        """How many gates there are of later business dates, at most a page, and the newest."""
        days = (Day(day + 1), LAST_DAY)
        page = self._reader.cells("gate", days=days, limit=PAGE_MAX)
        newest = self._reader.last_day("gate") if page else None
        return sum("/" not in one.key.name for one in page), newest

    def today(self) -> Day:
        """The date in the project's time zone."""
        where = zone(project_zone(self._library.books().documents.values()))
        return local_day(self._clock.now(), where)

    def _tomorrow(self) -> Day:
        return Day(self.today() + 1)

    # ---- why
    def explain_gate(self, id_: str) -> Explained:
        """Raises InputError (`gate.unknown`)."""
        key, cell, rule = self._find(id_)
        return self._explained(key, cell, rule)

    def explain_rule(self, name: str, day: Day | None, round_: int | None = None) -> Explained:
        """Why this rule did or did not open for a date; a gate that never began is explained too.

        Beside a gate that cannot be read the others are answered for, and it is named (`unreadable`).
        Raises InputError (`rule.unknown`, `gate.unknown` for a round that is not there), Defect
        (`cell.unreadable`) where there is no other.
        """
        rule = rules_of(self._library.books()).active.get(name)
        if rule is None:
            raise self._unknown(name)
        found, unread = readable(self._gates_of(rule, day))
        if unread and not found:
            raise unread[0]
        if not found:
            values = tuple(
                format_day(day) if match.is_date and day is not None else "" for match in rule.match
            )
            key = gate_key(rule, values)
            if round_ is not None:
                return self.explain_gate(public_id(key, round_))
            return self._explained(key, Cell(Gate(), rule.doc), rule)
        first, *others = found
        if round_ is not None:
            return self.explain_gate(public_id(first.key, round_))
        state = first.stored.cell.state
        assert isinstance(state, Gate)
        cell = Cell(state, first.stored.cell.doc, first.stored.cell.version)
        explained = self._explained(first.key, cell, self._rule_of(first.stored.cell))
        explained.answer["others"] = [_id_of(one) for one in others[:OTHERS_MAX]]
        try:
            self._add_opened_before(explained, first.key, state, self._rule_of(first.stored.cell))
        except Defect as error:
            if error.code != "cell.unreadable":
                raise
            unread.append(error)
        if unread:
            explained.answer["unreadable"] = [problem_of(one) for one in unread]
        return explained

    def opened_before(self, root: Key, gate: Gate) -> tuple[Gate, Rule] | None:
        """The last round that opened before this one, which has not."""
        stored = earlier.opened_before(self._reader, root, gate)
        return None if stored is None else (earlier.gate_of(stored), self._rule_of(stored.cell))

    def _add_opened_before(self, explained: Explained, key: Key, gate: Gate, rule: Rule) -> None:
        found = self.opened_before(key, gate)
        if found is None:
            return
        before, its_rule = found
        runs = self._downstream.of(key, before, its_rule)
        explained.answer["sentence"] = earlier.told_of_both(key, gate, rule, before, runs)
        explained.answer["opened_before"] = {
            "gate": public_id(key, before.round),
            "opened_at": None if before.opened_at is None else format_instant(before.opened_at),
            "runs": [one.listed() for one in runs],
        }

    def _gates_of(self, rule: Rule, day: Day | None) -> list[Listed]:
        """Gates of a rule for a date, or the newest, those that need somebody first."""
        if day is None:
            day = self._newest_day_of(rule)
            if day is None:
                return []
        found: list[Listed] = []
        for status in _CARE:
            page = self._reader.cells(
                "gate", scope=rule.name, days=(day, day), statuses=(int(status),), limit=PAGE_MAX
            )
            found += [one for one in page if "/" not in one.key.name]
            if len(found) > OTHERS_MAX:
                break
        return found

    def _newest_day_of(self, rule: Rule) -> Day | None:
        """As `newest_day`, of the gates of one rule."""
        near = (FIRST_DAY, self._tomorrow())
        for days in (near, None):
            page = self._reader.cells(
                "gate", scope=rule.name, days=days, limit=1, newest_first=True
            )
            if page and (days is None or page[0].key.day != NO_DAY):
                return page[0].key.day
        return None

    def _explained(self, key: Key, cell: Cell[Gate], rule: Rule) -> Explained:
        books = self._library.books(rule.doc)
        look = ReaderLook(self._reader, self._codec, self._signals, books, self._clock.now())
        root = _root(key)
        explanation = correlate.explain(key, look, rules_of(books))
        why = printed(explanation)
        runs = self._downstream.of(root, cell.state, rule) if cell.version else []
        if cell.state.status == Status.OPEN:
            why["sentence"] = _with_runs(explanation, runs)
        # A run of a round that has not opened is what was done about that: the round still waits.
        if runs and (cell.state.status == Status.OPEN or runs[0].needs_person):
            first = runs[0].explanation
            if first.next_what is not None:
                why["next"] = following(first.next_at, first.next_what)
        listed_runs = [one.listed() for one in runs]
        answer = gate_why(public_id(root, cell.state.round), why, listed_runs)
        now, latest = self._clock.now(), self._library.books()
        refused = refused_for(self._reader, root, cell.state, rule, latest.read, now)
        if refused:
            answer["refused"] = refused
        begun = bool(cell.version)
        notes = list(versions.notes(self._reader, root, cell.state, rule, latest, begun=begun))
        if notes:
            answer["notes"] = notes
        return Explained(answer, _exit_code(cell, runs))

    # ---- finding
    def _find(self, id_: str) -> tuple[Key, Cell[Gate], Rule]:
        key, round_ = round_named(id_)
        for one in (key, part_of(key, round_)):
            stored = self._reader.cell(one)
            if stored is None:
                continue
            state = stored.cell.state
            assert isinstance(state, Gate)
            if state.round == round_:
                cell = Cell(state, stored.cell.doc, stored.cell.version)
                return one, cell, self._rule_of(stored.cell)
        raise InputError("gate.unknown", f"there is no gate {id_[:200]}", fix=GATES_FIX)

    def _check_rule(self, name: str) -> None:
        """Raises InputError (`rule.unknown`)."""
        if name not in rules_of(self._library.books()).active and not self._reader.cells(
            "gate", scope=name, limit=1
        ):
            raise self._unknown(name)

    def _unknown(self, name: str) -> InputError:
        file = self._written(name)
        if file is not None:
            return InputError(
                "rule.unknown",
                f"no rule called {name[:80]!r} is followed: it is in {file} and not activated",
                fix="tidegate activate",
            )
        known = sorted(rules_of(self._library.books()).active)
        rules = f"rules here: {listed_words(known)}" if known else "no rule is active yet"
        return InputError(
            "rule.unknown",
            f"no rule is called {name[:80]!r}",
            fix=did_you_mean(name, known, rules),
        )

    def _with_rules(self, found: Sequence[Listed]) -> Iterator[tuple[Key, Gate, Rule]]:
        """Gates with the rules they follow; the activation is looked up once for all of them."""
        if not found:
            return
        rules = rules_of(self._library.books()).rules
        for one in found:
            cell = one.stored.cell
            assert isinstance(cell.state, Gate)
            yield one.key, cell.state, rules.get(cell.doc) or self._rule_of(cell)

    def _rule_of(self, cell: Cell[Any]) -> Rule:
        return rules_of(self._library.books(cell.doc)).rules[cell.doc]


def status_number(name: str) -> int:
    """Raises InputError (`input`)."""
    found = _NUMBERS.get(name)
    if found is None:
        raise InputError(
            "input", f"no gate status is called {name!r}", fix=f"one of {', '.join(_NUMBERS)}"
        )
    return found


def _root(key: Key) -> Key:
    """The gate's own key, of it or of one of its rounds."""
    return Key(key.kind, key.day, key.scope, key.name.partition("/")[0])


def _id_of(one: Listed) -> str:
    state = one.stored.cell.state
    assert isinstance(state, Gate)
    return public_id(one.key, state.round)


def _newest_first(one: Listed) -> tuple[int, str, str, int]:
    """Dates fall, rules and match values rise, rounds fall."""
    state = one.stored.cell.state
    assert isinstance(state, Gate)
    return -one.key.day, one.key.scope, one.key.name.partition("/")[0], -state.round


def _with_runs(explanation: Explanation, runs: Sequence[Followed]) -> str:
    """What the gate says, and what came of its opening."""
    if not runs:
        return f"{explanation.sentence}; it asked for no job"
    return f"{explanation.sentence}. {' '.join(one.explanation.sentence for one in runs)}"


def _exit_code(cell: Cell[Gate], runs: Sequence[Followed]) -> int:
    gate = cell.state
    match Status(gate.status):
        case Status.OPEN:
            return EXIT_PERSON if any(one.needs_person for one in runs) else EXIT_READY
        case Status.QUARANTINED:
            return EXIT_PERSON
        case Status.OVERDUE:
            return EXIT_LATE
        case Status.CLOSED:
            # What nobody closed ended because its time was over: that is late, for good.
            return EXIT_LATE if gate.expired and gate.closed_by == CLOSE_AFTER else EXIT_WAITING
        case Status.WAITING:
            return EXIT_LATE if gate.warned else EXIT_WAITING


def rules_of(books: Books) -> correlate.Book:
    for seat in books.seats:
        if isinstance(seat.book, correlate.Book):
            return seat.book
    raise AssertionError("correlate is one of the engines")
