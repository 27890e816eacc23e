"""Helper: the one process that starts local commands, so that none of them outlives the server.

    server ==socket==> helper --+-- command (own session) -- its children
                                '-- command ...

It is a program of its own, started by exec as `command_line` says and built on the standard library
alone. When the socket or the server closes, it ends every command with all
descendants, and only then gives up its lock, for which the next helper waits. It is the subreaper
of its descendants, so a grandchild that made itself a daemon comes back to it; the mark in the
environment says whose it was. It ends a command by itself when its lease was not extended in time,
also while the server stands still.

Before it starts a command it says so, and starts none before the server can read that: so whoever
finds it dead knows what had not begun.

What it cannot reach: a process that took another user's identity, and, until the last command has
ended, a daemon that wiped its environment.

Frames both ways: two 32-bit lengths, a JSON object, bytes.
    start {run, argv, cwd, env, until, keep} + stdin   lease {run, until}   end {run, why, grace_s}
    echo {}, answered in turn by echo {}
    ready {}   begins {run}   refused {run, errno, what, file}   ended {run, code, seconds, why, streams} + output
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import IO, Any

from tidegate.adapters.tasks.processes import (
    GONE_MAX_S,
    MARK,
    TICK_S,
    UNSURE_S,
    Capture,
    Run,
    boottime,
    children,
    is_stopped,
    kill,
    pause,
    signal_helper,
    sweep,
)

LINGER_S = 2.0
"""So long may what a command left behind still write; then it is killed."""
ORPHAN_GRACE_S = 2.0
"""From the request to the kill, when the server has gone or a lease has ended."""
STOPS_MAX = 50
"""At so many looks the helper before us was found stopped and told to go on; then it is killed."""
CHUNK = 65_536

_SIZES = struct.Struct("!II")
_PR_SET_CHILD_SUBREAPER = 36


# ---- frames
def encode(message: dict[str, Any], blob: bytes = b"") -> bytes:
    head = json.dumps(message).encode()
    return _SIZES.pack(len(head), len(blob)) + head + blob


def frames(buffer: bytearray) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Take whole frames off the front of the buffer."""
    while len(buffer) >= _SIZES.size:
        head, blob = _SIZES.unpack_from(buffer)
        end = _SIZES.size + head + blob
        if len(buffer) < end:
            return
        body = bytes(buffer[_SIZES.size : end])
        del buffer[:end]
        yield json.loads(body[:head]), body[head:]


