"""What a request may cost that comes slowly, or is too large."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from tidegate.api.bounds import SMALL_BODY_MAX, Bounds
from tidegate.api.connection import HEADERS_BYTES_MAX, Connection


class Impatient(Connection):
    headers_seconds = 0.2


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


async def asked(chunks: list[bytes], path: str = "/x") -> list[Message]:
    """What the application behind the bounds sends; after the last chunk nothing more comes."""
    sent: list[Message] = []

    async def receive() -> Message:
        if not chunks:
            await asyncio.get_running_loop().create_future()
        return {"type": "http.request", "body": chunks.pop(0), "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [],
        "query_string": b"",
    }
    await Bounds(echo, seconds_max=0.05)(scope, receive, send)
    return sent


def test_a_body_that_does_not_come_to_its_end_is_answered_408() -> None:
    start, body = asyncio.run(asked([b"a", b"b"]))

    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]
    assert b"body.timeout" in body["body"]


def test_a_body_over_the_limit_is_answered_413_before_it_is_read() -> None:
    chunks = [b"x" * SMALL_BODY_MAX, b"x", b"never read"]

    start, body = asyncio.run(asked(chunks))

    assert start["status"] == 413
    assert b"body.limit" in body["body"]
    assert chunks == [b"never read"]


async def talk(said: bytes, *, finish: bytes = b"") -> bytes:
    """Everything the server answers on one connection, until it closes it."""
    config = uvicorn.Config(echo, http=Impatient, port=0, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    async with AsyncExitStack() as stack:
        listener = await asyncio.get_running_loop().create_server(
            lambda: Impatient(config, server.server_state, {}), "127.0.0.1", 0
        )
        await stack.enter_async_context(listener)
        port = listener.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        stack.callback(writer.close)
        writer.write(said)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(), 10)
        assert not server.server_state.connections
        return answer


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nhost: x\r\nslow: ", b"HTTP/1.1 408 "),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * HEADERS_BYTES_MAX, b"HTTP/1.1 431 "),
        (b"\x00\x01\x02\r\n\r\n", b"HTTP/1.1 400 "),
    ],
)
def test_a_connection_that_says_no_request_is_closed(said: bytes, answered: bytes) -> None:
    answer = asyncio.run(talk(said))

    assert answer.startswith(answered)
    assert bool(answer) == bool(answered)
