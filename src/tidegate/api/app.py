"""App: routes put together, errors to problem+json, OpenAPI 3.1."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Route

from tidegate.api import asking, control, documents, notices, starting
from tidegate.api.bounds import Bounds
from tidegate.api.events import post_events
from tidegate.api.guard import caller
from tidegate.api.invalid import refusal
from tidegate.api.openapi import EVENTS_PATH, complete
from tidegate.api.problem import answer, problem
from tidegate.api.service import Service
from tidegate.kernel.errors import Defect, InputError, TidegateError, TransientError
from tidegate.services.vitals import CONTENT_TYPE
from tidegate.version import VERSION

log = logging.getLogger("tidegate.api")


def make_app(service: Service) -> FastAPI:
    """The whole API over one running process."""
    app = FastAPI(
        title="Tidegate",
        version=VERSION,
        description="Starts data work exactly when its inputs are ready, and says why.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = service
    app.include_router(asking.router)
    app.include_router(control.router)
    app.include_router(documents.router)
    app.include_router(notices.router)
    app.include_router(starting.router)
    app.router.routes.insert(0, Route(EVENTS_PATH, _events, methods=["POST"]))
    for path, endpoint in (("/healthz", _healthz), ("/readyz", _readyz), ("/metrics", _metrics)):
        app.router.routes.append(Route(path, endpoint, methods=["GET"]))
    app.router.routes.append(Route("/openapi.json", _openapi, methods=["GET"]))
    app.add_exception_handler(TidegateError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(TimeoutError, _late)
    app.add_exception_handler(Exception, _defect)
    complete(app)
    app.add_middleware(Bounds)
    return app


# ---- vital routes
async def _events(request: Request) -> Response:
    return await post_events(request, _service(request))


async def _healthz(request: Request) -> Response:
    del request
    return answer({"alive": True, "version": VERSION})


async def _openapi(request: Request) -> Response:
    """Where programs look for it."""
    return RedirectResponse(request.app.openapi_url)


async def _readyz(request: Request) -> Response:
    ready, report = await run_in_threadpool(_service(request).vitals.ready)
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
    del request
    assert isinstance(error, RequestValidationError)
    said, faults = refusal(error.errors())
    return problem(said, faults=faults)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method.unknown"}.get(error.status_code, "input")
    message = f"{request.method} {request.url.path}: {error.detail}"
    return problem(InputError(code, message))


def _late(request: Request, error: Exception) -> Response:
    del request, error
    return problem(TransientError("store.unavailable", "no answer from the database in time"))


def _defect(request: Request, error: Exception) -> Response:
    log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(Defect("defect", "this request met a defect of Tidegate; it is logged"))