class Helper:
    """The loop: frames in, output and ends of commands out, deadlines kept."""

    def __init__(self, server: socket.socket, token: str) -> None:
        self._server = server
        self._token = token
        self._selector = selectors.DefaultSelector()
        self._incoming, self._outgoing = bytearray(), bytearray()
        self._requests: deque[tuple[dict[str, Any], bytes]] = deque()  # not yet obeyed
        self._announced = 0  # the newest run of which we said that it begins
        self._runs: dict[int, Run] = {}
        self._closing_at: float | None = None

    def serve(self, server_pid: int) -> None:
        """Until the server has gone, and then everything else."""
        woken = _wake_on_signals()
        self._server.setblocking(False)
        self._watch(self._server, self._receive)
        self._watch(woken, lambda: woken.recv(CHUNK))
        with contextlib.suppress(OSError):  # the socket's end is enough where there is no pidfd
            # A process that inherited the server's end of the socket would keep it open.
            self._watch(os.pidfd_open(server_pid), self._close)
        if os.getppid() != server_pid:
            self._close()
        self._send({"op": "ready"})
        while True:
            for key, _ in self._selector.select(self._wait_s()):
                key.data()
            self._obey()
            self._keep_time()
            orphans = self._reap()
            for run in list(self._runs.values()):
                self._clear(run, orphans)
            if not self._runs:
                kill(orphans)  # daemons that hid whose they were
                if self._closing_at is not None and self._all_gone(orphans):
                    return

    def _watch(self, file: Any, act: Callable[[], object], write: bool = False) -> None:
        event = selectors.EVENT_WRITE if write else selectors.EVENT_READ
        self._selector.register(file, event, act)

    def _wait_s(self) -> float | None:
        """How long nothing needs to be done unless something happens."""
        if self._closing_at is not None or any(r.ended_at for r in self._runs.values()):
            return TICK_S
        moments = [moment for run in self._runs.values() for moment in run.moments()]
        return max(0.0, min(moments) - boottime()) if moments else None

    # ---- the server
    def _receive(self) -> None:
        try:
            chunk = self._server.recv(CHUNK)
        except BlockingIOError:
            return
        except ConnectionError:
            chunk = b""
        if not chunk:
            self._close()
        self._incoming += chunk
        self._requests.extend(frames(self._incoming))

    def _obey(self) -> None:
        """Requests in their order; a start waits until the server can read that it begins."""
        while self._requests:
            message, blob = self._requests[0]
            if message["op"] == "echo":
                self._requests.popleft()
                self._send(message)
                continue
            number: int = message["run"]
            if message["op"] == "start" and number > self._announced:
                self._announced = number
                self._send({"op": "begins", "run": number})
            if message["op"] == "start" and self._outgoing:
                return
            self._requests.popleft()
            run = self._runs.get(number)
            if message["op"] == "start":
                self._start(message, blob)
            elif run is not None and message["op"] == "lease":
                run.until = message["until"]
            elif run is not None:
                run.end(message["why"], message["grace_s"])

    def _send(self, message: dict[str, Any], blob: bytes = b"") -> None:
        if self._closing_at is not None:
            return
        if not self._outgoing:
            self._selector.modify(
                self._server, selectors.EVENT_READ | selectors.EVENT_WRITE, self._exchange
            )
        self._outgoing += encode(message, blob)

    def _exchange(self) -> None:
        """The socket while we have something to say: the server may stand still."""
        try:
            sent = self._server.send(self._outgoing[: 16 * CHUNK])
        except BlockingIOError:
            sent = 0
        except ConnectionError:
            self._close()
            return
        del self._outgoing[:sent]
        if not self._outgoing:
            self._selector.modify(self._server, selectors.EVENT_READ, self._receive)
        self._receive()

    def _close(self) -> None:
        """The server has gone: so must everything it had started."""
        if self._closing_at is None:
            self._closing_at = boottime()
            self._requests.clear()
            self._outgoing.clear()
            for key in list(self._selector.get_map().values()):
                if key.data in (self._receive, self._exchange, self._close):
                    self._selector.unregister(key.fileobj)
            for run in self._runs.values():
                run.end("server", ORPHAN_GRACE_S)

    # ---- commands
    def _start(self, message: dict[str, Any], stdin: bytes) -> None:
        number: int = message["run"]
        if self._closing_at is not None:
            return
        try:
            process = subprocess.Popen(
                message["argv"],
                cwd=message["cwd"],
                env={**message["env"], MARK: f"{self._token}.{number}"},
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        except (OSError, ValueError) as error:
            seen = error if isinstance(error, OSError) else OSError(errno.EINVAL, str(error))
            file = os.fsdecode(seen.filename) if seen.filename else ""
            refused = {"errno": seen.errno, "what": seen.strerror, "file": file}
            self._send({"op": "refused", "run": number, **refused})
            return
        run = self._runs[number] = Run(number, process, message["keep"])
        run.until = message["until"]
        if process.stdin is not None:
            self._feed(run, process.stdin, memoryview(stdin))
        for stream, capture in zip((process.stdout, process.stderr), run.captures, strict=True):
            if stream is not None:
                self._listen(run, stream, capture)

    def _listen(self, run: Run, stream: IO[bytes], capture: Capture) -> None:
        def read() -> None:
            chunk = os.read(stream.fileno(), CHUNK)
            capture.add(chunk)
            if not chunk:
                self._drop(run, stream)

        run.open.add(stream)
        self._watch(stream, read)

    def _feed(self, run: Run, stream: IO[bytes], rest: memoryview) -> None:
        os.set_blocking(stream.fileno(), False)

        def write() -> None:
            nonlocal rest
            with contextlib.suppress(BlockingIOError):
                try:
                    rest = rest[os.write(stream.fileno(), rest[:CHUNK]) :]
                except BrokenPipeError:  # it does not read all of it, and need not
                    rest = rest[:0]
            if not rest:
                self._drop(run, stream)

        run.open.add(stream)
        self._watch(stream, write, write=True)

    def _drop(self, run: Run, stream: IO[bytes]) -> None:
        run.open.discard(stream)
        self._selector.unregister(stream)
        stream.close()

    def _keep_time(self) -> None:
        now = boottime()
        for run in self._runs.values():
            if run.until is not None and run.until <= now:
                run.until = None
                run.end("lease", ORPHAN_GRACE_S)
            if run.kill_at is not None and run.kill_at <= now and not run.killed:
                run.killed = True
                run.signal(signal.SIGKILL)

    def _reap(self) -> list[int]:
        """See which commands ended, bury other dead children, answer the living ones."""
        for run in self._runs.values():
            run.notice_end()
        commands = {run.pid for run in self._runs.values()}
        orphans = [pid for pid in children() if pid not in commands]
        return [pid for pid in orphans if os.waitpid(pid, os.WNOHANG) == (0, 0)]

    def _clear(self, run: Run, orphans: list[int]) -> None:
        """After a command's end: kill what it left behind; report when that has gone."""
        if run.ended_at is None:
            return
        now = boottime()
        owned = {pid: run.owns(pid, self._token) for pid in orphans}
        left = [pid for pid, ours in owned.items() if ours]
        if now < run.ended_at + LINGER_S and run.open and self._closing_at is None:
            return
        if run.kill_at is not None and now < run.kill_at and left:
            return  # its children were asked to end and have their grace as well
        run.signal(signal.SIGKILL)
        kill(left)
        if left and now < max(run.ended_at + LINGER_S, run.kill_at or 0.0) + GONE_MAX_S:
            return
        if None in owned.values() and now < run.ended_at + UNSURE_S:
            return
        for stream in list(run.open):
            self._drop(run, stream)
        run.reap()
        del self._runs[run.number]
        self._report(run)

    def _report(self, run: Run) -> None:
        assert run.ended_at is not None
        out, err = run.captures
        parts = [bytes(part) for c in (out, err) for part in (c.head, c.tail)]
        streams = [[len(c.head), len(c.tail), c.total] for c in (out, err)]
        seconds = round(run.ended_at - run.began_at, 3)
        message = {"op": "ended", "run": run.number, "code": run.code, "seconds": seconds}
        self._send({**message, "why": run.why, "streams": streams}, b"".join(parts))

    def _all_gone(self, orphans: list[int]) -> bool:
        assert self._closing_at is not None
        return not orphans or boottime() - self._closing_at > LINGER_S + 2 * GONE_MAX_S


def _wake_on_signals() -> socket.socket:
    """A socket that can be read whenever a child has changed.

    Requests to end are for the server, which then closes the socket; they are handled, not
    ignored, because a command would inherit the latter.
    """
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _heed)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    return reader


