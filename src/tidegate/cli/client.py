"""Client: calls to a running server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tidegate.kernel.errors import CODES, InputError, TransientError
from tidegate.kernel.event import Json
from tidegate.kernel.value import is_map

if TYPE_CHECKING:
    import aiohttp

CALL_SECONDS_MAX = 60.0


def call(url: str, token: str, method: str, path: str, body: Json = None) -> Json:
    """One call. Raises InputError or TransientError with the server's code."""
    import asyncio

    return asyncio.run(_call(url, token, method, path, body))


async def _call(url: str, token: str, method: str, path: str, body: Json) -> Json:
    async with session(token) as opened:
        return await request(opened, method, url.rstrip("/") + path, json=body)


def session(token: str) -> aiohttp.ClientSession:
    """A session that sends this token."""
    import aiohttp

    headers = {"Authorization": f"Bearer {token}", "User-Agent": "tidegate"}
    timeout = aiohttp.ClientTimeout(total=CALL_SECONDS_MAX)
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
            f"{url} cannot be reached: {error or type(error).__name__}",
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
    code = str(said.get("code", ""))
    known = code if code in CODES else "unreachable"
    message = str(said.get("detail") or f"{url} answered {status}")
    if status == 503:
        raise TransientError(known, message, fix=str(said.get("fix", "")), retry_after=retry_after)
    raise InputError(
        known if known != "unreachable" else "input",
        message,
        fix=str(said.get("fix", "")),
        answer=said,
    )
