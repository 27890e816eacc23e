"""Readiness: is my data ready? One answer out of all gates that wait for a dataset of a date."""

from __future__ import annotations

from tidegate.correlate.rule import Rule
from tidegate.kernel.clock import Day, format_day
from tidegate.kernel.event import Json
from tidegate.services.asking import Asking, rules_of
from tidegate.services.look import Library


class Readiness:
    """Safe in every thread; reads only."""

    def __init__(self, asking: Asking, library: Library) -> None:
        self._asking = asking
        self._library = library

    def of(self, dataset: str, day: Day) -> dict[str, Json]:
        """One answer out of the newest round of each gate of that date that waits for the dataset."""
        verdicts: list[str] = []
        reasons: list[str] = []
        newest: dict[str, Json] = {}
        for gate in self._asking.all_gates(day=day):
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
        rules = rules_of(self._library.books()).active.values()
        return [
            rule for rule in rules if any(dataset in (one.dataset, one.name) for one in rule.inputs)
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
