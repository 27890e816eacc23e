"""Client: calls to a running server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from tidegate.kernel.errors import CODES, InputError, TransientError
from tidegate.kernel.event import Json
from tidegate.kernel.value import is_list, is_map

if TYPE_CHECKING:
    import aiohttp

CALL_SECONDS_MAX = 60.0


def call(
    url: str,
    token: str,
    method: str,
    path: str,
    body: Json = None,
    *,
    user: str = "",
    seconds_max: float = CALL_SECONDS_MAX,
) -> Json:
    """One call, on behalf of `user`. Raises InputError or TransientError with the server's code."""
    import asyncio

    async def ask() -> Json:
        async with session(token, user, seconds_max) as opened:
            return await request(opened, method, url.rstrip("/") + path, json=body)

    return asyncio.run(ask())


def session(
    token: str, user: str = "", seconds_max: float = CALL_SECONDS_MAX
) -> aiohttp.ClientSession:
    """A session that sends this token."""
    import aiohttp

    headers = {"Authorization": f"Bearer {token}", "User-Agent": "tidegate"}
    if user:
        headers["Tidegate-User"] = quote(user, safe="")
    timeout = aiohttp.ClientTimeout(total=seconds_max)
    return aiohttp.ClientSession(
        headers=headers,
        timeout=timeout,
        json_serialize=lambda value: msgspec.json.encode(value).decode(),
    )


async def request(opened: aiohttp.ClientSession, method: str, url: str, **more: Any) -> Json:
    """One request; a problem comes back as the error it names."""
    import aiohttp

    try:
        async with opened.request(method, url, **more) as response:
            text = await response.read()
            status = response.status
            retry_after = response.headers.get("Retry-After")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise TransientError(
            "unreachable",
            f"{url} cannot be reached: {_why(error)}",
            fix="is the server running? `tidegate doctor` tells",
        ) from error
    answer: Json
    try:
        answer = msgspec.json.decode(text) if text else None
    except msgspec.DecodeError:
        answer = None
    if status < 400:
        return answer
    said: dict[str, Json] = answer if is_map(answer) else {}
    reasons = said.get("reasons")
    if is_list(reasons) and reasons:  # /readyz says why in its own way, the worst first
        said = {"code": reasons[0]["code"], "detail": reasons[0]["message"]}
    code = str(said.get("code", ""))
    known = code if code in CODES else "unreachable"
    message = str(said.get("detail") or f"{url} answered {status}")
    if status == 503:
        raise TransientError(known, message, fix=str(said.get("fix", "")), retry_after=retry_after)
    faults = {"faults": said["faults"]} if "faults" in said else {}
    raise InputError(
        known if known != "unreachable" else "input",
        message,
        fix=str(said.get("fix", "")),
        answer=said,
        **faults,
    )


def _why(error: Exception) -> str:
    """In the system's words; the library's own speak of TLS where there is none."""
    cause = getattr(error, "os_error", error)
    if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
        return os.strerror(cause.errno).lower()
    return str(cause) or type(error).__name__
