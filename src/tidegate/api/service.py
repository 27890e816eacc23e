"""Service: what the routes need of a running process; wiring makes it."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from tidegate.kernel.clock import Clock
from tidegate.services.activations import Activations
from tidegate.services.asking import Asking
from tidegate.services.control import Control
from tidegate.services.holds import Holds
from tidegate.services.host import Host
from tidegate.services.inbox import Inbox
from tidegate.services.intake import Intake
from tidegate.services.notices import Notices
from tidegate.services.readiness import Readiness
from tidegate.services.runs import Runs
from tidegate.services.search import Search
from tidegate.services.trace import Trace
from tidegate.services.vitals import Vitals

BODY_MAX = 16 << 20
"""Bytes of one request body."""


class Service(Struct, frozen=True, kw_only=True):
    """One replica, as its API sees it."""

    host: Host
    intake: Intake
    asking: Asking
    readiness: Readiness
    search: Search
    trace: Trace
    runs: Runs
    holds: Holds
    control: Control
    activations: Activations
    inbox: Inbox
    notices: Notices
    vitals: Vitals
    clock: Clock
    token: str
    body_max: int = BODY_MAX
    answer_timeout_s: float = 30.0
    stopping: Callable[[], bool] = lambda: False
