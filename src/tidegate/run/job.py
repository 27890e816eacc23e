"""Job: a thing that can be started, as executions follow it, and the task of one attempt.

    command   arn:tidegate:states:::command:run   {command, cwd, env, stdin, parameters, ...}
    python    arn:tidegate:states:::python:call   {function, arguments}
    http      arn:tidegate:states:::http:call     {method, url, headers, body, timeout}

The parameters of a run are those of its job under those of its request. They reach a command in
its environment, a function as its arguments, and a request in its body, unless its document writes
another one; a GET has only what its address is made of.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from tidegate.kernel import value
from tidegate.kernel.clock import SECOND_US, parse_duration
from tidegate.kernel.event import Json
from tidegate.kernel.ids import DocId
from tidegate.kernel.orders import RequestRun
from tidegate.kernel.public_id import business_date, public_id
from tidegate.kernel.retry import RetryPolicy
from tidegate.kernel.step import CallTask, Document, Key
from tidegate.run import target as targets
from tidegate.run.document import DOCUMENT, JobDocument
from tidegate.run.execution import Execution
from tidegate.run.needs import needs_date
from tidegate.run.target import Fill

_RESOURCES = {
    "command": "arn:tidegate:states:::command:run",
    "python": "arn:tidegate:states:::python:call",
    "http": "arn:tidegate:states:::http:call",
}
_WITHOUT_BODY = frozenset({"GET", "HEAD"})


class Job(Struct, frozen=True):
    name: str
    kind: str
    target: Fill
    parameters: Fill  # the job's own
    cwd: Fill | None
    environment: Fill
    stdin: Fill | None
    method: str
    headers: Fill
    body: Fill | None  # None: what the run is about
    owner: str | None
    retry: RetryPolicy | None
    timeout_s: int
    execution_timeout_us: int | None
    dated: bool = False  # a run without a business date would fail


class Book(Struct, frozen=True):
    """Every version of every job that is active or that an execution still follows."""

    jobs: Mapping[DocId, Job]


def compile_book(documents: Mapping[DocId, Document]) -> Book:
    return Book(
        {
            id_: replace(
                _job(one.name, JobDocument.model_validate(one.body)),
                dated=needs_date(one.body) is not None,
            )
            for id_, one in documents.items()
            if one.kind == DOCUMENT.name
        }
    )


def _job(name: str, authored: JobDocument) -> Job:
    limit = authored.execution_timeout
    return Job(
        name=name,
        kind=authored.kind,
        target=targets.of_target(authored.kind, authored.target),
        parameters=targets.of(authored.parameters),
        cwd=None if authored.cwd is None else targets.of(authored.cwd),
        environment=targets.of(authored.environment),
        stdin=None if authored.stdin is None else targets.of(authored.stdin),
        method=authored.method or "POST",
        headers=targets.of(authored.headers),
        body=targets.of(authored.body) if "body" in authored.model_fields_set else None,
        owner=authored.owner,
        retry=None if authored.retry is None else authored.retry.policy(),
        timeout_s=parse_duration(authored.timeout) // SECOND_US,
        execution_timeout_us=None if limit is None else parse_duration(limit),
    )


# ---- one run
def parameters(job: Job, key: Key, request: RequestRun) -> dict[str, Json]:
    """What this run is given: the job's parameters, filled in, under those of the request.

    Values of the request are values, never templates: they may come from an event.
    Raises InputError and Missing.
    """
    own = job.parameters(_about(key, request, request.parameters))
    return {**own, **request.parameters}


def task(job: Job, key: Key, execution: Execution) -> CallTask:
    """The work of the current attempt. Raises InputError and Missing."""
    about = _about(key, execution.asked, execution.parameters, execution.attempt)
    match job.kind:
        case "command":
            payload = _command(job, about)
        case "python":
            payload = {"function": job.target(about), "arguments": about["parameters"]}
        case _:
            payload = _request(job, about)
    return CallTask(
        call=execution.call,
        resource=_RESOURCES[job.kind],
        payload=payload,
        timeout_s=job.timeout_s,
    )


def _about(
    key: Key, request: RequestRun, given: Mapping[str, Json], attempt: int = 1
) -> dict[str, Json]:
    """The names templates see."""
    date = business_date(key)
    about = {
        "parameters": dict(given),
        "business_date": date,
        "ds": date,
        "correlation_id": request.correlation_id,
        "job": request.job,
        "execution": public_id(key),
        "trigger": key.name,
        "attempt": attempt,
        "round": request.round,
        "priority": request.priority,
        "process": request.process,
    }
    # What a run does not have is missing, and a hole that needs it says so; null would be filled in.
    return {name: one for name, one in about.items() if one is not None}


def _command(job: Job, about: Mapping[str, Json]) -> dict[str, Json]:
    payload: dict[str, Json] = {
        "command": job.target(about),
        "env": {
            "TIDEGATE_JOB": about["job"],
            "TIDEGATE_EXECUTION": about["execution"],
            "TIDEGATE_ATTEMPT": str(about["attempt"]),
            **_texts(job.environment(about)),
        },
        "parameters": about["parameters"],
        "business_date": about.get("business_date"),
        "correlation_id": about.get("correlation_id"),
    }
    if job.cwd is not None:
        payload["cwd"] = value.text(job.cwd(about))
    if job.stdin is not None:
        payload["stdin"] = value.text(job.stdin(about))
    return payload


def _request(job: Job, about: Mapping[str, Json]) -> dict[str, Json]:
    payload: dict[str, Json] = {
        "method": job.method,
        "url": job.target(about),
        "headers": _texts(job.headers(about)),
        "timeout": float(job.timeout_s),
    }
    if job.body is not None:
        payload["body"] = job.body(about)
    elif job.method not in _WITHOUT_BODY:
        names = ("job", "execution", "attempt", "business_date", "correlation_id", "parameters")
        payload["body"] = {name: about.get(name) for name in names}
    return payload


def _texts(values: Mapping[str, Json]) -> dict[str, str]:
    return {name: value.text(one) for name, one in values.items()}
