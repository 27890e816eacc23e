"""Calls: one of every route, asked of a real server; what the API's reference shows.

    record(server) --> [{route, ask, body, status, answer}, ...] in the order of a small story

The project is CALLED: two datasets with a quality condition, a job that ends and one that does not.
"""

from __future__ import annotations

import json
from threading import Event
from typing import Any

from tidegate.kernel.calendar import WeekdayName
from tidegate.testing.server import Server
from tidegate.testing.weekday import exchanged, far_weekday

TRIES_MAX = 300
DATE = "2026-03-02"
GATE = f"nightly~~{DATE}~~001"
RUN = f"report~~{DATE}~~nightly.001.1"
CALLED = {
    "tidegate.yaml": "name: nightly\n",
    "rules/nightly.yaml": """rule_name: nightly
owner: nightly_team
conditions:
  - data.dataset_name: orders
  - data.dataset_name: customers
additional_conditions:
  - record_count: "> 0"
correlation_logic:
  - match_field: data.business_date
actions:
  - action_type: trigger_job
    job_name: report
    parameters: {business_date: "${business_date}"}
""",
    "jobs/jobs.yaml": """report: {kind: command, target: [echo, '{"rows": 12000}'], owner: nightly_team}
long: {kind: command, target: [sleep, "600"]}
""",
}
"""The files of its project."""


def event(dataset: str, id_: str, **more: Any) -> dict[str, Any]:
    data = {"dataset_name": dataset, "business_date": DATE, **more}
    return {
        "specversion": "1.0", "id": id_, "source": f"/{dataset}", "type": "dataset.delivered",
        "time": f"{DATE}T05:40:00Z", "data": data,
    }  # fmt: skip


