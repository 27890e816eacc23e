"""Schemas, read strictly: what an answer holds and its schema does not is a fault in tests.

Published schemas are open, so that clients let further members pass; a test that would, too, would
not notice what nobody described.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

from tidegate.kernel.event import Json
from tidegate.kernel.value import is_list, is_map

SAID_MAX = 300
OPEN = frozenset({"Problem"})
"""Some codes tell more, such as the counts of a delivery."""


def strict(described: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI document of which no schema but those of OPEN allows what it does not name."""
    schemas = described["components"]["schemas"]
    shut = {name: one if name in OPEN else _shut(one) for name, one in schemas.items()}
    return {**described, "components": {**described["components"], "schemas": shut}}


def faults(schema: Json, described: dict[str, Any], answer: Json) -> list[str]:
    """What of an answer does not fit a schema of the document."""
    validator: Any = Draft202012Validator({**schema, "components": described["components"]})
    return [f"{one.json_path}: {one.message}"[:SAID_MAX] for one in validator.iter_errors(answer)]


def _shut(schema: Json) -> Json:
    if is_list(schema):
        return [_shut(one) for one in schema]
    if not is_map(schema):
        return schema
    found = {key: _shut(one) for key, one in schema.items()}
    return {"additionalProperties": False, **found} if "properties" in found else found
