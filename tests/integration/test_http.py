"""The API of a real server: what is accepted, what is refused, and that it can be found again."""

from __future__ import annotations

import gzip
import http.client
import json
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tidegate.testing.server import Server

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "multi-input-job"
ASKED_MAX = 500
GATE = "multi_input_job_trigger~~2024-01-15~~001"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    project = tmp_path_factory.mktemp("http") / "project"
    shutil.copytree(EXAMPLE, project)
    with Server(project) as started:
        yield started


def event(name: str = "crm", **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLE / "events" / f"{name}.json").read_text("utf-8"))
    return found | changes


def eventually(question: Callable[[], bool]) -> bool:
    """Ask until it is so; each question is a round trip to the server, and their number is bounded."""
    return any(question() for _ in range(ASKED_MAX))


def inbox(server: Server) -> list[dict[str, Any]]:
    status, found = server.call("GET", "/api/v1/inbox?limit=1000")
    assert status == 200
    items: list[dict[str, Any]] = found["items"]
    return items


def test_two_events_open_a_gate_and_everything_can_be_asked(server: Server) -> None:
    first, _ = server.post(event("crm"))
    status, waiting = server.call("GET", f"/api/v1/gates/{GATE}/explain")
    second, counts = server.post([event("erp"), event("crm")])

    assert (first, second) == (202, 202)
    assert status == 200
    assert [clause["verdict"] for clause in waiting["clauses"]] == ["met", "waiting", "waiting"]
    assert counts == {"accepted": 1, "duplicates": 1, "conflicts": 0, "rejected": []}
    assert server.call("GET", f"/api/v1/gates/{GATE}")[1]["status"] == "open"
    _, ready = server.call("GET", "/api/v1/readiness?dataset=order_data&business_date=2024-01-15")
    assert ready["status"] == "ready"
    _, trace = server.call("GET", "/api/v1/trace/correlation-2024-01-15-001")
    assert [gate["id"] for gate in trace["gates"]] == [GATE]
    _, page = server.call("GET", "/api/v1/gates?limit=1")
    assert len(page["items"]) == 1


def test_the_binary_form_is_the_same_event(server: Server) -> None:
    data = event("erp")["data"]

    status, counts = server.call(
        "POST", "/api/v1/events", data, ce_specversion="1.0", ce_id="binary-1",
        ce_source="/erp/data/ingestion", ce_type="com.erp.dataset.ingestion.completed",
        ce_time="2024-01-15T12:00:00Z",
    )  # fmt: skip

    assert (status, counts["accepted"]) == (202, 1)
    _, found = server.call("GET", "/api/v1/events?id=binary-1")
    assert found["items"][0]["dataset"] == "order_data"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 422, "event.syntax"),
        (b"", 400, "body.not_event"),
        (b'"text"', 400, "body.not_event"),
        (event(id=7), 422, "event.attribute"),
        (event(id=""), 422, "event.attribute"),
        (event(source=None), 422, "event.attribute"),
        (event(time="yesterday"), 422, "event.time"),
        (event(time="2099-01-01T00:00:00Z"), 422, "event.time.future"),
        (event(type="tidegate.run.succeeded"), 422, "event.type.reserved"),
        (b'{"specversion":"1.0","id":"n","source":"/s","type":"t","data":NaN}', 422, "event."),
        (
            b'{"specversion":"1.0","id":"s","source":"/s","type":"t","data":"\\ud800"}',
            422,
            "event.",
        ),
        (json.dumps(event(data="x" * 300_000)).encode(), 422, "event.string"),
        (
            b'{"specversion":"1.0","id":"d","source":"/s","type":"t","data":'
            + b"[" * 1000
            + b"]" * 1000
            + b"}",
            422,
            "event.depth",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_a_code_and_kept(
    server: Server, body: Any, status: int, code: str
) -> None:
    before = len(inbox(server))

    answered, problem = server.post(body)

    assert answered == status, problem
    assert problem["code"].startswith(code)
    assert problem["status"] == status
    assert len(inbox(server)) == before + 1


def test_a_bad_event_does_not_take_its_neighbours_down(server: Server) -> None:
    status, counts = server.post([event(id="good-1"), {"id": 1}, 7, event(id="good-2")])

    assert status == 202
    assert counts["accepted"] == 2
    assert [one["index"] for one in counts["rejected"]] == [1, 2]


def test_the_same_id_with_other_content_is_a_conflict(server: Server) -> None:
    server.post(event(id="contested"))

    status, counts = server.post(event(id="contested", subject="other"))

    assert (status, counts["conflicts"]) == (202, 1)


def test_huge_and_ancient_is_accepted_and_marked(server: Server) -> None:
    odd = event(id="odd", time="1969-07-20T20:17:40Z", source="/nobody/knows")
    odd["data"]["weight"] = 10**40

    status, counts = server.post(odd)

    assert (status, counts["accepted"]) == (202, 1)
    _, found = server.call("GET", "/api/v1/events?id=odd")
    assert {"ancient", "long_integer", "unknown_source"} <= set(found["items"][0]["marks"])
    assert found["items"][0]["data"]["weight"] == str(10**40)


def test_a_body_over_the_limit_is_413_and_its_beginning_is_kept(server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 30) as raw:
        raw.sendall(
            b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n"
            b"Authorization: Bearer " + server.token.encode() + b"\r\n"
            b"Content-Type: application/json\r\n\r\n[" + b" " * 100_000
        )
        answer = raw.recv(65536)

    assert b" 413 " in answer.split(b"\r\n")[0]
    assert any("body.limit" in item["what"] for item in inbox(server))


@pytest.mark.parametrize("token", ["", "Bearer wrong", "Basic abc", "Bearer \u00e9"])
def test_nobody_gets_in_without_the_token(server: Server, token: str) -> None:
    status, problem = server.call("GET", "/api/v1/gates", Authorization=token)

    assert (status, problem["code"]) == (401, "auth.required")
    assert eventually(lambda: any("auth.required" in item["what"] for item in inbox(server)))


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/gates/nonsense", 404, "gate.unknown"),
        ("/api/v1/gates?limit=0", 422, "request.invalid"),
        ("/api/v1/gates?limit=5000", 422, "request.invalid"),
        ("/api/v1/gates?status=ajar", 400, "input"),
        ("/api/v1/gates?cursor=rubbish", 400, "input"),
        ("/api/v1/rules/nobody/explain", 404, "rule.unknown"),
        ("/api/v1/executions/none", 404, "execution.unknown"),
        ("/api/v1/readiness?dataset=x&business_date=tomorrow", 400, "input"),
        ("/nowhere", 404, "not_found"),
    ],
)
def test_a_wrong_question_is_answered_with_a_problem(
    server: Server, path: str, status: int, code: str
) -> None:
    answered, problem = server.call("GET", path)

    assert (answered, problem["code"]) == (status, code)


