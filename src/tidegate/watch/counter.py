"""Counter: a number that only events move: what rules count, ends of runs, openings of gates.

`/metrics` reads these cells. Correlation ids are kept as the last tags, never as labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from tidegate.kernel import ids, value
from tidegate.kernel.clock import NO_DAY, Instant
from tidegate.kernel.event import Event, Json
from tidegate.kernel.step import Durable, Key, Kind

TAGS_MAX = 16
"""Tags that are kept, the first by name."""
TAG_MAX = 200
"""Characters of a tag's value."""
RUNS = "tidegate.runs"
GATES = "tidegate.gates_opened"
RUN_ENDS = ("succeeded", "failed", "timed_out", "aborted")
_RUN = "tidegate.run."
_UPDATED, _OPENED = "tidegate.dashboard.updated", "tidegate.gate.opened"
TYPES = frozenset({_UPDATED, _OPENED, *(f"{_RUN}{ending}" for ending in RUN_ENDS)})
"""The events that move a counter."""


class Counter(Durable, frozen=True, array_like=True, kw_only=True):
    metric: str = ""
    of: tuple[str, str] | None = None  # label and value: ("job", "report")
    total: int | float = 0
    count: int = 0  # how often it was moved
    updated_at: Instant = Instant(0)
    tags: Mapping[str, str] = {}  # those of the last move
    by: Mapping[str, int] = {}  # runs: how they ended
    seconds: float = 0.0  # runs: time they took together


KIND = Kind(name="metric", state=Counter)


class Move(Struct, frozen=True):
    """One event's part in a counter."""

    metric: str
    increment: int | float = 1
    tags: Mapping[str, Json] = {}
    of: tuple[str, str] | None = None
    ending: str | None = None
    seconds: float = 0.0

    @property
    def key(self) -> Key:
        return _key(self.metric, None if self.of is None else self.of[1])


def _key(metric: str, of: str | None) -> Key:
    # `&` never stands in a segment, so no rule's metric can be one of ours.
    name = ids.segment(metric)
    return Key("metric", NO_DAY, "all", name if of is None else f"{name}&{ids.segment(of)}")


# ---- what is heard
class Updated(Struct, frozen=True):
    """`tidegate.dashboard.updated`."""

    metric: str
    increment: int | float = 1
    tags: Mapping[str, Json] = {}


class RunEnded(Struct, frozen=True):
    job: str
    seconds: float = 0.0


def key_of(event: Event) -> Key | None:
    """The counter that this event moves."""
    if event.type == _OPENED:
        rule = _rule_of(event)
        return None if rule is None else _key(GATES, rule)
    moved = move(event)
    return None if moved is None else moved.key


def _rule_of(event: Event) -> str | None:
    """The rule whose gate opened."""
    rule = event.data.get("rule") if value.is_map(event.data) else None
    return rule if type(rule) is str else None


def move(event: Event) -> Move | None:
    """What this event moves; None when it moves nothing."""
    try:
        if event.type == _UPDATED:
            updated = msgspec.convert(event.data, Updated)
            if not updated.metric or not math.isfinite(updated.increment):
                return None
            return Move(updated.metric, updated.increment, updated.tags)
        if event.type == _OPENED:
            rule = _rule_of(event)
            return None if rule is None else Move(GATES, of=("rule", rule))
        ending = event.type.removeprefix(_RUN)
        if event.type.startswith(_RUN) and ending in RUN_ENDS:
            run = msgspec.convert(event.data, RunEnded)
            return Move(RUNS, of=("job", run.job), ending=ending, seconds=run.seconds)
    except msgspec.ValidationError:
        # Not the shape we say ourselves: nothing to count.
        return None
    return None


# ---- verbs
def add(counter: Counter, moved: Move, now: Instant) -> Counter:
    by = counter.by
    if moved.ending is not None:
        by = {**by, moved.ending: by.get(moved.ending, 0) + 1}
    # Made anew, for every field changes: half the time of a copy with changes.
    return Counter(
        status=counter.status,
        wake_at=counter.wake_at,
        metric=moved.metric,
        of=moved.of,
        total=_sum(counter.total, moved.increment),
        count=counter.count + 1,
        updated_at=now,
        tags=_bounded(moved.tags) if moved.tags else {},
        by=by,
        seconds=counter.seconds + moved.seconds,
    )


def _sum(total: int | float, increment: int | float) -> int | float:
    """Exact in integers while they are storable, else a float, which stays within its range."""
    result = total + increment
    if isinstance(result, int):
        stored = value.INTEGER_MIN <= result <= value.INTEGER_MAX
        return result if stored else float(result)
    return result if math.isfinite(result) else total


def _bounded(tags: Mapping[str, Json]) -> dict[str, str]:
    names = sorted(tags)[:TAGS_MAX]
    return {name[:TAG_MAX]: value.text(tags[name])[:TAG_MAX] for name in names}
