"""Documents of correlate, as a team writes them: `rules/*.yaml` and `datasets/*.yaml`.

What the origin prints loads as printed. Bounded, unknown keys refused, every fault with its place;
each value is judged by itself here, and what several are together in `correlate/coherence.py`;
`correlate/compile.py` turns them into the book.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticKnownError

from tidegate.correlate.field import reader
from tidegate.kernel.clock import parse_duration, require_unit
from tidegate.kernel.context import ApplicationMapping
from tidegate.kernel.deadline import parse_deadline
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.predicate import parse_predicate
from tidegate.kernel.retry import ATTEMPTS_MAX, DELAY_MINUTES_MAX, MULTIPLIER_MAX
from tidegate.kernel.step import DocumentKind
from tidegate.kernel.template import parse_any, parse_template
from tidegate.kernel.value import is_map
from tidegate.kernel.zone import zone

INPUTS_MAX = 256
ACTIONS_MAX = 64
KEYS_KEPT = 4_096


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid", strict=True)


def _duration(value: object) -> object:
    require_unit(value)
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a duration|write it as 24h or 1d12h30m")
    parse_duration(value)
    return value


def _deadline(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(
            f'{value!r} is not a time of day|write "06:00", "+1d 06:00" or "+1bd 06:00"'
        )
    parse_deadline(value)
    return value


def _zone(value: object) -> object:
    if isinstance(value, str):
        zone(value)
    return value


def _template(value: object) -> object:
    try:
        parse_any(value, "action")
    except InputError as error:
        raise ValueError(f"{error.message}|{error.fix}") from error
    return value


def _id_template(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(
            "the id template is no text|write correlation-${business_date}-${sequence}"
        )
    try:
        template = parse_template(value, "id")
    except InputError as error:
        raise ValueError(f"{error.message}|{error.fix}") from error
    if "sequence" not in template.paths:
        raise ValueError("the id lacks the round|end it with ${sequence}, so that rounds differ")
    return value


Name = Annotated[
    str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\- ]*$")
]
Duration = Annotated[str, BeforeValidator(_duration)]
TimeOfDay = Annotated[str, BeforeValidator(_deadline)]
Templated = Annotated[Any, BeforeValidator(_template)]
Text = Annotated[str, Field(max_length=10_000)]
Zone = Annotated[str, BeforeValidator(_zone)]


class RetryConfig(_Model):
    """`max_attempts: 3, delay_minutes: 30, backoff_multiplier: 2` tries at 0, +30 and +90 minutes."""

    max_attempts: Annotated[int, Field(ge=1, le=ATTEMPTS_MAX)] = 3
    delay_minutes: Annotated[float, Field(ge=0, le=DELAY_MINUTES_MAX)] = 30.0
    backoff_multiplier: Annotated[float, Field(ge=1, le=MULTIPLIER_MAX)] = 2.0


class TriggerJobAction(_Model):
    action_type: Literal["trigger_job"]
    job_name: Templated
    parameters: dict[str, Templated] = {}
    retry_config: RetryConfig | None = None
    sla_minutes: Annotated[int, Field(ge=1)] | None = None
    fallback: Literal["manual"] | None = None


class SendNotificationAction(_Model):
    action_type: Literal["send_notification"]
    channel: Name = "console"
    message: Templated
    receiver: Text | None = None
    severity: Literal["info", "warning", "critical"] = "info"


class UpdateDashboardAction(_Model):
    action_type: Literal["update_dashboard"]
    metric: Name
    increment: float = 1
    tags: dict[str, Templated] = {}


def _not_ours(event_type: str) -> str:
    if event_type.startswith("tidegate."):
        raise ValueError(f"{event_type!r} is a name of Tidegate's own|choose another type")
    return event_type


class EmitEventAction(_Model):
    action_type: Literal["emit_event"]
    event_type: Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_not_ours)]
    subject: Templated = ""
    data: dict[str, Templated] = {}


ActionDocument: TypeAlias = Annotated[
    TriggerJobAction | SendNotificationAction | UpdateDashboardAction | EmitEventAction,
    Field(discriminator="action_type"),
]
Actions = Annotated[list[ActionDocument], Field(max_length=ACTIONS_MAX)]


class ContextNormalization(_Model):
    enabled: bool = True
    global_correlation_id: Annotated[str, BeforeValidator(_id_template)] | None = None
    application_mappings: dict[str, ApplicationMapping] = {}
    business_process: Text | None = None
    owner: Text | None = None
    sla_minutes: Annotated[int, Field(ge=1)] | None = None


@lru_cache(maxsize=KEYS_KEPT)
def nearly_a_key(key: str) -> bool:
    """A field of a condition that is spelt almost as one of its own keys; never taken for a field."""
    return "." not in key and bool(difflib.get_close_matches(key, CONDITION_KEYS, 1, 0.85))


def _field_of_condition(key: str) -> str:
    if nearly_a_key(key):
        raise PydanticKnownError("extra_forbidden")
    return _field(key)


def _field(name: str) -> str:
    try:
        reader(name)
    except InputError as error:
        raise ValueError(f"{error.message}|{error.fix}") from error
    return name


def _wanted(wanted: Json) -> Json:
    """What a field must be; the field itself is named by the fault's place."""
    try:
        predicate = parse_predicate(_IT, wanted)
    except InputError as error:
        raise ValueError(f"{error.message.replace(f'{_IT}: ', '', 1)}|{error.fix}") from error
    if predicate.never:
        raise ValueError(f"this can never hold: {predicate.never}|change the condition")
    return wanted


