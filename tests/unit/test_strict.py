"""CloudEvents to the letter: what is none and why, and what Tidegate writes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tidegate.kernel.clock import parse_day, parse_instant
from tidegate.kernel.event import Event
from tidegate.kernel.strict import encode, strict_fault

VALID: dict[str, Any] = {
    "specversion": "1.0",
    "id": "a-1",
    "source": "/crm/data/ingestion",
    "type": "com.crm.done",
}


def fault(**changes: Any) -> str | None:
    body = {name: value for name, value in {**VALID, **changes}.items() if value is not ...}
    return strict_fault(json.dumps(body).encode())


# ---- in
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"subject": "x", "time": "2024-01-15T10:30:00.5+01:00", "data": None},
        {"data": [1, {"Any_Name": 1.5}], "datacontenttype": 'text/x; a=b; c="d e"'},
        {"data_base64": base64.b64encode(b"\x00\xff").decode()},
        {"dataschema": "https://example.test/schema#x", "count": -(2**31), "flag": False},
        {"source": "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"},
        {"source": "https://[::1]:8080/a/b;c=d?e=f#g"},
        {"source": "mailto:crm@example.test"},
        {"source": "a/b:c"},
        {"source": "tidegate"},
        {"source": "%C3%A9"},
        {"subject": None, "time": None, "extra": None},
        {"x" * 30: "a long name is legal"},
    ],
)
def test_a_valid_event_has_no_fault(changes: dict[str, Any]) -> None:
    assert fault(**changes) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"specversion": ...}, "specversion"),
        ({"specversion": "1.0.1"}, "specversion"),
        ({"id": ...}, "id is missing"),
        ({"id": None}, "id is missing"),
        ({"id": ""}, "id is not non-empty text"),
        ({"id": 5}, "id is not"),
        ({"id": "a\nb"}, "control character"),
        ({"type": "a\ufffe"}, "control character"),
        ({"source": ""}, "URI reference"),
        ({"source": "two words"}, "URI reference"),
        ({"source": "/größe"}, "URI reference"),
        ({"source": "50%"}, "URI reference"),
        ({"source": "1a:b"}, "URI reference"),
        ({"source": "a#b#c"}, "URI reference"),
        ({"subject": ""}, "subject"),
        ({"time": "2024-01-15T10:30:00"}, "time"),
        ({"time": "2024-01-15 10:30:00Z"}, "time"),
        ({"time": "2024-01-15T10:30:00,5Z"}, "time"),
        ({"time": "2024-02-30T10:30:00Z"}, "time"),
        ({"dataschema": "/relative"}, "absolute URI"),
        ({"datacontenttype": "json"}, "media type"),
        ({"context_id": "x"}, "'context_id'"),
        ({"Upper": "x"}, "'Upper'"),
        ({"größe": "x"}, "'größe'"),
        ({"context": {}}, "context is no text"),
        ({"score": 1.5}, "score is no text"),
        ({"count": 2**31}, "count is no text"),
        ({"data": None, "data_base64": "AA=="}, "both data and data_base64"),
        ({"data_base64": "A"}, "base64"),
        ({"data_base64": 1}, "base64"),
        ({"data": 2**64}, "64 bits"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], said: str) -> None:
    assert said in (fault(**changes) or "no fault")


@pytest.mark.parametrize("raw", [b"", b"[]", b"42", b"{", b'{"a":NaN}'])
def test_what_is_no_event_at_all_is_no_valid_one(raw: bytes) -> None:
    assert strict_fault(raw)


# ---- out
EVENT = Event(
    id="17",
    source="tidegate",
    type="tidegate.gate.opened",
    time=parse_instant("2024-01-15T11:15:00Z")[0],
    data={"rule": "nightly"},
    subject="nightly",
    extensions={"correlation_id": "correlation-2024-01-15-001"},
    day=parse_day("2024-01-15"),
    dataset="orders",
)


def test_what_tidegate_says_is_valid_to_the_letter() -> None:
    said = encode(EVENT)

    assert strict_fault(json.dumps(said).encode()) is None
    assert said == {
        "specversion": "1.0",
        "id": "17",
        "source": "tidegate",
        "type": "tidegate.gate.opened",
        "subject": "nightly",
        "time": "2024-01-15T11:15:00Z",
        "datacontenttype": "application/json",
        "correlationid": "correlation-2024-01-15-001",
        "businessdate": "2024-01-15",
        "dataset": "orders",
        "data": {"rule": "nightly"},
    }


def test_names_that_would_become_the_same_are_kept_apart() -> None:
    event = Event(
        "1", "s", "t", EVENT.time,
        extensions={"a_b": 1, "ab": 2, "A-b": 3, "ab2": 4, "_": 5, "data_": 6, "data": 7, "Id": 8},
    )  # fmt: skip

    said = encode(event)

    assert strict_fault(json.dumps(said).encode()) is None
    assert (said["ab"], said["ab2"]) == (2, 4)
    assert sorted(value for value in said.values() if type(value) is int) == [1, 2, 3, 4, 5, 6, 8]


def test_what_cloudevents_cannot_hold_is_said_as_json_text() -> None:
    event = Event("1", "s", "t", EVENT.time, extensions={"context": {"b": 1, "a": None}, "f": 0.5})

    said = encode(event)

    assert (said["context"], said["f"]) == ('{"a":null,"b":1}', "0.5")


def test_a_source_that_is_no_uri_reference_is_percent_encoded() -> None:
    said = encode(Event("a\nb", "CRM größe: 50%", "t", EVENT.time))

    assert said["source"] == "CRM%20gr%C3%B6%C3%9Fe%3A%2050%25"
    assert said["id"] == "a%0Ab"


def test_bytes_are_said_as_bytes() -> None:
    extensions = {"datacontenttype": "image/png", "data_base64": "AP8="}

    said = encode(Event("1", "s", "t", EVENT.time, extensions=extensions))

    assert (said["datacontenttype"], said["data_base64"]) == ("image/png", "AP8=")
    assert "data" not in said