class Recorder:
    """Asks and keeps."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.calls: list[dict[str, Any]] = []

    def ask(self, route: str, ask: str | None = None, body: Any = None) -> Any:
        """One call of a route such as `GET /api/v1/gates`; `ask` is the path that is called."""
        method, _, path = route.partition(" ")
        status, answer = self._server.call(method, ask or path, body)
        call = {"route": route, "ask": ask or path, "status": status, "answer": answer}
        if body is not None:
            call["body"] = body
        self.calls.append(call)
        return answer

    def tell(self, *events: dict[str, Any]) -> None:
        """Send events without keeping the call."""
        status, answer = self._server.call("POST", "/api/v1/events", list(events))
        assert status == 202, answer

    def until_ended(self, id_: str) -> None:
        """The run has ended, and its trigger has heard of it, which takes a turn more."""
        for _ in range(TRIES_MAX):
            _, run = self._server.call("GET", f"/api/v1/executions/{id_}")
            _, trigger = self._server.call("GET", f"/api/v1/triggers/{id_}")
            if run.get("ended_at") and trigger.get("status") not in (None, "started"):
                return
            Event().wait(0.1)
        raise AssertionError(f"{id_} did not end")


def record(server: Server) -> list[dict[str, Any]]:
    """Every route but `/metrics`, which answers text; a day that is not near stands for Sunday."""
    recorder, far = Recorder(server), far_weekday()
    ask = recorder.ask
    ask("GET /healthz")
    ask("GET /readyz")
    events = [
        event("orders", "orders-1", record_count=12000),
        event("customers", "customers-1", record_count=0),
        {"specversion": "1.0", "id": "no-source", "type": "dataset.delivered"},
    ]
    ask("POST /api/v1/events", body=events)
    _ask_of_the_gate(recorder)
    ask("POST /api/v1/gates/{gate_id}/release", f"/api/v1/gates/{GATE}/release",
        {"inputs": ["customers"], "reason": "there were none that day"})  # fmt: skip
    recorder.until_ended(RUN)
    _ask_of_the_run(recorder)
    _hold_and_start(recorder, far)
    notices = ask("GET /api/v1/notices", f"/api/v1/notices?date={DATE}&limit=1")
    notice = notices["items"][0]["id"]
    ask("GET /api/v1/notices/{notice_id}", f"/api/v1/notices/{notice}")
    ask("POST /api/v1/notices/{notice_id}/send", f"/api/v1/notices/{notice}/send")
    ask("POST /api/v1/activations", body={"dry_run": True, "reason": "what would change?"})
    ask("GET /api/v1/inbox")
    ask("GET /api/v1/inbox/{item_id}", "/api/v1/inbox/r1")
    ask("POST /api/v1/inbox/{item_id}/release", "/api/v1/inbox/4.correlate/release")
    ask("POST /api/v1/clock/accept", body={"reason": "the clock was set"})
    recorder.tell(event("orders", "orders-2", record_count=9000, business_date="2026-03-03"))
    ask("POST /api/v1/gates/{gate_id}/close", "/api/v1/gates/nightly~~2026-03-03~~001/close",
        {"reason": "the shop was closed that day"})  # fmt: skip
    shown: list[dict[str, Any]] = json.loads(exchanged(json.dumps(recorder.calls), far))
    return shown


def _ask_of_the_gate(recorder: Recorder) -> None:
    ask = recorder.ask
    ask("GET /api/v1/gates", "/api/v1/gates?status=quarantined&limit=10")
    ask("GET /api/v1/gates/{gate_id}", f"/api/v1/gates/{GATE}")
    ask("GET /api/v1/gates/{gate_id}/explain", f"/api/v1/gates/{GATE}/explain")
    ask("GET /api/v1/rules/{rule}/explain", f"/api/v1/rules/nightly/explain?date={DATE}")
    asked = f"/api/v1/readiness?dataset=customers&business_date={DATE}"
    ask("GET /api/v1/readiness", asked)
    ask("GET /api/v1/events", "/api/v1/events?dataset=orders&limit=1")


def _ask_of_the_run(recorder: Recorder) -> None:
    ask = recorder.ask
    ask("GET /api/v1/executions", f"/api/v1/executions?date={DATE}&limit=1")
    ask("GET /api/v1/executions/{execution_id}", f"/api/v1/executions/{RUN}")
    ask("GET /api/v1/triggers", f"/api/v1/triggers?date={DATE}")
    ask("GET /api/v1/triggers/{trigger_id}", f"/api/v1/triggers/{RUN}")
    ask("GET /api/v1/triggers/{trigger_id}/explain", f"/api/v1/triggers/{RUN}/explain")
    ask("GET /api/v1/jobs")
    ask("GET /api/v1/trace/{trace_id}", "/api/v1/trace/orders-1")


def _hold_and_start(recorder: Recorder, far: WeekdayName) -> None:
    ask = recorder.ask
    wanted = {"job": "long", "business_date": DATE, "idempotency_key": "one", "reason": "by hand"}
    started = ask("POST /api/v1/trigger/manual", body=wanted)
    execution = started["trigger_id"]
    ask("POST /api/v1/executions/{execution_id}/stop", f"/api/v1/executions/{execution}/stop",
        {"reason": "it is not needed"})  # fmt: skip
    recorder.until_ended(execution)
    ask("POST /api/v1/pipeline/pause",
        body={"reason": "System maintenance", "user": "admin", "duration_minutes": 120})  # fmt: skip
    again = ask("POST /api/v1/triggers/{trigger_id}/again", f"/api/v1/triggers/{execution}/again",
        {"reason": "it is needed after all"})  # fmt: skip
    ask("GET /api/v1/triggers/pending")
    ask("GET /api/v1/schedule")
    ask("POST /api/v1/triggers/{trigger_id}/cancel", f"/api/v1/triggers/{again['trigger_id']}/cancel",
        {"reason": "it is not"})  # fmt: skip
    ask("POST /api/v1/pipeline/resume", body={"reason": "Maintenance is over", "user": "admin"})
    window = {"start": "02:00", "end": "04:00", "days": [far], "description": "Weekly"}
    added = ask("POST /api/v1/schedule/maintenance", body=window)
    ask("GET /api/v1/schedule/maintenance")
    id_ = added["window_id"]
    route = "DELETE /api/v1/schedule/maintenance/{window_id}"
    ask(route, f"/api/v1/schedule/maintenance/{id_}")
