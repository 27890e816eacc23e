"""Where an execution stands, and why."""

from __future__ import annotations

from tidegate.kernel.clock import format_duration, format_second
from tidegate.kernel.public_id import business_date, public_id
from tidegate.kernel.step import Clause, Compared, Explanation, Key, Look, Verdict
from tidegate.run.cause import brief
from tidegate.run.execution import Execution, Status

_VERDICTS: dict[Status, Verdict] = {
    Status.SUCCEEDED: "met",
    Status.FAILED: "not_met",
    Status.TIMED_OUT: "not_met",
    Status.ABORTED: "not_met",
}


def explain(key: Key, look: Look) -> Explanation:
    cell = look.cell(key, Execution)
    execution = cell.state
    if not cell.version:
        return Explanation(
            status="unknown", sentence=f"Nothing was started under {public_id(key)}."
        )
    status = Status(execution.status)
    return Explanation(
        status=status.name.lower(),
        sentence=_sentence(key, execution, status),
        clauses=(_succeeded(execution, status), *_attempts(execution, status)),
        next_at=execution.wake_at,
        next_what=_next(key, execution, status),
    )


def _sentence(key: Key, execution: Execution, status: Status) -> str:
    date = business_date(key)
    name = f"{execution.asked.job}{f' for {date}' if date else ''}"
    attempt = f"attempt {execution.attempt} of {execution.retry.attempts_max}"
    seen = f"{execution.error}{f': {brief(execution.cause)}' if execution.cause else ''}"
    match status:
        case Status.RUNNING:
            return f"{name} runs since {format_second(execution.started_at)}, {attempt}."
        case Status.RETRYING:
            return f"{name} failed in {attempt} ({seen}) and is tried again."
        case Status.SUCCEEDED:
            return f"{name} succeeded after {_took(execution)}, in {attempt}."
        case _:
            how = status.name.lower().replace("_", " ")
            return f"{name} {how} after {_took(execution)}, in {attempt}: {seen}."


def _next(key: Key, execution: Execution, status: Status) -> str | None:
    if status in (Status.FAILED, Status.TIMED_OUT, Status.ABORTED):
        return f"to start it again: tidegate trigger send --again {public_id(key)}"
    return {
        "retry": f"attempt {execution.attempt + 1} of {execution.retry.attempts_max}",
        "timeout": "it times out",
    }.get(execution.wakes_for)


def _took(execution: Execution) -> str:
    ended = execution.ended_at or execution.started_at
    return format_duration(ended - execution.started_at)


def _succeeded(execution: Execution, status: Status) -> Clause:
    compared: tuple[Compared, ...] = ()
    if execution.error and status != Status.SUCCEEDED:
        compared = (Compared("error", "none", execution.error, met=False),)
    return Clause("the task succeeded", _VERDICTS.get(status, "waiting"), compared=compared)


def _attempts(execution: Execution, status: Status) -> tuple[Clause, ...]:
    """How many tries there are, and whether one is left; of no interest once it succeeded."""
    if status == Status.SUCCEEDED:
        return ()
    left = execution.retry.attempts_max - execution.attempt
    seen = f"{execution.attempt} of {execution.retry.attempts_max}"
    return (
        Clause(
            "attempts are left",
            "met" if left > 0 else "not_met",
            compared=(
                Compared("attempts", f"below {execution.retry.attempts_max}", seen, met=left > 0),
            ),
        ),
    )
