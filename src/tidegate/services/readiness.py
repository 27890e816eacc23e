"""Readiness: is my data ready? One answer out of all gates that wait for a dataset of a date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypedDict

from tidegate.correlate.listing import GateAnswer
from tidegate.correlate.rule import Rule
from tidegate.kernel.clock import Day, format_day
from tidegate.kernel.errors import Defect
from tidegate.kernel.event import Json
from tidegate.services.asking import Asking, rules_of
from tidegate.services.look import Library
from tidegate.services.page import Page


class ReadinessAnswer(TypedDict):
    """Is this dataset ready for this business date, and why not."""

    dataset: str
    business_date: str
    status: str
    partial: bool
    audit_result: Json
    historical: bool
    reasons: list[str]


class Readiness:
    """Safe in every thread; reads only."""

    def __init__(self, asking: Asking, library: Library) -> None:
        self._asking = asking
        self._library = library

    def of(self, dataset: str, day: Day) -> ReadinessAnswer:
        """One answer out of the newest round of each gate of that date that waits for the dataset.

        What came for an earlier round that opened stays ready, unless what came anew is held back.
        A gate that cannot be read is no reason to keep the others back: of it nothing is known.
        """
        verdicts: list[str] = []
        reasons: list[str] = []
        newest: dict[str, Json] = {}
        opened: dict[str, Json] = {}
        unread = False
        for gate in _gates(self._asking.pages(day=day)):
            if isinstance(gate, Defect):
                unread = True
            elif any(_is_of(one, dataset) for one in gate["inputs"]):
                root = gate["id"].rpartition("~~")[0]
                _keep_newer(newest, root, gate)
                if gate["status"] == "open":
                    _keep_newer(opened, root, gate)
        gates = newest.values()
        for root, gate in newest.items():
            for one in gate["inputs"]:
                if _is_of(one, dataset):
                    verdict, reason = _verdict(one, gate, opened.get(root))
                    verdicts.append(verdict)
                    reasons.append(reason)
        waiting = [rule.name for rule in self._waiting_for(dataset)]
        for one in self._asking.unread(day) if unread else ():
            if one.key.scope in waiting:
                verdicts.append("unknown")
                reasons.append(str(one.error))
        if not verdicts:
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
        rules = rules_of(self._library.books()).active.values()
        return [
            rule for rule in rules if any(dataset in (one.dataset, one.name) for one in rule.inputs)
        ]


def _gates(pages: Iterable[Page[GateAnswer]]) -> Iterator[Json | Defect]:
    for page in pages:
        yield from page.items
        yield from page.unreadable


def _keep_newer(found: dict[str, Json], root: str, gate: Json) -> None:
    if root not in found or found[root]["round"] < gate["round"]:
        found[root] = gate


def _verdict(one: Json, gate: Json, opened: Json | None) -> tuple[str, str]:
    """What an input of the newest round says, and why; `opened` is the last round that did."""
    came = one["status"] in ("received", "quarantined")
    if opened is not None and not came and _received(one["name"], opened):
        return "ready", (
            f"{opened['id']}: {one['name']} received; the round opened at {opened['opened_at']}, "
            f"round {gate['round']:03d} has it not anew ({one['status']})"
        )
    why = f": {one['reason']}" if one["reason"] else ""
    return _ready(one["status"], gate), f"{gate['id']}: {one['name']} {one['status']}{why}"


def _received(name: str, gate: Json) -> bool:
    return any(one["name"] == name and one["status"] == "received" for one in gate["inputs"])


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
