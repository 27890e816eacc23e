"""Spawner: the server's end of the helper; runs commands and answers how each ended.

One helper at a time. When it dies, or answers no more (see `pulse`), everything it had started is
killed and counted as ended before anybody is answered, and the next start waits for a new helper.
What it had not begun can be started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from tidegate.adapters.system import random_id
from tidegate.adapters.tasks.helper import CHUNK, command_line, encode, frames
from tidegate.adapters.tasks.processes import TICK_S, boottime, is_stopped, sweep
from tidegate.adapters.tasks.pulse import BEAT_S, Pulse
from tidegate.kernel.errors import TransientError

OUTPUT_MAX = 1024 * 1024
"""Bytes kept of each of a command's two streams: the first half and the last."""
READY_MAX_S = 30.0
"""A new helper waits for the one before it, which waits for what it killed."""
CLOSE_MAX_S = 30.0
"""So long a helper may take to end what it had."""
GOES_ON_MAX = 50
"""So often it is told to go on meanwhile, at each look that finds it stopped; then it is killed."""

Why: TypeAlias = Literal["", "stop", "lease", "helper"]
"""Who ended it: itself, a request, its lease, the helper's own death."""

_log = logging.getLogger(__name__)


class Spawn(Struct, frozen=True):
    """What to start."""

    argv: tuple[str, ...]
    cwd: str
    environment: Mapping[str, str]
    stdin: bytes = b""


class Stream(Struct, frozen=True):
    """What was kept of an output; less than `total` when the middle was cut."""

    head: bytes = b""
    tail: bytes = b""
    total: int = 0

    @property
    def cut(self) -> bool:
        return len(self.head) + len(self.tail) < self.total


class Exit(Struct, frozen=True):
    """How a command ended; `code` is minus the signal's number when one ended it."""

    code: int
    seconds: float
    why: Why = ""
    stdout: Stream = Stream()
    stderr: Stream = Stream()


class Refusal(Struct, frozen=True):
    """The system did not start it."""

    errno: int
    what: str
    file: str  # the working folder or the program


Ended: TypeAlias = Exit | Refusal


class _Run(Struct):
    number: int
    ended: asyncio.Future[Ended]
    begun: bool = False  # the helper said so before it did


class _Link(Struct):
    """One helper: it comes up, works, dies, and is cleaned up after."""

    process: subprocess.Popen[bytes]
    token: str
    writer: asyncio.StreamWriter
    ready: asyncio.Future[bool]  # False: it died before
    buried: asyncio.Event  # it and all it had started have gone
    pulse: Pulse