_IT = "it"
CONDITION_KEYS = ("name", "event_type", "optional", "additional_conditions")
Wanted = Annotated[Any, AfterValidator(_wanted)]
FieldName = Annotated[str, AfterValidator(_field)]
ConditionField = Annotated[str, AfterValidator(_field_of_condition)]


class Condition(BaseModel):
    """One input. Every further key is a field of the event and what it must be."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="allow", strict=True)

    # Typing the extras like this is pydantic's own way, though its base class declares them wider.
    __pydantic_extra__: dict[ConditionField, Wanted] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    name: Name | None = None
    event_type: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    optional: bool = False
    additional_conditions: list[dict[FieldName, Wanted]] = []


class Validation(_Model):
    expected_datasets: Annotated[list[Name], Field(min_length=1, max_length=INPUTS_MAX)]
    received_datasets: Text = "data.dataset_name"
    operator: Literal["all_received"] = "all_received"


class Correlation(_Model):
    """One line of `correlation_logic`: a match field, a time window, or a validation."""

    match_field: Annotated[Text, AfterValidator(_field)] | None = None
    time_window: Duration | None = None
    anchor: Literal["event_time", "arrival", "business_date"] = "event_time"
    validation: Validation | None = Field(default=None, alias="context.validation")
    operator: Literal["equals", "within"] | None = None


class ExpectDocument(_Model):
    calendar: Name = "business_days"
    deadline: TimeOfDay | None = None
    warn_at: TimeOfDay | None = None
    timezone: Zone | None = None


class JobDependency(_Model):
    prerequisite_job: Name
    status: Literal["completed", "succeeded", "failed", "started", "finished"] = "completed"


def _no_switch(value: Json) -> None:
    raise ValueError(
        "a rule has no switch|take its file out of rules/ to end it, or its actions to observe only"
    )


class RuleDocument(_Model):
    """When all inputs of one business date are here, and good, act."""

    rule_name: Name
    enabled: Annotated[None, BeforeValidator(_no_switch)] = None
    description: Text = ""
    owner: Text | None = None
    team: Text | None = None
    business_process: Text | None = None
    context_normalization: ContextNormalization = ContextNormalization()
    conditions: Annotated[list[Condition], Field(max_length=INPUTS_MAX)] = []
    additional_conditions: list[dict[FieldName, Wanted]] = []
    correlation_logic: list[Correlation] = []
    job_dependencies: Annotated[list[JobDependency], Field(max_length=INPUTS_MAX)] = []
    expect: ExpectDocument | None = None
    keep: Literal["latest", "first"] = "latest"
    redelivery: Literal["new_round", "refire", "ignore"] = "new_round"
    late: Literal["ignore", "new_round", "inbox"] = "inbox"
    close_after: Duration = "30d"
    retry_config: RetryConfig | None = None
    sla_minutes: Annotated[int, Field(ge=1)] | None = None
    sla_from: Literal["opened", "first_event"] = "opened"
    manual_baseline: Duration | None = None
    actions: Actions = []
    on_timeout: Actions = []
    on_quality_failure: Actions = []


class DatasetEntry(_Model):
    """What is expected of a dataset; a missing one has no event to read an owner from."""

    application: Text | None = None
    owner: Text | None = None
    contact: Text | None = None
    runbook: Text | None = None
    calendar: Name | None = None
    usual_time: Text | None = None
    deadline: TimeOfDay | None = None
    timezone: Zone | None = None
    description: Text = ""


def _rule_entries(raw: Json) -> Iterable[tuple[str, Json, tuple[str | int, ...]]]:
    name = raw.get("rule_name") if is_map(raw) else None
    yield (name if isinstance(name, str) else ""), raw, ()


def _dataset_entries(raw: Json) -> Iterable[tuple[str, Json, tuple[str | int, ...]]]:
    if not is_map(raw):
        yield "", raw, ()
        return
    for name, body in raw.items():
        yield str(name), body, (name,)


RULES = DocumentKind(name="rule", folder="rules", model=RuleDocument, entries=_rule_entries)
DATASETS = DocumentKind(
    name="dataset", folder="datasets", model=DatasetEntry, entries=_dataset_entries
)
