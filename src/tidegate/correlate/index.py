"""Index: an event to the inputs it may concern, without asking every rule.

By event type, then by the value of one field that the inputs of that type compare for equality
(usually the dataset). Too many candidates are harmless, too few would be a defect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from tidegate.correlate.field import Read
from tidegate.correlate.rule import Input, Rule, Test
from tidegate.kernel.event import Event, Json
from tidegate.kernel.value import MISSING

Candidate: TypeAlias = tuple[Rule, Input]
_Found: TypeAlias = tuple[Candidate, tuple[Test, ...]]
"""A candidate, and the tests that its place in the index has not answered."""


class Bucket(Struct, frozen=True):
    """Candidates that compare one field for equality, by the value they want."""

    field: str
    read: Read
    by_value: Mapping[Json, Sequence[_Found]]


class Shelf(Struct, frozen=True):
    """All candidates of one event type."""

    buckets: tuple[Bucket, ...]
    rest: tuple[_Found, ...]


class Index(Struct, frozen=True):
    by_type: Mapping[str, Shelf]
    any_type: Shelf

    def find(self, event: Event) -> list[Candidate]:
        """Inputs whose conditions this event meets, quality aside."""
        shelf = self.by_type.get(event.type)
        found: list[Candidate] = [] if shelf is None else _hits(shelf, event)
        anything = self.any_type
        if anything.buckets or anything.rest:
            found += _hits(anything, event)
        return found

    @property
    def types(self) -> frozenset[str] | None:
        """Event types some input waits for; None when one takes any."""
        if self.any_type.buckets or self.any_type.rest:
            return None
        return frozenset(self.by_type)


def fits(one: Input, event: Event) -> bool:
    """The event meets the input's conditions, quality aside."""
    if one.types and event.type not in one.types:
        return False
    return _meets(one.tests, event)


def build(rules: Iterable[Rule]) -> Index:
    by_type: dict[str, list[Candidate]] = {}
    any_type: list[Candidate] = []
    for rule in rules:
        for one in rule.inputs:
            if not one.types:
                any_type.append((rule, one))
            for type_ in one.types:
                by_type.setdefault(type_, []).append((rule, one))
    return Index({type_: _shelf(found) for type_, found in by_type.items()}, _shelf(any_type))


def _hits(shelf: Shelf, event: Event) -> list[Candidate]:
    found: list[Candidate] = []
    for bucket in shelf.buckets:
        value = bucket.read(event)
        if type(value) is not str:
            # A list or a map equals no indexed value, and could not be looked up.
            if value is MISSING or type(value) in _CONTAINERS:
                continue
            value = _indexed(value)
        for candidate, tests in bucket.by_value.get(value, ()):
            if _meets(tests, event):
                found.append(candidate)
    for candidate, tests in shelf.rest:
        if _meets(tests, event):
            found.append(candidate)
    return found


def _meets(tests: tuple[Test, ...], event: Event) -> bool:
    for test in tests:  # noqa: SIM110 - a generator costs more than the tests themselves
        if not test.holds(test.read(event)):
            return False
    return True


_CONTAINERS = frozenset({list, dict})


def _shelf(candidates: Sequence[Candidate]) -> Shelf:
    """Each candidate in the bucket of the equality that tells most of them apart."""
    values: dict[str, set[Json]] = {}
    for rule, one in candidates:
        for test in _equalities(rule, one):
            values.setdefault(test.field, set()).add(_indexed(test.predicate.equals))
    spread = Counter({field: len(found) for field, found in values.items()})
    chosen: dict[str, tuple[Read, dict[Json, list[_Found]]]] = {}
    rest: list[_Found] = []
    for rule, one in candidates:
        tests = sorted(_equalities(rule, one), key=lambda test: (-spread[test.field], test.field))
        if not tests:
            rest.append(((rule, one), one.tests))
            continue
        test = tests[0]
        _, by_value = chosen.setdefault(test.field, (test.read, {}))
        left = one.tests
        if type(test.predicate.equals) is str:
            # Found under a text means equal to it; of numbers and booleans the test has to tell.
            left = tuple([other for other in one.tests if other is not test])
        by_value.setdefault(_indexed(test.predicate.equals), []).append(((rule, one), left))
    buckets = tuple(
        Bucket(field, read, found)
        for field, (read, found) in sorted(chosen.items(), key=lambda item: item[0])
    )
    return Shelf(buckets, tuple(rest))


def _equalities(rule: Rule, one: Input) -> list[Test]:
    # What the rule reads in its own way cannot be looked up by what everybody reads.
    return [
        test
        for test in one.tests
        if test.predicate.equals is not MISSING
        and test.field not in rule.rereads
        and not isinstance(test.predicate.equals, list | dict)
    ]


def _indexed(value: Json) -> Json:
    """True and 1 are different values, though Python's dicts hold them for one."""
    return ("boolean", value) if isinstance(value, bool) else value
