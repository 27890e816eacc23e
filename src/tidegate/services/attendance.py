"""Attendance: whether anybody works on what runs.

An execution is running from the turn that began it until its outcome. Whether something is done
meanwhile, only its open effect and the servers of the database tell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tidegate.kernel.clock import Clock, Instant
from tidegate.ports.reader import EffectRow, Reader
from tidegate.ports.store import LEASE_US, Stored
from tidegate.run.execution import Execution, Status
from tidegate.run.explain import Unattended
from tidegate.services.trail import starts_of, trail_of
from tidegate.services.work import STOP_TASK

Attended: TypeAlias = Callable[[], bool]
"""Some process works on the database now."""


def here() -> bool:
    """For whoever asks from inside such a process."""
    return True


def seen_lately(reader: Reader, clock: Clock) -> bool:
    """A replica was seen within the last lease."""
    since = clock.now() - LEASE_US
    return any(seen_at >= since for _, _, _, seen_at in reader.replicas())


def unattended(reader: Reader, stored: Stored, attended: Attended) -> Unattended | None:
    """How a live run stands that nobody works on; None for every other."""
    execution = stored.cell.state
    assert isinstance(execution, Execution)
    if execution.status not in (Status.RUNNING, Status.RETRYING) or attended():
        return None
    if execution.status == Status.RETRYING:
        return "retrying"
    row = _task(reader, stored, execution)
    if row is None:
        return None  # it has ended since
    if _elsewhere(row):
        return "elsewhere"
    return "interrupted" if starts_of(row.handle, row.fence) else "not_begun"


def starts_now(reader: Reader, stored: Stored) -> int:
    """How often the task of the attempt under way was begun; 0 of a run that has none."""
    execution = stored.cell.state
    assert isinstance(execution, Execution)
    row = _task(reader, stored, execution) if execution.status == Status.RUNNING else None
    if row is None:
        return 0
    return 1 if _elsewhere(row) else starts_of(row.handle, row.fence)


def _task(reader: Reader, stored: Stored, execution: Execution) -> EffectRow | None:
    """The open effect of the attempt under way."""
    for row in reader.effects_of(stored.id):
        if row.call == execution.call and row.kind != STOP_TASK:
            return row
    return None


def _elsewhere(row: EffectRow) -> bool:
    return trail_of(row.handle, Instant(0)).handle is not None
