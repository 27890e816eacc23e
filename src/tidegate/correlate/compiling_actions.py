"""Compiling actions: what a rule will ask for, and which values of events its templates need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tidegate.correlate.document import (
    ActionDocument,
    EmitEventAction,
    RetryConfig,
    SendNotificationAction,
    TriggerJobAction,
    UpdateDashboardAction,
)
from tidegate.correlate.field import reader
from tidegate.correlate.rule import (
    Action,
    EmitEvent,
    Kept,
    Match,
    SendNotification,
    TriggerJob,
    UpdateDashboard,
)
from tidegate.kernel.clock import MINUTE_US
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Event, Json
from tidegate.kernel.expression import Missing
from tidegate.kernel.retry import RetryPolicy
from tidegate.kernel.template import parse_any, parse_template
from tidegate.kernel.value import MISSING, is_list, is_map, parse_path

SCOPE_NAMES = frozenset(
    {
        "normalized_context_id", "correlation_id", "business_date", "ds", "normalized_priority",
        "priority", "rule", "gate", "round", "sequence", "business_process", "process", "datasets",
        "source_applications", "applications", "owner", "inputs", "missing",
    }
)  # fmt: skip
"""Names an action's template always sees; others come from the newest input's event."""


def retry_of(config: RetryConfig | None) -> RetryPolicy | None:
    if config is None:
        return None
    return RetryPolicy(
        attempts_max=config.max_attempts,
        delay_us=round(config.delay_minutes * MINUTE_US),
        multiplier=config.backoff_multiplier,
    )


def actions_of(
    written: Sequence[ActionDocument], retry: RetryPolicy | None, sla: int | None
) -> tuple[Action, ...]:
    return tuple(_action(one, retry, sla) for one in written)


def _action(one: ActionDocument, retry: RetryPolicy | None, sla: int | None) -> Action:
    match one:
        case TriggerJobAction():
            minutes = one.sla_minutes or one.parameters.get("sla_minutes") or sla
            return TriggerJob(
                job=parse_template(str(one.job_name), "action"),
                parameters=_render(one.parameters),
                retry=retry_of(one.retry_config) or retry,
                sla_minutes=minutes if isinstance(minutes, int) else sla,
            )
        case SendNotificationAction():
            return SendNotification(
                channel=one.channel,
                message=parse_template(str(one.message), "action"),
                receiver=one.receiver,
                severity=one.severity,
            )
        case UpdateDashboardAction():
            return UpdateDashboard(
                metric=one.metric, increment=one.increment, tags=_render(one.tags)
            )
        case EmitEventAction():
            return EmitEvent(
                type=one.event_type,
                subject=parse_template(str(one.subject), "action"),
                data=_render(one.data),
            )


def _render(value: Json) -> Callable[[dict[str, Json]], Json]:
    """Templates anywhere in a value. What one of them cannot be filled with is null, that one alone."""
    if is_map(value):
        pairs = {key: _render(item) for key, item in value.items()}
        return lambda scope: {key: render(scope) for key, render in pairs.items()}
    if is_list(value):
        items = [_render(item) for item in value]
        return lambda scope: [render(scope) for render in items]
    template = parse_any(value, "action")

    def render(scope: dict[str, Json]) -> Json:
        try:
            return template.render(scope)
        except (Missing, InputError):
            return None

    return render


def kept_of(actions: Sequence[ActionDocument], match: Sequence[Match]) -> tuple[Kept, ...]:
    """Fields of the inputs' events that templates name, so that the gate has them when it opens."""
    paths: set[tuple[str, ...]] = set()
    for action in actions:
        for name in parse_any(action.model_dump(mode="json"), "action").paths:
            path = parse_path(name)
            root = name.partition(".")[0]
            if root == "inputs" and len(path) > 2:
                paths.add(path[2:])
            elif root not in SCOPE_NAMES and ".".join(path) not in {one.field for one in match}:
                paths.add(path)
    return tuple(Kept(path, _kept_reader(path)) for path in sorted(paths))


def _kept_reader(path: tuple[str, ...]) -> Callable[[Event], Json]:
    read = reader(".".join(path))

    def kept(event: Event) -> Json:
        found = read(event)
        return None if found is MISSING else found

    return kept
