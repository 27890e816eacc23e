"""Board: what is ready, late, held and running, by process and business date."""

from __future__ import annotations

from msgspec import Struct

from tidegate.kernel.clock import Day, format_day
from tidegate.kernel.event import Json
from tidegate.ports.reader import PAGE_MAX
from tidegate.services.asking import Asking
from tidegate.services.runs import Runs

DAYS_MAX = 60


class Row(Struct, frozen=True):
    """One rule, or one dataset under it, over the dates."""

    rule: str
    dataset: str | None
    cells: dict[str, str]  # business date to state


class Board(Struct, frozen=True):
    dates: list[str]
    rows: list[Row]
    undelivered: int = 0  # notices that reached nobody


_OF_INPUT = {"received": "ready", "missing": "waiting", "quarantined": "quarantine", "late": "late"}
_OF_RUN = {
    "running": "running",
    "retrying": "late",
    "succeeded": "done",
    "failed": "failed",
    "timed_out": "failed",
    "aborted": "failed",
}


def make_board(asking: Asking, runs: Runs, last: Day, days: int) -> Board:
    """The newest round of every gate of those dates."""
    dates = [format_day(Day(last - n)) for n in reversed(range(min(days, DAYS_MAX)))]
    rules: dict[str, dict[str, Json]] = {}
    for date_number in range(last - len(dates) + 1, last + 1):
        for gate in asking.all_gates(day=Day(date_number)):
            shown = rules.setdefault(gate["rule"], {})
            date = format_day(Day(date_number))
            if date not in shown or shown[date]["round"] < gate["round"]:
                shown[date] = gate
    states = _runs(runs, (Day(last - len(dates) + 1), last))
    rows: list[Row] = []
    for rule in sorted(rules):
        gates = rules[rule]
        rows.append(
            Row(rule, None, {date: _rule_state(gate, states) for date, gate in gates.items()})
        )
        names = {one["name"]: None for gate in gates.values() for one in gate["inputs"]}
        for name in names:
            cells = {
                date: _input_state(one["status"], gate)
                for date, gate in gates.items()
                for one in gate["inputs"]
                if one["name"] == name
            }
            rows.append(Row(rule, name, cells))
    return Board(dates, rows)


def _runs(runs: Runs, days: tuple[Day, Day]) -> dict[str, str]:
    """Status of the newest run by correlation id; triggers that are held count as held."""
    states: dict[str, str] = {}
    cursor: str | None = None
    while True:
        page = runs.triggers(status="held", days=days, limit=PAGE_MAX, cursor=cursor)
        for trigger in page.items:
            if trigger["correlation_id"]:
                states[trigger["correlation_id"]] = "held"
        cursor = page.next
        if cursor is None:
            break
    for run in sorted(runs.all_executions(days=days), key=lambda one: one["started_at"]):
        if run["correlation_id"]:
            states[run["correlation_id"]] = _OF_RUN.get(run["status"], "running")
    return states


def _rule_state(gate: Json, runs: dict[str, str]) -> str:
    if gate["status"] == "open":
        return runs.get(gate["correlation_id"], "done")
    return {
        "waiting": "late" if gate["warned"] else "waiting",
        "quarantined": "quarantine",
        "overdue": "missing" if gate["backfill"] else "late",
        "closed": "missing",
    }[gate["status"]]


def _input_state(status: str, gate: Json) -> str:
    if status == "missing" and gate["status"] in ("overdue", "closed"):
        return "missing"
    if status == "missing" and gate["warned"]:
        return "late"
    return _OF_INPUT[status]
