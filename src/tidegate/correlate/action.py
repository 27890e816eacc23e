"""Action: what a gate does when it opens, expires, or holds back bad data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from msgspec import Struct

from tidegate.correlate.gate import Evidence, Status, missing, priority
from tidegate.correlate.identity import Named, nested, put, request_id
from tidegate.correlate.rule import (
    Action,
    EmitEvent,
    Rule,
    SendNotification,
    TriggerJob,
    UpdateDashboard,
)
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.expression import Missing
from tidegate.kernel.orders import RequestRun, Tell
from tidegate.kernel.step import Say
from tidegate.kernel.template import Template
from tidegate.kernel.value import is_map, text


class Deeds(Struct):
    """Orders and says, in the order the rule lists its actions."""

    orders: list[Struct]
    says: list[Say]


def scope_of(named: Named) -> dict[str, Json]:
    """The names an action's template sees."""
    gate, rule = named.gate, named.rule
    names: dict[str, Json] = {}
    # A gate may open beside a bad optional input, whose values nobody wants.
    here = [one for one in gate.inputs if one.good or gate.status != Status.OPEN]
    here.sort(key=lambda one: (one.time, one.source, one.id))
    for one in here:
        _add_kept(names, one, rule)  # the newest input wins
    matched = nested(rule, gate.values)
    for root, value in matched.items():
        if isinstance(value, dict) and isinstance(names.get(root), dict):
            names[root] = {**names[root], **value}
        else:
            names[root] = value
    global_id, highest = named.correlation_id, priority(gate)
    datasets = [one.dataset or one.name for one in rule.inputs]
    applications = sorted({one.application for one in gate.inputs if one.application})
    names.update(
        normalized_context_id=global_id,
        correlation_id=global_id,
        normalized_priority=highest,
        priority=highest,
        rule=rule.name,
        gate=named.id,
        round=gate.round,
        sequence=f"{gate.round:03d}",
        process=rule.process,
        business_process=rule.process,
        owner=rule.owner,
        datasets=datasets,
        applications=applications,
        source_applications=applications,
        # What has opened has all it needs.
        missing=[] if gate.status == Status.OPEN else [one.name for one in missing(gate, rule)],
        inputs=_by_name(here, rule),
    )
    return names


def _by_name(inputs: Sequence[Evidence], rule: Rule) -> dict[str, Json]:
    """Inputs by dataset (the newest of it), and by the name the rule gives them."""
    found: dict[str, Json] = {}
    scopes = [(one, _input_scope(one, rule)) for one in inputs]
    for one, names in scopes:
        if one.dataset is not None:
            found[one.dataset] = names
    for one, names in scopes:
        found[one.input] = names
    return found


def perform(named: Named, actions: Sequence[Action], what: str) -> Deeds:
    """Carry out actions for this round; `what` tells openings, timeouts and quality failures apart.

    A template that cannot be filled does not keep the gate from opening: a text says why in its
    place, a parameter is null.
    """
    deeds = Deeds([], [])
    if not actions:
        return deeds
    key, gate, rule, id_ = named.key, named.gate, named.rule, named.id
    scope = scope_of(named)
    for number, action in enumerate(actions, 1):
        request = request_id(key, gate.round, number, what)
        match action:
            case TriggerJob():
                deeds.orders.append(_run(action, named, scope, request))
            case SendNotification():
                deeds.orders.append(
                    Tell(
                        notice=f"{id_}/{what}/{number}",
                        channel=action.channel,
                        message=_text(action.message, scope),
                        severity=action.severity,
                        receiver=action.receiver,
                        day=key.day,
                        correlation_id=scope["correlation_id"],
                        data={"rule": rule.name, "gate": id_},
                    )
                )
            case UpdateDashboard():
                deeds.says.append(
                    Say(
                        "tidegate.dashboard.updated",
                        action.metric,
                        {
                            "metric": action.metric,
                            "increment": action.increment,
                            "tags": action.tags(scope),
                            "rule": rule.name,
                            "gate": id_,
                            "business_date": named.date,
                        },
                        scope["correlation_id"],
                    )
                )
            case EmitEvent():
                data = action.data(scope)
                deeds.says.append(
                    Say(
                        action.type,
                        _text(action.subject, scope) or id_,
                        data if is_map(data) else {},
                        scope["correlation_id"],
                    )
                )
            case _:
                assert_never(action)
    return deeds


def alarm(named: Named, what: str, message: str, severity: str) -> Tell:
    """Tell the gate's owner, also where the rule lists no action for it."""
    return Tell(
        notice=f"{named.id}/{what}",
        channel="",
        message=message,
        severity=severity,
        receiver=named.rule.owner,
        day=named.key.day,
        correlation_id=named.correlation_id,
        data={"rule": named.rule.name, "gate": named.id, "what": what},
    )


def _run(action: TriggerJob, named: Named, scope: dict[str, Json], request: str) -> RequestRun:
    key, gate, rule = named.key, named.gate, named.rule
    parameters = action.parameters(scope)
    first = min((one.time for one in gate.inputs), default=None)
    return RequestRun(
        job=_text(action.job, scope),
        request=request,
        day=key.day,
        round=gate.round,
        priority=scope["priority"],
        correlation_id=scope["correlation_id"],
        parameters=parameters if is_map(parameters) else {},
        origin="gate",
        retry=action.retry,
        sla_minutes=action.sla_minutes,
        sla_from=first if rule.sla_from_first else gate.opened_at,
        process=rule.process,
        owner=rule.owner,
    )


def _input_scope(one: Evidence, rule: Rule) -> dict[str, Json]:
    names: dict[str, Json] = {}
    _add_kept(names, one, rule)
    names.update(
        source=one.source, id=one.id, application=one.application, context_id=one.context_id
    )
    return names


def _add_kept(names: dict[str, Json], one: Evidence, rule: Rule) -> None:
    for kept, value in zip(rule.kept, one.kept, strict=False):
        if value is not None:
            put(names, kept.path, value)


def _text(template: Template, scope: dict[str, Json]) -> str:
    try:
        return text(template.render(scope))
    except (Missing, InputError) as error:
        return f"{template.text} ({error})"
