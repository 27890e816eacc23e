"""Documents: `POST /activations`, which follows the server's own folder as it is now."""

from __future__ import annotations

from pathlib import Path

import msgspec
from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, Field

from tidegate.api.door import Caller, GiverOf, ServiceOf, known_parameters
from tidegate.api.problem import answer

router = APIRouter(prefix="/api/v1", dependencies=[Depends(Caller), Depends(known_parameters)])


class ActivationBody(BaseModel, extra="forbid"):
    project: str | None = Field(
        default=None,
        max_length=4096,
        pattern=r"^/[^\x00]*$",
        description="The folder that is meant; refused where the server has another",
    )
    dry_run: bool = Field(default=False, description="Say what would change, change nothing")
    reason: str | None = Field(default=None, max_length=2000)
    user: str | None = Field(default=None, max_length=200, description="On behalf of whom")


# An empty body is the body that says nothing.
NO_ACTIVATION = ActivationBody()


@router.post("/activations", summary="Follow the documents of the server's folder as they are now")
def activate(service: ServiceOf, giver: GiverOf, body: ActivationBody = NO_ACTIVATION) -> Response:
    meant = Path(body.project) if body.project is not None else None
    if body.dry_run:
        done = service.activations.look(meant=meant)
    else:
        done = service.activations.follow(giver.actor(body.user), body.reason, meant=meant)
    return answer({**msgspec.to_builtins(done), "dry_run": body.dry_run})
