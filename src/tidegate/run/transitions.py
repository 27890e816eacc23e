"""Transitions: one signal to the next facts of an execution, and what they cause outside.

Every function answers a whole step: the state as the fold of its facts, the facts as the journal,
the work, what is said, and who is told.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tidegate.kernel import value
from tidegate.kernel.clock import Instant
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.expression import Missing
from tidegate.kernel.orders import StartRun
from tidegate.kernel.public_id import public_id
from tidegate.kernel.retry import ONCE
from tidegate.kernel.step import (
    NOTHING,
    Answer,
    Cell,
    Done,
    Effect,
    Failed,
    Key,
    Outcome,
    Put,
    Refusal,
    Say,
    Step,
    StopTask,
)
from tidegate.run import execution as executions
from tidegate.run import job as jobs
from tidegate.run import report
from tidegate.run.execution import (
    LIVE,
    PAYLOAD_MAX,
    STOPPED,
    TIMEOUT,
    Began,
    Ended,
    Erred,
    Execution,
    Fact,
    Left,
    Status,
    Tried,
    advance,
)
from tidegate.run.job import Job
from tidegate.run.orders import StopExecution

NOT_FILLED = "Tidegate.TemplateFailed"
"""The error of an attempt whose job could not be filled in with this run's values."""
WITHDRAWN = "Tidegate.JobUnknown"


# ---- signals
def begin(
    key: Key, cell: Cell[Execution], start: StartRun, job: Job | None, now: Instant
) -> Answer:
    """Start an admitted run; the same trigger starts one execution, for ever."""
    if cell.version:
        return NOTHING
    if job is None:
        # Admission knows the same documents, so nothing was promised to anybody yet.
        return Refusal("job.unknown", f"no job is called {key.scope!r}", "write it in jobs/*.yaml")
    request = start.request
    try:
        parameters = jobs.parameters(job, key, request)
        failed = None
    except (InputError, Missing) as error:
        parameters, failed = dict(request.parameters), error
    limit = job.execution_timeout_us
    began = Began(
        at=now,
        request=request,
        trigger=start.trigger,
        parameters=parameters,
        retry=request.retry or job.retry or ONCE,
        deadline=None if limit is None else Instant(now + limit),
    )
    execution = advance(Execution(), began)
    said = report.say("started", key, execution, job, now)
    if failed is not None:
        ended = _not_filled(began.attempt, failed, now)
        return _end(key, Execution(), (began, ended), job, said=(said,))
    return _attempt(key, Execution(), began, execution, job, said=(said,))


def end_attempt(
    key: Key, execution: Execution, outcome: Outcome, job: Job | None, now: Instant
) -> Answer:
    """What came of the current attempt."""
    if execution.status != Status.RUNNING:
        return _left(key, execution, outcome, now)
    match outcome.result:
        case Done(output):
            ended = Ended(
                at=now,
                attempt=execution.attempt,
                status=Status.SUCCEEDED,
                output=executions.bounded(output),
                starts=outcome.starts,
            )
            return _end(key, execution, (ended,), job)
        case Failed(error, cause):
            fact = executions.after_error(execution, error, cause, now, outcome.starts)
            return _failed(key, execution, fact, job, now)


def _left(key: Key, execution: Execution, outcome: Outcome, now: Instant) -> Answer:
    """What the task of a run that ended before it had written until it was stopped."""
    result = outcome.result
    ended = execution.status in (Status.ABORTED, Status.TIMED_OUT)
    if not ended or not isinstance(result, Failed) or result.error != STOPPED:
        return NOTHING
    fact = Left(
        at=now,
        attempt=execution.attempt,
        cause=executions.shortened(result.cause),
        starts=outcome.starts,
    )
    return Step(puts=_puts(key, execution, (fact,)))


def wake(key: Key, execution: Execution, job: Job | None, now: Instant) -> Answer:
    """Its deadline has come, or the time of its next attempt."""
    if execution.status not in LIVE:
        return Step(puts=(Put(key, executions.at_rest(execution)),))
    if executions.past_deadline(execution, now):
        running = execution.status == Status.RUNNING
        ended = Ended(
            at=now,
            attempt=execution.attempt,
            status=Status.TIMED_OUT,
            error=TIMEOUT,
            cause="its execution_timeout has passed",
        )
        stops = (StopTask(call=execution.call),) if running else ()
        return _end(key, execution, (ended,), job, effects=stops)
    if execution.status == Status.RUNNING:
        return Step(puts=(Put(key, executions.at_rest(execution)),))
    if job is None:
        gone = Ended(
            at=now,
            attempt=execution.attempt,
            status=Status.FAILED,
            error=WITHDRAWN,
            cause=f"no version of {key.scope} is left to follow",
        )
        return _end(key, execution, (gone,), job)
    tried = Tried(at=now, attempt=execution.attempt + 1)
    return _attempt(key, execution, tried, advance(execution, tried), job)