class Spawner:
    """Starts commands through the helper; used from one event loop."""

    def __init__(self, lock: Path | None = None) -> None:
        """`lock` is a file of this server alone: its helpers wait for one another by it."""
        self._lock = lock
        self._link: _Link | None = None
        self._starting = asyncio.Lock()
        self._runs: dict[str, _Run] = {}
        self._until: dict[str, float] = {}  # ends of leases, by key
        self._count = 0
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, key: str, spawn: Spawn) -> Ended:
        """Start it and wait for its end; a key that runs already is waited for, not started again.

        Being cancelled ends the command. Raises TransientError: nothing was started.
        """
        link = await self._connected()
        running = self._runs.get(key)
        if running is None:
            self._count += 1
            running = _Run(self._count, asyncio.get_running_loop().create_future())
            self._runs[key] = running
            message = {
                "op": "start",
                "run": running.number,
                "argv": list(spawn.argv),
                "cwd": spawn.cwd,
                "env": dict(spawn.environment),
                "until": self._until.get(key),
                "keep": OUTPUT_MAX,
            }
            link.writer.write(encode(message, spawn.stdin))
        try:
            return await asyncio.shield(running.ended)
        except asyncio.CancelledError:
            self._ask(running, {"op": "end", "why": "stop", "grace_s": 0.0})
            raise

    @property
    def helper_pid(self) -> int | None:
        """The helper's process, while there is one."""
        return None if self._link is None else self._link.process.pid

    @property
    def keys(self) -> tuple[str, ...]:
        """Of all that runs, or is to begin."""
        return tuple(self._runs)

    def runs(self, key: str) -> bool:
        return key in self._runs

    async def wait(self, key: str) -> Ended | None:
        """Its end; None when nothing runs under this key."""
        running = self._runs.get(key)
        return None if running is None else await asyncio.shield(running.ended)

    async def end(self, key: str, grace_s: float) -> None:
        """Ask it to end, kill it after the grace, wait until it and all it started have gone."""
        running = self._runs.get(key)
        if running is not None:
            self._ask(running, {"op": "end", "why": "stop", "grace_s": grace_s})
            await asyncio.wait({running.ended})

    def extend(self, key: str, lease_s: float | None) -> None:
        """So long may it run from now on, or for ever; said before it starts, too."""
        until = None if lease_s is None else boottime() + lease_s
        if until is None:
            self._until.pop(key, None)
        else:
            self._until[key] = until
        running = self._runs.get(key)
        if running is not None:
            self._ask(running, {"op": "lease", "until": until})

    def forget(self, key: str) -> None:
        """Its lease is of no further interest."""
        self._until.pop(key, None)

    def let_go(self) -> None:
        """Have everything ended; does not wait for it."""
        self._closed = True
        if self._link is not None:
            self._link.writer.transport.abort()

    async def close(self) -> None:
        """End everything; answers when it has gone."""
        self.let_go()
        async with self._starting:
            self.let_go()  # one that was just starting
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _ask(self, run: _Run, message: dict[str, Any]) -> None:
        link = self._link
        if link is not None and not link.writer.is_closing() and not run.ended.done():
            link.writer.write(encode({**message, "run": run.number}))

    # ---- the helper
    async def _connected(self) -> _Link:
        async with self._starting:
            if self._link is not None and self._link.writer.is_closing():
                await self._link.buried.wait()
            if self._closed:
                raise TransientError("task.unreachable", "the server is stopping")
            if self._link is None:
                self._link = await self._start()
            return self._link

    async def _start(self) -> _Link:
        token = random_id()
        try:
            process, ours = await asyncio.to_thread(_launch, token, self._lock)
        except OSError as error:
            raise TransientError(
                "task.unreachable", f"the helper that starts commands did not start: {error}"
            ) from error
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=16 * CHUNK)
        ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        link = _Link(process, token, writer, ready, asyncio.Event(), Pulse(boottime()))
        self._keep(asyncio.create_task(self._read(link, reader)))
        await asyncio.wait({ready}, timeout=READY_MAX_S)
        if ready.done() and ready.result():
            self._keep(asyncio.create_task(self._feel(link)))
            return link
        seen = "died" if ready.done() else f"was not ready within {READY_MAX_S:.0f} s"
        process.kill()
        raise TransientError(
            "task.unreachable",
            f"the helper that starts commands {seen}",
            fix="see the server's standard error; an earlier helper may still hold the lock",
        )

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _feel(self, link: _Link) -> None:
        """While commands run, see that it answers; else go on without it."""
        process, pulse = link.process, link.pulse
        while not link.writer.is_closing():
            await asyncio.sleep(BEAT_S)
            if link.writer.is_closing():
                return
            stopped = is_stopped(process.pid)
            pulse.beat(boottime(), stopped=stopped)
            if not self._runs:
                pulse.heard()  # it was not asked
            if pulse.is_lost:
                _log.error("the helper that starts commands does not answer; it is replaced")
                process.kill()
                return
            if stopped:
                _log.warning("the helper that starts commands was stopped; it is told to go on")
                process.send_signal(signal.SIGCONT)
            if self._runs:
                link.writer.write(encode({"op": "echo"}))

    async def _read(self, link: _Link, reader: asyncio.StreamReader) -> None:
        """Hand out what the helper says until it is gone; then clean up after it."""
        buffer = bytearray()
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(16 * CHUNK):
                buffer += chunk
                link.pulse.heard()
                for message, blob in frames(buffer):
                    if message["op"] == "ready":
                        link.ready.set_result(True)
                    elif message["op"] == "begins":
                        self._begins(message["run"])
                    elif message["op"] != "echo":
                        self._settle(message["run"], _ended(message, blob))
        link.writer.close()
        await _bury(link)
        if not link.ready.done():
            link.ready.set_result(False)
        if self._link is link:
            self._link = None
            why: Why = "stop" if self._closed else "helper"
            for run in list(self._runs.values()):
                self._settle(run.number, Exit(-9, 0.0, why) if run.begun else _unbegun())
            if not self._closed:
                _log.error("the helper that starts commands died; its commands were ended")
        link.buried.set()

    def _begins(self, number: int) -> None:
        for run in self._runs.values():
            if run.number == number:
                run.begun = True

    def _settle(self, number: int, ended: Ended | TransientError) -> None:
        for key, run in self._runs.items():
            if run.number == number:
                del self._runs[key]
                if run.ended.done():
                    return
                if isinstance(ended, TransientError):
                    run.ended.set_exception(ended)
                    run.ended.exception()  # whoever asked may have gone
                else:
                    run.ended.set_result(ended)
                return


def _unbegun() -> TransientError:
    return TransientError(
        "task.unreachable", "the helper that starts commands died before it began this one"
    )


def _launch(token: str, lock: Path | None) -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(
                command_line(token, lock),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd="/",
                # A terminal's Ctrl-C is for the server. Of its session, because the system tells
                # a stopped group to go on when the last process there that could do so has gone.
                process_group=0,
            )
        except OSError:
            ours.close()
            raise
    return process, ours


async def _bury(link: _Link) -> None:
    """Wait until it has ended what it had and itself, in the end by force; then see to the rest."""
    process, stops = link.process, 0
    until = boottime() + CLOSE_MAX_S
    while process.poll() is None:
        if is_stopped(process.pid):
            stops += 1
            process.send_signal(signal.SIGCONT)
        if stops > GOES_ON_MAX or boottime() > until:
            process.kill()
        await asyncio.sleep(TICK_S)
    await asyncio.to_thread(sweep, link.token)


def _ended(message: dict[str, Any], blob: bytes) -> Ended:
    if message["op"] == "refused":
        return Refusal(message["errno"], message["what"], message["file"])
    streams: list[Stream] = []
    for head, tail, total in message["streams"]:
        streams.append(Stream(blob[:head], blob[head : head + tail], total))
        blob = blob[head + tail :]
    return Exit(message["code"], message["seconds"], message["why"], *streams)
