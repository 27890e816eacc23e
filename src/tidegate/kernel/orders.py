"""Orders: the few instructions engines give one another. They flow to the right within a turn."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tidegate.kernel.clock import NO_DAY, Day, Instant
from tidegate.kernel.event import Json
from tidegate.kernel.retry import RetryPolicy


class RequestRun(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Ask admission for one run of `job`; the same `request` asks once."""

    job: str
    request: str  # who asks, for ever the same (kernel/request)
    day: Day = NO_DAY
    round: int = 1
    priority: str = "normal"
    correlation_id: str | None = None
    parameters: Mapping[str, Json] = {}
    origin: str = "person"  # gate, schedule, person, ...
    retry: RetryPolicy | None = None
    sla_minutes: int | None = None
    sla_from: Instant | None = None
    process: str | None = None  # business process
    owner: str | None = None


class StartRun(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Start an admitted run; only admission says this."""

    request: RequestRun
    trigger: str  # name of the trigger's cell
    admitted_at: Instant


class Tell(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Tell people; the same `notice` is told once."""

    notice: str
    channel: str  # slack, email, webhook, pagerduty, console or a name of tidegate.yaml
    message: str
    severity: str = "info"  # info, warning, critical
    receiver: str | None = None
    day: Day = NO_DAY
    correlation_id: str | None = None
    data: Mapping[str, Json] = {}
