"""OpenAPI 3.1, completed: the raw event route and what every route may answer."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from tidegate.api.problem import MEDIA_TYPE

EVENTS_PATH = "/api/v1/events"

_RECEIPT: dict[str, Any] = {
    "type": "object",
    "required": ["accepted", "duplicates", "conflicts", "rejected"],
    "properties": {
        "accepted": {"type": "integer"},
        "duplicates": {"type": "integer"},
        "conflicts": {"type": "integer"},
        "rejected": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "code", "message"],
                "properties": {
                    "index": {"type": "integer"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "fix": {"type": "string"},
    },
}
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
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = _PROBLEM
        schemas["Receipt"] = _RECEIPT
        schema["paths"][EVENTS_PATH]["post"] = _post_events()
        for path in schema["paths"].values():
            for operation in path.values():
                _add_faults(operation)
        schema["paths"]["/healthz"] = {"get": _vital("Is the process alive?", "application/json")}
        schema["paths"]["/readyz"] = {"get": _vital("May it be used?", "application/json")}
        schema["paths"]["/metrics"] = {"get": _vital("Prometheus metrics", "text/plain")}
        schema["paths"]["/readyz"]["get"]["responses"]["503"] = {
            "description": "Not now, and why",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
        app.openapi_schema = schema
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _add_faults(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    for status, description in _FAULTS.items():
        responses[status] = {"description": description, "content": _PROBLEM_BODY}


def _post_events() -> dict[str, Any]:
    event: dict[str, Any] = {"type": "object", "additionalProperties": True}
    return {
        "summary": "Send CloudEvents: structured, binary, or a batch",
        "operationId": "post_events",
        "security": [{"HTTPBearer": []}],
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
            "202": {
                "description": "Durable, with a verdict for each event",
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Receipt"}}
                },
            },
            "413": {"description": "The body is over its limit", "content": _PROBLEM_BODY},
        },
    }


def _vital(summary: str, media: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "responses": {
            "200": {"description": "Yes", "content": {media: {"schema": {}}}},
        },
    }
