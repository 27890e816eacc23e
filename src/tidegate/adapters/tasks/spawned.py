"""Spawned: what the kinds of task that run as processes of this machine have in common.

A server that dies takes its processes with it, and the next one starts the work again: nobody
would refuse that, so the promise is `neither`.
"""

from __future__ import annotations

import errno
import signal
from abc import ABC, abstractmethod

from tidegate.adapters.tasks.spawner import Exit, Refusal, Spawn, Spawner, Stream
from tidegate.kernel.cut import mark
from tidegate.kernel.errors import TransientError
from tidegate.kernel.step import Done, Failed
from tidegate.ports.tasks import Call, Promise, Result, Running

STOP_GRACE_S = 10.0
"""From the request to end (SIGTERM) to the kill."""
TEXT_MAX = 128 * 1024
"""Bytes of each stream that an outcome carries, as UTF-8; the first half and the last."""
STDOUT_MAX, STDERR_MAX = 1200, 2600
"""Bytes of each stream that a cause ends with: an execution keeps 4,096 characters of all of it."""

_SHORTAGES = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
"""The machine cannot start it now, but may later."""


class Spawned(ABC):
    """A Tasks kind over the spawner; the kinds say what to start and what its end means."""

    promise: Promise = "neither"
    local: bool = True

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner

    @abstractmethod
    def _spawn(self, call: Call) -> Spawn | Failed: ...

    @abstractmethod
    def _result(self, exited: Exit) -> Done | Failed:
        """What an end of its own means."""

    async def start(self, call: Call) -> Result:
        try:
            spawn = self._spawn(call)
            if isinstance(spawn, Failed):
                return spawn
            ended = await self._spawner.run(call.key, spawn)
            return refused(ended, spawn) if isinstance(ended, Refusal) else self._come_to(ended)
        finally:
            self._spawner.forget(call.key)

    async def find(self, call: Call) -> Result | None:
        return Running(call.key) if self._spawner.runs(call.key) else None

    async def poll(self, call: Call, handle: str) -> Result:
        """Waits for its end, as `start` does."""
        ended = await self._spawner.wait(handle)
        if not isinstance(ended, Exit):
            return Failed("Tidegate.TaskGone", "it ran under a server that has ended since")
        return self._come_to(ended)

    async def stop(self, call: Call, handle: str | None) -> None:
        await self._spawner.end(call.key, STOP_GRACE_S)

    def extend(self, key: str, lease_s: float | None) -> None:
        self._spawner.extend(key, lease_s)

    def _come_to(self, ended: Exit) -> Done | Failed:
        match ended.why:
            case "":
                return self._result(ended)
            case "lease":
                return Failed(
                    "Tidegate.LeaseLost",
                    "ended because its lease could not be extended and another replica might have "
                    f"started it again{last_words(ended)}",
                )
            case "helper":
                return Failed(
                    "Tidegate.HelperDied", "ended because the helper that starts commands died"
                )
            case "stop":
                return Failed("Tidegate.Stopped", f"ended on request{last_words(ended)}")


def refused(refusal: Refusal, spawn: Spawn) -> Failed:
    """Why the system started nothing. Raises TransientError when it may do so later."""
    name, folder, what = spawn.argv[0], spawn.cwd, refusal.what
    if refusal.errno in _SHORTAGES:
        raise TransientError("task.unreachable", f"the machine could not start {name!r}: {what}")
    if refusal.file == folder:
        return Failed("Tidegate.FolderUnusable", f"working folder {folder}: {what}")
    if refusal.errno in {errno.ENOENT, errno.ENOTDIR}:
        return Failed(
            "Tidegate.CommandNotFound",
            f"no command {name!r} in {folder} or on PATH, or no interpreter that its first line "
            "names; write its full path, or install it",
        )
    if refusal.errno in {errno.EACCES, errno.ENOEXEC, errno.EISDIR}:
        return Failed(
            "Tidegate.CommandNotExecutable",
            f"{name!r} may not be executed or is no program ({what}); make it executable, and "
            "begin a script with #!",
        )
    if refusal.errno == errno.E2BIG:
        return Failed(
            "Tidegate.CommandTooLong",
            f"the arguments and the environment of {name!r} are longer than the system takes; "
            "hand parameters over on stdin",
        )
    return Failed("Tidegate.CommandNotStarted", f"{name!r} was not started: {what}")


# ---- what it wrote
def text_of(stream: Stream, limit: int = TEXT_MAX) -> str:
    """What was kept, as text; bytes that are no UTF-8 as `\\xNN`, a mark where something was cut."""
    if not stream.cut:
        whole = (stream.head + stream.tail).decode("utf-8", "backslashreplace")
        encoded = whole.encode()
        if len(encoded) <= limit:
            return whole
        head = tail = encoded
    else:
        head = stream.head.decode("utf-8", "backslashreplace").encode()
        tail = stream.tail.decode("utf-8", "backslashreplace").encode()
    half = limit // 2
    first, last = head[:half].decode("utf-8", "ignore"), tail[-half:].decode("utf-8", "ignore")
    return first + mark(stream.total) + last


def last_words(exited: Exit) -> str:
    """The ends of what it wrote, for a cause; standard error last, which says most."""
    both = (
        ("stdout", exited.stdout, STDOUT_MAX if exited.stderr.total else STDERR_MAX),
        ("stderr", exited.stderr, STDERR_MAX),
    )
    said: list[str] = []
    for name, stream, limit in both:
        raw = (stream.tail or stream.head)[-limit:]
        # The cut may have gone through a character: its rest is left out.
        text = raw.lstrip(bytes(range(0x80, 0xC0))) if len(raw) == limit else raw
        words = text.decode("utf-8", "backslashreplace").strip()
        if words:
            said.append(f"the end of its {name}:\n{words}")
    return "; " + "\n".join(said) if said else "; it wrote nothing"


def ended_how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"ended by signal {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"
