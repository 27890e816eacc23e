"""Execution: one run of a job inside Tidegate; its attempts, and how it ended.

    (new) --begin--> running --done--> succeeded
                     running --error, tries left--> retrying --its time comes--> running
                     running --error, no tries left--> failed, timed_out
                     running, retrying --the deadline comes--> timed_out
                     running, retrying --a person stops it--> aborted

Every transition is a fact, and the state is nothing but the fold of its facts: `advance` is the
only function that makes one. The facts are the journal. A job's document may change meanwhile:
an execution keeps the version, the parameters and the retry policy it began with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from functools import reduce
from typing import TypeAlias, assert_never

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tidegate.kernel import value
from tidegate.kernel.clock import Instant, shifted
from tidegate.kernel.cut import ends
from tidegate.kernel.event import Json
from tidegate.kernel.orders import RequestRun
from tidegate.kernel.retry import ONCE, RetryPolicy
from tidegate.kernel.step import CARE_MIN, Durable, Kind

PAYLOAD_MAX = 256 * 1024
"""Bytes of JSON a task may be given, as the Amazon States Language has it."""
OUTPUT_MAX = 64 * 1024
"""Bytes of JSON of an output that is kept whole; of a longer one the ends of its texts are."""
WRITTEN = ("stdout", "stderr", "printed")
"""The texts of an output: what a job wrote, of which the end says most."""
WRITTEN_MIN = 4096
"""Bytes that are left of each of them at least."""
HEAD_MAX = 4096
"""Characters that are kept of a value over OUTPUT_MAX, and of a cause."""
STOPPED = "Tidegate.Stopped"
"""The error of a run that a person stopped, and of a task that was stopped."""
TIMEOUT = "States.Timeout"
"""The error of a task that took too long; an execution that ends with it has timed out."""


class Status(IntEnum):
    NEW = 0
    RUNNING = 1
    RETRYING = 2
    SUCCEEDED = 3
    ABORTED = 4
    FAILED = CARE_MIN
    TIMED_OUT = CARE_MIN + 1


LIVE = frozenset({Status.RUNNING, Status.RETRYING})


class Execution(Durable, frozen=True, array_like=True, kw_only=True):
    request: RequestRun | None = None
    trigger: str = ""
    parameters: Mapping[str, Json] = {}
    retry: RetryPolicy = ONCE
    deadline: Instant | None = None  # of all attempts together
    visit: int = (
        1  # counts how often the task was entered; attempts of one visit count on their own
    )
    attempt: int = 0
    started_at: Instant = Instant(0)
    tried_at: Instant = Instant(0)  # start of the last attempt
    retry_at: Instant | None = None
    ended_at: Instant | None = None
    error: str = ""  # of the last attempt that failed
    cause: str = ""
    output: Json = None
    starts: int = 0
    """How often a task was begun, over all attempts whose end told so."""

    @property
    def asked(self) -> RequestRun:
        assert self.request is not None, "a stored execution has its request"
        return self.request

    @property
    def call(self) -> str:
        """The call of the current attempt: state, visit and attempt."""
        return f"Task.{self.visit}.{self.attempt}"

    @property
    def wakes_for(self) -> str:
        """Why it wakes: `retry`, `timeout`, or nothing."""
        if self.wake_at is None:
            return ""
        return "retry" if self.wake_at == self.retry_at else "timeout"


def shift(execution: Execution, by_us: int) -> Execution:
    """A person accepted a jump of the clock: the next attempt and the end are as far off as before."""
    return replace(
        execution,
        deadline=shifted(execution.deadline, by_us),
        retry_at=shifted(execution.retry_at, by_us),
    )


KIND = Kind(
    name="execution",
    state=Execution,
    shift=shift,
    follows="job",
    statuses={int(status): status.name.lower() for status in Status},
)


# ---- facts
class Began(Struct, frozen=True, kw_only=True, tag="began", tag_field="what"):
    at: Instant
    attempt: int = 1
    request: RequestRun
    trigger: str
    parameters: Mapping[str, Json]
    retry: RetryPolicy
    deadline: Instant | None


class Tried(Struct, frozen=True, kw_only=True, tag="tried", tag_field="what"):
    at: Instant
    attempt: int


class Erred(Struct, frozen=True, kw_only=True, tag="erred", tag_field="what", omit_defaults=True):
    """An attempt failed and another will follow."""

    at: Instant
    attempt: int
    error: str
    cause: str
    retry_at: Instant
    starts: int = 0  # how often its task was begun; 0: nobody told


class Ended(Struct, frozen=True, kw_only=True, tag="ended", tag_field="what", omit_defaults=True):
    at: Instant
    attempt: int
    status: int
    error: str = ""
    cause: str = ""
    output: Json = None
    starts: int = 0  # of this attempt; 0: nobody told


class Left(Struct, frozen=True, kw_only=True, tag="left", tag_field="what"):
    """What its task said when it was stopped: the run had ended before."""

    at: Instant
    attempt: int
    cause: str
    starts: int


Fact: TypeAlias = Began | Tried | Erred | Ended | Left


def advance(execution: Execution, fact: Fact) -> Execution:
    """The execution after one more fact."""
    match fact:
        case Began():
            return Execution(
                status=Status.RUNNING,
                wake_at=fact.deadline,
                request=fact.request,
                trigger=fact.trigger,
                parameters=fact.parameters,
                retry=fact.retry,
                deadline=fact.deadline,
                attempt=fact.attempt,
                started_at=fact.at,
                tried_at=fact.at,
            )
        case Tried():
            return replace(
                execution,
                status=Status.RUNNING,
                wake_at=execution.deadline,
                attempt=fact.attempt,
                tried_at=fact.at,
                retry_at=None,
            )
        case Erred():
            ends = execution.deadline
            return replace(
                execution,
                status=Status.RETRYING,
                wake_at=fact.retry_at if ends is None else min(fact.retry_at, ends),
                retry_at=fact.retry_at,
                error=fact.error,
                cause=fact.cause,
                starts=execution.starts + fact.starts,
            )
        case Ended():
            return replace(
                execution,
                status=fact.status,
                wake_at=None,
                retry_at=None,
                ended_at=fact.at,
                error=fact.error or execution.error,
                cause=fact.cause or execution.cause,
                output=fact.output,
                starts=execution.starts + fact.starts,
            )
        case Left():
            return replace(
                execution,
                cause=shortened(f"{execution.cause}; {fact.cause}"),
                starts=execution.starts + fact.starts,
            )
        case _:
            assert_never(fact)


def entry(fact: Fact) -> Json:
    """A fact as a journal entry: {what, at, attempt, ...}."""
    return msgspec.to_builtins(fact)


def fold(entries: Iterable[Json]) -> Execution:
    """The execution its journal tells of."""
    facts = (msgspec.convert(one, Fact) for one in entries)
    return reduce(advance, facts, Execution())


# ---- what follows from what
def after_error(
    execution: Execution, error: str, cause: str, now: Instant, starts: int
) -> Erred | Ended:
    """Another attempt while the policy has one, else the end."""
    cause = shortened(cause)
    delay = execution.retry.delay_after(execution.attempt)
    if delay is not None:
        # At least a microsecond: a wake lies ahead of the step that asks for it.
        return Erred(
            at=now,
            attempt=execution.attempt,
            error=error,
            cause=cause,
            retry_at=Instant(now + max(delay, 1)),
            starts=starts,
        )
    status = Status.TIMED_OUT if error == TIMEOUT else Status.FAILED
    return Ended(
        at=now, attempt=execution.attempt, status=status, error=error, cause=cause, starts=starts
    )


def past_deadline(execution: Execution, now: Instant) -> bool:
    return execution.deadline is not None and execution.deadline <= now


def at_rest(execution: Execution) -> Execution:
    """After a wake that found nothing to do: somebody moved the clock."""
    live = execution.status in LIVE
    return replace(execution, wake_at=execution.deadline if live else None)


# ---- bounds
def bounded(output: Json) -> Json:
    """A value to keep. A long one never fails work that succeeded.

    Of what a job wrote both ends stay; of any other value its head, and how many bytes are left out.
    """
    size = len(value.canonical(output))
    if size <= OUTPUT_MAX:
        return output
    if value.is_map(output) and any(name in output for name in WRITTEN):
        for kept in _shorter(output):
            if len(value.canonical(kept)) <= OUTPUT_MAX:
                return kept
    return _head(output, size)


def _shorter(output: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """The output with less and less of its texts; the result of a command stands in its stdout."""
    results: list[dict[str, Json]] = [] if "stdout" in output else [{}]
    if "result" in output:
        result = output["result"]
        results.append({"result": _head(result, len(value.canonical(result)))})
    for result in results or [{}]:
        limit = OUTPUT_MAX
        while limit >= WRITTEN_MIN:
            texts = {
                name: ends(text, limit)
                for name, text in output.items()
                if name in WRITTEN and isinstance(text, str)
            }
            yield {**output, **result, **texts}
            limit //= 2


def _head(output: Json, size: int) -> Json:
    head = value.text(output)[:HEAD_MAX]
    return {"tidegate_omitted_bytes": max(size - len(head.encode()), 0), "head": head}


def shortened(cause: str) -> str:
    rest = len(cause) - HEAD_MAX
    return f"{cause[:HEAD_MAX]}... ({rest} more characters)" if rest > 0 else cause
