"""Sense: whether the parts of a rule say something, and one thing each.

Asked by `check` alone, of what was written, so that a value that cannot be read hides none of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tidegate.correlate.document import CONDITION_KEYS
from tidegate.correlate.source import maps
from tidegate.kernel.document import Finding
from tidegate.kernel.event import Json
from tidegate.kernel.place import Path
from tidegate.kernel.value import is_list, shown

_LINES = {"match_field": "equals", "time_window": "within", "context.validation": None}
"""What a line of `correlation_logic` may be about, and its operator."""
_BESIDE = ("operator", "anchor")


def odd_parts(body: Mapping[str, Json]) -> Iterator[Finding]:
    """Conditions that ask for nothing, lines that say two things or the same twice."""
    if _is_empty(body.get("conditions")) and _is_empty(body.get("job_dependencies")):
        at = ("conditions",) if "conditions" in body else ()
        yield _fault(at, "this rule waits for nothing", "write at least one condition")
    for number, one in maps(body, "conditions"):
        asks = any(key not in CONDITION_KEYS for key in one)
        if not asks and one.get("event_type") is None:
            what, fix = "this condition holds for every event", "name an event_type or a field"
            yield _fault(("conditions", number), what, fix)
    for number, line in maps(body, "correlation_logic"):
        if all(key in _LINES or key in _BESIDE for key in line):
            yield from _one_thing(line, ("correlation_logic", number))
    yield from _twice(body)


def _is_empty(value: Json) -> bool:
    return value is None or (is_list(value) and not value)


def _one_thing(line: Mapping[str, Json], at: Path) -> Iterator[Finding]:
    given = [key for key in _LINES if line.get(key) is not None]
    operator = line.get("operator")
    if len(given) != 1:
        yield _fault(
            at, "a line of correlation_logic says one thing",
            "write match_field, time_window or context.validation, each in a line of its own",
        )  # fmt: skip
    elif operator in _LINES.values() and operator is not None and operator != _LINES[given[0]]:
        wanted = _LINES[given[0]]
        fix = "leave operator out" if wanted is None else f"write operator: {wanted}"
        what = f"{given[0]} does not know {operator!r}"
        yield _fault((*at, "operator"), what, fix)


def _twice(body: Mapping[str, Json]) -> Iterator[Finding]:
    fields: set[str] = set()
    windows = 0
    for number, line in maps(body, "correlation_logic"):
        field = line.get("match_field")
        if isinstance(field, str):
            if field in fields:
                at = ("correlation_logic", number, "match_field")
                yield _fault(at, f"match_field {shown(field)} is written twice", "keep one of them")
            fields.add(field)
        windows += line.get("time_window") is not None
        if windows > 1 and line.get("time_window") is not None:
            at = ("correlation_logic", number, "time_window")
            yield _fault(at, "this is a second time window", "keep one of them")


def _fault(path: Path, what: str, fix: str) -> Finding:
    return Finding("rule", "", path, what, fix)
