"""HTTP: `arn:tidegate:states:::http:call`, one request and its answer.

    {"method": "POST", "url": "https://...", "headers": {...}, "body": {...} | "text",
     "timeout": 60, "redirects": 0}

2xx is Done. 408, 429, 5xx and trouble before anything was sent are tried again by the dispatcher,
not before `Retry-After`; the rest is Failed, a lost answer too, for the other side may have acted.
The request carries an Idempotency-Key, but nobody can promise that it is heeded: `neither`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from tidegate.adapters.outbound import REDIRECTS_MAX, Answer, Outbound, Request
from tidegate.kernel.errors import InputError, TransientError
from tidegate.kernel.event import Json
from tidegate.kernel.jsontext import read
from tidegate.kernel.step import Done, Failed
from tidegate.ports.tasks import Call, Promise, Result

RESOURCE = "arn:tidegate:states:::http:call"
ANSWER_MAX = 768 * 1024
"""Bytes of an answer's body; in base64 it still fits an outcome."""
CAUSE_MAX = 2048

_TRANSIENT = {408, 429}
_HEADER_NAME = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
_HEADER_VALUE = r"^[^\r\n\x00]*$"

_encode = msgspec.json.Encoder().encode


class HttpPayload(Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    method: Annotated[str, Meta(pattern="^[A-Z]{1,20}$")] = "GET"
    headers: Mapping[
        Annotated[str, Meta(pattern=_HEADER_NAME)], Annotated[str, Meta(pattern=_HEADER_VALUE)]
    ] = {}
    body: Json = None
    timeout: Annotated[float, Meta(gt=0)] | None = None
    redirects: Annotated[int, Meta(ge=0, le=REDIRECTS_MAX)] = 0


class HttpTasks:
    """Requests of workflows. The answer is awaited here, so the work is this server's own: `local`."""

    promise: Promise = "neither"
    local: bool = True

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def start(self, call: Call) -> Result:
        try:
            payload = msgspec.convert(call.task.payload, HttpPayload)
        except msgspec.ValidationError as error:
            return Failed(
                "Tidegate.PayloadInvalid",
                f"payload of {RESOURCE}: {error}; it takes url, method, headers, body, timeout and "
                "redirects",
            )
        request = _request(payload, call.key)
        try:
            reply = await self._outbound.send(request)
        except InputError as error:
            return Failed("Tidegate.AddressRefused", str(error))
        if isinstance(reply, Answer):
            return self._judge(reply)
        if reply.late:
            return Failed("States.Timeout", f"no complete answer within {payload.timeout} s")
        return Failed(
            "States.Http.Socket",
            f"the connection ended before the answer did ({reply.what}); the other side may have acted",
        )

    async def find(self, call: Call) -> Result | None:
        return None

    async def poll(self, call: Call, handle: str) -> Result:
        return Failed(
            "Tidegate.TaskGone", "a request has no handle under which it can be asked for"
        )

    async def stop(self, call: Call, handle: str | None) -> None:
        """Whoever awaits `start` gives it up by cancelling it; what was sent cannot be called back."""

    def _judge(self, answer: Answer) -> Done | Failed:
        status = answer.status
        if 200 <= status < 300:
            if answer.whole:
                return Done(
                    {"status": status, "headers": dict(answer.headers), **_body(answer)},
                )
            return Failed(
                "States.DataLimitExceeded",
                f"the answer's body is longer than {ANSWER_MAX} bytes; fetch it by a command "
                "that writes it to a file",
            )
        said = answer.body[:CAUSE_MAX].decode("utf-8", "replace").strip()
        if status in _TRANSIENT or status >= 500:
            raise TransientError(
                "task.unreachable",
                f"the answer was {status}: {said}",
                retry_after_s=self._outbound.retry_after_s(answer),
            )
        if 300 <= status < 400:
            target = answer.headers.get("location", "nowhere")
            said = f"redirected to {target}; redirects: N follows N of them for GET and HEAD"
        return Failed(f"States.Http.StatusCode.{status}", said)


def _request(payload: HttpPayload, key: str) -> Request:
    headers = dict(payload.headers)
    names = {name.lower() for name in headers}
    if "idempotency-key" not in names:
        headers["Idempotency-Key"] = key
    body: bytes | None = None
    if isinstance(payload.body, str):
        body = payload.body.encode()
    elif payload.body is not None:
        body = _encode(payload.body)
        if "content-type" not in names:
            headers["Content-Type"] = "application/json"
    return Request(
        method=payload.method,
        url=payload.url,
        headers=headers,
        body=body,
        timeout_s=payload.timeout,
        answer_max=ANSWER_MAX,
        redirects=payload.redirects,
    )


def _body(answer: Answer) -> dict[str, Json]:
    """JSON where it says so and is so, else text; `body_base64` for what is neither."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return {"body": read(answer.body)[0]}
        except InputError:
            pass  # it is shown as it came
    try:
        return {"body": answer.body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body": None, "body_base64": base64.b64encode(answer.body).decode("ascii")}
