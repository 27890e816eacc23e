"""The HTTP API as it is described: valid OpenAPI, and an example of every route that a server gave."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from tidegate.api.openapi import EXAMPLES, examples
from tidegate.api.schemas import ANSWERS
from tidegate.cli.reference import openapi
from tidegate.testing.calls import CALLED, record
from tidegate.testing.golden import SWITCH
from tidegate.testing.page import plain
from tidegate.testing.schemas import faults, strict
from tidegate.testing.server import Server

DESCRIBED = openapi()
ROUTES = [
    (method, path, operation)
    for path, operations in DESCRIBED["paths"].items()
    for method, operation in operations.items()
]
TEXT = {"/metrics"}
OPEN = {"/healthz", "/readyz"}


def test_the_description_is_valid_openapi() -> None:
    validate(DESCRIBED)

    assert DESCRIBED["openapi"].startswith("3.1")


@pytest.mark.parametrize(("method", "path", "operation"), ROUTES)
def test_a_route_says_what_it_takes_and_answers(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    answers = operation["responses"]

    assert operation["summary"]
    assert operation["operationId"]
    assert any(status.startswith("2") for status in answers)
    if path not in OPEN:
        assert operation["security"]
        assert "application/problem+json" in answers["401"]["content"]
    if path not in TEXT:
        shown = [one for answer in answers.values() for one in answer.get("content", {}).values()]
        assert any("example" in one for one in shown), "an example of this route is missing"
    assert len({one["operationId"] for _, _, one in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize("call", examples(), ids=lambda call: str(call["route"]))
def test_an_example_fits_its_schema(call: dict[str, Any]) -> None:
    described = strict(DESCRIBED)
    method, _, path = call["route"].partition(" ")
    (content,) = described["paths"][path][method.lower()]["responses"][str(call["status"])][
        "content"
    ].values()

    wrong = faults(content["schema"], described, call["answer"])

    assert wrong == []
    assert ("$ref" in content["schema"]) == (call["route"] in ANSWERS or call["status"] >= 400)


@pytest.mark.slow
def test_the_examples_are_what_a_server_answers(tmp_path: Path) -> None:
    for name, text in CALLED.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")

    with Server(tmp_path) as server:
        calls = record(server)

    kept = examples()
    if os.environ.get(SWITCH) == "write" and without_figures(kept) != without_figures(calls):
        EXAMPLES.write_text(json.dumps(calls, indent=1, ensure_ascii=False) + "\n", "utf-8")
        return
    assert without_figures(kept) == without_figures(calls), "if that is wanted: make golden docs"


def without_figures(calls: list[dict[str, Any]]) -> str:
    """What must be the same every time: all but figures, instants and keys."""
    return re.sub(r"\d+(\.\d+)?", "0", plain([])(json.dumps(calls, indent=1)))
