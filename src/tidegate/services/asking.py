"""Asking: questions about gates. One record, made by the engine while deciding, feeds every answer.

A name becomes a key here; the engine's own `explain` says why. Nothing is decided a second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from tidegate.correlate import engine as correlate
from tidegate.correlate.gate import STATUSES, Gate, Status
from tidegate.correlate.identity import gate_key, parse_id, part_of, public_id, request_id
from tidegate.correlate.listing import listed
from tidegate.correlate.rule import Rule
from tidegate.kernel.clock import Clock, Day, format_day, format_instant, parse_day
from tidegate.kernel.codec import Codec
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.ids import parse_public, public, segment
from tidegate.kernel.step import CARE_MIN, Cell, Clause, Compared, Explanation, Key, Miss, Seen
from tidegate.ports.reader import PAGE_MAX, Listed, Reader
from tidegate.services.books import Books
from tidegate.services.look import Library, ReaderLook
from tidegate.services.record import Signals

EXIT_READY, EXIT_WAITING, EXIT_LATE, EXIT_PERSON = 0, 10, 11, 12
_EXITS = {
    Status.WAITING: EXIT_WAITING,
    Status.OPEN: EXIT_READY,
    Status.CLOSED: EXIT_WAITING,
    Status.OVERDUE: EXIT_LATE,
    Status.QUARANTINED: EXIT_PERSON,
}
_NUMBERS = {name: int(status) for status, name in STATUSES.items()}


class Page(Struct, frozen=True):
    """Items, and the cursor of those that follow."""

    items: list[Json]
    next: str | None


class Explained(Struct, frozen=True):
    """What `explain --json` prints, and the exit code that carries the answer."""

    answer: dict[str, Json]
    exit_code: int


class Asking:
    """Safe in every thread; reads only."""

    def __init__(
        self, reader: Reader, library: Library, codec: Codec, signals: Signals, clock: Clock
    ) -> None:
        self._reader = reader
        self._library = library
        self._codec = codec
        self._signals = signals
        self._clock = clock

    # ---- gates
    def gates(
        self,
        *,
        rule: str | None = None,
        status: str | None = None,
        day: Day | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """One page in the order of (date, rule, match values, round)."""
        statuses = (status_number(status),) if status else ()
        after = _parse_cursor(cursor) if cursor else None
        found = self._reader.cells(
            "gate",
            scope=rule,
            statuses=statuses,
            days=(day, day) if day is not None else None,
            after=after,
            limit=limit,
        )
        following = _cursor(found[-1].key) if len(found) == limit else None
        return Page([self._listed(one) for one in found], following)

    def all_gates(
        self, *, rule: str | None = None, status: str | None = None, day: Day | None = None
    ) -> Iterator[Json]:
        """Every gate, page by page."""
        cursor: str | None = None
        while True:
            page = self.gates(rule=rule, status=status, day=day, limit=PAGE_MAX, cursor=cursor)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def gate(self, id_: str) -> Json:
        """One round of one gate. Raises InputError (`gate.unknown`)."""
        key, cell, rule = self._find(id_)
        return listed(key, cell.state, rule)

    # ---- why
    def explain_gate(self, id_: str) -> Explained:
        """Raises InputError (`gate.unknown`)."""
        key, cell, rule = self._find(id_)
        return self._explained(key, cell, rule)

    def explain_rule(self, name: str, day: Day | None, round_: int | None = None) -> Explained:
        """Why this rule did or did not open for a date; a gate that never began is explained too.

        Raises InputError (`rule.unknown`, `gate.unknown` for a round that is not there).
        """
        books = self._library.books()
        rule = _rules(books).active.get(name)
        if rule is None:
            known = ", ".join(sorted(_rules(books).active)) or "none"
            raise InputError(
                "rule.unknown", f"no rule is called {name!r}", fix=f"rules here: {known}"
            )
        keys = self._keys_of(rule, day)
        if not keys:
            values = tuple(
                format_day(day) if match.is_date and day is not None else "" for match in rule.match
            )
            keys = [gate_key(rule, values)]
        key = keys[0]
        if round_ is not None:
            return self.explain_gate(public_id(key, round_))
        stored = self._reader.cell(key)
        if stored is None:
            return self._explained(key, Cell(Gate(), rule.doc), rule)
        state = stored.cell.state
        assert isinstance(state, Gate)
        return self._explained(
            key, Cell(state, stored.cell.doc, stored.cell.version), self._rule_of(stored.cell)
        )

    def _keys_of(self, rule: Rule, day: Day | None) -> list[Key]:
        """Gates of a rule, the newest date first, of one date those that need somebody first."""
        days = (day, day) if day is not None else None
        page = self._reader.cells("gate", scope=rule.name, days=days, limit=PAGE_MAX)
        roots = [one for one in page if "/" not in one.key.name]
        roots.sort(key=lambda one: (-one.key.day, -one.stored.cell.state.status))
        return [one.key for one in roots]

    def _explained(self, key: Key, cell: Cell[Gate], rule: Rule) -> Explained:
        books = self._library.books(rule.doc)
        look = ReaderLook(self._reader, self._codec, self._signals, books, self._clock.now())
        root = Key(key.kind, key.day, key.scope, key.name.partition("/")[0])
        explanation = correlate.explain(key, look, _rules(books))
        answer: dict[str, Json] = {"gate": public_id(root, cell.state.round)}
        answer.update(printed(explanation))
        exit_code = _EXITS[Status(cell.state.status)] if cell.version else EXIT_WAITING
        if cell.state.warned and exit_code == EXIT_WAITING and cell.state.status == Status.WAITING:
            exit_code = EXIT_LATE
        runs = self._runs(root, cell.state.round)
        answer["runs"] = [run for run, _ in runs]
        if exit_code == EXIT_READY and any(failed for _, failed in runs):
            exit_code = EXIT_PERSON
        return Explained(answer, exit_code)

    def _runs(self, key: Key, round_: int) -> list[tuple[Json, bool]]:
        """Executions this round asked for: what they are called and whether they failed."""
        asked = segment(request_id(key, round_, 0)).removesuffix("0")
        page = self._reader.cells("execution", days=(key.day, key.day), limit=PAGE_MAX)
        kind = self._codec.kind("execution") if "execution" in self._names() else None
        found: list[tuple[Json, bool]] = []
        for one in page:
            if kind is None or not one.key.name.startswith(asked) or "/" in one.key.name:
                continue
            status = one.stored.cell.state.status
            run = {
                "execution": public(one.key.scope, format_day(one.key.day), one.key.name),
                "job": one.key.scope,
                "status": kind.statuses.get(status, str(status)),
            }
            found.append((run, status >= CARE_MIN))
        return found

    def _names(self) -> set[str]:
        return {kind.name for kind in self._codec.kinds}

    # ---- is my data ready?
    def readiness(self, dataset: str, day: Day) -> dict[str, Json]:
        """One answer out of the newest round of each gate of that date that waits for the dataset."""
        verdicts: list[str] = []
        reasons: list[str] = []
        newest: dict[str, Json] = {}
        for gate in self.all_gates(day=day):
            root = gate["id"].rpartition("~~")[0]
            older = newest.get(root)
            if any(_is_of(one, dataset) for one in gate["inputs"]) and (
                older is None or older["round"] < gate["round"]
            ):
                newest[root] = gate
        gates = newest.values()
        for gate in gates:
            for one in gate["inputs"]:
                if _is_of(one, dataset):
                    verdicts.append(_ready(one["status"], gate))
                    why = f": {one['reason']}" if one["reason"] else ""
                    reasons.append(f"{gate['id']}: {one['name']} {one['status']}{why}")
        if not gates:
            waiting = [rule.name for rule in self._waiting_for(dataset)]
            verdicts = ["not_ready"] if waiting else ["unknown"]
            reasons = [f"{name} waits for it" for name in waiting] or ["no rule waits for it"]
        order = ("quarantined", "late", "not_ready", "unknown", "ready")
        return {
            "dataset": dataset,
            "business_date": format_day(day),
            "status": next(one for one in order if one in verdicts),
            "partial": False,
            "audit_result": None,
            "historical": any(gate["backfill"] for gate in gates),
            "reasons": reasons,
        }

    def _waiting_for(self, dataset: str) -> list[Rule]:
        rules = _rules(self._library.books()).active.values()
        return [
            rule for rule in rules if any(dataset in (one.dataset, one.name) for one in rule.inputs)
        ]

    # ---- finding
    def _find(self, id_: str) -> tuple[Key, Cell[Gate], Rule]:
        try:
            key, round_ = parse_id(id_)
        except ValueError as error:
            raise InputError("gate.unknown", str(error)) from error
        for one in (key, part_of(key, round_)):
            stored = self._reader.cell(one)
            if stored is None:
                continue
            state = stored.cell.state
            assert isinstance(state, Gate)
            if state.round == round_:
                cell = Cell(state, stored.cell.doc, stored.cell.version)
                return one, cell, self._rule_of(stored.cell)
        raise InputError("gate.unknown", f"there is no gate {id_}")

    def _listed(self, one: Listed) -> Json:
        state = one.stored.cell.state
        assert isinstance(state, Gate)
        return listed(one.key, state, self._rule_of(one.stored.cell))

    def _rule_of(self, cell: Cell[Any]) -> Rule:
        return _rules(self._library.books(cell.doc)).rules[cell.doc]


def printed(explanation: Explanation) -> dict[str, Json]:
    """An explanation as JSON."""
    at = explanation.next_at
    return {
        "status": explanation.status,
        "sentence": explanation.sentence,
        "clauses": [_clause(one) for one in explanation.clauses],
        "nearest_misses": [_miss(one) for one in explanation.nearest_misses],
        "next": {
            "at": format_instant(at) if at is not None else None,
            "what": explanation.next_what,
        },
    }


def status_number(name: str) -> int:
    """Raises InputError (`input`)."""
    found = _NUMBERS.get(name)
    if found is None:
        raise InputError(
            "input", f"no gate status is called {name!r}", fix=f"one of {', '.join(_NUMBERS)}"
        )
    return found


def parse_date(text: str) -> Day:
    """A business date as people type it. Raises InputError (`input`)."""
    try:
        return parse_day(text)
    except ValueError as error:
        raise InputError("input", str(error), fix="write 2024-01-15") from error


def _clause(one: Clause) -> Json:
    return {
        "text": one.text,
        "verdict": one.verdict,
        "evidence": _seen(one.evidence) if one.evidence else None,
        "compared": _compared(one.compared),
    }


def _miss(one: Miss) -> Json:
    return {
        "text": one.text,
        "evidence": _seen(one.evidence),
        "compared": _compared(one.compared),
    }


def _seen(one: Seen) -> Json:
    return {"pos": one.pos, "source": one.source, "id": one.id, "time": format_instant(one.time)}


def _compared(all_: Sequence[Compared]) -> list[Json]:
    return [
        {"what": one.what, "wanted": one.wanted, "seen": one.seen, "met": one.met} for one in all_
    ]


def _is_of(one: Json, dataset: str) -> bool:
    return dataset in (one["dataset"], one["name"])


def _ready(input_status: str, gate: Json) -> str:
    if input_status == "received":
        return "ready"
    if input_status == "quarantined":
        return "quarantined"
    if gate["status"] == "closed":
        return "not_ready"
    late = gate["status"] == "overdue" or gate["warned"] or input_status == "late"
    return "late" if late else "not_ready"


def _rules(books: Books) -> correlate.Book:
    for seat in books.seats:
        if isinstance(seat.book, correlate.Book):
            return seat.book
    raise AssertionError("correlate is one of the engines")


def _cursor(key: Key) -> str:
    return public(str(key.day), key.scope, key.name)


def _parse_cursor(text: str) -> Key:
    try:
        day, scope, name = parse_public(text)
        return Key("gate", Day(int(day)), scope, name)
    except ValueError as error:
        raise InputError("input", "the cursor is none of ours", fix="begin without one") from error
