"""What a server answers fits the schemas that the same server describes, and holds nothing beside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tidegate.api.schemas import ANSWERS
from tidegate.testing.schemas import faults, strict
from tidegate.testing.server import Server, eventually, tidegate

RULES = """\
rule_name: nightly
conditions:
- {event_type: delivered, data.dataset_name: orders, additional_conditions: [{data.n: "> 0"}]}
- {event_type: delivered, data.dataset_name: stock}
correlation_logic: [{match_field: data.business_date, operator: equals}]
actions:
- {action_type: trigger_job, job_name: load}
- {action_type: trigger_job, job_name: fail, retry_config: {max_attempts: 2, delay_minutes: 0}}
- {action_type: trigger_job, job_name: nobody}
"""
JOBS = "load: {kind: command, target: ['true']}\nfail: {kind: command, target: ['false']}\n"
GATE = "nightly~~2026-03-02~~001"
FAILED = "fail~~2026-03-02~~nightly.001.2"


def event(id_: str, dataset: str, day: int = 2, **data: Any) -> dict[str, Any]:
    fields = {"dataset_name": dataset, "business_date": f"2026-03-0{day}", "n": 1} | data
    return {
        "specversion": "1.0", "id": id_, "source": "/shop", "type": "delivered", "data": fields,
    }  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Rounds that opened, wait and are held back, runs of every end, and deliveries refused."""
    folder = tmp_path_factory.mktemp("schemas")
    for name, text in {"rules/all.yaml": RULES, "jobs/all.yaml": JOBS}.items():
        (folder / name).parent.mkdir()
        (folder / name).write_text(text, "utf-8")
    with Server(folder) as started:
        started.post([event("o1", "orders"), event("s1", "stock")])
        eventually(lambda: executions(started) == ["failed", "succeeded"])
        started.call("POST", "/api/v1/pipeline/pause", {"reason": "upgrade"})
        started.post([event("o2", "orders", n=0), event("o3", "orders", 3, n=0)])
        started.post([event("o4", "orders", 4), {"id": "s4", "data": {"dataset_name": "stock"}}])
        started.call("POST", f"/api/v1/triggers/{FAILED}/again", {})
        yield started


def executions(server: Server) -> list[str]:
    _, page = server.call("GET", "/api/v1/executions")
    return sorted(one["status"] for one in page["items"])


def wrong(server: Server, route: str, status: int, answer: Any) -> list[str]:
    """What of an answer does not fit what the server says of it."""
    _, found = server.call("GET", "/api/v1/openapi.json")
    described = strict(dict[str, Any](found))
    method, _, path = route.partition(" ")
    content = described["paths"][path][method.lower()]["responses"][str(status)]["content"]
    media = "application/json" if status < 400 else "application/problem+json"
    return faults(content[media]["schema"], described, answer)


CALLS = [
    ("GET /api/v1/gates", "", 200),
    ("GET /api/v1/gates", "?status=quarantined&limit=1", 200),
    ("GET /api/v1/gates/{gate_id}", f"/{GATE}", 200),
    ("GET /api/v1/gates/{gate_id}", "/nightly~~2026-03-03~~001", 200),
    ("GET /api/v1/gates/{gate_id}", "/nothing", 404),
    ("GET /api/v1/gates/{gate_id}/explain", f"/{GATE}/explain", 200),
    ("GET /api/v1/gates/{gate_id}/explain", "/nightly~~2026-03-03~~001/explain", 200),
    ("GET /api/v1/rules/{rule}/explain", "/nightly/explain?date=2026-03-02", 200),
    ("GET /api/v1/rules/{rule}/explain", "/nightly/explain?date=2026-03-04", 200),
    ("GET /api/v1/rules/{rule}/explain", "/nightly/explain?date=2026-03-09", 200),
    ("GET /api/v1/rules/{rule}/explain", "/nightly/explain?date=x", 400),
    ("GET /api/v1/readiness", "?dataset=orders&business_date=2026-03-03", 200),
    ("GET /api/v1/readiness", "?dataset=nothing&business_date=2026-03-03", 200),
    ("GET /api/v1/readiness", "?dataset=nothing", 422),
    ("GET /api/v1/executions", "", 200),
    ("GET /api/v1/executions", "?limit=1", 200),
    ("GET /api/v1/executions/{execution_id}", f"/{FAILED}", 200),
    ("GET /api/v1/executions/{execution_id}", "/load~~2026-03-02~~nightly.001.1", 200),
    ("GET /api/v1/triggers", "", 200),
    ("GET /api/v1/triggers/{trigger_id}", f"/{FAILED}.again.1", 200),
    ("GET /api/v1/triggers/{trigger_id}/explain", f"/{FAILED}/explain", 200),
    ("GET /api/v1/triggers/{trigger_id}/explain", f"/{FAILED}.again.1/explain", 200),
]


@pytest.mark.parametrize(("route", "rest", "status"), CALLS)
def test_an_answer_is_as_it_is_described(
    server: Server, route: str, rest: str, status: int
) -> None:
    path = route.partition(" ")[2].partition("/{")[0]

    answered, answer = server.call("GET", f"{path}{rest}")

    assert answered == status, answer
    assert wrong(server, route, status, answer) == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ([event("r1", "orders", 5), event("r1", "orders", 5), {"id": "x"}], 202),
        ([event("o1", "orders", n=99)], 202),
        ({"specversion": "1.0", "id": "y", "source": "/x"}, 422),
        ({"no": "event"}, 422),
    ],
)
def test_a_receipt_is_as_it_is_described(server: Server, sent: Any, status: int) -> None:
    answered, answer = server.call("POST", "/api/v1/events", sent)

    assert answered == status, answer
    assert wrong(server, "POST /api/v1/events", status, answer) == []


def test_every_answer_with_a_schema_is_asked_for(server: Server) -> None:
    asked = {route for route, _, status in CALLS if status == 200}

    assert asked | {"POST /api/v1/events"} == set(ANSWERS)


def test_the_answers_hold_what_may_be_missing(server: Server) -> None:
    """Else the schemas of those parts would be held against nothing."""
    _, twice = server.call("GET", "/api/v1/rules/nightly/explain?date=2026-03-02")
    _, waits = server.call("GET", "/api/v1/rules/nightly/explain?date=2026-03-04")
    _, failed = server.call("GET", f"/api/v1/executions/{FAILED}")
    _, held = server.call("GET", f"/api/v1/triggers/{FAILED}.again.1")
    _, read = server.call("GET", "/api/v1/readiness?dataset=orders&business_date=2026-03-03")

    assert twice["opened_before"]["runs"]
    assert waits["refused"]
    assert failed["attempts"][0]["error"]
    assert held["held"]
    assert read["status"] == "quarantined"


def test_the_command_line_prints_the_same(server: Server) -> None:

    ran = tidegate("gate", "show", GATE, "--json", project=server.project)

    assert wrong(server, "GET /api/v1/gates/{gate_id}", 200, json.loads(ran.stdout)) == []
