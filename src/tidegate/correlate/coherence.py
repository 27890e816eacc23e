"""Coherence: what is wrong with one rule though each of its values is right by itself.

Asked by `check` alone, of what was written, so that everything about a rule is said at once, and
so that a rule that was followed before more was asked of it goes on being followed. What is
malformed is skipped here: the model says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from tidegate.correlate.field import BUSINESS_DATE, one_name
from tidegate.correlate.mistake import odd_conditions, odd_times
from tidegate.correlate.naming import CALLED, MATCHED, unknown_names
from tidegate.correlate.sense import odd_parts
from tidegate.correlate.source import Source, maps, sources_of
from tidegate.kernel.event import Json
from tidegate.kernel.place import EACH
from tidegate.kernel.spelling import did_you_mean
from tidegate.kernel.step import Finding
from tidegate.kernel.value import canonical, is_list, is_map, shown

RUN_FIELDS = frozenset(
    {
        "event_type", "source", "id", "subject", "time", "business_date", "application",
        "normalized_priority", "data.job", "data.execution", "data.trigger", "data.round",
        "data.correlation_id", "data.correlationid", "data.process", "data.owner", "data.origin",
        "data.priority", "data.attempts", "data.seconds",
    }
)  # fmt: skip
"""What an event about a run can be matched by."""

_NEVER = "this rule can never open"
_GLOB = "*?"


def check(name: str, body: Json) -> Iterator[Finding]:
    """Every fault and warning about one rule by itself."""
    if not is_map(body):
        return
    sources = sources_of(body)
    for one in (
        *odd_parts(body),
        *_literal_globs(body),
        *odd_conditions(body),
        *odd_times(body),
        *_called_alike(body),
        *_alike(sources),
        *_never_met(sources),
        *_never_together(body, sources),
        *_without_date(body),
        *_not_receivable(body, sources),
        *_only_optional(sources),
        *_waits_for_itself(body),
        *_feeds_itself(body),
        *unknown_names(body, sources),
    ):
        yield replace(one, name=name)


# ---- conditions, one by one
def _literal_globs(body: Mapping[str, Json]) -> Iterator[Finding]:
    """A pattern where only the whole text is compared."""
    for number, one in maps(body, "conditions"):
        for field, what in (("event_type", "event types are"), ("source", "a source is")):
            text = one.get(field)
            if not isinstance(text, str) or not any(sign in text for sign in _GLOB):
                continue
            if field == "source" and " " in text:
                continue  # an operator, such as `matches ^/crm/.*`
            before = min(text.find(sign) for sign in _GLOB if sign in text)
            if not before:
                fix = f"leave {field} out to take any"
            elif field == "source":
                fix = f'write "startswith {text[:before]}"'
            else:
                fix = f'write type: "startswith {text[:before]}"'
            yield Finding(
                "rule", "", ("conditions", number, field),
                f"{what} compared whole here: {shown(text, 80)} is no pattern", fix, warning=True,
            )  # fmt: skip


def _called_alike(body: Mapping[str, Json]) -> Iterator[Finding]:
    """Two inputs of one name: the second is given another, which no template knows."""
    first: dict[str, int] = {}
    for number, one in maps(body, "conditions"):
        name = one.get("name")
        if isinstance(name, str) and first.setdefault(name, number) != number:
            yield Finding(
                "rule", "", ("conditions", number, "name"),
                f"conditions[{first[name]}] is called {shown(name, 80)} as well: this one becomes "
                f'"{name} 2"',
                "give it a name of its own", warning=True,
            )  # fmt: skip


def _alike(sources: Sequence[Source]) -> Iterator[Finding]:
    """Two inputs that take the same events can never be told apart."""
    first: dict[frozenset[bytes], Source] = {}
    for one in sources:
        asked = frozenset(
            canonical([each.field, each.operator, each.operand]) for each in one.tests
        )
        other = first.setdefault(asked, one) if asked and one.readable else one
        if other is not one:
            yield Finding(
                "rule", "", one.at,
                f"this takes the same events as {other.called}: one event is both inputs, "
                "and nothing tells them apart",
                "ask for a field in which they differ, or remove one",
            )  # fmt: skip


def _never_met(sources: Iterable[Source]) -> Iterator[Finding]:
    """What one input is asked for on one field contradicts itself."""
    for source in sources:
        asked = (*source.tests, *source.quality)
        for number, later in enumerate(asked):
            clash = next((one for one in asked[:number] if one.excludes(later)), None)
            if clash is None:
                continue
            end = "this input can never be there" if source.optional else _NEVER
            what = "failed by every event of" if later in source.quality else "contradicted by"
            yield Finding(
                "rule", "", later.at,
                f"{later.text} is {what} {source.called}, which asks for {clash.text}: {end}",
                "change one of the two",
            )  # fmt: skip


def _only_optional(sources: Sequence[Source]) -> Iterator[Finding]:
    if sources and all(one.optional for one in sources):
        yield Finding(
            "rule", "", ("conditions",),
            "every input is optional: the first of them opens the gate",
            "make at least one required", warning=True, heeds=(("conditions", EACH, "optional"), ("job_dependencies", EACH)),
        )  # fmt: skip


# ---- inputs of one gate
def _never_together(body: Mapping[str, Json], sources: Sequence[Source]) -> Iterator[Finding]:
    """Required inputs that no gate can have together."""
    required = [one for one in sources if not one.optional]
    for number, line in maps(body, "correlation_logic"):
        field = line.get("match_field")
        if not isinstance(field, str):
            continue
        name = one_name(field)
        fixed = [(one, test) for one in required for test in one.tests if test.fixes(name)]
        other = next((test for _, test in fixed if test.operand != fixed[0][1].operand), None)
        if other is not None:
            yield Finding(
                "rule", "", ("correlation_logic", number, "match_field"),
                f"{field} must be equal in all inputs, and they ask for "
                f"{shown(fixed[0][1].operand, 80)} and {shown(other.operand, 80)}: {_NEVER}",
                "remove this match field, or ask for one value",
            )  # fmt: skip
        if name not in RUN_FIELDS:
            yield from (
                Finding(
                    "rule", "", one.at,
                    f"events about runs have no {field}, which all inputs must share: {_NEVER}",
                    "match on data.business_date alone, or wait for an event that has it",
                )
                for one in required
                if one.is_run
            )  # fmt: skip


def _without_date(body: Mapping[str, Json]) -> Iterator[Finding]:
    """What is counted from a business date needs one."""
    fields = [line.get("match_field") for _, line in maps(body, "correlation_logic")]
    fields = [field for field in fields if isinstance(field, str)]
    dated = not fields or any(field in BUSINESS_DATE for field in fields)
    for number, line in maps(body, "correlation_logic"):
        if line.get("anchor") == "business_date" and not dated:
            yield Finding(
                "rule", "", ("correlation_logic", number, "anchor"),
                "the window begins with the business date, which is no match field of this rule",
                "add match_field: data.business_date, or take another anchor",
                heeds=(MATCHED,),
            )  # fmt: skip


def _not_receivable(body: Mapping[str, Json], sources: Sequence[Source]) -> Iterator[Finding]:
    here = {name for one in sources for name in (one.name, one.dataset) if name}
    for number, line in maps(body, "correlation_logic"):
        validation = line.get("context.validation")
        expected = validation.get("expected_datasets") if is_map(validation) else None
        for index, dataset in enumerate(expected if is_list(expected) else ()):
            if isinstance(dataset, str) and dataset not in here:
                yield Finding(
                    "rule", "",
                    ("correlation_logic", number, "context.validation", "expected_datasets", index),
                    f"no condition can receive the expected dataset {dataset!r}: {_NEVER}",
                    did_you_mean(
                        dataset, sorted(here), f"add a condition with data.dataset_name: {dataset}"
                    ),
                    heeds=CALLED,
                )  # fmt: skip


def _waits_for_itself(body: Mapping[str, Json]) -> Iterator[Finding]:
    started = {one.get("job_name") for _, one in maps(body, "actions")}
    for number, one in maps(body, "job_dependencies"):
        job = one.get("prerequisite_job")
        if isinstance(job, str) and job in started:
            yield Finding(
                "rule", "", ("job_dependencies", number, "prerequisite_job"),
                f"this rule starts {job!r} and waits for it: it opens only if somebody else starts it",
                "wait for another job, or start another", warning=True,
            )  # fmt: skip


def _feeds_itself(body: Mapping[str, Json]) -> Iterator[Finding]:
    conditions = [one for _, one in maps(body, "conditions")]
    fields = [one.get("match_field") for _, one in maps(body, "correlation_logic")]
    shared = {field for field in fields if isinstance(field, str)}
    for number, one in maps(body, "actions"):
        type_, data = one.get("event_type"), one.get("data")
        if one.get("action_type") != "emit_event" or not isinstance(type_, str):
            continue
        emitted = data if is_map(data) else {}
        if not shared <= {f"data.{key}" for key in emitted}:
            continue  # it belongs to no gate of this rule
        if any(_takes(asked, type_, emitted) for asked in conditions):
            yield Finding(
                "rule", "", ("actions", number, "event_type"),
                f"this rule emits {type_!r} and waits for it: each opening begins the next round",
                "emit another event_type, or wait for another", warning=True,
            )  # fmt: skip


def _takes(asked: Mapping[str, Json], type_: str, data: Mapping[str, Json]) -> bool:
    """Whether a condition surely takes what is emitted; of templates and operators nothing is sure."""
    fields = {key: value for key, value in asked.items() if key not in ("name", "optional")}
    if fields.pop("event_type", None) != type_:
        return False
    return all(
        key.startswith("data.") and data.get(key.removeprefix("data.")) == value
        for key, value in fields.items()
    )
