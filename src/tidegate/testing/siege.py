"""Siege: servers that are killed at random instants while senders go on sending a stream.

Every choice comes out of one seed and is printed, so a run can be repeated: the instants are the
same, what they meet is not.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tidegate.testing.server import Server, tidegate
from tidegate.testing.stream import LIFE, ROUNDS, waves

DATES_A_BLOCK = 4
EVENTS_A_POST = 2
POSTS_AT_ONCE = 3
AGAIN_S = 0.05
TRIES_MAX = 4_000
STARTING_SHARE = 0.25
"""So many of the kills come before the server listens."""
STARTING_MAX_S = 2.0
SERVING_MAX_S = 1.5
SETTLE_TRIES_MAX = 400
"""So often nothing may have ended since it was last asked: longer than leases keep work waiting."""
SETTLE_S = 0.25

_pause = threading.Event()  # never set: its wait is a pause that is named


class Slot:
    """Where one replica runs, one life after another."""

    def __init__(self, name: str, project: Path, database: str) -> None:
        self.name = name
        self.lives = 0
        self.server: Server | None = None
        """The one that listens; None while there is none."""
        self.said: list[str] = []
        """What its servers wrote to standard error besides their address."""
        self._project, self._database = project, database
        self._running: Server | None = None
        self._starting: threading.Thread | None = None

    def spawn(self) -> None:
        """A new life; it listens when it can."""
        assert self._running is None, "one life at a time"
        self.lives += 1
        environment = {LIFE: f"{self.name}.{self.lives}", "TIDEGATE_LOG": "ERROR"}
        server = Server(self._project, self._database, environment=environment)
        server.spawn()
        self._running = server
        self._starting = threading.Thread(target=self._await, args=(server,), daemon=True)
        self._starting.start()

    def await_listening(self) -> Server:
        assert self._starting is not None, "it was spawned"
        self._starting.join()
        assert self.server is not None, "\n".join(self.said)
        return self.server

    def runs_for(self, seconds: float) -> None:
        """Wait so long; it must not end by itself."""
        running = self._running
        assert running is not None
        assert running.runs_for(seconds), "\n".join(running.log)

    def kill(self) -> None:
        self._end(Server.kill)

    def stop(self) -> int | None:
        """SIGTERM; the exit code."""
        self.await_listening()
        return self._end(Server.stop)

    def _await(self, server: Server) -> None:
        try:
            server.await_listening()
        except RuntimeError:
            return  # it was killed before
        if self._running is server:
            self.server = server

    def _end(self, end: Callable[[Server], int | None]) -> int | None:
        server, self._running, self.server = self._running, None, None
        if server is None:
            return None
        assert server.process is not None
        code = end(server)
        own = "tidegate serves "
        lines = (line for line in server.log if not line.startswith(own))
        self.said += [f"{self.name}.{self.lives}: {line}" for line in lines]
        return code


class Senders:
    """Send block after block until told that it is enough; what was begun is sent to its end."""

    def __init__(self, slots: Sequence[Slot], seed: int) -> None:
        self.dates = 0
        """So many business dates were sent whole."""
        self.repeats = 0
        self.enough = threading.Event()
        self._slots = slots
        self._random = random.Random(seed)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._failed: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def finish(self, timeout_s: float) -> None:
        """Send the last block to its end. Raises what failed."""
        self.enough.set()
        self._thread.join(timeout_s)
        if self._failed is not None:
            raise self._failed
        assert not self._thread.is_alive(), "the senders do not come to an end"

    def _run(self) -> None:
        try:
            with ThreadPoolExecutor(POSTS_AT_ONCE) as pool:
                while not self.enough.is_set():
                    for wave in waves(range(self.dates, self.dates + DATES_A_BLOCK)):
                        parts = range(0, len(wave), EVENTS_A_POST)
                        batches = [wave[n : n + EVENTS_A_POST] for n in parts]
                        list(pool.map(self._deliver, batches))
                    self.dates += DATES_A_BLOCK
        except BaseException as error:
            self._failed = error

    def _deliver(self, batch: Sequence[bytes]) -> None:
        """Until it is answered: whoever got no answer sends again."""
        body = b"[" + b",".join(batch) + b"]"
        for _ in range(TRIES_MAX):
            servers = [slot.server for slot in self._slots if slot.server is not None]
            if servers:
                try:
                    status, answer = self._random.choice(servers).call(
                        "POST", "/api/v1/events", body, timeout_s=15
                    )
                except (OSError, http.client.HTTPException):
                    status, answer = 0, {}
                if status == 202:
                    assert answer["rejected"] == [], answer
                    assert answer["conflicts"] == 0, answer
                    return
                assert status in (0, 503), (status, answer)
                self.repeats += 1
            _pause.wait(AGAIN_S)
        raise AssertionError("no server answers")


class Choice:
    """When the next kill comes, by the seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def slot(self, slots: Sequence[Slot]) -> Slot:
        return self._random.choice(slots)

    def instant(self) -> tuple[str, float]:
        """While it starts or serves, and how many seconds after that began."""
        if self._random.random() < STARTING_SHARE:
            return "starting", self._random.uniform(0, STARTING_MAX_S)
        return "serving", self._random.uniform(0, SERVING_MAX_S)


def die(slot: Slot, choice: Choice) -> str:
    """Its next kill and the life after it; says when it came."""
    when, seconds = choice.instant()
    if when == "starting":
        slot.kill()
        slot.spawn()
    else:
        slot.await_listening()
    slot.runs_for(seconds)
    said = f"{slot.name}.{slot.lives} {when} {seconds:.3f}"
    slot.kill()
    slot.spawn()
    return said


def settled(slot: Slot, dates: int) -> None:
    """Until every run of so many dates has ended. Raises AssertionError when none ends for long."""
    server = slot.await_listening()
    wanted, ended, idle = dates * ROUNDS, -1.0, 0
    while idle < SETTLE_TRIES_MAX:
        found = runs(server)
        before, ended = ended, found.get("succeeded", 0) + found.get("failed", 0)
        if ended == wanted and not found.get("running", 0):
            return
        idle = idle + 1 if ended == before else 0
        _pause.wait(SETTLE_S)
    raise AssertionError(f"{ended:g} of {wanted} runs ended, and no more do: {runs(server)}")


def runs(server: Server) -> dict[str, float]:
    """Executions by status, from `/metrics`."""
    counted: dict[str, float] = {}
    for line in server.text("/metrics").splitlines():
        if line.startswith("tidegate_executions{"):
            status = line.partition('status="')[2].partition('"')[0]
            counted[status] = counted.get(status, 0) + float(line.rpartition(" ")[2])
    return counted


def db_verify(project: Path, database: str) -> dict[str, Any]:
    """`tidegate db verify --json`, as a person would."""
    done = tidegate("db", "verify", "--json", project=project, database=database)
    assert done.returncode in (0, 1), done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
