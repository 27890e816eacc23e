"""Door: what every declared route shares: its service, who calls, how an order is answered."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Header, Request, Security
from fastapi._compat import ModelField
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.responses import Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from msgspec import Struct

from tidegate.api.guard import caller
from tidegate.api.problem import answer, problem
from tidegate.api.service import Service
from tidegate.kernel.errors import InputError
from tidegate.kernel.spelling import did_you_mean
from tidegate.kernel.step import Refusal

USER_MAX = 600
"""Characters of the header that names a person: 200 of any kind, percent-encoded."""
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


class Giver:
    """Who gives an order: the caller, and on whose behalf he says that it is.

    The name is what the caller says of itself. It is written down beside the token's own, as
    `token for NAME`, and gives no right.
    """

    def __init__(
        self,
        caller: CallerOf,
        tidegate_user: Annotated[
            str | None,
            Header(
                max_length=USER_MAX,
                description="On behalf of whom, percent-encoded; recorded as said, gives no right",
            ),
        ] = None,
    ) -> None:
        self._principal = caller.name
        self._said = unquote(tidegate_user) if tidegate_user else None

    def actor(self, user: str | None = None) -> str:
        """As the log has it; a name in the body comes before that of the header.

        Raises InputError (`request.invalid`).
        """
        name = user or self._said
        if not name:
            return self._principal
        if not name.isprintable():
            raise InputError(
                "request.invalid",
                f"the user's name {name[:80]!r} holds a character that cannot be printed",
                fix="send a name without it",
            )
        return f"{self._principal} for {name}"


GiverOf = Annotated[Giver, Depends()]


async def given(
    service: Service, order: Struct, actor: str, reason: str | None, status: int = 200
) -> Response:
    """Give an order, and answer with its reply or refusal after the commit."""
    reply = await service.control.give_async(order, actor, reason)
    return problem(reply) if isinstance(reply, Refusal) else answer(reply, status)


def known_parameters(request: Request) -> None:
    """Refuse parameters the route does not have: a misspelt filter would answer too much.

    Raises InputError (`request.invalid`).
    """
    route = request.scope.get("route")
    assert isinstance(route, APIRoute)
    known = sorted(str(field.alias) for field in get_flat_params(route.dependant) if _asked(field))
    for name in request.query_params:
        if name not in known:
            listed = f"known here: {', '.join(known)}" if known else "there are none here"
            raise InputError(
                "request.invalid",
                f"{request.url.path} has no parameter {name[:80]!r}",
                fix=did_you_mean(name, known, listed),
                known=known,
            )


def _asked(field: ModelField) -> bool:
    return isinstance(field.field_info, Query)
