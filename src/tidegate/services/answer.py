"""Answer: gates, executions and triggers as the API and `--json` print them, as types.

Whoever makes such an answer returns its type, and the OpenAPI document is made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired, TypedDict

from tidegate.correlate.listing import GateAnswer
from tidegate.kernel.event import Json
from tidegate.kernel.problem import ProblemAnswer
from tidegate.run.explain import Unattended
from tidegate.schedule.trigger import HeldAnswer
from tidegate.services.downstream import RunAnswer
from tidegate.services.explained import WhyAnswer
from tidegate.services.turned_away import RefusedAnswer


# ---- gates
class OpenedBefore(TypedDict):
    """The round that opened before one that has not."""

    gate: str
    opened_at: str | None
    runs: list[RunAnswer]


class GateShown(GateAnswer):
    """One round of a gate, and the runs it asked for."""

    runs: list[RunAnswer]


class GateWhy(WhyAnswer):
    """Why a gate is open, or is not."""

    gate: str
    runs: list[RunAnswer]
    refused: NotRequired[list[RefusedAnswer]]
    notes: NotRequired[list[str]]
    others: NotRequired[list[str]]
    opened_before: NotRequired[OpenedBefore]
    unreadable: NotRequired[list[ProblemAnswer]]


def gate_why(gate: str, why: WhyAnswer, runs: list[RunAnswer]) -> GateWhy:
    """The same of a gate; what there may be besides is added by who knows it."""
    return {
        "gate": gate,
        "status": why["status"],
        "sentence": why["sentence"],
        "clauses": why["clauses"],
        "nearest_misses": why["nearest_misses"],
        "next": why["next"],
        "runs": runs,
    }


# ---- executions and triggers
class ExecutionAnswer(TypedDict):
    """An execution as lists have it."""

    id: str
    job: str
    business_date: str | None
    status: str
    attempt: int
    attempts_max: int
    started_at: str | None
    ended_at: str | None
    retry_at: str | None
    correlation_id: str | None
    trigger: str
    origin: str
    request: str
    parameters: Mapping[str, Json]
    error: str | None
    cause: str | None
    output: Json


class AttemptAnswer(TypedDict):
    """One try of an execution: when it began, how often its task was started, how it ended."""

    attempt: int
    began_at: str | None
    ended_at: str | None
    status: str
    starts: int | None
    error: NotRequired[str]
    cause: NotRequired[str]


class ExecutionShown(ExecutionAnswer):
    """An execution with its attempts, its journal, and why it is there."""

    journal: list[dict[str, Json]]
    attempts: list[AttemptAnswer]
    unattended: Unattended | None
    why: WhyAnswer


class TriggerAnswer(TypedDict):
    """A trigger as lists have it."""

    trigger_id: str
    job: str
    business_date: str | None
    status: str
    origin: str
    priority: str
    correlation_id: str | None
    parameters: Mapping[str, Json]
    requested_at: str
    started_at: str | None
    execution: str | None
    actor: str | None
    reason: str | None
    held: list[HeldAnswer]
    cancelled_by: str | None
    cancel_reason: str | None


class TriggerShown(TriggerAnswer):
    """A trigger, and why it is there."""

    why: WhyAnswer


class TriggerWhy(WhyAnswer):
    """Why a trigger has not started, or how its run went."""

    trigger: str
    runs: list[RunAnswer]
