"""Api: docs/reference/api.md, of the OpenAPI document and the calls a real server answered."""

from __future__ import annotations

import json
from typing import Any

from tidegate.api.openapi import examples

LINES_SHOWN = 18
"""Lines of an answer that are shown at once; of a longer one when it is unfolded."""
# Title and routes, in the order one needs them; a route in none of them is a fault.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Events in", ("POST /api/v1/events",)),
    (
        "Is it ready, and why not?",
        (
            "GET /api/v1/readiness", "GET /api/v1/rules/{rule}/explain", "GET /api/v1/gates",
            "GET /api/v1/gates/{gate_id}", "GET /api/v1/gates/{gate_id}/explain",
            "GET /api/v1/events", "GET /api/v1/trace/{trace_id}",
        ),
    ),
    (
        "Runs",
        (
            "GET /api/v1/jobs", "POST /api/v1/trigger/manual", "GET /api/v1/triggers",
            "GET /api/v1/triggers/pending", "GET /api/v1/triggers/{trigger_id}",
            "GET /api/v1/triggers/{trigger_id}/explain", "POST /api/v1/triggers/{trigger_id}/again",
            "POST /api/v1/triggers/{trigger_id}/cancel", "GET /api/v1/executions",
            "GET /api/v1/executions/{execution_id}", "POST /api/v1/executions/{execution_id}/stop",
        ),
    ),
    (
        "Pauses and windows",
        (
            "POST /api/v1/pipeline/pause", "POST /api/v1/pipeline/resume", "GET /api/v1/schedule",
            "GET /api/v1/schedule/maintenance", "POST /api/v1/schedule/maintenance",
            "DELETE /api/v1/schedule/maintenance/{window_id}",
        ),
    ),
    (
        "What a person decides",
        (
            "POST /api/v1/gates/{gate_id}/release",
            "POST /api/v1/gates/{gate_id}/close", "GET /api/v1/inbox",
            "GET /api/v1/inbox/{item_id}", "POST /api/v1/inbox/{item_id}/release",
            "GET /api/v1/notices", "GET /api/v1/notices/{notice_id}",
            "POST /api/v1/notices/{notice_id}/send", "POST /api/v1/clock/accept",
        ),
    ),
    ("Documents", ("POST /api/v1/activations",)),
    ("The server", ("GET /healthz", "GET /readyz", "GET /metrics")),
)  # fmt: skip
_HEAD = """# HTTP API

Generated. The OpenAPI 3.1 document is served at `/api/v1/openapi.json`. Every answer below was given
by a real server, and a test asks for it again.

- **Who asks.** `Authorization: Bearer $PIPELINE_API_TOKEN` on every route but `/healthz`, `/readyz` and
  `/api/v1/openapi.json`, which describes the routes and holds no data.
- **Errors** are `application/problem+json` with a stable `code` ([all codes](errors.md)) and, where
  there is one, a `fix`. 503 carries `Retry-After`: send the same again.
- **Pages.** Lists answer `items` and `next`; hand `next` on as `cursor` until it is null. What belongs in
  a list and cannot be read from the database is left out and told under `unreadable`, one problem each
  (`cell.unreadable`, with its name in `detail`); that key is there only then.
- **Orders** (`POST`, `DELETE`) are answered after they are committed, and stand in the log with who
  gave them and why.

```console
$ curl -s "$URL/api/v1/gates?status=quarantined" -H "Authorization: Bearer $PIPELINE_API_TOKEN"
```

| route | what |
| --- | --- |
"""
_EVENTS = """Three forms: one event as `application/cloudevents+json` (or plain JSON with `specversion`), one in
headers (`ce-id: ...`, its data as the body), and a batch as `application/cloudevents-batch+json`; JSON
lines (`application/x-ndjson`) are a batch as well. A batch is always 202, with a verdict for each
event; a single event that is rejected is 422 with the same keys; what is no CloudEvent at all is 400.
A single event under a used id with other content is 202 with `"conflicts": 1` and a remark
`event.conflict`: it is kept, in the inbox, and counts for nothing, so look at `conflicts` too.
"""


def api(schema: dict[str, Any]) -> str:
    """The page."""
    calls = {call["route"]: call for call in examples()}
    routes = {
        f"{method.upper()} {path}": operation
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    }
    grouped = [route for _, group in GROUPS for route in group]
    assert sorted(grouped) == sorted(routes), set(grouped) ^ set(routes)
    lines = [
        f"| [`{route}`](#{_anchor(routes[route]['summary'])}) | {routes[route]['summary']} |"
        for route in grouped
    ]
    for title, group in GROUPS:
        lines += ["", f"## {title}"]
        for route in group:
            lines += ["", f"### {routes[route]['summary']}", "", f"`{route}`", ""]
            lines += [_EVENTS] if route == "POST /api/v1/events" else []
            lines += _parameters(routes[route], schema)
            lines += _example(calls[route]) if route in calls else []
    return _HEAD + "\n".join(lines).rstrip() + "\n"


def _parameters(operation: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    rows = [
        _row(one["name"], one["in"], one.get("schema", {}), one.get("required", False))
        for one in operation.get("parameters", ())
    ]
    for media in operation.get("requestBody", {}).get("content", {}).values():
        body = _resolved(media.get("schema", {}), schema)
        required = body.get("required", ())
        rows += [
            _row(name, "body", field, name in required)
            for name, field in body.get("properties", {}).items()
        ]
    if not rows:
        return []
    return ["| name | in | takes | |", "| --- | --- | --- | --- |", *rows, ""]


def _row(name: str, where: str, field: dict[str, Any], required: bool) -> str:
    default = field.get("default")
    said = "**required**" if required else ""
    if default not in (None, "", [], {}):
        said = f"default `{json.dumps(default)}`"
    said = " ".join(part for part in (said, field.get("description", "")) if part)
    return f"| `{name}` | {where} | {_takes(field)} | {said} |"


def _takes(field: dict[str, Any]) -> str:
    options = [one for one in field.get("anyOf", [field]) if one.get("type") != "null"]
    names: list[str] = []
    for one in options:
        if "enum" in one:
            names.append(", ".join(f"`{value}`" for value in one["enum"]))
        else:
            kind = str(one.get("type", "any"))
            low, high = one.get("minimum"), one.get("maximum")
            names.append(
                f"{kind}, {low} to {high}" if low is not None and high is not None else kind
            )
    return " or ".join(names)


def _resolved(found: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for option in (found, *found.get("anyOf", ()), *found.get("allOf", ())):
        if "$ref" in option:
            inner: dict[str, Any] = schema["components"]["schemas"][
                option["$ref"].rpartition("/")[2]
            ]
            return inner
    return found


def _example(call: dict[str, Any]) -> list[str]:
    method = call["route"].partition(" ")[0]
    asked = [f"{method} {call['ask']}"]
    if "body" in call:
        asked += ["", json.dumps(call["body"], indent=1, ensure_ascii=False)]
    lines = ["```text", *asked, "```", ""]
    answer = json.dumps(call["answer"], indent=1, ensure_ascii=False)
    block = ["```json", answer, "```", ""]
    if answer.count("\n") < LINES_SHOWN:
        return [*lines, f"Answer {call['status']}:", "", *block]
    return [
        *lines,
        f"<details><summary>Answer {call['status']}</summary>",
        "",
        *block,
        "</details>",
        "",
    ]


def _anchor(title: str) -> str:
    kept = "".join(char for char in title.lower() if char.isalnum() or char in " -_")
    return kept.replace(" ", "-")
