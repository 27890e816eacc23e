"""Tasks: places that do work outside. One adapter per kind of resource.

    start --> Running --poll--> Done | Failed
          '-> Done | Failed

A failed task is a value; only our own trouble raises, and then nothing was started.
"""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from tidegate.kernel.step import CallTask, Done, Failed

Promise: TypeAlias = Literal["refuses", "looked_up", "neither"]
"""What the other side does with a second start under our key: refuse it, or let us look it up."""


class Call(Struct, frozen=True):
    """One start: the task and its idempotency key as text."""

    task: CallTask
    key: str
    fence: int = 1


class Running(Struct, frozen=True):
    """It runs elsewhere; ask again after `poll_after_s`. No lease is held meanwhile."""

    handle: str
    poll_after_s: float = 5.0


Result: TypeAlias = Running | Done | Failed


class Tasks(Protocol):
    """How one kind of task is started, found, asked and stopped."""

    @property
    def promise(self) -> Promise: ...
    @property
    def local(self) -> bool:
        """The work runs on this machine and dies with its server; its lease is renewed while it runs."""
        ...

    async def start(self, call: Call) -> Result:
        """Do the work, or begin it. A local task answers at its end.

        Raises TransientError (`task.unreachable`): nothing was started.
        """
        ...

    async def find(self, call: Call) -> Result | None:
        """What an earlier start under this key came to; None when there was none."""
        ...

    async def poll(self, call: Call, handle: str) -> Result: ...
    async def stop(self, call: Call, handle: str | None) -> None:
        """End it; harmless when it has ended or never began."""
        ...


@runtime_checkable
class Leased(Protocol):
    """A local kind whose work ends by itself when its lease is not extended, even while the server
    stands still; such an end is a `Failed`."""

    def extend(self, key: str, lease_s: float | None) -> None:
        """The work under this key may go on for so long from now; None: as long as the server lives.

        Said before the start, too.
        """
        ...
