"""Machine: both kinds of local task over a real helper below one folder, and what a test sees of it.

Processes are real; whoever waits asks the world again until it shows what is awaited.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tidegate.adapters.tasks.command import CommandTasks
from tidegate.adapters.tasks.processes import boottime, pause
from tidegate.adapters.tasks.python import PythonTasks
from tidegate.adapters.tasks.spawner import Spawner
from tidegate.kernel.step import CallTask
from tidegate.ports.tasks import Call

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "TOOL_HOME": "/opt/tool", "DATABASE_URL": "secret"}
WAIT_S = 15.0


class Machine:
    """Both kinds of local task below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spawner = Spawner(folder / "helper.lock")
        self.commands = CommandTasks(self.spawner, folder, ENVIRONMENT)
        self.functions = PythonTasks(self.spawner, folder, ENVIRONMENT)
        self.count = 0

    def call(self, payload: Any) -> Call:
        self.count += 1
        return Call(
            CallTask(call="A", resource="", payload=payload, timeout_s=60), f"k{self.count}"
        )

    async def command(self, command: str | list[str], **more: Any) -> Any:
        return await self.commands.start(self.call({"command": command, **more}))

    async def function(self, name: str, **arguments: Any) -> Any:
        return await self.functions.start(self.call({"function": name, "arguments": arguments}))

    async def pid(self, name: str) -> int:
        """The pid a command wrote into this file."""
        text = await until(lambda: read(self.folder / name))
        return int(text)


@asynccontextmanager
async def machine(folder: Path) -> AsyncGenerator[Machine]:
    made = Machine(folder)
    try:
        yield made
    finally:
        await made.spawner.close()


def play(folder: Path, act: Callable[[Machine], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with machine(folder) as made:
            await act(made)

    asyncio.run(main())


def read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


async def until(seen: Callable[[], Any]) -> Any:
    """Wait for the world to show something."""
    return await asyncio.to_thread(waited, seen)


def waited(seen: Callable[[], Any]) -> Any:
    deadline = boottime() + WAIT_S
    while not (found := seen()):
        assert boottime() < deadline, "it never happened"
        pause()
    return found


def lives(pid: int) -> bool:
    """It runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def gone(*pids: int) -> bool:
    return not any(lives(pid) for pid in pids)


# ---- a server that can be killed
_SERVER = """
import asyncio, sys
from pathlib import Path
from tidegate.adapters.tasks.command import CommandTasks
from tidegate.adapters.tasks.spawner import Spawner
from tidegate.kernel.step import CallTask
from tidegate.ports.tasks import Call

async def main(folder, command, lease_s):
    spawner = Spawner(folder / "helper.lock")
    tasks = CommandTasks(spawner, folder, {"PATH": "/usr/bin:/bin"})
    call = Call(CallTask(call="A", resource="", payload={"command": command}, timeout_s=60), "k")
    if lease_s:
        tasks.extend("k", float(lease_s))
    running = asyncio.create_task(tasks.start(call))
    while spawner.helper_pid is None:
        await asyncio.sleep(0.01)
    (folder / "helper").write_text(str(spawner.helper_pid))
    print(await running, flush=True)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
"""


def serve(folder: Path, command: str, *wanted: str, lease_s: str = "") -> subprocess.Popen[bytes]:
    """A small server of its own with one command; answers when the wanted files are there."""
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(folder), command, lease_s], stdout=subprocess.PIPE
    )
    for name in wanted:
        waited(partial(read, folder / name))
    return server
