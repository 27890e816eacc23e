"""Events: `POST /api/v1/events`, the raw route. Answered after the events are durable, never before.

A batch is always 202 with each event's verdict; a single event that is rejected 422 with the same
keys; no CloudEvent at all 400; a body over the limit 413, a packed one 415; queue full or store away 503.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tidegate.api.bounds import check_encoding
from tidegate.api.guard import caller
from tidegate.api.problem import answer, problem
from tidegate.api.service import Service
from tidegate.kernel.delivery import split_request
from tidegate.kernel.errors import InputError, TidegateError, TransientError
from tidegate.services.intake import KEPT_MAX, Receipt

DECODED_HERE_MAX = 200
"""Events decoded on the server's own loop; larger batches are decoded in a thread beside it."""


async def post_events(request: Request, service: Service) -> Response:
    """Take a delivery in, in any of the three HTTP forms of CloudEvents."""
    try:
        principal = caller(request, service)
        body = await _body(request, service, principal)
        delivery = await _split(request, body, service, principal)
        if len(delivery.events) > DECODED_HERE_MAX:
            pending = await asyncio.to_thread(service.intake.receive, delivery.events, principal)
        else:
            pending = service.intake.receive(delivery.events, principal)
        async with asyncio.timeout(service.answer_timeout_s):
            receipt = await pending.wait()
    except TimeoutError:
        return problem(TransientError("store.unavailable", "the events were not committed in time"))
    except TidegateError as error:
        return problem(error)
    except ClientDisconnect:
        return Response(status_code=400)
    if receipt.rejected and not delivery.batch:
        first = receipt.rejected[0]
        return problem(InputError(first.code, first.message), **counts(receipt))
    return answer(counts(receipt), 202)


def counts(receipt: Receipt) -> dict[str, Any]:
    """The keys `event send` prints as well."""
    found: dict[str, Any] = msgspec.to_builtins(receipt)
    return found


async def _split(request: Request, body: bytes, service: Service, principal: str) -> Any:
    try:
        headers = _headers(request)
        check_encoding(headers.get("content-encoding", ""))
        return split_request(headers.get("content-type", ""), headers, body)
    except InputError as error:
        await asyncio.wrap_future(service.intake.refuse(error.code, str(error), body, principal))
        raise


def _headers(request: Request) -> dict[str, str]:
    """By name. An attribute that came twice has no value: raises InputError (`event.attribute`)."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        if name in headers and name.startswith(("ce-", "content-type")):
            raise InputError(
                "event.attribute",
                f"the header {name} came twice, as {headers[name][:64]!r} and {value[:64]!r}",
                fix="send each attribute once",
            )
        headers[name] = value
    return headers


async def _body(request: Request, service: Service, principal: str) -> bytes:
    """The request's body. Raises InputError (`body.limit`); its beginning and length are kept."""
    chunks: list[bytes] = []
    size = 0
    declared = request.headers.get("content-length", "")
    too_large = declared.isdigit() and int(declared) > service.body_max
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > service.body_max or (too_large and size >= KEPT_MAX):
            break
    else:
        if not too_large:
            return b"".join(chunks)
    length = declared or f"more than {size}"
    error = InputError(
        "body.limit",
        f"the body has {length} bytes, {service.body_max} are allowed",
        fix="send several batches",
    )
    await asyncio.wrap_future(
        service.intake.refuse(error.code, str(error), b"".join(chunks)[:KEPT_MAX], principal)
    )
    raise error
