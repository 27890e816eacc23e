"""Wire: a TCP connection that can go wrong, between a client and a real server.

    client <--> Wire <--> server

`up` is what the client says, `down` what it hears. Each direction flows, is swallowed, or stands
still; `cut` ends all connections. New connections can always be made.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

Direction = Literal["up", "down"]
Flow = Literal["flows", "swallowed", "still"]
CHUNK = 64 * 1024


class Wire:
    def __init__(self, port: int) -> None:
        """To a server on 127.0.0.1."""
        self._target = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self._changed = threading.Condition()
        self._flow: dict[Direction, Flow] = {"up": "flows", "down": "flows"}
        self._passed: dict[Direction, int] = {"up": 0, "down": 0}
        self._stop_up_at: int | None = None
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._start(self._accept)

    @property
    def port(self) -> int:
        port: int = self._server.getsockname()[1]
        return port

    def set(self, direction: Direction, flow: Flow) -> None:
        """From the next byte on."""
        with self._changed:
            self._flow[direction] = flow
            self._changed.notify_all()

    def stop_up_after(self, count: int) -> None:
        """Let so many more bytes of the client pass, then stand still."""
        with self._changed:
            self._stop_up_at = self._passed["up"] + count

    def await_still(self, timeout_s: float) -> bool:
        """Wait until the client's bytes stand still."""
        with self._changed:
            return self._changed.wait_for(lambda: self._flow["up"] == "still", timeout_s)

    def cut(self) -> None:
        """End every connection; both sides notice."""
        with self._changed:
            ended, self._sockets = self._sockets, []
        for one in ended:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._closed = True
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.set("up", "swallowed")
        self.set("down", "swallowed")
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed:
            with suppress(OSError):
                client, _ = self._server.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            client.close()  # the server is away
            return
        with self._changed:
            self._sockets += [client, server]
        self._start(self._pump, client, server, "up")
        self._start(self._pump, server, client, "down")

    def _pump(self, source: socket.socket, sink: socket.socket, direction: Direction) -> None:
        with suppress(OSError):
            while chunk := source.recv(CHUNK):
                if self._lets_pass(direction, len(chunk)):
                    sink.sendall(chunk)
        # Each way closes what it read from, once the other side knows.
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        source.close()

    def _lets_pass(self, direction: Direction, count: int) -> bool:
        with self._changed:
            stop_at = self._stop_up_at
            if direction == "up" and stop_at is not None and self._passed["up"] >= stop_at:
                self._flow["up"], self._stop_up_at = "still", None
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._flow[direction] != "still")
            self._passed[direction] += count
            return self._flow[direction] == "flows"
