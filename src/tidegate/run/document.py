"""The `job` document: `jobs/*.yaml`, a mapping of names to what is started under them.

    daily_customer_analysis:
      kind: command
      target: [python, reports/daily.py, --date, "${business_date}"]
      parameters: {mode: full}
      owner: data_engineering_team
      timeout: 2h
      retry: {max_attempts: 3, delay_minutes: 30, backoff_multiplier: 2}

Authored shape only: `run/job.py` has the followed one. Texts may hold `${...}` over the names of
SCOPE; whatever is templated, the parameters always reach the task as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    JsonValue,
    ValidationInfo,
    field_validator,
)

from tidegate.kernel import spelling
from tidegate.kernel.clock import (
    MINUTE_US,
    SECOND_US,
    format_duration,
    parse_duration,
    require_unit,
)
from tidegate.kernel.event import Json
from tidegate.kernel.ids import SEGMENT_MAX
from tidegate.kernel.retry import ATTEMPTS_MAX, DELAY_MINUTES_MAX, MULTIPLIER_MAX, RetryPolicy
from tidegate.kernel.step import DocumentKind, Finding
from tidegate.kernel.value import is_map
from tidegate.run import target as targets

JOBS_MAX = 10_000
ARGUMENTS_MAX = 1_000
PARAMETERS_MAX = 256
TEXT_MAX = 10_000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
KINDS = ("command", "python", "http")
STEPS = {
    "ingestion": (
        "raw-data-validation", "schema-evolution-handling", "data-format-conversion",
        "duplicate-detection",
    ),
    "transformation": (
        "business-logic-application", "data-enrichment", "aggregation-and-summarization",
        "data-quality-enforcement",
    ),
    "output": (
        "data-warehouse-loading", "analytics-preparation", "report-generation",
        "api-data-preparation",
    ),
}  # fmt: skip
"""The twelve job categories, by the three they belong to."""

_FUNCTION = re.compile(r"[^\W\d][\w.]*:[^\W\d][\w.]*")
_ONLY = {
    "cwd": ("command",),
    "environment": ("command",),
    "stdin": ("command",),
    "method": ("http",),
    "headers": ("http",),
    "body": ("http",),
}


# ---- values
def _kind(value: Json) -> Json:
    if isinstance(value, str) and value not in KINDS:
        otherwise = f"write one of {', '.join(KINDS)}"
        raise ValueError(
            f'this version starts no jobs of kind "{value[:40]}"|'
            + spelling.did_you_mean(value, KINDS, otherwise)
        )
    return value


def _duration(text: str) -> str:
    duration_us = parse_duration(text)
    if duration_us < SECOND_US:
        raise ValueError("this leaves the work no time|write at least 1s")
    return text


def _template(value: Json) -> Json:
    targets.check(value)
    return value


Text: TypeAlias = Annotated[str, Field(max_length=TEXT_MAX), AfterValidator(_template)]
Duration: TypeAlias = Annotated[
    str, Field(max_length=40), AfterValidator(_duration), BeforeValidator(require_unit)
]
Templated: TypeAlias = Annotated[JsonValue, AfterValidator(_template)]


class RetryDocument(BaseModel, frozen=True, defer_build=True, extra="forbid"):
    """`max_attempts: 3` and 30 minutes with multiplier 2: tries at 0, +30 and +90 minutes."""

    max_attempts: Annotated[int, Field(ge=1, le=ATTEMPTS_MAX, strict=True)] = 3
    delay_minutes: Annotated[float, Field(ge=0, le=DELAY_MINUTES_MAX, strict=True)] = 30
    backoff_multiplier: Annotated[float, Field(ge=1, le=MULTIPLIER_MAX, strict=True)] = 2.0

    def policy(self) -> RetryPolicy:
        return RetryPolicy(
            attempts_max=self.max_attempts,
            delay_us=round(self.delay_minutes * MINUTE_US),
            multiplier=self.backoff_multiplier,
        )


class JobDocument(BaseModel, frozen=True, defer_build=True, extra="forbid"):
    """One job."""

    kind: Annotated[Literal["command", "python", "http"], BeforeValidator(_kind)]
    target: Text | Annotated[tuple[Text, ...], Field(min_length=1, max_length=ARGUMENTS_MAX)]
    """A command as a list or as text, a function `module:name`, or an address."""
    description: str = ""
    category: Literal["ingestion", "transformation", "output"] | None = None
    step: str | None = None
    owner: Annotated[str, Field(max_length=200)] | None = None
    pool: Annotated[str, Field(max_length=200)] | None = None
    price: Annotated[float, Field(ge=0, strict=True)] | None = None
    """What an hour of it costs, in US dollars."""
    parameters: Annotated[dict[str, Templated], Field(max_length=PARAMETERS_MAX)] = {}
    timeout: Duration = "1d"
    """The longest one attempt may take."""
    execution_timeout: Duration | None = None
    """The longest all attempts together may take, the waits between them included."""
    retry: RetryDocument | None = None
    cwd: Text | None = None
    environment: Annotated[dict[str, Text], Field(max_length=PARAMETERS_MAX)] = {}
    stdin: Text | None = None
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] | None = None
    headers: Annotated[dict[str, Text], Field(max_length=100)] = {}
    body: Templated = None

    @field_validator("target", mode="after")
    @classmethod
    def _fits_its_kind(
        cls, target: str | tuple[str, ...], info: ValidationInfo
    ) -> str | tuple[str, ...]:
        kind = info.data.get("kind")
        if isinstance(target, tuple) and kind in ("python", "http"):
            raise ValueError("only a command is a list|write one text")
        if kind == "command" and isinstance(target, str):
            targets.check_shell(target)
        if kind == "python" and _FUNCTION.fullmatch(str(target)) is None:
            raise ValueError("this names no function|write module:function")
        if kind == "http" and not str(target).startswith(("http://", "https://", "${")):
            raise ValueError("this is no address|write https://...")
        return target

    @field_validator("step", mode="after")
    @classmethod
    def _is_one_of_the_twelve(cls, step: str | None, info: ValidationInfo) -> str | None:
        if step is None:
            return None
        category = info.data.get("category")
        known = [
            one for group, steps in STEPS.items() if category in (None, group) for one in steps
        ]
        if step not in known:
            what = f"this is no step of {category}" if category else "this is no step of a job"
            otherwise = f"write one of {spelling.listed(known)}"
            raise ValueError(f"{what}|{spelling.did_you_mean(step, known, otherwise)}")
        return step

    @field_validator(*_ONLY, mode="after")
    @classmethod
    def _belongs_to_its_kind(cls, value: Json, info: ValidationInfo) -> Json:
        kind = info.data.get("kind")
        kinds = _ONLY[info.field_name or ""]
        if kind is not None and kind not in kinds:
            raise ValueError(f"only a job of kind {kinds[0]} has this|remove it")
        return value


def _entries(body: Json) -> Iterable[tuple[str, Json, tuple[str | int, ...]]]:
    if not is_map(body):
        # Named like nothing else: the model says what is wrong with it.
        return (("", body, ()),)
    return tuple((str(name), one, (name,)) for name, one in body.items())


def _check(name: str, body: Json) -> Iterator[Finding]:
    """Times that are right each, and leave no time together."""
    one, whole = (_time(body, key) for key in ("timeout", "execution_timeout"))
    if one is not None and whole is not None and whole < one:
        yield Finding(
            "job", name, ("execution_timeout",),
            "execution_timeout is shorter than timeout, which is for one attempt",
            f"make it at least {format_duration(one)}",
        )  # fmt: skip


def _time(body: Json, key: str) -> int | None:
    try:
        return parse_duration(str(body[key])) if is_map(body) and key in body else None
    except ValueError:
        return None  # the model says so


_SPARE: dict[str, Json] = {"kind": "http", "target": "https://unread.invalid"}

DOCUMENT = DocumentKind(
    name="job", folder="jobs", model=JobDocument, entries=_entries, check=_check, spare=_SPARE
)


def name_fault(name: str) -> tuple[str, str] | None:
    """Why this is no name for a job, and what to do; None when it is one."""
    if NAME.fullmatch(name) is None or len(name) > SEGMENT_MAX:
        return (
            f'"{name[:40]}" is no name for a job',
            f"use letters, digits, _ . and -, at most {SEGMENT_MAX}, and begin with a letter or digit",
        )
    return None
