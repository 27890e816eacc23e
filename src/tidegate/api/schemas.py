"""Schemas: what the main answers look like, for the OpenAPI document.

Each is made from the very type that the function which makes the answer returns: there is no
second copy. What answers hold beyond their schemas a test refuses; clients should let it pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tidegate.correlate.listing import GateAnswer
from tidegate.kernel.event import Json
from tidegate.kernel.problem import ProblemAnswer
from tidegate.kernel.value import is_list, is_map
from tidegate.services.answer import (
    ExecutionAnswer,
    ExecutionShown,
    GateShown,
    GateWhy,
    TriggerAnswer,
    TriggerShown,
    TriggerWhy,
)
from tidegate.services.intake import Receipt
from tidegate.services.page import PageAnswer
from tidegate.services.readiness import ReadinessAnswer

ANSWERS: Final[Mapping[str, Any]] = {
    "POST /api/v1/events": Receipt,
    "GET /api/v1/gates": PageAnswer[GateAnswer],
    "GET /api/v1/gates/{gate_id}": GateShown,
    "GET /api/v1/gates/{gate_id}/explain": GateWhy,
    "GET /api/v1/rules/{rule}/explain": GateWhy,
    "GET /api/v1/readiness": ReadinessAnswer,
    "GET /api/v1/executions": PageAnswer[ExecutionAnswer],
    "GET /api/v1/executions/{execution_id}": ExecutionShown,
    "GET /api/v1/triggers": PageAnswer[TriggerAnswer],
    "GET /api/v1/triggers/{trigger_id}": TriggerShown,
    "GET /api/v1/triggers/{trigger_id}/explain": TriggerWhy,
}
"""Of what type a route's answer is where all is well."""
_NAMES: Final = {
    "PageAnswer_GateAnswer_": "Gates",
    "PageAnswer_ExecutionAnswer_": "Executions",
    "PageAnswer_TriggerAnswer_": "Triggers",
    "ProblemAnswer": "Problem",
}


def schemas() -> tuple[dict[str, dict[str, str]], dict[str, Any]]:
    """A reference for each route of ANSWERS, and what it refers to, by name."""
    types = [*ANSWERS.values(), ProblemAnswer]
    found, components = msgspec.json.schema_components(types, ref_template=_ref("{name}"))
    routes = dict(zip(ANSWERS, map(_renamed, found), strict=False))
    return routes, {_NAMES.get(name, name): _renamed(one) for name, one in components.items()}


def _ref(name: str) -> str:
    return f"#/components/schemas/{name}"


def _renamed(schema: Json) -> Json:
    """With references by the names that clients read."""
    if is_map(schema):
        return {
            key: _ref_to(str(one)) if key == "$ref" else _renamed(one)
            for key, one in schema.items()
        }
    return [_renamed(one) for one in schema] if is_list(schema) else schema


def _ref_to(written: str) -> str:
    name = written.rpartition("/")[2]
    return _ref(_NAMES.get(name, name))