def _heed(number: int, frame: FrameType | None) -> None:
    """The wake-up socket has told the loop already."""


def take_lock(path: str, token: str, server: socket.socket) -> int | None:
    """Wait until the helper before us has ended all it had; then end what it could not.

    Answers the open lock, which is kept until this process ends; None when the server went first.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    stops = 0
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            pause()
        holder, pid = _noted(lock)
        if pid and is_stopped(pid):  # nobody but us can see to it: its server has gone
            stops += 1
            signal_helper(pid, holder, signal.SIGCONT if stops < STOPS_MAX else signal.SIGKILL)
        with contextlib.suppress(BlockingIOError):
            if not server.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                return None
    before, _ = _noted(lock)
    if before:
        sweep(before)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{token} {os.getpid()}".encode(), 0)
    return lock


def _noted(lock: int) -> tuple[str, int]:
    """Token and process of the helper that last had the lock."""
    token, _, pid = os.pread(lock, 256, 0).decode("ascii", "replace").strip().partition(" ")
    return token, int(pid) if pid.isdecimal() else 0


def command_line(token: str, lock: Path | None) -> list[str]:
    """How the server, the caller of this, starts a helper; the socket is its standard input.

    Isolated and without `site`, so that neither the environment nor an installed package can run
    code in it; the package's own folder comes last, behind the standard library.
    """
    code = (
        "import sys; sys.path.append(sys.argv[1]); "
        "from tidegate.adapters.tasks.helper import main; main(int(sys.argv[2]), *sys.argv[3:])"
    )
    folder = Path(__file__).resolve().parents[3]
    arguments = [str(folder), str(os.getpid()), token, str(lock or "")]
    return [sys.executable, "-I", "-S", "-X", "utf8", "-c", code, *arguments]


def main(server_pid: int, token: str, lock: str) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the helper cannot adopt orphans (prctl)")
    server = socket.socket(fileno=0)
    if not lock or take_lock(lock, token, server) is not None:
        Helper(server, token).serve(server_pid)
