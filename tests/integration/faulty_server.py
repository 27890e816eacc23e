"""Faulty: the product's server with an engine that breaks and a clock that steps.

    python faulty_server.py serve --port 0 --project DIR --database FILE

TIDEGATE_TEST_CLOCK names a file that holds by how many microseconds its clock is off the machine's.
TIDEGATE_TEST_MENDED says that the engine breaks no more. A program of its own, because what breaks
here must break a process.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from argparse import ArgumentParser
from pathlib import Path

from tidegate.adapters.system import SystemClock
from tidegate.kernel.clock import Instant
from tidegate.services.engines import ENGINES
from tidegate.serving import run
from tidegate.settings import Settings
from tidegate.testing.broken import broken

SLOW_SECONDS = 10.0
STUCK_SECONDS = 60.0


class SteppedClock:
    """The machine's clock, off by what a file says; its boot-time clock is the machine's."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._clock = SystemClock()

    def now(self) -> Instant:
        return Instant(self._clock.now() + int(self._file.read_text()))

    def monotonic(self) -> float:
        return self._clock.monotonic()


def act(how: str) -> None:
    """What an event for the broken engine asks for."""
    if how == "fine" or "TIDEGATE_TEST_MENDED" in os.environ:
        return
    if how == "slow":
        time.sleep(SLOW_SECONDS)
    elif how == "stuck":
        time.sleep(STUCK_SECONDS)
    elif how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        raise ValueError(f"cannot decide {how}")


def main() -> int:
    parser = ArgumentParser()
    parser.add_argument("serve")
    parser.add_argument("--port", type=int)
    parser.add_argument("--project", type=Path)
    parser.add_argument("--database")
    said = parser.parse_args()
    logging.basicConfig(level="WARNING", format="%(levelname)s %(name)s: %(message)s")
    settings = Settings.from_environment(
        os.environ, project=said.project, database=said.database, port=said.port
    )
    file = os.environ.get("TIDEGATE_TEST_CLOCK")
    clock = None if file is None else SteppedClock(Path(file))
    return run(settings, clock=clock, engines=(*ENGINES, broken(act)))


if __name__ == "__main__":
    sys.exit(main())
