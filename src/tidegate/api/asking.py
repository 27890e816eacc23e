"""Asking: `GET` for gates, explanations, readiness, events, traces, executions, triggers, the inbox."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response

from tidegate.api.door import Caller, ServiceOf, known_parameters
from tidegate.api.problem import answer
from tidegate.kernel.clock import Day
from tidegate.kernel.ids import Pos
from tidegate.ports.reader import PAGE_MAX
from tidegate.services.look import LATEST
from tidegate.services.search import Wanted
from tidegate.services.typed_date import parse_date

router = APIRouter(prefix="/api/v1", dependencies=[Depends(Caller), Depends(known_parameters)])

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Name = Annotated[str | None, Query(max_length=1024)]
Id = Annotated[str, Path(max_length=2048)]


@router.get("/gates", summary="Gates, the newest business date first")
def list_gates(
    service: ServiceOf,
    rule: Name = None,
    status: Name = None,
    date: Name = None,
    limit: Limit = 100,
    cursor: Name = None,
) -> Response:
    day = parse_date(date) if date else None
    page = service.asking.gates(rule=rule, status=status, day=day, limit=limit, cursor=cursor)
    return answer(page.answer())


@router.get("/gates/{gate_id}", summary="One round of a gate")
def get_gate(service: ServiceOf, gate_id: Id) -> Response:
    return answer(service.asking.gate(gate_id))


@router.get("/gates/{gate_id}/explain", summary="Why this gate is open, or is not")
def explain_gate(service: ServiceOf, gate_id: Id) -> Response:
    return answer(service.asking.explain_gate(gate_id).answer)


@router.get("/rules/{rule}/explain", summary="Why a rule did or did not open for a date")
def explain_rule(
    service: ServiceOf,
    rule: Id,
    date: Name = None,
    round_: Annotated[int | None, Query(alias="round", ge=1)] = None,
) -> Response:
    day = parse_date(date) if date else None
    return answer(service.asking.explain_rule(rule, day, round_).answer)


@router.get("/readiness", summary="Is this dataset ready for this business date?")
def readiness(
    service: ServiceOf,
    dataset: Annotated[str, Query(max_length=1024)],
    business_date: Annotated[str, Query(max_length=32)],
) -> Response:
    return answer(service.readiness.of(dataset, parse_date(business_date)))


@router.get("/events", summary="Events of the log, newest first")
def list_events(
    service: ServiceOf,
    id_: Annotated[str | None, Query(alias="id", max_length=1024)] = None,
    type_: Annotated[str | None, Query(alias="type", max_length=1024)] = None,
    source: Name = None,
    dataset: Name = None,
    own: bool = True,
    limit: Limit = 100,
    cursor: Annotated[
        int | None,
        Query(ge=0, description="The `next` of a page; also a page with no items may have one"),
    ] = None,
) -> Response:
    wanted = Wanted(token=id_, type=type_, source=source, dataset=dataset, own=own)
    before = Pos(cursor) if cursor is not None else LATEST
    items, following = service.search.newest(wanted, before=before, limit=limit)
    return answer({"items": items, "next": str(following) if following is not None else None})


@router.get("/trace/{trace_id:path}", summary="Everything under one id, oldest first")
def trace(service: ServiceOf, trace_id: Id) -> Response:
    return answer(service.trace.trace(trace_id))


@router.get("/executions", summary="Executions, the newest business date first")
def list_executions(
    service: ServiceOf,
    job: Name = None,
    status: Name = None,
    date: Name = None,
    limit: Limit = 100,
    cursor: Name = None,
) -> Response:
    page = service.runs.executions(
        job=job, status=status, days=_days(date), limit=limit, cursor=cursor
    )
    return answer(page.answer())


@router.get("/executions/{execution_id}", summary="One execution, its history, and why it is there")
def get_execution(service: ServiceOf, execution_id: Id) -> Response:
    return answer(service.runs.execution(execution_id))


@router.get("/triggers", summary="Triggers, the newest business date first")
def list_triggers(
    service: ServiceOf,
    job: Name = None,
    status: Name = None,
    date: Name = None,
    limit: Limit = 100,
    cursor: Name = None,
) -> Response:
    page = service.runs.triggers(
        job=job, status=status, days=_days(date), limit=limit, cursor=cursor
    )
    return answer(page.answer())


@router.get("/triggers/pending", summary="Triggers that are held, and what holds them")
def pending_triggers(service: ServiceOf, limit: Limit = 100, cursor: Name = None) -> Response:
    page = service.runs.triggers(status="held", limit=limit, cursor=cursor)
    named = {"triggers" if name == "items" else name: one for name, one in page.answer().items()}
    return answer({"count": len(page.items), **named})


@router.get("/triggers/{trigger_id}", summary="One trigger")
def get_trigger(service: ServiceOf, trigger_id: Id) -> Response:
    return answer(service.runs.trigger(trigger_id))


@router.get("/triggers/{trigger_id}/explain", summary="Why it waits, or how its run went")
def explain_trigger(service: ServiceOf, trigger_id: Id) -> Response:
    return answer(service.runs.explain(trigger_id).answer)


@router.get("/jobs", summary="Jobs that can be started")
def list_jobs(service: ServiceOf) -> Response:
    return answer({"items": service.runs.jobs()})


@router.get("/inbox", summary="What waits for a person")
def inbox(service: ServiceOf, limit: Limit = 100) -> Response:
    return answer({"items": service.inbox.listed(limit)})


@router.get("/inbox/{item_id}", summary="One item of the inbox, with all that is kept of it")
def inbox_item(service: ServiceOf, item_id: Id) -> Response:
    return answer(service.inbox.item(item_id))


@router.get("/schedule", summary="Pauses that hold now, and maintenance windows")
def schedule(service: ServiceOf) -> Response:
    return answer(service.holds.listed())


def _days(date: str | None) -> tuple[Day, Day] | None:
    day = parse_date(date) if date else None
    return None if day is None else (day, day)
