"""Trace: everything under one id, across applications, in the order of time.

From an event, an application's context id, a global correlation id, or an execution: what came,
the gates it was counted for, the runs that followed.
"""

from __future__ import annotations

from tidegate.kernel.event import Json
from tidegate.ports.reader import PAGE_MAX
from tidegate.services.asking import Asking
from tidegate.services.runs import Runs
from tidegate.services.search import Search, Wanted

FOLLOWED_MAX = 50
"""So many further ids are followed from what an id leads to."""


class Trace:
    """Safe in every thread; reads only."""

    def __init__(self, search: Search, asking: Asking, runs: Runs) -> None:
        self._search = search
        self._asking = asking
        self._runs = runs

    def trace(self, id_: str) -> dict[str, Json]:
        """Every event, gate and execution that belongs to the id; empty lists when there is none."""
        direct, _ = self._search.newest(Wanted(token=id_), limit=PAGE_MAX)
        gates = [gate for gate in self._asking.all_gates() if _concerns(gate, id_, direct)]
        correlations = [gate["correlation_id"] for gate in gates][:FOLLOWED_MAX]
        events = {event["pos"]: event for event in direct}
        for correlation in correlations:
            if correlation != id_:
                found, _ = self._search.newest(Wanted(token=correlation), limit=PAGE_MAX)
                events.update({event["pos"]: event for event in found})
        for gate in gates[:FOLLOWED_MAX]:
            for one in gate["inputs"]:
                if one["event"] is None:
                    continue
                wanted = Wanted(token=one["event"]["id"], source=one["event"]["source"])
                found, _ = self._search.newest(wanted, limit=1)
                events.update({event["pos"]: event for event in found})
        runs = [
            run
            for run in self._runs.executions(limit=PAGE_MAX).items
            if run["correlation_id"] in {*correlations, id_} or run["id"] == id_
        ]
        return {
            "id": id_,
            "correlation_ids": correlations,
            "events": [events[pos] for pos in sorted(events)],
            "gates": gates,
            "executions": sorted(runs, key=lambda run: run["started_at"] or ""),
        }


def _concerns(gate: Json, id_: str, events: list[Json]) -> bool:
    """The gate is this id's, or counted one of these events."""
    if id_ in (gate["correlation_id"], gate["id"]):
        return True
    counted = {
        (one["event"]["source"], one["event"]["id"]) for one in gate["inputs"] if one["event"]
    }
    return any((event["source"], event["id"]) in counted for event in events)
