"""What becomes of a connection whose body nobody reads, and of one whose sender has said all."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest
import uvicorn
import uvloop
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tidegate.api.connection import HEADERS_BYTES_MAX, HEADERS_MAX, PIPELINED_MAX, Connection

REST_BYTES = 20_000_000
LARGE = 10_000_000
MILLION = 1_000_000
HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n%s\r\n"
CLOSE = b"connection: close\r\n"


class Impatient(Connection):
    rest_seconds = 0.2
    rest_bytes = REST_BYTES


class Patient(Connection):
    rest_bytes = REST_BYTES


class Known(Connection):
    """It is known when it has heard something, and when nothing is left of it."""

    heard: ClassVar[asyncio.Event]
    gone: ClassVar[asyncio.Event]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        weakref.finalize(self, self.gone.set)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.heard.set()


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("no", status_code=401)(scope, receive, send)


async def who(scope: Scope, receive: Receive, send: Send) -> None:
    """Its headers, once the body was read."""
    await Request(scope, receive).body()
    names = b",".join(name for name, _ in scope["headers"])
    await PlainTextResponse(names)(scope, receive, send)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await asyncio.sleep(0)
    await PlainTextResponse(str(len(body)))(scope, receive, send)


@asynccontextmanager
async def connected(
    app: ASGIApp, protocol: type[Connection] = Patient
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter, uvicorn.Server]]:
    config = uvicorn.Config(app, http=protocol, port=0, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    listener = await asyncio.get_running_loop().create_server(
        lambda: protocol(config, server.server_state, {}), "127.0.0.1", 0
    )
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield reader, writer, server
        finally:
            writer.close()


async def answer(reader: asyncio.StreamReader) -> bytes:
    """The head of one answer; its body is read as well."""
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    return head


async def closed(reader: asyncio.StreamReader) -> bool:
    """The server ends the connection, in order or not."""
    try:
        async with asyncio.timeout(10):
            return await reader.read() == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("wish", [b"", CLOSE])
def test_who_is_answered_before_his_body_is_read_can_send_it_all_and_then_read(wish: bytes) -> None:
    async def talk() -> bytes:
        async with connected(refuse) as (reader, writer, _):
            writer.write(HEAD % (LARGE, wish) + b"x" * LARGE)
            await writer.drain()
            return await answer(reader)

    assert uvloop.run(talk()).startswith(b"HTTP/1.1 401 ")


def test_the_connection_is_used_on_once_the_body_that_nobody_read_has_passed() -> None:
    async def talk() -> bytes:
        async with connected(refuse) as (reader, writer, _):
            writer.write(HEAD % (LARGE, b""))
            await answer(reader)
            writer.write(b"x" * LARGE + HEAD % (0, CLOSE))
            second = await answer(reader)
            assert await closed(reader)
            return second

    assert uvloop.run(talk()).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("wish", [b"", CLOSE])
def test_who_goes_on_sending_what_nobody_reads_loses_the_connection(wish: bytes) -> None:
    async def talk() -> tuple[bytes, int]:
        async with connected(refuse) as (reader, writer, server):
            writer.write(HEAD % (10**12, wish))
            head, sent = await answer(reader), 0
            async with asyncio.timeout(10):
                while await taken(writer):
                    sent += MILLION
            assert not server.server_state.connections
            return head, sent

    async def taken(writer: asyncio.StreamWriter) -> bool:
        try:
            writer.write(b"x" * MILLION)
            await writer.drain()
        except ConnectionError:
            return False
        return True

    head, sent = uvloop.run(talk())
    assert head.startswith(b"HTTP/1.1 401 ")
    assert sent >= REST_BYTES


@pytest.mark.parametrize("wish", [b"", CLOSE])
def test_who_trickles_what_nobody_reads_loses_the_connection(wish: bytes) -> None:
    async def talk() -> bytes:
        async with connected(refuse, Impatient) as (reader, writer, server):
            writer.write(HEAD % (10**12, wish))
            head = await answer(reader)
            trickling = asyncio.create_task(trickle(writer))
            assert await closed(reader)
            trickling.cancel()
            assert not server.server_state.connections
            return head

    async def trickle(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.01)

    assert uvloop.run(talk()).startswith(b"HTTP/1.1 401 ")


def test_an_answer_that_breaks_off_ends_the_connection_though_its_body_was_not_read() -> None:
    async def break_off(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("broken off")

    async def talk() -> bytes:
        async with connected(break_off) as (reader, writer, _):
            writer.write(HEAD % (LARGE, b""))
            async with asyncio.timeout(4):
                return await reader.read()

    assert uvloop.run(talk()).startswith(b"HTTP/1.1 200 ")


def test_a_sender_that_has_said_all_and_closes_his_half_gets_his_answer() -> None:
    async def talk() -> bytes:
        async with connected(echo) as (reader, writer, _):
            writer.write(HEAD % (3, b"") + b"abc" + HEAD % (2, b"") + b"ab")
            writer.write_eof()
            async with asyncio.timeout(10):
                return await reader.read()

    said = uvloop.run(talk())
    assert said.count(b"HTTP/1.1 200 ") == 2
    assert said.endswith(b"\r\n\r\n2")


def test_a_sender_that_closes_his_half_within_his_body_is_let_go() -> None:
    async def talk() -> bytes:
        async with connected(echo) as (reader, writer, _):
            writer.write(HEAD % (3, b"") + b"a")
            writer.write_eof()
            async with asyncio.timeout(10):
                return await reader.read()

    assert uvloop.run(talk()) == b""


# ---- what it costs
CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        pytest.param(HEAD % (3, b"") + b"abc", 1, id="a request"),
        pytest.param((HEAD % (0, b"")) * 3, 3, id="three at once"),
        pytest.param((HEAD % (0, b"")) * 3, 0, id="three at once, answers unread"),
        pytest.param(HEAD % (9, b"") + b"abc", 0, id="half a body"),
        pytest.param(CHUNKED + b"0\r\n" + b"a:\r\n" * 20, 0, id="half a trailer"),
        pytest.param(HEAD[:20], 0, id="half a head"),
        pytest.param(b"nonsense\r\n\r\n", 1, id="no request"),
    ],
)
def test_a_connection_that_has_ended_leaves_nothing_that_must_be_looked_for(
    said: bytes, answers: int
) -> None:
    async def talk() -> bool:
        Known.heard, Known.gone = asyncio.Event(), asyncio.Event()
        async with connected(echo, Known) as (reader, writer, _):
            writer.write(said)
            await Known.heard.wait()
            for _ in range(answers):
                await answer(reader)
        try:
            async with asyncio.timeout(5):
                return await Known.gone.wait()
        except TimeoutError:
            return False

    gc.disable()
    try:
        left_alone = uvloop.run(talk())
    finally:
        gc.enable()

    assert left_alone


def test_what_follows_the_last_chunk_is_no_header_of_the_request() -> None:
    async def talk() -> bytes:
        async with connected(who) as (reader, writer, _):
            writer.write(CHUNKED + b"3\r\nabc\r\n0\r\nauthorization: Bearer x\r\n\r\n")
            return await answer(reader)

    assert b"content-length: %d\r\n" % len("host,transfer-encoding") in uvloop.run(talk())


@pytest.mark.parametrize("line", [b"a:\r\n", b"a" * 1000])
@pytest.mark.parametrize("begin", [b"", b"3\r\nabc\r\n"])
def test_what_follows_the_last_chunk_may_not_go_on_for_ever(line: bytes, begin: bytes) -> None:
    async def talk() -> bytes:
        async with connected(echo) as (reader, writer, _):
            writer.write(CHUNKED + begin + b"0\r\n" + (b"b: " if len(line) > 9 else b""))
            writer.write(line * (40 * HEADERS_BYTES_MAX // len(line)))
            try:
                async with asyncio.timeout(10):
                    return await reader.read()
            except ConnectionError:
                return b""  # reset before the answer was read

    assert uvloop.run(talk())[:12] in (b"HTTP/1.1 431", b"")


def test_a_body_in_very_small_chunks_is_read() -> None:
    async def talk() -> bytes:
        async with connected(echo) as (reader, writer, _):
            writer.write(CHUNKED)
            for _ in range(60):
                writer.write(b"1\r\nx\r\n" * 1000)
                await writer.drain()
            writer.write(b"0\r\n\r\n")
            return await answer(reader)

    assert uvloop.run(talk()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(("headers", "status"), [(HEADERS_MAX - 2, 200), (HEADERS_MAX, 400)])
def test_a_request_has_so_many_headers(headers: int, status: int) -> None:
    async def talk() -> bytes:
        async with connected(echo) as (reader, writer, _):
            writer.write(HEAD % (0, b"a:\r\n" * headers))
            return await answer(reader)

    assert uvloop.run(talk()).startswith(b"HTTP/1.1 %d " % status)


def test_so_many_requests_wait_for_their_turn() -> None:
    async def talk() -> int:
        async with connected(echo) as (reader, writer, _):
            writer.write((HEAD % (0, b"")) * (PIPELINED_MAX + 2))
            return (await reader.read()).count(b"HTTP/1.1 400 ")

    assert uvloop.run(talk()) == 1
