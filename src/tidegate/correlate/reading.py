"""Reading: how a rule reads events by its own mappings of applications.

What everybody reads is mapped once, for all engines. A rule that maps an application itself has the
last word for itself: over its conditions, its match fields, and what its actions ask for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from tidegate.correlate.document import ContextNormalization
from tidegate.correlate.field import BUSINESS_DATE, DATASET, Read
from tidegate.correlate.rule import Input, Match, Reading, Test
from tidegate.kernel.event import Event
from tidegate.kernel.mapping import Applications, source_matcher
from tidegate.kernel.workday import BusinessCalendar

_READ = ("context_id", "dataset", "business_date")
"""What a mapping may say beside its other names."""


def reread(event: Event, readings: Sequence[Reading]) -> Event:
    """An event as its rule reads it; of several mappings the first that claims the source."""
    for reading in readings:
        if reading.matches(event.source):
            return reading.apply(event)
    return event


def compile_readings(
    written: ContextNormalization, calendars: Mapping[str, BusinessCalendar]
) -> tuple[Reading, ...]:
    if not written.enabled:
        return ()
    readings: list[Reading] = []
    for name, mapping in written.application_mappings.items():
        applications = Applications.of([(name, mapping)], calendars=calendars)
        readings.append(Reading(source_matcher(mapping.source_pattern), applications.apply))
    return tuple(readings)


def fields_of(
    written: ContextNormalization, inputs: Iterable[Input], match: Iterable[Match]
) -> frozenset[str]:
    """Fields of conditions and match fields that the rule's mappings speak of."""
    if not written.enabled or not written.application_mappings:
        return frozenset()
    said: set[str] = set()
    for mapping in written.application_mappings.values():
        plain = mapping.plain()
        said |= plain.others().keys()
        said |= {name for name in _READ if getattr(plain, f"{name}_mapping") is not None}
    fields = {one.field for one in match}
    fields |= {test.field for one in inputs for test in (*one.tests, *one.quality)}
    return frozenset(field for field in fields if _is_said(field, said))


def own_inputs(
    inputs: Iterable[Input], readings: Sequence[Reading], fields: frozenset[str]
) -> tuple[Input, ...]:
    """The inputs, with these fields read by the rule's own mappings."""

    def own(tests: Iterable[Test]) -> tuple[Test, ...]:
        return tuple(
            Test(test.field, _own(test.read, readings), test.predicate)
            if test.field in fields
            else test
            for test in tests
        )

    return tuple(replace(one, tests=own(one.tests), quality=own(one.quality)) for one in inputs)


def own_matches(
    matches: Iterable[Match], readings: Sequence[Reading], fields: frozenset[str]
) -> tuple[Match, ...]:
    return tuple(
        Match(one.field, _own(one.read, readings), one.is_date) if one.field in fields else one
        for one in matches
    )


def _own(read: Read, readings: Sequence[Reading]) -> Read:
    return lambda event: read(reread(event, readings))


def _is_said(field: str, said: set[str]) -> bool:
    if field in BUSINESS_DATE:
        return "business_date" in said
    if field in DATASET:
        return "dataset" in said
    if field == "normalized_priority":
        return "priority" in said
    return field == "application" or field.removeprefix("context.") in said
