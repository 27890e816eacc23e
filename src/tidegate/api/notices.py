"""Notices: `GET` what people were told, and `POST` one that could not be delivered once more."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from tidegate.api.door import Caller, GiverOf, ServiceOf, given, known_parameters
from tidegate.api.problem import answer
from tidegate.ports.reader import PAGE_MAX
from tidegate.services.typed_date import parse_date
from tidegate.watch.orders import SendAgain

router = APIRouter(prefix="/api/v1", dependencies=[Depends(Caller), Depends(known_parameters)])

Name = Annotated[str | None, Query(max_length=1024)]
Id = Annotated[str, Path(max_length=2048)]


class SendBody(BaseModel, extra="forbid"):
    reason: str | None = Field(default=None, max_length=2000)
    user: str | None = Field(default=None, max_length=200, description="On behalf of whom")


# An empty body is the body that says nothing.
NO_SEND = SendBody()


@router.get("/notices", summary="What people were told, the newest business date first")
def list_notices(
    service: ServiceOf,
    status: Name = None,
    date: Name = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
    cursor: Name = None,
) -> Response:
    day = parse_date(date) if date else None
    page = service.notices.page(status=status, day=day, limit=limit, cursor=cursor)
    return answer(page.answer())


@router.get("/notices/{notice_id}", summary="One notice, with its data")
def get_notice(service: ServiceOf, notice_id: Id) -> Response:
    return answer(service.notices.notice(notice_id))


@router.post(
    "/notices/{notice_id}/send", status_code=202, summary="Send an undelivered notice once more"
)
async def send_notice(
    service: ServiceOf, giver: GiverOf, notice_id: Id, body: SendBody = NO_SEND
) -> Response:
    order = SendAgain(notice=notice_id)
    return await given(service, order, giver.actor(body.user), body.reason, 202)
