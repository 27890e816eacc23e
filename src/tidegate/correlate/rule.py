"""Rule: the compiled form every verb works with; `correlate/document.py` is how it is written."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from tidegate.correlate.field import Read
from tidegate.kernel.clock import DAYS_KEPT, Day, Instant, parse_day
from tidegate.kernel.deadline import Deadline
from tidegate.kernel.event import Event, Json
from tidegate.kernel.ids import DocId, segment
from tidegate.kernel.predicate import Holds, Predicate
from tidegate.kernel.retry import RetryPolicy
from tidegate.kernel.template import Template
from tidegate.kernel.workday import BusinessCalendar

INPUTS_MAX = 256
"""Inputs of one rule; bounds the size of a stored gate."""
REASON_MAX = 200
SEEN_MAX = 200
"""Characters of a compared value that is kept as text."""


class Anchor(IntEnum):
    """What a time window is measured from."""

    EVENT_TIME = 0
    ARRIVAL = 1
    BUSINESS_DATE = 2


class Test(Struct, frozen=True):
    """One condition on one field."""

    field: str
    read: Read
    predicate: Predicate
    holds: Holds = bool
    """The predicate's own, one step nearer."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "holds", self.predicate.holds)


class Input(Struct, frozen=True, kw_only=True):
    """One thing that must arrive."""

    name: str
    types: tuple[str, ...]  # event types; empty means any
    tests: tuple[Test, ...]  # all hold, or the event is none of this input's
    quality: tuple[Test, ...]  # all hold, or the input is quarantined
    optional: bool = False
    dataset: str | None = None  # what it is called for people
    constants: tuple[str, ...] | None = None
    """What the tests have seen in every event that fits, where all of them ask for one text."""

    def __post_init__(self) -> None:
        wanted = [test.predicate.equals for test in self.tests]
        if all(type(one) is str and len(one) <= SEEN_MAX for one in wanted):
            msgspec.structs.force_setattr(self, "constants", tuple(wanted))


class Match(Struct, frozen=True):
    """A field that all inputs of one gate share."""

    field: str
    read: Read
    is_date: bool
    prefix: str = ""  # what stands before its value in a gate's name
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "path", tuple(self.field.split(".")))
        msgspec.structs.force_setattr(self, "prefix", f"{segment(self.field)}=")


class Kept(Struct, frozen=True):
    """A field of the event that an action's template will ask for."""

    path: tuple[str, ...]
    read: Read


class Due(Struct, frozen=True, kw_only=True):
    """The deadline of one input, by its dataset's own document."""

    input: str
    deadline: Deadline
    zone: str
    calendar: BusinessCalendar


class Expect(Struct, frozen=True, kw_only=True):
    """Gates are begun beforehand, so that a deadline fires although nothing came."""

    calendar: BusinessCalendar
    zone: str
    deadline: Deadline | None = None
    warn: Deadline | None = None
    due: tuple[Due, ...] = ()
    """Of datasets that have deadlines of their own; where there is no `deadline`."""


class TriggerJob(Struct, frozen=True, kw_only=True):
    job: Template
    parameters: Callable[[dict[str, Json]], Json]
    retry: RetryPolicy | None
    sla_minutes: int | None


class SendNotification(Struct, frozen=True, kw_only=True):
    channel: str
    message: Template
    receiver: str | None
    severity: str


class UpdateDashboard(Struct, frozen=True, kw_only=True):
    metric: str
    increment: float
    tags: Callable[[dict[str, Json]], Json]


class EmitEvent(Struct, frozen=True, kw_only=True):
    type: str
    subject: Template
    data: Callable[[dict[str, Json]], Json]


Action: TypeAlias = TriggerJob | SendNotification | UpdateDashboard | EmitEvent
Redelivery: TypeAlias = Literal["new_round", "refire", "ignore"]
Late: TypeAlias = Literal["ignore", "new_round", "inbox"]


class Reading(Struct, frozen=True):
    """How this rule reads an application's own context, where it says so itself."""

    matches: Callable[[str], bool]  # source
    apply: Callable[[Event], Event]


class Rule(Struct, frozen=True, kw_only=True):
    doc: DocId
    name: str
    active: bool
    version: int
    description: str
    process: str
    owner: str | None
    inputs: tuple[Input, ...]
    match: tuple[Match, ...]
    id_template: Template
    window_us: int | None
    anchor: Anchor
    keep_first: bool
    redelivery: Redelivery
    late: Late
    close_after_us: int | None
    expect: Expect | None
    actions: tuple[Action, ...]
    on_timeout: tuple[Action, ...]
    on_quality_failure: tuple[Action, ...]
    kept: tuple[Kept, ...]
    readings: tuple[Reading, ...]
    sla_minutes: int | None
    sla_from_first: bool
    start_of_day: Callable[[Day], Instant]
    rereads: frozenset[str] = frozenset()
    """Fields of its conditions and match fields that its own mappings of applications speak of."""
    id_pieces: tuple[str | int, ...] | None = None
    """Its `id_template` where that takes no more than names: see `identity.id_pieces`."""
    required: frozenset[str] = frozenset()
    """Names of the inputs without which it does not open."""

    def __post_init__(self) -> None:
        names = frozenset(one.name for one in self.inputs if not one.optional)
        msgspec.structs.force_setattr(self, "required", names)

    @property
    def observes(self) -> bool:
        """It has no actions: gates, deadlines and explanations, nothing is started."""
        return not self.actions

    def day_of(self, values: tuple[str, ...]) -> Day | None:
        """The business date among match values; None when the rule matches none."""
        for match, value in zip(self.match, values, strict=False):
            if match.is_date:
                return parse_date(value)
        return None

    def midnight(self, values: tuple[str, ...]) -> Instant | None:
        """When the gate's business date begins, in the rule's zone."""
        day = self.day_of(values)
        return None if day is None else self.start_of_day(day)


def _parse_date(text: str) -> Day | None:
    try:
        return parse_day(text)
    except ValueError:
        return None


parse_date: Callable[[str], Day | None] = lru_cache(maxsize=DAYS_KEPT)(_parse_date)
"""None for text that is no date."""
