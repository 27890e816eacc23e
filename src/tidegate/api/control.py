"""Control: what people change: pauses, maintenance windows, quarantine, parked signals.

Each call is an order in the log with its actor and reason; the answer comes after the commit.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response
from pydantic import BaseModel, Field

from tidegate.api.door import Caller, GiverOf, ServiceOf, given, known_parameters
from tidegate.api.problem import answer
from tidegate.api.starting import NO_WHY, WhyBody
from tidegate.correlate.identity import round_named
from tidegate.correlate.orders import CloseGate, ReleaseGate
from tidegate.kernel.clock import MINUTE_US, Instant
from tidegate.schedule.orders import AddWindow, Pause, RemoveWindow, Resume
from tidegate.schedule.window import AddedWindow
from tidegate.services.inbox import release_order
from tidegate.services.orders import AcceptClock

router = APIRouter(prefix="/api/v1", dependencies=[Depends(Caller), Depends(known_parameters)])

Reason = Annotated[str | None, Field(max_length=2000)]


class PauseBody(BaseModel, extra="forbid"):
    """`{"reason": "System maintenance", "user": "admin", "duration_minutes": 120}`."""

    job: str | None = Field(default=None, max_length=200)
    pipeline: str | None = Field(default=None, max_length=200, description="The same as job")
    reason: Reason = None
    user: str | None = Field(default=None, max_length=200, description="On behalf of whom")
    duration_minutes: float | None = Field(default=None, gt=0, le=60 * 24 * 366)


class ResumeBody(BaseModel, extra="forbid"):
    job: str | None = Field(default=None, max_length=200)
    pipeline: str | None = Field(default=None, max_length=200, description="The same as job")
    reason: Reason = None
    user: str | None = Field(default=None, max_length=200)


class ReleaseBody(BaseModel, extra="forbid"):
    """Inputs to let through; all that are quarantined when none is named."""

    inputs: list[Annotated[str, Field(max_length=200)]] = Field(default=[], max_length=256)
    reason: Reason = None


class CloseBody(BaseModel, extra="forbid"):
    reason: Reason = None


class ClockBody(BaseModel, extra="forbid"):
    shift: bool = Field(default=False, description="Also move everything that waits by the jump")
    reason: Reason = None


# An empty body is the body that says nothing.
NO_PAUSE, NO_RESUME, NO_RELEASE = PauseBody(), ResumeBody(), ReleaseBody()
NO_CLOSE, NO_CLOCK = CloseBody(), ClockBody()


@router.post("/pipeline/pause", summary="Start nothing until resumed, or for so long")
async def pause(service: ServiceOf, giver: GiverOf, body: PauseBody = NO_PAUSE) -> Response:
    until = None
    if body.duration_minutes is not None:
        until = Instant(service.clock.now() + round(body.duration_minutes * MINUTE_US))
    order = Pause(job=body.job or body.pipeline, until=until)
    return await given(service, order, giver.actor(body.user), body.reason)


@router.post("/pipeline/resume", summary="Start again; what was held follows")
async def resume(service: ServiceOf, giver: GiverOf, body: ResumeBody = NO_RESUME) -> Response:
    order = Resume(job=body.job or body.pipeline)
    return await given(service, order, giver.actor(body.user), body.reason)


@router.post("/schedule/maintenance", status_code=201, summary="Add a maintenance window")
async def add_window(service: ServiceOf, giver: GiverOf, body: AddedWindow) -> Response:
    order = AddWindow(window=body.to_window("", "UTC"), in_project_zone=not body.names_zone)
    return await given(service, order, giver.actor(), body.description, status=201)


@router.get("/schedule/maintenance", summary="Maintenance windows added at run time")
def list_windows(service: ServiceOf) -> Response:
    return answer({"windows": service.holds.listed()["windows"]})


@router.delete("/schedule/maintenance/{window_id}", summary="Take a maintenance window away")
async def remove_window(
    service: ServiceOf, giver: GiverOf, window_id: Annotated[str, Path(max_length=200)]
) -> Response:
    return await given(service, RemoveWindow(window_id=window_id), giver.actor(), None)


@router.post("/gates/{gate_id}/release", summary="Let quarantined inputs of a gate through")
async def release_gate(
    service: ServiceOf,
    giver: GiverOf,
    gate_id: Annotated[str, Path(max_length=2048)],
    body: ReleaseBody = NO_RELEASE,
) -> Response:
    key, round_ = round_named(gate_id)
    order = ReleaseGate(gate=key, round=round_, inputs=tuple(body.inputs))
    return await given(service, order, giver.actor(), body.reason)


@router.post("/gates/{gate_id}/close", summary="Wait no longer: the round never opens")
async def close_gate(
    service: ServiceOf,
    giver: GiverOf,
    gate_id: Annotated[str, Path(max_length=2048)],
    body: CloseBody = NO_CLOSE,
) -> Response:
    key, round_ = round_named(gate_id)
    return await given(service, CloseGate(gate=key, round=round_), giver.actor(), body.reason)


@router.post("/inbox/{item_id}/release", summary="Decide a parked signal again")
async def release_parked(
    service: ServiceOf,
    giver: GiverOf,
    item_id: Annotated[str, Path(max_length=200)],
    body: WhyBody = NO_WHY,
) -> Response:
    return await given(service, release_order(item_id), giver.actor(body.user), body.reason)


@router.post("/clock/accept", summary="A jump of the clock is right: go on deciding")
async def accept_clock(service: ServiceOf, giver: GiverOf, body: ClockBody = NO_CLOCK) -> Response:
    return await given(service, AcceptClock(shift=body.shift), giver.actor(), body.reason)
