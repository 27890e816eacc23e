"""The same event in another form is the same event; another event under its id is a conflict."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.kernel.delivery import split_request
from tidegate.services.verdict import content
from tidegate.testing.gates import delivery, project, rule
from tidegate.testing.world import World

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "/s",
    "type": "t",
    "time": "2024-01-15T10:30:00Z",
    "traceparent": "00-1",
    "sequence": "7",
    "data": {"n": 1, "zero": 0, "list": [1, {"x": 2.5}], "text": "ä"},
}


def raw(**changes: Any) -> bytes:
    return json.dumps(EVENT | changes).encode()


def binary() -> bytes:
    headers = {f"ce-{name}": str(one) for name, one in EVENT.items() if name != "data"}
    body = json.dumps(EVENT["data"], indent=2).encode()
    (one,) = split_request("application/json; charset=utf-8", headers, body).events
    return one


@pytest.mark.parametrize(
    "other",
    [
        json.dumps(EVENT, indent=2).encode(),
        json.dumps(dict(reversed(EVENT.items()))).encode(),
        raw(data={"n": 1.0, "zero": 0, "list": [1.0, {"x": 2.5}], "text": "ä"}),
        raw(data={"n": 1, "zero": -0.0, "list": [1, {"x": 2.5}], "text": "ä"}),
        raw(time="2024-01-15T11:30:00+01:00"),
        raw(sequence=7),
        raw(datacontenttype="application/json"),
        binary(),
    ],
)
def test_the_same_event_in_another_form_means_the_same(other: bytes) -> None:
    assert content(other) == content(raw())


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {"n": True, "zero": 0, "list": [1, {"x": 2.5}], "text": "ä"}},
        {"data": {"n": "1", "zero": 0, "list": [1, {"x": 2.5}], "text": "ä"}},
        {"data": {"n": 1, "zero": 0, "list": [{"x": 2.5}, 1], "text": "ä"}},
        {"data": {"n": 1, "zero": None, "list": [1, {"x": 2.5}], "text": "ä"}},
        {"time": "2024-01-15T10:30:01Z"},
        {"subject": "x"},
        {"traceparent": "00-2"},
        {"type": "u"},
    ],
)
def test_another_event_means_something_else(changes: dict[str, Any]) -> None:
    assert content(raw(**changes)) != content(raw())


@pytest.mark.parametrize(
    ("date", "codes"),
    [
        ("1969-12-31", ["event.far_date"]),
        ("1970-01-02", []),
        ("2026-12-26", []),  # 400 days after the world began
        ("2026-12-27", ["event.far_date"]),
        ("2062-11-27", ["event.far_date"]),
    ],
)
def test_a_business_date_nobody_means_is_remarked_upon(date: str, codes: list[str]) -> None:
    world = World(project(rule("a")))

    receipt = world.hear(delivery("a", business_date=date))

    assert receipt.accepted == 1
    assert [one.code for one in receipt.remarks] == codes


def test_one_and_one_point_zero_are_a_duplicate_and_two_is_a_conflict() -> None:
    world = World(project(rule("a")))
    world.hear(delivery("a", "x", n=1))

    same, other = world.hear(delivery("a", "x", n=1.0)), world.hear(delivery("a", "x", n=2))

    assert (same.duplicates, same.conflicts) == (1, 0)
    assert (other.duplicates, other.conflicts) == (0, 1)
    assert [one.code for one in other.remarks] == ["event.conflict"]
