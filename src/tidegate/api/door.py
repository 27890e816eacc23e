"""Door: what every declared route shares: its service, and who calls."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from tidegate.api.guard import caller
from tidegate.api.service import Service

BEARER = HTTPBearer(auto_error=False, description="The token in PIPELINE_API_TOKEN")


def service_of(request: Request) -> Service:
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


ServiceOf = Annotated[Service, Depends(service_of)]


class Caller:
    """Who calls; asking for it refuses everybody without a token."""

    def __init__(
        self,
        request: Request,
        service: ServiceOf,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)] = None,
    ) -> None:
        del credentials  # declared for OpenAPI; the guard reads the header itself
        self.name = caller(request, service)


CallerOf = Annotated[Caller, Depends()]
