"""Virtual time: an asyncio loop whose clock jumps to the next thing that happens.

Hours of waiting take no time, and the same program takes the same steps each run. Only for what
stays in the loop: threads and sockets live in real time.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from tidegate.kernel.clock import Instant

T = TypeVar("T")

START = Instant(1_800_000_000_000_000)
"""Where virtual clocks begin: January 2027."""


class _Jumping(selectors.SelectSelector):
    """Instead of waiting it moves the clock."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing is left that could happen: everybody waits for somebody")
        if not ready and timeout is not None:
            self.now_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


class VirtualClock:
    """A kernel Clock over the running loop; `ahead_us` lets one machine's clock differ."""

    def __init__(self, ahead_us: int = 0) -> None:
        self.ahead_us = ahead_us

    def now(self) -> Instant:
        return Instant(START + round(self.monotonic() * 1e6) + self.ahead_us)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
