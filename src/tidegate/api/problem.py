"""Problem: every error as RFC 9457 `application/problem+json` with a stable code."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from tidegate.kernel.errors import CODES, TidegateError
from tidegate.kernel.problem import problem_of
from tidegate.kernel.step import Refusal

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1


def problem(error: TidegateError | Refusal, **more: Any) -> Response:
    """The answer for an error; 503 says when to come again."""
    code = CODES.get(error.code, CODES["defect"])
    body = {**problem_of(error), **more}
    headers: dict[str, str] = {}
    if code.http_status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if code.http_status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="tidegate"'
    return Response(
        msgspec.json.encode(body), code.http_status, headers=headers, media_type=MEDIA_TYPE
    )


def answer(value: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")
