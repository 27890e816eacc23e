"""OpenAPI 3.1, completed: the raw event route, what every route may answer, and an example of each.

`examples.json` holds calls that a real server answered; a test asks them again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI

from tidegate.api.problem import MEDIA_TYPE
from tidegate.api.schemas import schemas

EVENTS_PATH = "/api/v1/events"
EXAMPLES = Path(__file__).with_name("examples.json")

_BEARER: list[dict[str, Any]] = [{"HTTPBearer": []}]
_REF = {"$ref": "#/components/schemas/Problem"}
_PROBLEM_BODY = {MEDIA_TYPE: {"schema": _REF}}
_FAULTS = {
    "400": "The request is wrong",
    "401": "A valid token is needed",
    "404": "There is no such thing",
    "409": "The state does not allow it",
    "422": "A parameter or the body is wrong",
    "503": "Not now; Retry-After says when",
}


def complete(app: FastAPI) -> None:
    """Let `app.openapi()` answer the whole truth."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        schema = made()
        answers, components = schemas()
        schema.setdefault("components", {}).setdefault("schemas", {}).update(components)
        schema["paths"][EVENTS_PATH]["post"] = _post_events()
        for path in schema["paths"].values():
            for operation in path.values():
                _add_faults(operation)
        _add_vital_routes(schema["paths"])
        for route, answer in answers.items():
            _add_answer(_operation(schema, route), answer)
        for call in examples():
            _add_example(_operation(schema, call["route"]), call)
        app.openapi_schema = schema
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _operation(schema: dict[str, Any], route: str) -> dict[str, Any]:
    method, _, path = route.partition(" ")
    found: dict[str, Any] = schema["paths"][path][method.lower()]
    return found


def _add_answer(operation: dict[str, Any], schema: dict[str, str]) -> None:
    """What it answers where all is well."""
    well = next(one for status, one in operation["responses"].items() if status.startswith("2"))
    well["content"] = {"application/json": {"schema": schema}}


def _add_faults(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    for status, description in _FAULTS.items():
        responses[status] = {"description": description, "content": _PROBLEM_BODY}


def _post_events() -> dict[str, Any]:
    event: dict[str, Any] = {"type": "object", "additionalProperties": True}
    return {
        "summary": "Send CloudEvents: structured, binary, or a batch",
        "operationId": "post_events",
        "security": _BEARER,
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": {"schema": event},
                "application/cloudevents-batch+json": {"schema": {"type": "array", "items": event}},
                "application/json": {"schema": {}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        },
        "responses": {
            "202": {"description": "Durable, with a verdict for each event"},
            "413": {"description": "The body is over its limit", "content": _PROBLEM_BODY},
            "415": {"description": "The body is packed", "content": _PROBLEM_BODY},
        },
    }


def _add_vital_routes(paths: dict[str, Any]) -> None:
    object_ = {"schema": {"type": "object"}}
    for path, summary in (("/healthz", "Is the process alive?"), ("/readyz", "May it be used?")):
        responses = {"200": {"description": "Yes", "content": {"application/json": object_}}}
        paths[path] = {"get": {"summary": summary, "operationId": path[1:], "responses": responses}}
    paths["/readyz"]["get"]["responses"]["503"] = {
        "description": "Not now, and why",
        "content": {"application/json": object_},
    }
    text = {"text/plain": {"schema": {"type": "string"}}}
    paths["/metrics"] = {
        "get": {
            "summary": "Prometheus metrics",
            "operationId": "metrics",
            "security": _BEARER,
            "responses": {
                "200": {"description": "Text", "content": text},
                "401": {"description": _FAULTS["401"], "content": _PROBLEM_BODY},
            },
        }
    }


# ---- examples
def examples() -> list[dict[str, Any]]:
    """One call of every route: `route`, `ask`, `status`, `answer`, and `body` where it has one."""
    if not EXAMPLES.exists():
        return []
    found: list[dict[str, Any]] = msgspec.json.decode(EXAMPLES.read_bytes())
    return found


def _add_example(operation: dict[str, Any], call: dict[str, Any]) -> None:
    status, answer = str(call["status"]), call["answer"]
    response = operation["responses"][status]
    # Answers to faults share their body; an example is one route's own.
    media = MEDIA_TYPE if "code" in answer and call["status"] >= 400 else "application/json"
    content = response.setdefault("content", {}).get(media, {"schema": {"type": "object"}})
    response["content"] = {**response["content"], media: {**content, "example": answer}}
    if "body" in call:
        bodies = operation["requestBody"]["content"]
        media = "application/cloudevents-batch+json"
        media = media if media in bodies else next(iter(bodies))
        bodies[media] = {**bodies[media], "example": call["body"]}