def test_a_parameter_that_is_not_there_is_refused_and_the_known_ones_are_named(
    server: Server,
) -> None:
    misspelt, near = server.call("GET", "/api/v1/gates?rul=x")
    strange, known = server.call("GET", "/api/v1/executions?foo=1")

    assert (misspelt, near["code"], near["fix"]) == (422, "request.invalid", 'did you mean "rule"?')
    assert (strange, known["code"]) == (422, "request.invalid")
    assert known["fix"] == "known here: cursor, date, job, limit, status"


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("GET", "/api/v1/gates?limit=many", None, 'parameter limit: "many" is not what is wanted'),
        ("GET", "/api/v1/gates?limit=5000", None, "parameter limit: must be at most 1000"),
        ("GET", "/api/v1/readiness", None, "parameter dataset: is missing"),
        ("POST", "/api/v1/pipeline/pause", {"durration": 3}, "body's durration: is not known here"),
        ("POST", "/api/v1/pipeline/pause", b"{", "the body: is no JSON"),
        ("POST", "/api/v1/pipeline/pause", [], "the body"),
        ("POST", "/api/v1/schedule/maintenance", {"days": ["sumday"]}, "is no day of the week"),
        ("POST", "/api/v1/schedule/maintenance", {"start": "25"}, "the body"),
    ],
)
def test_a_wrong_body_is_told_in_words_of_ours(
    server: Server, method: str, path: str, body: Any, said: str
) -> None:
    status, problem = server.call(method, path, body)

    assert (status, problem["code"]) == (422, "request.invalid")
    assert said in problem["detail"]
    for foreign in ("Input should", "Value error", "Extra inputs", "pydantic", "Field required"):
        assert foreign not in json.dumps(problem)


@pytest.mark.parametrize(
    ("path", "body", "fix"),
    [
        ("/api/v1/pipeline/pause", {"for": "1m"}, "known here: duration_minutes, "),
        ("/api/v1/pipeline/pause", {"duration_minute": 1}, 'did you mean "duration_minutes"?'),
        (f"/api/v1/gates/{GATE}/release", {"input": "orders"}, 'did you mean "inputs"?'),
        ("/api/v1/schedule/maintenance", {"form": "now"}, 'did you mean "from"?'),
    ],
)
def test_a_key_nobody_knows_is_not_to_be_left_out_but_mended(
    server: Server, path: str, body: Any, fix: str
) -> None:
    status, problem = server.call("POST", path, body)

    assert (status, problem["code"]) == (422, "request.invalid")
    assert fix in problem["fix"]


