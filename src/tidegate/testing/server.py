"""Server: a real `tidegate serve` in a process of its own, for tests, examples and benchmarks."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 15.0
ASK_AGAIN_S = 0.05
TOKEN = "token-of-this-server"


class Server:
    """Starts on entry, stops on exit; `kill` ends it as a power failure would.

    `database` is a URL or file; `port` 0 takes a free one. What it writes to stderr lands in `log`.
    `program` is another one than the product's, with the same arguments.
    """

    def __init__(
        self,
        project: Path,
        database: str | None = None,
        *,
        port: int = 0,
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = ("-m", "tidegate"),
    ) -> None:
        self.project = project
        self.database = database
        self.port = port
        self.token = TOKEN
        self.url = ""
        self.log: list[str] = []
        self._begun = 0  # lines of the log that are of earlier starts
        self._program = program
        self._environment = {"PIPELINE_API_TOKEN": TOKEN, **(environment or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self._reading = threading.Lock()  # whoever waits for its address reads its log meanwhile

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.stop()
        else:
            self._drain()

    def start(self) -> Self:
        """Start and wait until it listens. Raises RuntimeError with its log when it does not."""
        self.spawn()
        self.await_listening()
        return self

    def spawn(self) -> None:
        """Start and wait for nothing."""
        self._begun = len(self.log)
        command = [sys.executable, *self._program, "serve", "--port", str(self.port)]
        command += ["--project", str(self.project)]
        if self.database is not None:
            command += ["--database", self.database]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DATABASE_URL")}
        self.process = subprocess.Popen(
            command, env={**environment, **self._environment}, stderr=subprocess.PIPE
        )

    def await_listening(self) -> None:
        """Raises RuntimeError with its log when it ended before."""
        with self._reading:
            self.url = self._address()

    def stop(self) -> int:
        """SIGTERM and wait; answers the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_SECONDS_MAX)
        self._drain()
        return code

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nothing is said."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOP_SECONDS_MAX)
        self._drain()

    def stand_still(self) -> None:
        """SIGSTOP: it neither runs nor ends."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def runs_for(self, seconds: float) -> bool:
        """Wait so long, or until it ends; does it run?"""
        assert self.process is not None
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def call(
        self, method: str, path: str, body: Any = None, *, timeout_s: float = 60, **headers: str
    ) -> tuple[int, Any]:
        """One call with the token; answers status and JSON. Raises OSError when it is unreachable."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        given.update({name.replace("_", "-"): value for name, value in headers.items()})
        request = urllib.request.Request(self.url + path, data, given, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as response:
                return response.status, json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            text = error.read()
            return error.code, json.loads(text) if text else None

    def text(self, path: str) -> str:
        """The body of a GET, whatever it is."""
        request = urllib.request.Request(
            self.url + path, headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            body: bytes = response.read()
            return body.decode()

    def ready(self) -> bool:
        """What `/readyz` says; False also when nobody answers."""
        try:
            return self.call("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def post(self, events: Any) -> tuple[int, Any]:
        """One event or a batch."""
        return self.call("POST", "/api/v1/events", events)

    def _address(self) -> str:
        assert self.process is not None
        assert self.process.stderr is not None
        stream = self.process.stderr
        os.set_blocking(stream.fileno(), False)
        pending = b""
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while selector.select(START_SECONDS_MAX):
                chunk = stream.read() or b""
                pending += chunk
                *lines, pending = pending.split(b"\n")
                self.log += [line.decode("utf-8", "replace") for line in lines]
                for line in self.log[self._begun :]:
                    if line.startswith("tidegate serves "):
                        return line.split()[-1]
                if not chunk:
                    break
        self.process.kill()
        self.process.wait()
        raise RuntimeError("the server did not start:\n" + "\n".join([*self.log, pending.decode()]))

    def _drain(self) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        with self._reading:
            if self.process.stderr.closed:
                return
            rest = self.process.stderr.read() or b""
            self.log += rest.decode("utf-8", "replace").splitlines()
            self.process.stderr.close()


def eventually(question: Callable[[], bool], within_s: float = 30.0) -> None:
    """Ask until it is so. Raises AssertionError when it does not become so in time."""
    pause = threading.Event()
    for _ in range(int(within_s / ASK_AGAIN_S)):
        if question():
            return
        pause.wait(ASK_AGAIN_S)
    raise AssertionError(f"not so within {within_s:g} s")


def tidegate(
    *arguments: str, project: Path, database: str | None = None
) -> subprocess.CompletedProcess[str]:
    """The command as a person types it; the exit code is the caller's to judge."""
    command = [sys.executable, "-m", "tidegate", *arguments, "--project", str(project)]
    if database is not None:
        command += ["--database", database]
    environment = {name: text for name, text in os.environ.items() if name != "DATABASE_URL"}
    environment.setdefault("PIPELINE_API_TOKEN", TOKEN)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