def stop(
    key: Key,
    cell: Cell[Execution],
    order: StopExecution,
    job: Job | None,
    now: Instant,
    *,
    actor: str | None,
    reason: str | None,
) -> Answer:
    """A person ends it."""
    if not cell.version:
        return Refusal(
            "execution.unknown",
            f"there is no execution {order.execution[:200]}",
            "list them with `tidegate run list`",
        )
    execution = cell.state
    if execution.status not in LIVE:
        ended = Status(execution.status).name.lower()
        return Refusal(
            "execution.state",
            f"execution {order.execution} has {ended}",
            "only one that runs or retries can be stopped",
        )
    by = f"stopped by {actor}" if actor else "stopped"
    fact = Ended(
        at=now,
        attempt=execution.attempt,
        status=Status.ABORTED,
        error=STOPPED,
        cause=executions.shortened(f"{by}: {reason}" if reason else by),
    )
    stops = (StopTask(call=execution.call),) if execution.status == Status.RUNNING else ()
    reply = {"execution_id": public_id(key), "job": key.scope, "status": "aborted"}
    return _end(key, execution, (fact,), job, effects=stops, reply=reply)


# ---- attempts
def _attempt(
    key: Key,
    before: Execution,
    fact: Began | Tried,
    execution: Execution,
    job: Job,
    said: tuple[Say, ...] = (),
) -> Step:
    """`execution` is `before` with the fact that begins the attempt."""
    try:
        task = jobs.task(job, key, execution)
    except (InputError, Missing) as error:
        facts = (fact, _not_filled(fact.attempt, error, fact.at))
        return _end(key, before, facts, job, said=said)
    size = len(value.canonical(task.payload))
    if size > PAYLOAD_MAX:
        return _end(key, before, (fact, _too_large(fact.attempt, size, fact.at)), job, said=said)
    put = Put(key, execution, (task,), executions.entry(fact))
    return Step(puts=(put,), says=said)


def _failed(
    key: Key, execution: Execution, fact: Erred | Ended, job: Job | None, now: Instant
) -> Step:
    if isinstance(fact, Ended):
        return _end(key, execution, (fact,), job)
    return Step(
        puts=_puts(key, execution, (fact,)),
        says=(report.say("retrying", key, advance(execution, fact), job, now),),
    )


def _not_filled(attempt: int, error: Exception, now: Instant) -> Ended:
    """No retry: the same values would fail again."""
    return Ended(
        at=now,
        attempt=attempt,
        status=Status.FAILED,
        error=NOT_FILLED,
        cause=executions.shortened(str(error)),
    )


def _too_large(attempt: int, size: int, now: Instant) -> Ended:
    return Ended(
        at=now,
        attempt=attempt,
        status=Status.FAILED,
        error="States.DataLimitExceeded",
        cause=f"the task would be given {size} bytes, {PAYLOAD_MAX} are allowed; "
        "pass where the data is, not the data",
    )


# ---- ends
def _end(
    key: Key,
    before: Execution,
    facts: Sequence[Fact],
    job: Job | None,
    *,
    said: tuple[Say, ...] = (),
    effects: tuple[Effect, ...] = (),
    reply: Json = None,
) -> Step:
    """The last fact ends it: say so, and tell the owner of what needs a person."""
    puts = _puts(key, before, facts, effects)
    ended = puts[-1].state
    assert isinstance(ended, Execution)
    assert ended.ended_at is not None, "its last fact ends it"
    name = Status(ended.status).name.lower()
    tells: tuple[Struct, ...] = ()
    if ended.status in (Status.FAILED, Status.TIMED_OUT):
        tells = (report.tell(key, ended, job),)
    return Step(
        puts=puts,
        orders=tells,
        says=(*said, report.say(name, key, ended, job, ended.ended_at)),
        reply=reply,
    )


def _puts(
    key: Key, before: Execution, facts: Sequence[Fact], effects: tuple[Effect, ...] = ()
) -> tuple[Put, ...]:
    """One put a fact, so that each has its own journal entry; the last brings the work."""
    puts: list[Put] = []
    execution = before
    for fact in facts:
        execution = advance(execution, fact)
        puts.append(Put(key, execution, journal=executions.entry(fact)))
    puts[-1] = Put(key, execution, effects, puts[-1].journal)
    return tuple(puts)
