"""HTTP: the same stream over `tidegate serve`, and how long one event takes.

    batches   500 events a call, two calls on their way at a time
    singles   one event a call at a fixed rate; the clock runs from the instant it was due to be
              sent, so that a server that falls behind shows it
    request   the last input of a round, alone, over the Python API: until the opening, and with it
              the request for the job, is committed

Server and sender share the machine; the CPU time is the server's alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import select
import statistics
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.correlate.stream import Delivery, lines
from tidegate.kernel.delivery import split_text
from tidegate.settings import Settings
from tidegate.testing.server import TOKEN, Server
from tidegate.wiring import App

BATCH = 500
BATCHES_AT_ONCE = 2
CONNECTIONS = 32
WARM = 1000
"""Events before the clock starts."""
ROUNDS = 500
TICKS = os.sysconf("SC_CLK_TCK")


class Line:
    """One kept-alive connection; one call at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: str) -> Line:
        host, _, port = url.removeprefix("http://").partition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def post(self, body: bytes, kind: str) -> int:
        """Answers the status once the whole answer is here."""
        self._writer.write(
            b"POST /api/v1/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer "
            + TOKEN.encode()
            + f"\r\nContent-Type: application/{kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        (size,) = (
            int(one.split(b":")[1]) for one in head.split(b"\r\n") if b"content-length" in one
        )
        await self._reader.readexactly(size)
        return int(head.split()[1])

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


# ---- what is measured
def batches(server: Server, events: Sequence[bytes]) -> dict[str, Any]:
    async def send() -> None:
        async def worker() -> None:
            line = await Line.open(server.url)
            while bodies:
                status = await line.post(bodies.pop(), "cloudevents-batch+json")
                assert status == 202, f"a batch was answered {status}"
            await line.close()

        await asyncio.gather(*(worker() for _ in range(BATCHES_AT_ONCE)))

    parts = [events[at : at + BATCH] for at in range(0, len(events), BATCH)]
    bodies = [b"[" + b",".join(part) + b"]" for part in reversed(parts)]
    began, cpu = time.perf_counter(), _cpu(server)
    asyncio.run(send())
    return {
        "n": len(events),
        "cpu_s": _cpu(server) - cpu,
        "wall_s": time.perf_counter() - began,
    }


def singles(server: Server, events: Sequence[bytes], rate: float) -> dict[str, Any]:
    taken: list[float] = []
    refused = 0

    async def send() -> None:
        start = time.perf_counter() + 0.1

        async def worker(number: int) -> None:
            nonlocal refused
            line = await Line.open(server.url)
            for at in range(number, len(events), CONNECTIONS):
                due = start + at / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                refused += await line.post(events[at], "cloudevents+json") != 202
                taken.append(time.perf_counter() - due)
            await line.close()

        await asyncio.gather(*(worker(number) for number in range(CONNECTIONS)))

    began, cpu = time.perf_counter(), _cpu(server)
    asyncio.run(send())
    return {
        "n": len(events),
        "cpu_s": _cpu(server) - cpu,
        "wall_s": time.perf_counter() - began,
        "rate": rate,
        "refused": refused,
        **_quantiles(taken),
    }


def request(project: Path, database: str) -> dict[str, Any]:
    """Rounds of a day of their own: all first inputs, then each last one alone."""
    app = App(Settings(project=project, database=database)).open()
    try:
        app.follow_folder()
        first, last = (
            list(lines([_delivery(kind, process) for process in range(ROUNDS)], 1000))
            for kind in ("A", "B")
        )
        app.intake.receive(first, "bench").result(60)
        taken: list[float] = []
        for event in last:
            began = time.perf_counter()
            receipt = app.intake.receive([event], "bench").result(60)
            taken.append(time.perf_counter() - began)
            assert receipt.accepted == 1
    finally:
        app.close()
    return {"n": ROUNDS, **_quantiles(taken)}


def _delivery(kind: Any, process: int) -> Delivery:
    number = 10_000_000 + process * 2 + (kind == "B")
    return Delivery(3600, 3600, number, kind, process, 0, 0.99, succeeded=True)


def _quantiles(taken: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(taken, n=100)
    return {
        "p50_ms": round(cuts[49] * 1e3, 2),
        "p99_ms": round(cuts[98] * 1e3, 2),
        "max_ms": round(max(taken) * 1e3, 2),
    }


@contextmanager
def _unheard(server: Server) -> Generator[None]:
    """Reads its notices and forgets them: a pipe that nobody empties would stop it."""
    assert server.process is not None
    assert server.process.stderr is not None
    stream = os.dup(server.process.stderr.fileno())
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            if select.select([stream], [], [], 0.05)[0] and not os.read(stream, 1 << 16):
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield
    finally:
        server.stop()
        done.set()
        reader.join()
        os.close(stream)


def _cpu(server: Server) -> float:
    """Of the whole server process, user and system."""
    assert server.process is not None
    fields = Path(f"/proc/{server.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("batches", "singles", "request"))
    parser.add_argument("project", type=Path)
    parser.add_argument("database")
    parser.add_argument("file", type=Path)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    given = parser.parse_args()
    if given.what == "request":
        print(json.dumps(request(given.project, given.database)))
        return
    events = split_text(given.file.read_bytes())
    with Server(given.project, given.database) as server, _unheard(server):
        server.call("POST", "/api/v1/events", b"[" + b",".join(events[:WARM]) + b"]",
                    Content_Type="application/cloudevents-batch+json")  # fmt: skip
        if given.what == "batches":
            found = batches(server, events[WARM:])
        else:
            found = singles(
                server, events[WARM : WARM + int(given.rate * given.seconds)], given.rate
            )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
