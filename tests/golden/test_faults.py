"""What people see of their mistakes: each broken file of `faults/`, and its printed faults beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, JsonValue, ValidationError

from tidegate.kernel.clock import parse_duration
from tidegate.kernel.fault import from_validation, render, summary
from tidegate.kernel.textfile import read
from tidegate.testing.golden import check_golden

FOLDER = Path(__file__).parent / "faults"
STORAGES = ("snowflake", "aws_s3", "postgres", "local_postgres", "mongodb", "local_file")


def duration(value: object) -> object:
    return value if value == "continuous" else parse_duration(str(value))


def spell(value: str) -> str:
    try:
        parse_duration(value)
    except ValueError as error:
        raise ValueError("not a delay|write it as 30m") from error
    return value


def storage(value: str) -> str:
    kind = value.split("||")[0]
    if kind not in STORAGES:
        raise ValueError(f'unknown storage "{kind}"|write one of {", ".join(STORAGES)}')
    return value


class Strict(BaseModel, frozen=True, extra="forbid", strict=True):
    pass


# ---- the pipeline of the tracking framework
class Metadata(Strict, frozen=True):
    pipeline_id: str
    pipeline_name: str = ""
    created_timestamp: str | None = None


class Stage(Strict, frozen=True):
    stage_i_details: str
    stage_i_plus_1_details: str
    transfer_order_number: float = 1.0
    estimated_duration: Annotated[str | int | None, BeforeValidator(duration)] = None
    can_partial_data_be_collected: bool = False
    max_retry_attempts: int = 3
    transfer_process_email_alerts: list[str] = []
    tracking_location: list[Annotated[str, BeforeValidator(storage)]] = []


class Maintenance(Strict, frozen=True):
    start: str = ""
    end: str = ""


class Pipeline(Strict, frozen=True):
    pipeline_metadata: Metadata
    stage_transfers: list[Stage]
    maintenance: Maintenance | None = None


# ---- a rule
class Trigger(Strict, frozen=True):
    action_type: Literal["trigger_job"]
    job_name: str
    parameters: dict[str, JsonValue] = {}


class Notice(Strict, frozen=True):
    action_type: Literal["send_notification"]
    channel: Literal["slack", "email", "console"]
    message: str
    delay: Annotated[str, AfterValidator(spell)] | None = None


class Rule(Strict, frozen=True):
    rule_name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    description: str = ""
    enabled: bool = True
    priority: Literal["low", "normal", "high", "critical"] = "normal"
    window_hours: Annotated[int, Field(ge=1, le=744)] = 24
    timeout: Literal["never"] | Annotated[str, AfterValidator(spell)] = "never"
    conditions: Annotated[list[dict[str, str | int | float | bool | None]], Field(min_length=1)]
    actions: list[Annotated[Trigger | Notice, Field(discriminator="action_type")]] = []
    fallback: list[Trigger | Notice] = []
    match: str | list[str] = ""
    any: int | Literal["all"] = "all"


class Anything(BaseModel, extra="allow"):
    pass


MODELS: dict[str, type[BaseModel]] = {
    "machine.asl.json": Anything,
    "pipeline.yaml": Pipeline,
    "rule.yaml": Rule,
    "sorts.yaml": Rule,
    "syntax.yaml": Anything,
    "twice.asl.json": Anything,
    "values.yaml": Anything,
    "wide.yaml": Rule,
}


def printed(path: Path, *, colour: bool = False) -> str:
    file = f"examples/{path.name}"
    found = read(file, path.read_bytes())
    faults = list(found.faults)
    for document in found.documents:
        try:
            MODELS[path.name].model_validate_json(msgspec.json.encode(document.value))
        except ValidationError as error:
            faults += from_validation(error, document.places, file, MODELS[path.name])
    return f"{render(faults, {file: found.text}, colour=colour)}\n{summary(faults)}\n"


@pytest.mark.parametrize("name", MODELS)
def test_the_faults_of_a_file_read_as_they_were_judged(name: str) -> None:
    check_golden(FOLDER / f"{name}.txt", printed(FOLDER / name))


def test_colour_changes_nothing_but_colour() -> None:
    plain, coloured = printed(FOLDER / "rule.yaml"), printed(FOLDER / "rule.yaml", colour=True)

    for paint in ("\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[36m"):
        coloured = coloured.replace(paint, "")
    assert coloured == plain


def test_every_broken_file_is_tried() -> None:
    inputs = {path.name for path in FOLDER.iterdir() if path.suffix != ".txt"}

    assert inputs == set(MODELS)
