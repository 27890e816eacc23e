"""Bounds: how long and how large the body of a request may be, for every route alike.

Whoever sends slower or more is answered 408 or 413 and loses the connection: what is left of the
body is not read.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidegate.api.openapi import EVENTS_PATH
from tidegate.api.problem import problem
from tidegate.kernel.errors import InputError

BODY_SECONDS_MAX = 30.0
"""From the headers to the end of the body."""
SMALL_BODY_MAX = 1 << 20
"""Bytes of a body that a person's call has; the event door has its own limit."""


def check_encoding(encoding: str) -> None:
    """Bodies are read as they are. Raises InputError (`body.encoding`) for a packed one."""
    if encoding.strip().lower() not in ("", "identity"):
        raise InputError(
            "body.encoding",
            f"the body is packed: Content-Encoding is {encoding[:80]!r}",
            fix="send it as it is, without Content-Encoding; large deliveries in several batches",
        )


class Bounds:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, seconds_max: float = BODY_SECONDS_MAX) -> None:
        self._app = app
        self._seconds_max = seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(scope, receive, send, self._seconds_max)
        try:
            await self._app(scope, request.receive, request.send)
        except InputError as error:
            if error is not request.fault:
                raise
        if request.fault is not None and not request.answered:
            answer = problem(request.fault)
            answer.headers["connection"] = "close"
            await answer(scope, receive, send)


class _Request:
    """One request; `fault` is what its body broke, and then answers instead of the route."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, seconds_max: float) -> None:
        self.fault: InputError | None = None
        self.answered = False
        self._receive, self._send = receive, send
        self._seconds_max = seconds_max
        self._until = asyncio.get_running_loop().time() + seconds_max
        self._is_door = scope["path"] == EVENTS_PATH
        self._encoding = dict(scope["headers"]).get(b"content-encoding", b"").decode("latin-1")
        self._bytes_left: int | None = None if self._is_door else SMALL_BODY_MAX
        self._complete = False

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()  # the client going away, whenever that is
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise self._refuse(
                InputError(
                    "body.timeout",
                    f"the body did not come within {self._seconds_max:g} s",
                    fix="send it faster, or in several requests",
                )
            ) from None
        self._complete = not message.get("more_body", False)
        if not self._is_door and message.get("body"):
            try:  # the event door looks itself, for it keeps what it refuses
                check_encoding(self._encoding)
            except InputError as error:
                raise self._refuse(error) from None
        if self._bytes_left is not None:
            self._bytes_left -= len(message.get("body", b""))
            if self._bytes_left < 0:
                raise self._refuse(
                    InputError("body.limit", f"the body has more than {SMALL_BODY_MAX} bytes")
                )
        return message

    async def send(self, message: Message) -> None:
        if self.fault is None or self.answered:
            self.answered = True
            await self._send(message)

    def _refuse(self, fault: InputError) -> InputError:
        self.fault, self._complete = fault, True
        return fault
