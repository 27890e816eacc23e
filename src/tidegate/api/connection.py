"""Connection: what one connection may cost before a request of it is read, and after its answer.

    made --headers in time--> request --answered--> idle --next headers in time--> request ...
         --not in time, too large, or one connection too many--> closed
    request --answered before its body is read--> rest --passed by--> idle, or closed as was asked
                                                       --too long, too large--> closed

A sender whose connection is closed while he sends is reset, often before he has read the answer: so
the rest of his body is read and dropped first. The HTTP server has no limits of its own here. What a
body may cost that is read is `api/bounds.py`'s.

Cycles of objects are looked for rarely (wiring.COLLECT), so a connection leaves none behind.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

CONNECTIONS_MAX = 4096
"""Open at once; what is over it is closed unanswered."""
HEADERS_SECONDS_MAX = 15.0
HEADERS_BYTES_MAX = 64 * 1024
"""Of the headers of a request; also of what follows its last chunk, which is dropped."""
HEADERS_MAX = 256
"""Lines of them: short ones cost far more memory than their bytes."""
PIPELINED_MAX = 64
"""Requests of one connection that wait for their turn."""
REST_SECONDS_MAX = 10.0
"""How long the rest of a body is read and dropped after the answer."""
REST_BYTES_MAX = 32 << 20
"""How large that rest is: twice what the event door takes, so who sends too much can read why."""
UNREAD_SECONDS_MAX = 60.0
"""How long an answer waits for somebody who does not read it."""

log = logging.getLogger("tidegate.api")


class Connection(HttpToolsProtocol):
    """As uvicorn serves it, with patience that ends."""

    headers_seconds = HEADERS_SECONDS_MAX
    rest_seconds = REST_SECONDS_MAX
    rest_bytes = REST_BYTES_MAX
    _headers_timer: asyncio.TimerHandle | None = None
    _unread_timer: asyncio.TimerHandle | None = None
    _rest_timer: asyncio.TimerHandle | None = None
    _headers_bytes = 0
    _in_headers = False
    _after_chunks = False
    _trailer_bytes = 0
    _rest_bytes = 0
    _ends_with_rest = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            log.warning("a connection too many: %d are open", CONNECTIONS_MAX)
            transport.close()
            return
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timers()
        super().connection_lost(exc)
        self.pipeline.clear()
        nothing: Any = None
        self.cycle = self.scope = self.headers = nothing

    def data_received(self, data: bytes) -> None:
        trailing = self._after_chunks
        super().data_received(data)
        if trailing and self._after_chunks:
            # One line may go on for ever, and the parser keeps it until it ends.
            self._trailer_bytes += len(data)
            if self._trailer_bytes > HEADERS_BYTES_MAX:
                self._refuse(b"431 Request Header Fields Too Large")
            return
        if self._rest_timer is not None:
            self._rest_bytes += len(data)
            if self._rest_bytes > self.rest_bytes:
                self.transport.close()
            return
        if self._headers_timer is None:
            return
        self._headers_bytes += len(data)
        if self._headers_bytes > HEADERS_BYTES_MAX:
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True
        self._await_headers()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_headers:
            return  # it follows the body: nobody proves who he is after he was heard
        super().on_header(name, value)
        if len(self.headers) > HEADERS_MAX:
            raise ValueError("more headers than a request may have")

    def on_chunk_header(self) -> None:
        self._after_chunks, self._trailer_bytes = True, 0

    def on_body(self, body: bytes) -> None:
        self._after_chunks = False
        super().on_body(body)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._stop_timers()
        parser: Any = self.parser
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and parser.get_http_version() == "1.1"):
            # uvicorn answers 400 to whatever the parser or what it calls does not take.
            raise ValueError("a request of HTTP/1.1 names its Host, once")
        if len(self.pipeline) >= PIPELINED_MAX:
            raise ValueError("more requests than may wait")
        super().on_headers_complete()
        cycle: Any = self.cycle
        if cycle is not None:  # None: the first request asks for another protocol
            cycle.transport = _Ending(self, cycle)

    def on_message_complete(self) -> None:
        self._after_chunks = False
        super().on_message_complete()
        if self._rest_timer is None:
            return
        self._stop_timers()
        if self._ends_with_rest:
            self.transport.close()
        else:
            self._await_headers()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        cycle: Any = self.cycle
        if cycle is None or self.transport.is_closing():
            return
        if cycle.response_complete and cycle.more_body:
            self._rest_bytes = 0
            self._rest_timer = self.loop.call_later(self.rest_seconds, self.transport.close)

    def end(self, cycle: object) -> None:
        """Close after this request's answer, and after its body."""
        latest: Any = self.cycle
        unread = latest is not None and latest.response_complete and latest.more_body
        if unread and latest is cycle:
            self._ends_with_rest = True
        else:
            self.transport.close()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whoever has said all may still read his answer; then the connection ends."""
        cycle: Any = self.cycle
        if cycle is None or cycle.more_body or cycle.response_complete:
            return False
        cycle.keep_alive = False
        return True

    def shutdown(self) -> None:
        """The server stops; whoever is still sending a body sends it again elsewhere."""
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_started and cycle.more_body:
            self._refuse(b"503 Service Unavailable")
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread_timer is None:
            self._unread_timer = self.loop.call_later(UNREAD_SECONDS_MAX, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _await_headers(self) -> None:
        if self._headers_timer is None:
            self._headers_bytes = 0
            self._headers_timer = self.loop.call_later(self.headers_seconds, self._too_slow)

    def _too_slow(self) -> None:
        if self._headers_bytes:
            self._refuse(b"408 Request Timeout")
        else:
            self.transport.close()

    def _refuse(self, status: bytes) -> None:
        self._stop_timers()
        self.transport.write(
            b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        self.transport.close()

    def _stop_timers(self) -> None:
        timers: list[Any] = [self._headers_timer, self._unread_timer, self._rest_timer]
        for timer in timers:
            if timer is not None:
                timer.cancel()
        self._headers_timer = self._unread_timer = self._rest_timer = None


class _Ending:
    """A transport as the answer to one request sees it: it is closed when that request has ended."""

    __slots__ = ("_connection", "_cycle", "is_closing", "write")

    def __init__(self, connection: Connection, cycle: object) -> None:
        self._connection, self._cycle = connection, weakref.ref(cycle)
        self.write = connection.transport.write
        self.is_closing = connection.transport.is_closing

    def close(self) -> None:
        self._connection.end(self._cycle())
