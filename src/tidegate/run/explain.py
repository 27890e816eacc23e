"""Where an execution stands, and why."""

from __future__ import annotations

from typing import Literal, TypeAlias, assert_never

from msgspec.structs import replace

from tidegate.kernel.clock import MINUTE_US, SECOND_US, Instant, format_duration, format_second
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


Unattended: TypeAlias = Literal["not_begun", "interrupted", "elsewhere", "retrying"]
"""How a live run stands while no server works on the database."""


def unattended(
    key: Key, execution: Execution, explanation: Explanation, how: Unattended
) -> Explanation:
    """The explanation of a live run as it is while no server works on the database."""
    name, attempt = _name(key, execution), _attempt(execution)
    nobody = "no server works on this database"
    again = "the next `tidegate serve`"
    match how:
        case "not_begun":
            said = f"{name} has not begun, {attempt}: {nobody}; it starts with {again}."
        case "interrupted":
            said = (
                f"{name} was running when its server ended, {attempt}; {nobody}: "
                f"it is started again with {again}."
            )
        case "elsewhere":
            said = (
                f"{name} was started elsewhere at {format_second(execution.tried_at)}, {attempt}; "
                f"{nobody}: how it ended is asked with {again}."
            )
        case "retrying":
            said = f"{explanation.sentence.removesuffix('.')}; {nobody}: that takes {again}."
        case _:
            assert_never(how)
    following = "the next `tidegate serve` goes on with it"
    return replace(explanation, sentence=said, next_at=None, next_what=following)


def started(execution: Execution, explanation: Explanation, starts: int) -> Explanation:
    """The explanation of a run with how often its task was begun, where that was oftener than the
    attempts say."""
    if starts <= execution.attempt:
        return explanation
    said = (
        f"{explanation.sentence} It was started {starts} times in all: "
        "a server that had it was lost or stopped."
    )
    return replace(explanation, sentence=said)


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
        clauses=(
            _succeeded(execution, status),
            *_attempts(execution, status),
            *_in_time(execution, status, look.now),
        ),
        next_at=execution.wake_at,
        next_what=_next(key, execution, status),
    )


def _sentence(key: Key, execution: Execution, status: Status) -> str:
    name, attempt = _name(key, execution), _attempt(execution)
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


def _name(key: Key, execution: Execution) -> str:
    date = business_date(key)
    return f"{execution.asked.job}{f' for {date}' if date else ''}"


def _attempt(execution: Execution) -> str:
    return f"attempt {execution.attempt} of {execution.retry.attempts_max}"


def _next(key: Key, execution: Execution, status: Status) -> str | None:
    if status in (Status.FAILED, Status.TIMED_OUT, Status.ABORTED):
        return f"to start it again: tidegate trigger send --again {public_id(key)}"
    job = execution.asked.job
    match execution.wakes_for:
        case "retry":
            return f"attempt {execution.attempt + 1} of {execution.retry.attempts_max}"
        case "timeout":
            return f"{job} times out, if it has not ended"
        case _ if status == Status.RUNNING:
            return f"{job} ends; should it fail, {_after_failing(execution)}"
        case _:
            return None


def _after_failing(execution: Execution) -> str:
    """What a failure of the attempt that runs would bring."""
    delay_us = execution.retry.delay_after(execution.attempt)
    if delay_us is None:
        return "no attempt is left"
    following = f"attempt {execution.attempt + 1} of {execution.retry.attempts_max} follows"
    return f"{following} at most {format_duration(delay_us)} later" if delay_us else following


def _took(execution: Execution) -> str:
    ended = execution.ended_at or execution.started_at
    return format_duration(ended - execution.started_at)


def _succeeded(execution: Execution, status: Status) -> Clause:
    compared: tuple[Compared, ...] = ()
    if execution.error and status != Status.SUCCEEDED:
        compared = (Compared("error", "no error", execution.error, met=False),)
    return Clause("the task succeeded", _VERDICTS.get(status, "waiting"), compared=compared)


def _in_time(execution: Execution, status: Status, now: Instant) -> tuple[Clause, ...]:
    """The SLA of a run that a gate asked for: from the opening, or the first input, to its end."""
    asked = execution.asked
    if asked.sla_minutes is None or asked.sla_from is None:
        return ()
    limit_us = asked.sla_minutes * MINUTE_US
    due = Instant(asked.sla_from + limit_us)
    done = status == Status.SUCCEEDED and execution.ended_at is not None
    ended = execution.ended_at if done and execution.ended_at is not None else now
    text = f"done within its SLA of {format_duration(limit_us)}, by {format_second(due)}"
    if ended > due:
        apart = format_duration((ended - due) // SECOND_US * SECOND_US)
        return (Clause(f"{text}: {apart} too late", "not_met"),)
    return (Clause(text, "met" if done else "waiting"),)


def _attempts(execution: Execution, status: Status) -> tuple[Clause, ...]:
    """How many tries there are, and whether one is left; of no interest once it succeeded."""
    if status == Status.SUCCEEDED:
        return ()
    left = execution.retry.attempts_max - execution.attempt
    most = execution.retry.attempts_max
    return (
        Clause(
            "attempts are left",
            "met" if left > 0 else "not_met",
            compared=(
                Compared(
                    "attempts", f"fewer than {most} used", str(execution.attempt), met=left > 0
                ),
            ),
        ),
    )
