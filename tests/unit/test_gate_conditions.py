"""Conditions: which events are an input of a rule, and which of them are good."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.testing.gates import condition, delivery, inputs, one_gate, project, rule
from tidegate.testing.world import World


def status_of(conditions: dict[str, Any], event: dict[str, Any], **changes: Any) -> str:
    """What the one input shows after this event; `none` when there is no gate."""
    world = World(project(rule(conditions=[conditions, condition("never")], **changes)))
    world.hear(event)
    gates = world.gates()
    assert not world.reader.parked()
    return gates[0]["inputs"][0]["status"] if gates else "none"


@pytest.mark.parametrize(
    ("wanted", "written", "fits"),
    [
        ("success", "success", True),
        ("success", "Success", False),
        ("success", None, False),
        (5, 5, True),
        (5, 5.0, True),
        (5, "5", False),
        ("5", 5, False),
        (True, True, True),
        (True, 1, False),
        (1, True, False),
        (False, 0, False),
        (None, 0, False),
        ("> 0", 1, True),
        ("> 0", 0, False),
        ("> 0", "1", False),
        (">= 0.95", 0.95, True),
        ("< 300", 299.9, True),
        ("in [a, b]", "b", True),
        ("not in [a, b]", "c", True),
        ("not in [a, b]", None, False),
        (["a", "b"], "a", True),
        (["a", "b"], "c", False),
        ("!= failed", "ok", True),
        ("!= failed", None, False),
        ("matches ^orders_", "orders_20251120.csv", True),
        ("contains b", ["a", "b"], True),
        ('== "> 5"', "> 5", True),
    ],
)
def test_a_condition_on_a_field_of_the_data(wanted: Any, written: Any, fits: bool) -> None:
    shown = status_of(condition("a", **{"data.x": wanted}), delivery("a", x=written))

    assert shown == ("received" if fits else "none")


def test_a_null_in_the_data_is_a_value_and_not_missing() -> None:
    event = delivery("a")
    event["data"]["x"] = None

    assert status_of(condition("a", **{"data.x": None}), event) == "received"
    assert status_of(condition("a", **{"data.x": None}), delivery("a")) == "none"


@pytest.mark.parametrize(
    ("conditions", "changes", "fits"),
    [
        ({"event_type": "delivered"}, {}, True),
        ({"event_type": "deliver"}, {}, False),
        ({"event_type": "*"}, {}, False),
        ({"source": "/a"}, {}, True),
        ({"source": "/a/"}, {}, False),
        ({"source": "startswith /a"}, {"source": "/a/eu"}, True),
        ({"event_type": "delivered", "source": "/b"}, {}, False),
        ({"dataset": "a"}, {}, True),
        ({"dataset_name": "a"}, {}, True),
        ({"business_date": "2025-11-20"}, {}, True),
        ({"data.file.name": "x.csv"}, {"file": {"name": "x.csv"}}, True),
        ({"data.files.1": "b"}, {"files": ["a", "b"]}, True),
        ({"data.files.2": "b"}, {"files": ["a", "b"]}, False),
    ],
)
def test_a_condition_on_the_event_itself(
    conditions: dict[str, Any], changes: dict[str, Any], fits: bool
) -> None:
    assert status_of(conditions, delivery("a", **changes)) == ("received" if fits else "none")


def test_an_extension_is_compared_by_its_dotted_name() -> None:
    event = delivery("a") | {"context": {"process_type": "daily_batch"}}

    assert status_of(condition("a", **{"context.process_type": "daily_batch"}), event) == "received"
    assert status_of(condition("a", **{"context.process_type": "hourly"}), event) == "none"


def test_a_bare_name_is_also_an_extension() -> None:
    event = delivery("a") | {"partitionkey": "eu"}

    assert status_of(condition("a", partitionkey="eu"), event) == "received"
    assert status_of(condition("a", partitionkey="us"), event) == "none"


def test_an_event_of_no_application_has_none() -> None:
    assert status_of(condition("a", application="!= crm"), delivery("a")) == "none"


def test_all_conditions_on_fields_hold_together() -> None:
    both = condition("a", **{"data.n": "> 5", "data.m": "> 5"})

    assert status_of(both, delivery("a", n=9, m=9)) == "received"
    assert status_of(both, delivery("a", n=1, m=9)) == "none"
    assert status_of(both, delivery("a", n=9, m=1)) == "none"


@pytest.mark.parametrize("name", [["a"], {"a": 1}, None, 5, True])
def test_a_dataset_that_is_no_text_is_no_input(name: Any) -> None:
    event = delivery("a")
    event["data"]["dataset_name"] = name

    assert status_of(condition("a"), event) == "none"


def test_dataset_and_date_are_read_as_the_application_writes_them() -> None:
    mapping = {
        "source_pattern": "/files",
        "dataset_mapping": "data.table",
        "business_date_mapping": "data.day",
    }
    context = {"context_mapping": {"files": mapping}}
    written = rule(conditions=[condition("a", business_date="2025-11-19"), condition("b")])
    world = World(project(written, others={("context", "files"): context}))
    event = delivery("x", source="/files", table="a", day="2025-11-19")

    world.hear(event)

    gate = one_gate(world)
    assert gate["key"] == {"data.business_date": "2025-11-19"}
    assert inputs(gate) == {"a": "received", "b": "missing"}


# ---- quality
@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"data_quality_score": 0.98, "record_count": 1, "processing_duration_seconds": 45}, "received"),
        ({"data_quality_score": 0.95, "record_count": 1, "processing_duration_seconds": 299}, "received"),
        ({"data_quality_score": 0.949, "record_count": 1, "processing_duration_seconds": 45}, "quarantined"),
        ({"data_quality_score": 0.98, "record_count": 0, "processing_duration_seconds": 45}, "quarantined"),
        ({"data_quality_score": 0.98, "record_count": 1, "processing_duration_seconds": 300}, "quarantined"),
        ({"data_quality_score": 0.98, "record_count": 1}, "quarantined"),
        ({"data_quality_score": 0.98, "record_count": 1, "processing_duration": 45}, "received"),
        ({"data_quality_score": 0.98, "record_count": 1, "processing_duration": 300,
          "processing_duration_seconds": 45}, "quarantined"),
        ({"data_quality_score": "0.98", "record_count": 1, "processing_duration_seconds": 45}, "quarantined"),
    ],
)  # fmt: skip
def test_the_origins_quality_conditions(data: dict[str, Any], shown: str) -> None:
    quality = [
        {"data_quality_score": ">= 0.95"},
        {"record_count": "> 0"},
        {"processing_duration": "< 300"},
    ]

    assert status_of(condition("a"), delivery("a", **data), additional_conditions=quality) == shown


def test_quality_of_one_condition_judges_no_other_input() -> None:
    strict = condition("a", additional_conditions=[{"n": "> 5"}])
    world = World(project(rule(conditions=[strict, condition("b"), condition("c")])))

    world.hear(delivery("a", n=5), delivery("b", n=1))

    assert inputs(one_gate(world)) == {"a": "quarantined", "b": "received", "c": "missing"}
    assert one_gate(world)["status"] == "quarantined"


def test_quality_of_the_rule_and_of_the_condition_hold_together() -> None:
    strict = condition("a", additional_conditions=[{"n": "< 9"}])

    def shown(n: int) -> str:
        return status_of(strict, delivery("a", n=n), additional_conditions=[{"n": "> 5"}])

    assert [shown(5), shown(6), shown(8), shown(9)] == [
        "quarantined", "received", "received", "quarantined",
    ]  # fmt: skip


def test_every_quality_condition_that_failed_is_named() -> None:
    quality = [{"n": "> 5"}, {"m": "> 5"}, {"k": "> 5"}]
    world = World(project(rule("a", additional_conditions=quality)))

    world.hear(delivery("a", n=1, m=9))

    (held,) = one_gate(world)["inputs"]
    assert held["reason"] == "n > 5: was 1; k > 5: is missing"


# ---- names
def test_inputs_are_called_by_name_then_dataset_then_event_type() -> None:
    world = World(
        project(
            rule(
                conditions=[
                    condition("a", name="first"),
                    condition("b"),
                    {"event_type": "approved"},
                    {"source": "/x"},
                    condition("b", **{"data.part": 2}),
                ]
            )
        )
    )

    world.hear(delivery("a"))

    assert list(inputs(one_gate(world))) == ["first", "b", "approved", "input", "b 2"]


def test_one_event_is_every_input_it_fits() -> None:
    conditions = [condition("a", name="whole"), condition("a", name="large", **{"data.n": "> 5"})]
    world = World(project(rule(conditions=conditions)))

    world.hear(delivery("a", n=9))

    assert inputs(one_gate(world)) == {"whole": "received", "large": "received"}
    assert one_gate(world)["status"] == "open"
    assert len(world.tasks()) == 1


def test_an_event_that_fits_two_inputs_does_not_begin_a_second_round() -> None:
    conditions = [condition("a"), condition("a", name="extra", optional=True)]
    world = World(project(rule(conditions=conditions)))

    world.hear(delivery("a"))

    assert [(gate["round"], gate["status"]) for gate in world.gates()] == [(1, "open")]
    assert inputs(one_gate(world)) == {"a": "received", "extra": "received"}