def test_an_empty_idempotency_key_is_refused(server: Server) -> None:
    body = {"job": "report", "business_date": "2024-01-15", "idempotency_key": ""}

    status, problem = server.call("POST", "/api/v1/trigger/manual", body)

    assert (status, problem["code"]) == (422, "request.invalid")


def test_a_body_may_be_empty_where_nothing_must_be_said(server: Server) -> None:
    paused, _ = server.call("POST", "/api/v1/pipeline/pause", b"")
    resumed, _ = server.call("POST", "/api/v1/pipeline/resume", b"")
    released, problem = server.call("POST", f"/api/v1/gates/{GATE}/release", b"")
    closed, open_ = server.call("POST", f"/api/v1/gates/{GATE}/close", b"")

    assert (paused, resumed) == (200, 200)
    assert (released, problem["code"]) == (409, "gate.state")
    assert (closed, open_["code"]) == (409, "gate.state")
    assert open_["fix"]


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("DELETE", "/api/v1/events", 405, "GET, POST"),
        ("POST", "/api/v1/gates", 405, "GET"),
        ("PUT", "/readyz", 405, "GET, HEAD"),
        ("GET", "/api/v1/gates/", 404, None),
        ("POST", "/api/v1/events/", 404, None),
    ],
)
def test_another_method_or_a_stroke_too_many_is_told_and_leads_nowhere(
    server: Server, method: str, path: str, status: int, allow: str | None
) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=30)) as connection:
        connection.request(method, path, headers={"Authorization": f"Bearer {server.token}"})

        response = connection.getresponse()

    assert (response.status, response.getheader("Allow")) == (status, allow)
    assert response.getheader("Content-Type") == "application/problem+json"


def test_nothing_is_known_under_an_id_nobody_used(server: Server) -> None:
    status, problem = server.call("GET", "/api/v1/trace/nope")

    assert (status, problem["code"]) == (404, "not_found")


def test_a_job_is_asked_for_again_and_every_run_is_listed(server: Server) -> None:
    first, sent = server.call(
        "POST", "/api/v1/trigger/manual", {"business_date": "2024-03-01", "reason": "by hand"}
    )
    path = f"/api/v1/executions/{sent['trigger_id']}"
    assert eventually(lambda: server.call("GET", path)[1].get("ended_at") is not None)
    again, repeated = server.call("POST", f"/api/v1/triggers/{sent['trigger_id']}/again", b"")
    _, listed = server.call("GET", "/api/v1/executions?date=2024-03-01&limit=1")
    _, rest = server.call("GET", f"/api/v1/executions?date=2024-03-01&cursor={listed['next']}")
    _, jobs = server.call("GET", "/api/v1/jobs")

    assert (first, again) == (202, 202)
    assert repeated["trigger_id"] == f"{sent['trigger_id']}.again.1"
    ids = [one["id"] for one in (*listed["items"], *rest["items"])]
    assert ids == [repeated["trigger_id"], sent["trigger_id"]]
    assert [one["job"] for one in jobs["items"]] == ["daily_customer_analysis"]


@pytest.mark.parametrize("value", ["", "  ", '""'])
def test_an_empty_header_of_an_event_is_refused(server: Server, value: str) -> None:
    status, problem = server.call(
        "POST", "/api/v1/events", {}, ce_specversion="1.0", ce_id="empty-1", ce_source="/s",
        ce_type="t", ce_subject=value,
    )  # fmt: skip

    assert (status, problem["code"]) == (422, "event.attribute")
    assert "ce-subject is empty" in problem["detail"]


