"""Every kind of task passes the contract of the port."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web

from tidegate.adapters.outbound import Outbound
from tidegate.adapters.system import SystemClock
from tidegate.adapters.tasks import command, http, python
from tidegate.adapters.tasks.command import CommandTasks
from tidegate.adapters.tasks.http import HttpTasks
from tidegate.adapters.tasks.processes import pause
from tidegate.adapters.tasks.python import PythonTasks
from tidegate.adapters.tasks.spawner import Spawner
from tidegate.testing.fake_tasks import LocalWork, RemoteService
from tidegate.testing.task_contract import Subject, TaskContract
from tidegate.testing.virtual_time import run_virtual

T = TypeVar("T")
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


class TestRemoteService(TaskContract):
    def run(self, main: Coroutine[Any, Any, T]) -> T:
        return run_virtual(main)

    @asynccontextmanager
    async def subject(self) -> AsyncGenerator[Subject]:
        tasks = RemoteService()

        async def unreachable() -> None:
            tasks.unreachable = True

        yield Subject(
            tasks=tasks,
            resource="test:remote",
            succeeding={"seconds": 20, "output": {"rows": 3}},
            failing={"error": "Remote.Broken"},
            malformed={"second": 1},
            endless={"seconds": 1e9},
            begun=tasks.begun,
            unreachable=unreachable,
        )


class TestLocalWork(TaskContract):
    def run(self, main: Coroutine[Any, Any, T]) -> T:
        return run_virtual(main)

    @asynccontextmanager
    async def subject(self) -> AsyncGenerator[Subject]:
        tasks = LocalWork()

        async def unreachable() -> None:
            tasks.unreachable = True

        yield Subject(
            tasks=tasks,
            resource="test:local",
            succeeding={"seconds": 20, "output": [1, None, "x"]},
            failing={"error": "Local.Broken"},
            malformed={"second": 1},
            endless={"seconds": 1e9},
            begun=tasks.begun,
            unreachable=unreachable,
        )


class OfProcesses(TaskContract):
    """What command and python have in common; the marks of what began lie in a folder."""

    folder: Path

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def begun(self, key: str) -> int:
        return sum(path.read_text() == key for path in self.folder.glob("begun-*"))

    async def running(self, key: str) -> None:
        async with asyncio.timeout(10):
            while not self.begun(key):
                await asyncio.to_thread(pause)


class TestCommand(OfProcesses):
    @asynccontextmanager
    async def subject(self) -> AsyncGenerator[Subject]:
        spawner = Spawner(self.folder / "helper.lock")
        mark = 'printf %s "$TIDEGATE_IDEMPOTENCY_KEY" > begun-$$'
        yield Subject(
            tasks=CommandTasks(spawner, self.folder, ENVIRONMENT),
            resource=command.RESOURCE,
            succeeding={"command": f"{mark}; echo '{{\"rows\": 3}}'"},
            failing={"command": f"{mark}; echo broken >&2; exit 3"},
            malformed={"comand": "true"},
            endless={"command": f"{mark}; sleep 600"},
            running=self.running,
            begun=self.begun,
            unreachable=spawner.close,
        )
        await spawner.close()


class TestPython(OfProcesses):
    @asynccontextmanager
    async def subject(self) -> AsyncGenerator[Subject]:
        (self.folder / "work.py").write_text(
            "import os, signal\n"
            "def mark():\n"
            "    with open(f'begun-{os.getpid()}', 'w') as file:\n"
            "        file.write(os.environ['TIDEGATE_IDEMPOTENCY_KEY'])\n"
            "def good(rows):\n"
            "    mark()\n"
            "    return {'rows': rows}\n"
            "def bad():\n"
            "    mark()\n"
            "    raise LookupError('no such table')\n"
            "def endless():\n"
            "    mark()\n"
            "    while True:\n"
            "        signal.pause()\n"
        )
        spawner = Spawner(self.folder / "helper.lock")
        yield Subject(
            tasks=PythonTasks(spawner, self.folder, ENVIRONMENT),
            resource=python.RESOURCE,
            succeeding={"function": "work:good", "arguments": {"rows": 3}},
            failing={"function": "work:bad"},
            malformed={"function": "no colon"},
            endless={"function": "work:endless"},
            running=self.running,
            begun=self.begun,
            unreachable=spawner.close,
        )
        await spawner.close()


class TestHttp(TaskContract):
    @asynccontextmanager
    async def subject(self) -> AsyncGenerator[Subject]:
        keys: list[str] = []

        async def answer(request: web.Request) -> web.StreamResponse:
            keys.append(request.headers["Idempotency-Key"])
            if request.path == "/endless":
                await asyncio.Event().wait()
            return web.json_response({"rows": 3}, status=400 if request.path == "/bad" else 200)

        app = web.Application()
        app.router.add_get("/{path}", answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        outbound = Outbound(SystemClock(), [f"{host}:{port}"])
        yield Subject(
            tasks=HttpTasks(outbound),
            resource=http.RESOURCE,
            succeeding={"url": f"http://{host}:{port}/good"},
            failing={"url": f"http://{host}:{port}/bad"},
            malformed={"uri": "http://127.0.0.1"},
            finds=False,
            begun=keys.count,
            unreachable=runner.cleanup,
        )
        await outbound.close()
        await runner.cleanup()


def test_the_helper_is_made_of_the_standard_library_alone() -> None:
    async def main() -> str:
        spawner = Spawner()
        tasks = CommandTasks(spawner, Path("/"), ENVIRONMENT)
        code = (
            "import sys; from tidegate.adapters.tasks import helper; "
            "print(*sorted(name for name in sys.modules if '.' not in name))"
        )
        flags = ["-I", "-S", "-c", f"import sys; sys.path.append({str(source())!r}); {code}"]
        payload = {"command": [sys.executable, *flags]}
        subject = Subject(tasks=tasks, resource="", succeeding=None, failing=None, malformed=None)
        result = await subject.finish(subject.call(payload))
        await spawner.close()
        return str(getattr(result, "output", {"stdout": result})["stdout"])

    loaded = set(asyncio.run(main()).split())

    assert "tidegate" in loaded
    assert loaded <= {*sys.stdlib_module_names, "tidegate", "__main__"}


def source() -> Path:
    return Path(command.__file__).parents[3]
