"""Starting: a run that a person asks for, asks for again, gives up or stops."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Path
from fastapi.responses import Response
from pydantic import BaseModel, Field

from tidegate.adapters.system import random_id
from tidegate.api.door import Caller, GiverOf, ServiceOf, given, known_parameters
from tidegate.kernel.event import Json
from tidegate.run.orders import StopExecution
from tidegate.schedule.orders import CancelTrigger
from tidegate.services.typed_date import parse_date

router = APIRouter(prefix="/api/v1", dependencies=[Depends(Caller), Depends(known_parameters)])

Reason = Annotated[str | None, Field(max_length=2000)]
Id = Annotated[str, Path(max_length=2048)]


class TriggerBody(BaseModel, extra="forbid"):
    """`{"reason": "Scheduled maintenance", "user": "operator", "priority": "high"}`."""

    job: str | None = Field(default=None, max_length=200, description="The only one when left out")
    pipeline: str | None = Field(default=None, max_length=200, description="The same as job")
    business_date: str | None = Field(default=None, max_length=32)
    priority: Literal["low", "normal", "high", "critical"] = "normal"
    parameters: dict[str, Json] = {}
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=200)
    reason: Reason = None
    user: str | None = Field(default=None, max_length=200, description="On behalf of whom")


class WhyBody(BaseModel, extra="forbid"):
    reason: Reason = None
    user: str | None = Field(default=None, max_length=200, description="On behalf of whom")


# An empty body is the body that says nothing.
NO_TRIGGER, NO_WHY = TriggerBody(), WhyBody()


@router.post("/trigger/manual", status_code=202, summary="Ask for a run of a job")
async def send_trigger(
    service: ServiceOf,
    giver: GiverOf,
    body: TriggerBody = NO_TRIGGER,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> Response:
    order = service.runs.request(
        body.job or body.pipeline,
        idempotency_key or body.idempotency_key or random_id(),
        day=parse_date(body.business_date) if body.business_date else None,
        priority=body.priority,
        parameters=body.parameters,
    )
    return await given(service, order, giver.actor(body.user), body.reason, 202)


@router.post("/triggers/{trigger_id}/again", status_code=202, summary="Ask for this run once more")
async def send_again(
    service: ServiceOf, giver: GiverOf, trigger_id: Id, body: WhyBody = NO_WHY
) -> Response:
    order = service.runs.again(trigger_id)
    return await given(service, order, giver.actor(body.user), body.reason, 202)


@router.post("/triggers/{trigger_id}/cancel", summary="Give up a trigger that has not started")
async def cancel_trigger(
    service: ServiceOf, giver: GiverOf, trigger_id: Id, body: WhyBody = NO_WHY
) -> Response:
    order = CancelTrigger(trigger=trigger_id)
    return await given(service, order, giver.actor(body.user), body.reason)


@router.post("/executions/{execution_id}/stop", summary="Stop a run, or its next attempt")
async def stop_execution(
    service: ServiceOf, giver: GiverOf, execution_id: Id, body: WhyBody = NO_WHY
) -> Response:
    order = StopExecution(execution=execution_id, reason=body.reason)
    return await given(service, order, giver.actor(body.user), body.reason)