def test_an_attribute_that_came_twice_is_refused(server: Server) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    head = (
        f"POST /api/v1/events HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        f"Authorization: Bearer {server.token}\r\nce-specversion: 1.0\r\nce-source: /s\r\n"
        "ce-type: t\r\nce-id: one\r\nce-id: two\r\nContent-Length: 0\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert b"422" in answer.partition(b"\r\n")[0]
    assert b"event.attribute" in answer
    assert b"ce-id came twice" in answer


def test_nobody_else_speaks_under_our_name(server: Server) -> None:
    status, problem = server.post(event(id="impostor", source="tidegate"))

    assert (status, problem["code"]) == (422, "event.source.reserved")


def test_a_number_that_is_none_is_called_what_it_is(server: Server) -> None:
    wrong = {"duration_minutes": float("nan")}

    status, problem = server.call("POST", "/api/v1/pipeline/pause", wrong)

    assert (status, problem["code"]) == (422, "request.invalid")
    assert "not NaN" in problem["detail"]


def test_a_pause_holds_and_a_resume_starts(server: Server) -> None:
    pause = {"reason": "System maintenance", "user": "admin", "duration_minutes": 120}
    status, paused = server.call("POST", "/api/v1/pipeline/pause", pause)
    late = {"business_date": "2024-02-01"}
    crm, erp = event("crm", id="crm-p"), event("erp", id="erp-p")
    server.post([crm | {"data": crm["data"] | late}, erp | {"data": erp["data"] | late}])
    _, held = server.call("GET", "/api/v1/triggers/pending")
    resume = {"reason": "Maintenance completed", "user": "admin"}
    _, resumed = server.call("POST", "/api/v1/pipeline/resume", resume)

    assert status == 200
    assert paused["paused"] is True
    assert [one["business_date"] for one in held["triggers"]] == ["2024-02-01"]
    assert resumed == {"job": None, "paused": False, "until": None}
    assert eventually(lambda: server.call("GET", "/api/v1/triggers/pending")[1]["count"] == 0)


def test_a_maintenance_window_comes_and_goes(server: Server) -> None:
    body = {
        "start": "02:00",
        "end": "04:00",
        "description": "Weekly maintenance",
        "days": ["sunday"],
    }
    status, added = server.call("POST", "/api/v1/schedule/maintenance", body)
    _, listed = server.call("GET", "/api/v1/schedule/maintenance")
    gone, _ = server.call("DELETE", f"/api/v1/schedule/maintenance/{added['window_id']}")
    _, after = server.call("GET", "/api/v1/schedule/maintenance")

    assert (status, gone) == (201, 200)
    assert [one["window_id"] for one in listed["windows"]] == [added["window_id"]]
    assert after["windows"] == []


def test_the_schema_is_openapi_31_and_names_every_route(server: Server) -> None:
    status, schema = server.call("GET", "/api/v1/openapi.json")

    assert status == 200
    assert schema["openapi"].startswith("3.1")
    assert "202" in schema["paths"]["/api/v1/events"]["post"]["responses"]


def test_the_server_ends_in_order_and_the_log_decides_the_same_again(tmp_path: Path) -> None:
    project = Path(shutil.copytree(EXAMPLE, tmp_path / "project"))
    with Server(project) as started:
        started.post([event("crm"), event("erp")])
        code = started.stop()

    assert code == 0
    connection = sqlite3.connect(project / "tidegate.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ('{"n": 18446744073709551616}', "parameters.n "),
        ('{"n": 9223372036854775808}', "parameters.n "),
        ('{"n": -9223372036854775809}', "parameters.n "),
        ('{"n": 1e999}', "parameters.n "),
        ('{"n": NaN}', "parameters.n "),
        ('{"n": "\\ud800"}', "parameters.n "),
        ('{"n": ' + "[" * 90 + "]" * 90 + "}", "parameters.n[0]"),
    ],
)
def test_parameters_that_cannot_be_kept_are_refused_with_their_place(
    server: Server, value: str, where: str
) -> None:
    status, problem = server.call(
        "POST", "/api/v1/trigger/manual", f'{{"parameters": {value}}}'.encode()
    )

    assert (status, problem["code"]) == (422, "request.invalid")
    assert problem["detail"].startswith(where)
    assert problem["fix"]


def test_a_packed_body_is_refused_as_such_and_kept(server: Server) -> None:
    packed = gzip.compress(json.dumps(event()).encode())

    status, problem = server.call("POST", "/api/v1/events", packed, Content_Encoding="gzip")
    other, _ = server.call("POST", "/api/v1/pipeline/pause", packed, Content_Encoding="gzip")
    plain, _ = server.call("POST", "/api/v1/pipeline/resume", b"{}", Content_Encoding="identity")

    assert (status, problem["code"]) == (415, "body.encoding")
    assert "gzip" in problem["detail"]
    assert (other, plain) == (415, 200)
    assert any("body.encoding" in item["what"] for item in inbox(server))


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        (b"GET /healthz HTTP/1.1\r\n\r\n", b"HTTP/1.1 400"),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"HTTP/1.1 400"),
        (b"POST /api/v1/events HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", b"HTTP/1.1 400"),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200"),
        (b"GET /healthz HTTP/1.0\r\n\r\n", b"HTTP/1.1 200"),
    ],
)
def test_a_request_names_its_host_once(server: Server, head: bytes, answer: bytes) -> None:
    address = server.url.removeprefix("http://").split(":")

    with socket.create_connection((address[0], int(address[1])), timeout=10) as sent:
        sent.sendall(head)
        said = sent.recv(4096)

    assert said.startswith(answer), said
