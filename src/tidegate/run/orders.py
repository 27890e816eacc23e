"""Orders persons give about executions."""

from __future__ import annotations

from msgspec import Struct


class StopExecution(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """End an execution that runs or waits for its next attempt; `execution` is its public id."""

    execution: str
    reason: str | None = None
