"""Guard: bearer token to caller. A refusal is counted, logged, and answered in constant time."""

from __future__ import annotations

import hashlib
import hmac
import logging

from starlette.requests import Request

from tidegate.api.service import Service
from tidegate.kernel.errors import InputError, TidegateError

log = logging.getLogger("tidegate.api")

PATH_MAX = 200
"""Characters of a refused call's path that are kept."""
PRINCIPAL = "token"
"""Whoever holds the process's one token."""


def caller(request: Request, service: Service) -> str:
    """Who asks. Raises InputError (`auth.required`)."""
    if is_known(request, service):
        return PRINCIPAL
    given = request.headers.get("authorization", "").partition(" ")[2]
    what = "no bearer token" if not given else "an unknown or expired token"
    raise refusal(request, service, what)


def is_known(request: Request, service: Service) -> bool:
    """Whoever asks holds the token."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and _same(given.strip(), service.token)


def refusal(request: Request, service: Service, what: str) -> InputError:
    """Count a refused call, so that it can be found again and fills nothing."""
    client = request.client.host if request.client else "unknown"
    try:
        service.intake.turn_away(
            "auth.required", client, f"{request.method} {request.url.path[:PATH_MAX]}: {what}"
        )
    except TidegateError as error:
        log.warning("a refused call could not be kept: %s", error)
    return InputError(
        "auth.required",
        f"{what} was given",
        fix="send `Authorization: Bearer <token>`; commands take it from PIPELINE_API_TOKEN",
    )


def _same(given: str, wanted: str) -> bool:
    # Digests have one length, so the comparison tells nothing about the token's.
    return hmac.compare_digest(
        hashlib.sha256(given.encode("utf-8", "replace")).digest(),
        hashlib.sha256(wanted.encode()).digest(),
    )
