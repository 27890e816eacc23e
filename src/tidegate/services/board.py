"""Board: what is ready, late, held and running, by process and business date.

Of several gates of one rule and date the one that needs somebody first is shown.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from tidegate.correlate.gate import CLOSE_AFTER, LATE, Gate, Shown, Status, show
from tidegate.correlate.rule import Rule
from tidegate.kernel.clock import Day, format_day
from tidegate.kernel.errors import Defect
from tidegate.kernel.event import Json
from tidegate.kernel.problem import problem_of
from tidegate.kernel.step import Key
from tidegate.services.asking import Asking, Unread
from tidegate.services.downstream import UNREAD, Downstream, Standings
from tidegate.services.earlier import both

DAYS_MAX = 60
UNKNOWN = "unknown"
"""What is stored of the gate, or of a run it asked for, cannot be read."""


class Row(Struct, frozen=True):
    """One rule, or one dataset under it, over the dates."""

    rule: str
    dataset: str | None
    cells: dict[str, str]  # business date to state
    again: list[str] = []  # business dates with a later round, after one that opened


class Board(Struct, frozen=True):
    dates: list[str]
    rows: list[Row]
    undelivered: int = 0  # notices that reached nobody
    beyond: int = 0  # gates of later business dates, at most a page
    newest: str | None = None  # the newest of those dates
    unreadable: list[Json] = []  # a problem for each gate or run that cannot be read


_OF_INPUT = {
    Shown.RECEIVED: "ready",
    Shown.MISSING: "waiting",
    Shown.QUARANTINED: "quarantine",
    Shown.LATE: "late",
}
_OF_RUN = {
    "held": "held",
    "started": "running",
    "running": "running",
    "retrying": "retrying",
    "succeeded": "done",
    "failed": "failed",
    "timed_out": "failed",
    "aborted": "failed",
    "refused": "failed",
    UNREAD: UNKNOWN,
    "cancelled": "ready",  # what it waited for is there; its run was given up
}
STATES = (
    "failed", UNKNOWN, "quarantine", "missing", "late", "retrying", "held", "waiting", "running", "ready",
    "closed", "done",
)  # fmt: skip
"""What a cell shows; of several gates of one date the state that stands first here."""


def make_board(asking: Asking, downstream: Downstream, last: Day, days: int) -> Board:
    """The gates of those dates: their newest rounds, and what earlier ones did."""
    first = Day(last - min(days, DAYS_MAX) + 1)
    standings = downstream.standings((first, last))
    shown: dict[str, dict[str, _Round]] = {}
    unreadable: list[Defect] = []
    for found in asking.rounds((first, last)):
        one = _round(asking, standings, found)
        key = found.key if isinstance(found, Unread) else found[0]
        if one.unread is not None:
            unreadable.append(one.unread)
        dates = shown.setdefault(key.scope, {})
        date = format_day(key.day)
        if date not in dates or one.rank < dates[date].rank:
            dates[date] = one
    rows = [row for rule in sorted(shown) for row in _rows(rule, shown[rule])]
    problems = [problem_of(one) for one in (*unreadable, *standings.unreadable)]
    columns = [format_day(Day(day)) for day in range(first, last + 1)]
    return Board(columns, rows, unreadable=problems)


def with_beyond(made: Board, asking: Asking, last: Day) -> Board:
    """With the gates of dates after its last, which nobody asked to leave out."""
    many, newest = asking.beyond(last)
    return replace(made, beyond=many, newest=None if newest is None else format_day(newest))


class _Round(Struct, frozen=True):
    """The gate that stands for a rule and date."""

    state: str
    inputs: dict[str, str] = {}
    again: bool = False  # a round opened, and a later one has begun since
    unread: Defect | None = None

    @property
    def rank(self) -> int:
        return STATES.index(self.state)


def _stands(standings: Standings, key: Key, gate: Gate, rule: Rule) -> _Round:
    run = standings.of(key, gate, rule) if gate.status == Status.OPEN else None
    inputs = {name: _input_state(one, gate) for name, one in show(gate, rule).items()}
    return _Round(_rule_state(gate, run), inputs)


def _round(asking: Asking, standings: Standings, found: tuple[Key, Gate, Rule] | Unread) -> _Round:
    """Of a gate that cannot be read, or an earlier round of which cannot, nothing is known."""
    if isinstance(found, Unread):
        return _Round(UNKNOWN, unread=found.error)
    try:
        return _both_rounds(asking, standings, *found)
    except Defect as error:
        if error.code != "cell.unreadable":
            raise
        return _Round(UNKNOWN, unread=error)


def _both_rounds(asking: Asking, standings: Standings, key: Key, gate: Gate, rule: Rule) -> _Round:
    """What opened stays so while a later round only waits, or was closed; else the one that needs somebody first.

    An input that came for the round that opened is here, unless what came anew was held back.
    """
    newest = _stands(standings, key, gate, rule)
    found = asking.opened_before(key, gate)
    if found is None:
        return newest
    before = _stands(standings, key, *found)
    kept = both(show(gate, rule), show(*found))
    inputs = {
        name: "ready" if one is Shown.RECEIVED else newest.inputs[name]
        for name, one in kept.items()
    }
    waits = newest.state in ("waiting", "closed") or before.rank < newest.rank
    return replace(newest, state=before.state if waits else newest.state, inputs=inputs, again=True)


def _rows(rule: str, dates: dict[str, _Round]) -> list[Row]:
    """The row of a rule, and those of its inputs under it."""
    inputs: dict[str, dict[str, str]] = {}
    for date, one in dates.items():
        for name, state in one.inputs.items():
            inputs.setdefault(name, {})[date] = state
    again = sorted(date for date, one in dates.items() if one.again)
    own = Row(rule, None, {date: one.state for date, one in dates.items()}, again)
    return [own, *(Row(rule, name, cells) for name, cells in inputs.items())]


def _rule_state(gate: Gate, run: str | None) -> str:
    match Status(gate.status):
        case Status.OPEN:
            return "done" if run is None else _OF_RUN.get(run, "running")
        case Status.WAITING:
            return "late" if gate.warned else "waiting"
        case Status.QUARANTINED:
            return "quarantine"
        case Status.OVERDUE:
            return "missing" if gate.backfill else "late"
        case Status.CLOSED:
            return "closed" if _by_person(gate) else "missing"


def _by_person(gate: Gate) -> bool:
    """Somebody decided to wait no longer, so nobody has to look after what it lacks."""
    return gate.closed_by not in (None, CLOSE_AFTER, LATE)


def _input_state(state: Shown, gate: Gate) -> str:
    if state is Shown.MISSING and gate.status in (Status.OVERDUE, Status.CLOSED):
        return "closed" if _by_person(gate) else "missing"
    if state is Shown.MISSING and gate.warned:
        return "late"
    return _OF_INPUT[state]
