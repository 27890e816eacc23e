"""Source: one input of a rule as it was written, as far as it can be read.

For `check` alone, which looks at rules that may have faults; what is followed is `rule.Input`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from tidegate.correlate.compiling import RUN_TYPES
from tidegate.correlate.document import CONDITION_KEYS
from tidegate.correlate.field import one_name
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.place import Path
from tidegate.kernel.predicate import Holds, parse_predicate
from tidegate.kernel.predicate_parser import parse_wanted
from tidegate.kernel.value import is_list, is_map

_ABOVE, _BELOW = (">", ">="), ("<", "<=")
_RUN = "tidegate.run."


class Asked(Struct, frozen=True):
    """One thing that is asked of one field."""

    field: str  # by the one name it has: `dataset`, `business_date`, `data.x`
    operator: str
    operand: Json
    text: str  # as people read it
    holds: Holds
    at: Path

    def fixes(self, field: str) -> bool:
        """It leaves this field one value."""
        return self.field == field and self.operator == "=="

    def excludes(self, other: Asked) -> bool:
        """No value meets both."""
        if self.field != other.field:
            return False
        for one, another in ((self, other), (other, self)):
            values = one._values()
            if values is not None:
                return not any(another.holds(value) for value in values)
        low, high = (self, other) if self.operator in _ABOVE else (other, self)
        if low.operator not in _ABOVE or high.operator not in _BELOW:
            return False
        if type(low.operand) is str or type(high.operand) is str:
            return type(low.operand) is not type(high.operand) or low.operand > high.operand
        strict = low.operator == ">" or high.operator == "<"
        return bool(low.operand >= high.operand if strict else low.operand > high.operand)

    def _values(self) -> list[Json] | None:
        """All values it allows, where they are few."""
        if self.operator == "in":
            return self.operand if is_list(self.operand) else None
        return [self.operand] if self.operator == "==" else None


class Source(Struct, frozen=True):
    """A condition, or a job to wait for."""

    at: Path
    name: str
    optional: bool
    dataset: str | None
    tests: tuple[Asked, ...]  # the event type is one of them
    quality: tuple[Asked, ...] = ()
    readable: bool = True  # all of it is among the tests
    fields: tuple[str, ...] = ()  # that something is asked of, readable or not

    @property
    def called(self) -> str:
        """`conditions[0]`, as messages have it."""
        return f"{self.at[0]}[{self.at[1]}]"

    @property
    def is_run(self) -> bool:
        """It is an event about a run of a job."""
        return self.at[0] == "job_dependencies" or any(
            test.field == "event_type" and str(test.operand).startswith(_RUN) for test in self.tests
        )


def sources_of(body: Mapping[str, Json]) -> list[Source]:
    common = tuple(_quality(body, ("additional_conditions",)))
    shared = tuple(_quality_fields(body))
    conditions = [
        _condition(number, one, common, shared) for number, one in maps(body, "conditions")
    ]
    return [*conditions, *_dependencies(body)]


def maps(body: Mapping[str, Json], key: str) -> Iterator[tuple[int, Mapping[str, Json]]]:
    """The mappings of a list, with their indexes."""
    items = body.get(key)
    for number, item in enumerate(items if is_list(items) else ()):
        if is_map(item):
            yield number, item


# ---- reading
def _condition(
    number: int, one: Mapping[str, Json], common: tuple[Asked, ...], shared: tuple[str, ...]
) -> Source:
    at: Path = ("conditions", number)
    fields = [(field, wanted) for field, wanted in one.items() if field not in CONDITION_KEYS]
    tests = list(_asked(fields, at))
    type_ = one.get("event_type")
    if isinstance(type_, str):
        tests.append(_one_of("event_type", [type_], (*at, "event_type")))
    dataset = next((test.operand for test in tests if test.fixes("dataset")), None)
    called = one.get("name") or dataset or type_ or "input"
    return Source(
        at=at,
        name=str(called),
        optional=one.get("optional") is True,
        dataset=dataset if isinstance(dataset, str) else None,
        tests=tuple(tests),
        readable=len(tests) == len(fields) + isinstance(type_, str),
        quality=(*common, *_quality(one, at)),
        fields=(
            *(test.field for test in tests),
            *(one_name(field) for field, _ in fields),
            *shared,
            *_quality_fields(one),
        ),
    )


def _dependencies(body: Mapping[str, Json]) -> Iterator[Source]:
    for number, one in maps(body, "job_dependencies"):
        at: Path = ("job_dependencies", number)
        job, status = one.get("prerequisite_job"), one.get("status", "completed")
        if isinstance(job, str) and isinstance(status, str) and status in RUN_TYPES:
            tests = (
                _one_of("source", ["tidegate"], at),
                _one_of("data.job", [job], at),
                _one_of("event_type", RUN_TYPES[status], at),
            )
            asked = tuple(test.field for test in tests)
            yield Source(at, job, optional=False, dataset=None, tests=tests, fields=asked)


def _quality(one: Mapping[str, Json], at: Path) -> Iterator[Asked]:
    if at[-1:] != ("additional_conditions",):
        at = (*at, "additional_conditions")
    for number, fields in maps(one, "additional_conditions"):
        yield from _asked(fields.items(), (*at, number))


def _quality_fields(one: Mapping[str, Json]) -> Iterator[str]:
    for _, fields in maps(one, "additional_conditions"):
        yield from map(one_name, fields)


def _asked(fields: Iterable[tuple[str, Json]], at: Path) -> Iterator[Asked]:
    for field, wanted in fields:
        try:
            parsed, predicate = parse_wanted(field, wanted), parse_predicate(field, wanted)
        except InputError:
            continue  # the model says so
        yield Asked(
            field=one_name(field),
            operator=parsed.operator,
            operand=parsed.operand,
            text=predicate.text,
            holds=predicate.holds,
            at=(*at, field),
        )


def _one_of(field: str, texts: Sequence[str], at: Path) -> Asked:
    """One of these texts, whatever they look like."""
    operator, operand = ("==", texts[0]) if len(texts) == 1 else ("in", list(texts))
    wanted = " or ".join(texts)
    return Asked(field, operator, operand, f"{field} {wanted}", lambda value: value in texts, at)
