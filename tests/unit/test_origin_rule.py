"""The origin's rule and its two events, as printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml

from tidegate.testing.world import World

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "multi-input-job"


def documents() -> dict[tuple[str, str], Any]:
    rule = yaml.safe_load((EXAMPLE / "rules" / "multi_input_job_trigger.yaml").read_text())
    job = {"kind": "command", "target": ["true"]}
    return {
        ("rule", "multi_input_job_trigger"): rule,
        ("job", "daily_customer_analysis"): job,
    }


def event(name: str, **changes: Any) -> dict[str, Any]:
    raw: dict[str, Any] = msgspec.json.decode((EXAMPLE / "events" / f"{name}.json").read_bytes())
    return raw | changes


def test_the_printed_events_open_one_gate_and_start_one_job() -> None:
    world = World(documents())

    first = world.hear(event("crm"))
    second = world.hear(event("erp"))

    assert (first.accepted, second.accepted) == (1, 1)
    (gate,) = world.gates()
    assert gate["status"] == "open"
    assert gate["round"] == 1
    assert gate["key"] == {"data.business_date": "2024-01-15"}
    assert gate["correlation_id"] == "correlation-2024-01-15-001"
    (task,) = world.tasks()
    assert task.payload["parameters"] == {
        "correlation_id": "correlation-2024-01-15-001",
        "business_date": "2024-01-15",
        "input_datasets": ["customer_transactions", "order_data"],
        "priority": "high",
        "sla_minutes": 120,
        "source_applications": ["CRM", "ERP"],
    }
    ended = world.events("tidegate.run.succeeded")
    assert [one.extensions["correlationid"] for one in ended] == ["correlation-2024-01-15-001"]


def test_sending_both_again_changes_nothing() -> None:
    world = World(documents())
    world.hear(event("crm"), event("erp"))

    again = world.hear(event("erp"), event("crm"))

    assert (again.accepted, again.duplicates) == (0, 2)
    assert len(world.gates()) == 1
    assert len(world.tasks()) == 1


def test_a_redelivery_with_new_ids_opens_round_two() -> None:
    world = World(documents())
    world.hear(event("crm"), event("erp"))

    world.hear(event("crm", id="crm-again"))
    waiting = world.gates(status="waiting")
    world.hear(event("erp", id="erp-again"))

    assert [gate["round"] for gate in waiting] == [2]
    gates = world.gates(status="open")
    assert [gate["correlation_id"] for gate in sorted(gates, key=lambda gate: gate["round"])] == [
        "correlation-2024-01-15-001",
        "correlation-2024-01-15-002",
    ]
    assert len(world.tasks()) == 2
    assert world.verify().differences == []


def test_explain_says_what_is_missing() -> None:
    world = World(documents())
    world.hear(event("crm"))

    explained = world.asking.explain_rule("multi_input_job_trigger", None)

    assert explained.exit_code == 10
    assert [clause["verdict"] for clause in explained.answer["clauses"]][:2] == ["met", "waiting"]
    assert "order_data" in explained.answer["sentence"]
