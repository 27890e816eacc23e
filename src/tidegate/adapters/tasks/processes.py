"""Processes of this machine: one command with what belongs to it, and how to be rid of others' rests.

Linux only (/proc, pidfd). Built on the standard library alone, because the helper is.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from typing import IO

MARK = "TIDEGATE_RUN"
"""Environment variable of every command: `<token of the helper>.<number of the run>`."""
GONE_MAX_S = 10.0
"""A killed process that has not gone by then hangs in the kernel; it is no longer waited for."""
UNSURE_S = 0.5
"""A process takes less to become another program; one that shows no environment later has none."""
TICK_S = 0.02


def boottime() -> float:
    """Seconds since the machine started; counts through sleep and is the same in every process."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def pause() -> None:
    with selectors.DefaultSelector() as nothing:
        nothing.select(TICK_S)


class Capture:
    """What a stream said: its first and its last bytes, and how many there were."""

    def __init__(self, keep: int) -> None:
        self._half = keep // 2
        self.head, self.tail, self.total = bytearray(), bytearray(), 0

    def add(self, chunk: bytes) -> None:
        self.total += len(chunk)
        room = self._half - len(self.head)
        self.head += chunk[:room] if room > 0 else b""
        self.tail += chunk[max(room, 0) :]
        if len(self.tail) > self._half:
            del self.tail[: len(self.tail) - self._half]


class Run:
    """A command from its start until everything it left behind has gone."""

    def __init__(self, number: int, process: subprocess.Popen[bytes], keep: int) -> None:
        self.number = number
        self.process = process
        self.pid = process.pid  # of the process, its group and its session
        self.captures = (Capture(keep), Capture(keep))
        self.open: set[IO[bytes]] = set()
        self.began_at = boottime()
        self.ended_at: float | None = None  # the command itself; it stays a zombie until `gone`
        self.code = 0
        self.until: float | None = None  # end of its lease
        self.why = ""  # it was ended: on request, by its lease, with the server
        self.kill_at: float | None = None
        self.killed = False

    def signal(self, number: int) -> None:
        # The zombie keeps the group's number from being given to somebody else.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def end(self, why: str, grace_s: float) -> None:
        """Ask it to end, kill it after the grace; a second request can only shorten that."""
        kill_at = boottime() + grace_s
        if self.kill_at is None:
            self.why = why
            self.signal(signal.SIGTERM)
        self.kill_at = kill_at if self.kill_at is None else min(self.kill_at, kill_at)

    def moments(self) -> Iterator[float]:
        """When it needs to be looked at though nothing happened."""
        if self.until is not None:
            yield self.until
        if self.kill_at is not None and not self.killed:
            yield self.kill_at

    def notice_end(self) -> None:
        """Look whether the command itself has ended."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        found = os.waitid(os.P_PID, self.pid, flags) if self.ended_at is None else None
        if found is not None:
            exited = found.si_code == os.CLD_EXITED
            self.code = found.si_status if exited else -found.si_status
            self.ended_at = boottime()

    def owns(self, pid: int, token: str) -> bool | None:
        """Is this orphan ours? None: it does not say."""
        try:
            if os.getsid(pid) == self.pid or os.getpgid(pid) == self.pid:
                return True
        except ProcessLookupError:
            return False
        return has_mark(pid, f"{token}.{self.number}\0")

    def reap(self) -> None:
        os.waitpid(self.pid, 0)
        self.process.returncode = self.code  # or Popen would wait for it again


def children() -> list[int]:
    """The direct children of this process, zombies among them."""
    me = os.getpid()
    try:
        with open(f"/proc/{me}/task/{me}/children", "rb") as listed:
            return [int(pid) for pid in listed.read().split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        return children_by_parent(me)


def children_by_parent(parent: int) -> list[int]:
    """The same by asking every process for its parent; slower."""
    return [pid for pid in _pids() if _parent(pid) == parent]


def has_mark(pid: int, mark: str) -> bool | None:
    """Does its environment hold a mark that begins like this one?

    None: it shows no environment, because it is just becoming another program, or has wiped it.
    """
    try:
        with open(f"/proc/{pid}/environ", "rb") as environ:
            held = environ.read()
        if not held:
            return None if _has_memory(pid) else False
    except OSError:  # it has gone, or is another user's
        return False
    return f"\0{MARK}={mark}".encode() in b"\0" + held


def _has_memory(pid: int) -> bool:
    """It is neither a thread of the kernel nor dead."""
    with open(f"/proc/{pid}/statm", "rb") as statm:
        return not statm.read().startswith(b"0 ")


def is_stopped(pid: int) -> bool:
    """It neither runs nor ends until somebody tells it to go on."""
    return _stat(pid, 0) == "T"


def kill(pids: Iterable[int]) -> None:
    """Kill children of ours; until we bury them, their numbers are theirs."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def sweep(token: str) -> None:
    """Kill all that a helper which has gone had started, and wait until it has gone."""
    mark, began_at = f"{token}.", boottime()
    while boottime() < began_at + GONE_MAX_S:
        seen = {pid: has_mark(pid, mark) for pid in _pids()}
        for pid in (pid for pid, marked in seen.items() if marked):
            _kill_marked(pid, mark)
        unsure = None in seen.values() and boottime() < began_at + UNSURE_S
        if True not in seen.values() and not unsure:
            return
        pause()


def _kill_marked(pid: int, mark: str) -> None:
    _signal_if(pid, lambda: bool(has_mark(pid, mark)), signal.SIGKILL)


def signal_helper(pid: int, token: str, number: int) -> None:
    """Signal a helper of another server, if this process is the one of this token."""
    _signal_if(pid, lambda: token.encode() in _command_line(pid), number)


def _signal_if(pid: int, is_it: Callable[[], bool], number: int) -> None:
    with contextlib.suppress(OSError):
        process = os.pidfd_open(pid)
        try:
            # Between the listing and the handle the number may have got another owner.
            if is_it():
                signal.pidfd_send_signal(process, number)
        finally:
            os.close(process)


def _command_line(pid: int) -> list[bytes]:
    with open(f"/proc/{pid}/cmdline", "rb") as arguments:
        return arguments.read().split(b"\0")


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _parent(pid: int) -> int | None:
    parent = _stat(pid, 1)
    return None if parent is None else int(parent)


def _stat(pid: int, field: int) -> str | None:
    """One of its fields behind the name: 0 the state, 1 the parent."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[field].decode()
    except (OSError, IndexError):
        return None
