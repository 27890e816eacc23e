"""Report: what is said about an execution, in events and to its owner."""

from __future__ import annotations

from tidegate.kernel.clock import Instant, format_instant
from tidegate.kernel.event import Json
from tidegate.kernel.orders import Tell
from tidegate.kernel.public_id import business_date, public_id
from tidegate.kernel.step import Key, Say
from tidegate.run.cause import brief
from tidegate.run.execution import Execution, Status, bounded
from tidegate.run.job import Job

CAUSE_TOLD_MAX = 500
"""Characters of a cause in a message to people; the execution has all of it."""


def facts_of(key: Key, execution: Execution, job: Job | None, now: Instant) -> dict[str, Json]:
    """The data of every event about an execution."""
    request = execution.asked
    data: dict[str, Json] = {
        "job": request.job,
        "execution": public_id(key),
        "trigger": execution.trigger,
        "business_date": business_date(key),
        "round": request.round,
        "correlation_id": request.correlation_id,
        "attempts": execution.attempt,
        "seconds": (now - execution.started_at) / 1_000_000,
        "process": request.process,
        "owner": request.owner or (job.owner if job else None),
        "origin": request.origin,
        "priority": request.priority,
    }
    if execution.status not in (Status.RUNNING, Status.SUCCEEDED):
        data["error"] = execution.error
        data["cause"] = execution.cause
    if execution.retry_at is not None:
        data["retry_at"] = format_instant(execution.retry_at)
    return data


def say(what: str, key: Key, execution: Execution, job: Job | None, now: Instant) -> Say:
    data = facts_of(key, execution, job, now)
    return Say(f"tidegate.run.{what}", public_id(key), data, execution.asked.correlation_id)


def tell(key: Key, execution: Execution, job: Job | None) -> Tell:
    """Everything somebody needs who does by hand what could not be done."""
    request = execution.asked
    data = facts_of(key, execution, job, execution.ended_at or execution.started_at)
    date = business_date(key)
    how = "timed out" if execution.status == Status.TIMED_OUT else "failed"
    tries = "1 attempt" if execution.attempt == 1 else f"{execution.attempt} attempts"
    cause = brief(execution.cause)
    if len(cause) > CAUSE_TOLD_MAX:
        cause = f"{cause[:CAUSE_TOLD_MAX]}..."
    again = f"tidegate trigger send --again {public_id(key)}"
    return Tell(
        notice=f"run.{how.replace(' ', '_')}/{public_id(key)}/{execution.visit}",
        channel="",  # where the owner is told
        receiver=data["owner"],
        severity="critical",
        message=(
            f"{request.job}{f' for {date}' if date else ''} {how} after {tries}: "
            f"{execution.error}{f': {cause}' if cause else ''}. "
            f"Look with `tidegate run show {public_id(key)}`, "
            f"start it again with `{again}`."
        ),
        day=key.day,
        correlation_id=request.correlation_id,
        data={**data, "parameters": bounded(dict(execution.parameters))},
    )
