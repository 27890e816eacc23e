"""Match values nobody would choose, over HTTP to a real server: each has its gate, listed and explained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tidegate.testing.server import Server, tidegate

pytestmark = [pytest.mark.slow]

LONG = "x" * 2_999
VALUES = (
    "plain",
    "",
    " ",
    "a\0b",
    "a\0",
    "a",
    "\ud83d\ude00",
    "\ufffd",
    "%00",
    "a/b~~c=d&e",
    "../..",
    LONG + "x",
    LONG + "y",
    "\0" * 3_000,
    "é",
    "e\u0301",
)
HALVES = ("\ud800", "\udfff", "a\udc00b", "\ud800" * 3_000)
"""Half a surrogate pair is no character; such an event is refused, its neighbours are not."""
_RULE = """
rule_name: pair
conditions:
  - {event_type: landed, data.side: left}
  - {event_type: landed, data.side: right}
correlation_logic:
  - {match_field: data.customer}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "rules").mkdir(parents=True)
    (folder / "tidegate.yaml").write_text("name: values\n")
    (folder / "rules" / "pair.yaml").write_text(_RULE)
    return folder


def event(side: str, number: int, value: str | None = None) -> dict[str, Any]:
    customer = VALUES[number] if value is None else value
    return {
        "specversion": "1.0",
        "id": f"{side}.{number}",
        "source": "/values",
        "type": "landed",
        "data": {"side": side, "customer": customer},
    }


def gates(server: Server) -> Iterator[dict[str, Any]]:
    """All of them, page by page."""
    cursor = ""
    while True:
        status, page = server.call("GET", f"/api/v1/gates?limit=5{cursor}")
        assert status == 200, page
        yield from page["items"]
        if page["next"] is None:
            return
        cursor = f"&cursor={quote(page['next'], safe='')}"


def test_values_with_nul_surrogates_and_thousands_of_characters_have_gates_of_their_own(
    project: Path,
) -> None:
    numbers = range(len(VALUES))
    with Server(project) as server:
        lefts = server.post([event("left", number) for number in numbers])
        one_side = list(gates(server))
        rights = [server.post(event("right", number)) for number in reversed(numbers)]
        both = list(gates(server))
        explained = [
            server.call("GET", f"/api/v1/gates/{quote(gate['id'], safe='')}/explain")
            for gate in both
        ]
        again = server.post([event("left", number) for number in numbers])
        ready = server.ready()
    verified = tidegate("db", "verify", "--json", project=project)

    assert (lefts[0], lefts[1]["accepted"]) == (202, len(VALUES)), lefts
    assert [(status, counts["accepted"]) for status, counts in rights] == [(202, 1)] * len(VALUES)
    assert [gate["status"] for gate in one_side] == ["waiting"] * len(VALUES)
    assert [gate["status"] for gate in both] == ["open"] * len(VALUES)
    assert len({gate["id"] for gate in both}) == len(VALUES)
    assert [status for status, _ in explained] == [200] * len(VALUES)
    assert [found["status"] for _, found in explained] == ["open"] * len(VALUES)
    assert again[1]["duplicates"] == len(VALUES)
    assert ready
    assert json.loads(verified.stdout)["equal"], verified.stdout


def test_half_a_surrogate_pair_is_refused_with_a_code_and_its_neighbours_are_not(
    project: Path,
) -> None:
    halves = [event("half", number, value) for number, value in enumerate(HALVES)]
    with Server(project) as server:
        status, counts = server.post([event("left", 0), *halves, event("right", 0)])
        found = list(gates(server))
        _, inbox = server.call("GET", "/api/v1/inbox")

    refused = [(one["index"], one["code"]) for one in counts["rejected"]]
    assert (status, counts["accepted"]) == (202, 2)
    assert refused == [(number, "event.string") for number in range(1, len(HALVES) + 1)]
    assert [gate["status"] for gate in found] == ["open"]
    assert [one["kind"] for one in inbox["items"]] == ["rejected"] * len(HALVES)
    assert all(one["what"].startswith("event.string: ") for one in inbox["items"])
