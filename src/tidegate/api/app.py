"""App: routes put together, errors to problem+json, OpenAPI 3.1.

    request --> Bounds --POST /api/v1/events--> post_events
                       --all else-------------> the declared routes (FastAPI)

The event door stands in front of FastAPI and of all that it lays around a declared route.
"""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tidegate.api import asking, control, documents, notices, starting
from tidegate.api.bounds import Bounds
from tidegate.api.events import post_events
from tidegate.api.guard import caller, is_known
from tidegate.api.invalid import not_json, refusal
from tidegate.api.openapi import EVENTS_PATH, complete
from tidegate.api.problem import answer, problem
from tidegate.api.service import Service
from tidegate.kernel.errors import CODES, Defect, InputError, TidegateError, TransientError
from tidegate.kernel.mediatype import is_json
from tidegate.services.vitals import CONTENT_TYPE
from tidegate.version import VERSION

log = logging.getLogger("tidegate.api")


def make_app(service: Service) -> ASGIApp:
    """The whole API over one running process."""
    return Bounds(_Front(service, make_routes(service)))


def make_routes(service: Service) -> FastAPI:
    """What a person writes and reads; it describes the event door as well."""
    app = FastAPI(
        title="Tidegate",
        version=VERSION,
        description="Starts data work exactly when its inputs are ready, and says why.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        # It would send whoever asks to the host of his own header, also from https to http.
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = service
    for router in _ROUTERS:
        app.include_router(router)
    for path, endpoint in (("/healthz", _healthz), ("/readyz", _readyz), ("/metrics", _metrics)):
        app.router.routes.append(Route(path, endpoint, methods=["GET"]))
    app.router.routes.append(Route("/openapi.json", _openapi, methods=["GET"]))
    app.add_exception_handler(TidegateError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(TimeoutError, _late)
    app.add_exception_handler(Exception, _defect)
    complete(app)
    return app


_ROUTERS = (asking.router, control.router, documents.router, notices.router, starting.router)


class _Front:
    """Events by the short way, everything else to the declared routes."""

    def __init__(self, service: Service, routes: ASGIApp) -> None:
        self._service = service
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == EVENTS_PATH and scope["method"] == "POST":
            request = Request(scope, receive)
            try:
                response = await post_events(request, self._service)
            except Exception as error:
                response = _defect(request, error)
            await response(scope, receive, send)
        else:
            await self._routes(scope, receive, send)


# ---- vital routes
async def _healthz(request: Request) -> Response:
    del request
    return answer({"alive": True, "version": VERSION})


async def _openapi(request: Request) -> Response:
    """Where programs look for it."""
    return RedirectResponse(request.app.openapi_url)


async def _readyz(request: Request) -> Response:
    """Anybody may ask; what holds it up in its own words, with paths and users, is for callers."""
    service = _service(request)
    ready, report = await run_in_threadpool(service.vitals.ready)
    if not is_known(request, service):
        report["reasons"] = [
            {**one, "message": CODES[one["code"]].title} for one in report["reasons"]
        ]
    return answer(report, 200 if ready else 503)


async def _metrics(request: Request) -> Response:
    service = _service(request)
    caller(request, service)
    text = await run_in_threadpool(service.vitals.metrics)
    return Response(text, media_type=CONTENT_TYPE)


def _service(request: Request) -> Service:
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


# ---- errors
def _known(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, TidegateError)
    return problem(error)


def _invalid(request: Request, error: Exception) -> Response:
    """A wrong parameter or body: every fault with its place."""
    assert isinstance(error, RequestValidationError)
    content_type = request.headers.get("content-type", "")
    if isinstance(error.body, bytes) and not is_json(content_type):
        return problem(not_json(content_type))
    said, faults = refusal(error.errors(), _body_keys(request))
    return problem(said, faults=faults)


def _body_keys(request: Request) -> list[str]:
    """The keys the body of this route may have."""
    route = request.scope.get("route")
    field = route.body_field if isinstance(route, APIRoute) else None
    model = None if field is None else field.field_info.annotation
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return sorted(one.alias or name for name, one in model.model_fields.items())


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method.unknown"}.get(error.status_code, "input")
    message = f"{request.method} {request.url.path}: {error.detail}"
    response = problem(InputError(code, message))
    if error.status_code == 405:
        response.headers["Allow"] = ", ".join(_methods(request))
    return response


def _methods(request: Request) -> list[str]:
    """What this path answers to; several routes may share it."""
    routes = [*request.app.routes, *(route for router in _ROUTERS for route in router.routes)]
    found = [
        route.methods or ()
        for route in routes
        if isinstance(route, Route) and route.matches(request.scope)[0] != Match.NONE
    ]
    in_front = ("POST",) if request.url.path == EVENTS_PATH else ()
    return sorted({*in_front, *(method for methods in found for method in methods)})


def _late(request: Request, error: Exception) -> Response:
    del request, error
    return problem(TransientError("store.unavailable", "no answer from the database in time"))


def _defect(request: Request, error: Exception) -> Response:
    log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(Defect("defect", "this request met a defect of Tidegate; it is logged"))
