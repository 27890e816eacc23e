"""Whatever is asked, on both databases: no 500, and every error is a problem with a known code."""

from __future__ import annotations

import http.client
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tidegate.kernel.errors import CODES
from tidegate.testing.postgres import Address
from tidegate.testing.server import Server

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "multi-input-job"
ROUNDS = 12
SEED = 20_251_121
EVIL = (
    "", " ", "\0", "a\0b", "\ud800", "\udfff\ud800", "\uffff", "😀" * 300, "x" * 5000, "..", "../..", "%", "%00",
    "'", '"; DROP TABLE cell; --', "a~~b~~c", "~~", "a~~2024-01-15~~001", "~~2024-01-15~~001", "*", "%25",
    "0", "-1", "1e999", "NaN", "9" * 400, "9223372036854775807", "9223372036854775808", "-9223372036854775809",
    "0001-01-01", "9999-12-31", "2024-02-30", "2024-01-15", "10000-01-01", "\n", "\u202e", "null", "true",
)  # fmt: skip
BODIES = (
    b"", b"{", b"null", b"[]", b"1", b'"x"', b"\xff\xfe", b"\0", b"[" * 1000, b"[" * 1000 + b"]" * 1000,
    b'{"a":' * 1000 + b"1" + b"}" * 1000, b'{"reason": "\\u0000"}', b'{"reason": "\\ud800"}',
    b'{"reason": NaN}', b'{"duration_minutes": 1e400}', b'{"duration_minutes": NaN}', b'{"user": "\\u0000"}',
    b'{"duration_minutes": 527040, "job": "\\u0000"}', b'{"job": "\\ud800"}', b'{"inputs": ["\\u0000"]}',
    b'{"inputs": ["\\ud800"], "reason": "\\u0000"}', b'{"shift": 5}', b'{"job": "x", "job": "y"}',
    b'{"name": "\\u0000", "start": "2024-01-01T00:00:00Z", "end": "2024-01-02T00:00:00Z"}',
    b'{"reason": "' + b"x" * 3000 + b'"}', b'{"reason": ' + b"9" * 5000 + b"}",
)  # fmt: skip


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    project = Path(shutil.copytree(EXAMPLE, tmp_path / "project"))
    if request.param == "sqlite":
        with Server(project) as server:
            yield server
        return
    address: Address = request.getfixturevalue("postgres")
    with address.database(address.prepared()) as url, Server(project, url) as server:
        yield server


def ask(server: Server, method: str, target: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    try:
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            assert answer.headers["content-type"] == "application/problem+json", (target, text)
        return answer.status, text
    finally:
        connection.close()


def fine(status: int, text: bytes) -> bool:
    """An answer, or a problem that is not ours."""
    if status < 400:
        return True
    code = json.loads(text)["code"]
    return status not in (500, 503) and code in CODES and CODES[code].http_status == status


def encoded(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def operations(server: Server) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """(method, path, parameters) of everything that is declared."""
    document = json.loads(ask(server, "GET", "/api/v1/openapi.json")[1])
    return [
        (method.upper(), path, operation.get("parameters", []))
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if "stream" not in path
    ]


@pytest.mark.slow
def test_no_parameter_and_no_body_makes_a_call_fail(server: Server) -> None:
    chance = random.Random(SEED)
    assert server.post(json.loads((EXAMPLE / "events" / "crm.json").read_text("utf-8")))[0] == 202
    wrong: list[tuple[str, str, bytes | None, int, bytes]] = []
    found = operations(server)
    assert len(found) > 10

    for method, path, parameters in found:
        for _ in range(ROUNDS):
            target = path
            query: list[str] = []
            for one in parameters:
                value = encoded(chance.choice(EVIL))
                if one["in"] == "path":
                    target = target.replace(f"{{{one['name']}}}", value or "-")
                elif one["in"] == "query" and chance.random() < 0.6:
                    query.append(f"{one['name']}={value}")
            target += f"?{'&'.join(query)}" if query else ""
            body = chance.choice(BODIES) if method in ("POST", "PUT", "PATCH") else None
            status, text = ask(server, method, target, body)
            if not fine(status, text):
                wrong.append((method, target[:300], body and body[:80], status, text[:300]))

    assert wrong == []
    assert server.call("GET", "/readyz")[0] == 200


def event(**changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "e",
        "source": "/test",
        "type": "file.arrived",
        "data": {"dataset_name": "crm", "business_date": "2024-01-15"},
    } | changes


@pytest.mark.slow
def test_no_event_makes_the_door_fail(server: Server) -> None:
    evil: list[Any] = [
        *EVIL, 10**400, -(10**30), 1e308, -0.0, None, True, [], {}, [[]] * 10, {"\0": "\0"}, {"\ud800": "\ud800"},
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2024-01-15T25:00:00Z", {"a": "x" * 300_000},
    ]  # fmt: skip
    names = (
        "id",
        "source",
        "type",
        "subject",
        "time",
        "data",
        "specversion",
        "dataset",
        "businessdate",
    )
    events = [
        event(id=f"{name}-{n}") | {name: value} for name in names for n, value in enumerate(evil)
    ]
    events += [
        event(id=f"data-{field}-{n}", data={"dataset_name": "crm", "business_date": "2024-01-15"} | {field: value})
        for field in ("dataset_name", "business_date", "status", "quality", "record_count")
        for n, value in enumerate(evil)
    ]  # fmt: skip
    raws = [json.dumps(one).encode() for one in events]
    raws += [
        json.dumps(event(id="deep")).encode()[:-1] + b',"data":' + b"[" * 1000 + b"]" * 1000 + b"}",
        b'{"specversion":"1.0","id":"a","id":"b","source":"s","type":"t","data":{"x":NaN}}',
        b'{"specversion":"1.0","id":"a","id":"b","source":"s","type":"t"}',
    ]

    singles = [ask(server, "POST", "/api/v1/events", raw) for raw in raws]
    batch = ask(server, "POST", "/api/v1/events", b"[" + b",".join(raws[:400]) + b"]")
    large = ask(server, "POST", "/api/v1/events", b"[" + b" " * (17 << 20) + b"]")

    assert [
        (raw[:200], one) for raw, one in zip(raws, singles, strict=True) if not fine(*one)
    ] == []
    assert batch[0] == 202, batch
    assert (large[0], json.loads(large[1])["code"]) == (413, "body.limit")
    assert server.call("GET", "/readyz")[0] == 200
    assert ask(server, "GET", "/api/v1/inbox?limit=1000")[0] == 200
    assert server.call("GET", "/api/v1/gates")[0] == 200
