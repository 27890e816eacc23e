"""Compiling: documents to rules. Total on every document that passed its model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from tidegate.correlate.compiling_actions import actions_of, kept_of, retry_of
from tidegate.correlate.document import (
    Condition,
    DatasetEntry,
    RuleDocument,
)
from tidegate.correlate.field import BUSINESS_DATE, DATASET, NORMALISED_ID, reader
from tidegate.correlate.identity import id_pieces
from tidegate.correlate.reading import compile_readings, fields_of, own_inputs, own_matches
from tidegate.correlate.rule import (
    Anchor,
    Due,
    Expect,
    Input,
    Match,
    Rule,
    Test,
)
from tidegate.kernel.calendar import calendars_of, find_calendar
from tidegate.kernel.clock import Day, Instant, parse_duration
from tidegate.kernel.context import GlobalContext
from tidegate.kernel.deadline import parse_deadline
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.ids import DocId
from tidegate.kernel.mapping import global_context, global_contexts
from tidegate.kernel.predicate import parse_predicate
from tidegate.kernel.projectzone import project_zone
from tidegate.kernel.step import Document
from tidegate.kernel.template import Template, parse_template
from tidegate.kernel.workday import BUSINESS_DAYS, BusinessCalendar
from tidegate.kernel.zone import local_instant, zone

RUN_TYPES = {
    "started": ("tidegate.run.started",),
    "completed": ("tidegate.run.succeeded",),
    "succeeded": ("tidegate.run.succeeded",),
    "failed": ("tidegate.run.failed", "tidegate.run.timed_out", "tidegate.run.aborted"),
    "finished": (
        "tidegate.run.succeeded",
        "tidegate.run.failed",
        "tidegate.run.timed_out",
        "tidegate.run.aborted",
    ),
}
TESTS_KEPT = 8192
"""Conditions that rules share."""

_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)


class Around(Struct, frozen=True):
    """What rules are read beside: the other documents of an activation, read once for all rules."""

    calendars: Mapping[str, BusinessCalendar]
    contexts: Sequence[GlobalContext]
    datasets: Mapping[str, DatasetEntry]
    zone: str


def around(documents: Mapping[DocId, Document]) -> Around:
    return Around(
        calendars=calendars_of(documents),
        contexts=global_contexts(documents),
        datasets=datasets_of(documents),
        zone=project_zone(documents.values()),
    )


def compile_rules(documents: Mapping[DocId, Document]) -> dict[DocId, Rule]:
    """Every version of every rule, active and lingering.

    Raises InputError for an active one that names an unknown calendar, which `check` reports.
    """
    beside = around(documents)
    return {
        doc: compile_rule(doc, documents[doc], beside)
        for doc in sorted(documents)
        if documents[doc].kind == "rule"
    }


def datasets_of(documents: Mapping[DocId, Document]) -> dict[str, DatasetEntry]:
    return {
        document.name: DatasetEntry.model_validate(document.body)
        for document in documents.values()
        if document.kind == "dataset" and document.active
    }


def _with_gone(
    calendars: Mapping[str, BusinessCalendar], written: RuleDocument
) -> Mapping[str, BusinessCalendar]:
    """A version that only finishes what it began: of calendars that are gone any other will do."""
    mappings = written.context_normalization.application_mappings.values()
    names = [mapping.calendar for mapping in mappings]
    if written.expect is not None:
        names.append(written.expect.calendar)
    gone = [name for name in names if _calendar(name, calendars) is None]
    return {**calendars, **dict.fromkeys(gone, BUSINESS_DAYS)}


def compile_rule(doc: DocId, document: Document, beside: Around) -> Rule:
    """One version of one rule. Raises InputError as `compile_rules` does."""
    written = RuleDocument.model_validate(document.body)
    calendars = beside.calendars
    if not document.active:
        calendars = _with_gone(calendars, written)
    normalisation = written.context_normalization
    process = written.business_process or normalisation.business_process
    context = global_context(beside.contexts, process)
    if process is None:
        process = (context.business_process if context else None) or written.rule_name
    window = next((one for one in written.correlation_logic if one.time_window), None)
    zone_name = (written.expect.timezone if written.expect else None) or beside.zone
    where = zone(zone_name)
    sla = written.sla_minutes or normalisation.sla_minutes
    if sla is None and context is not None:
        sla = context.sla_minutes
    actions = (*written.actions, *written.on_timeout, *written.on_quality_failure)
    readings = compile_readings(normalisation, calendars)
    inputs, match = _inputs(written), _matches(written)
    rereads = fields_of(normalisation, inputs, match)
    if rereads:
        inputs = own_inputs(inputs, readings, rereads)
        match = own_matches(match, readings, rereads)

    def start_of_day(day: Day) -> Instant:
        return local_instant(day, 0, where)

    default_retry = retry_of(written.retry_config)
    rule = Rule(
        doc=doc,
        name=written.rule_name,
        active=document.active,
        version=document.n,
        description=written.description,
        process=process,
        owner=written.owner or normalisation.owner or (context.owner if context else None),
        inputs=inputs,
        match=match,
        id_template=id_template(written, process, context),
        window_us=parse_duration(window.time_window) if window and window.time_window else None,
        anchor=Anchor[window.anchor.upper()] if window else Anchor.EVENT_TIME,
        keep_first=written.keep == "first",
        redelivery=written.redelivery,
        late=written.late,
        close_after_us=parse_duration(written.close_after),
        expect=_expect(written, zone_name, calendars, inputs, beside.datasets),
        actions=actions_of(written.actions, default_retry, sla),
        on_timeout=actions_of(written.on_timeout, default_retry, sla),
        on_quality_failure=actions_of(written.on_quality_failure, default_retry, sla),
        kept=kept_of(actions, match),
        readings=readings,
        rereads=rereads,
        sla_minutes=sla,
        sla_from_first=written.sla_from == "first_event",
        start_of_day=start_of_day,
    )
    return replace(rule, id_pieces=id_pieces(rule))


def id_template(written: RuleDocument, process: str, context: GlobalContext | None) -> Template:
    """The global correlation id's template; one that tells processes apart where none is written."""
    text = written.context_normalization.global_correlation_id
    if text is None and context is not None:
        text = context.correlation_id
    if text is None:
        # Whatever divides gates divides their ids; a field no template can name goes by its place.
        fields = [
            "business_date"
            if one.is_date
            else one.field
            if _NAME.fullmatch(one.field)
            else f"match_{n}"
            for n, one in enumerate(_matches(written), 1)
        ]
        # The date first, and once where it is matched in both spellings.
        named = sorted(dict.fromkeys(fields), key=lambda name: name != "business_date")
        text = "-".join([process, *(f"${{{name}}}" for name in named), "${sequence}"])
    return parse_template(text, "id")


# ---- inputs
def _inputs(written: RuleDocument) -> tuple[Input, ...]:
    quality = _tests(_pairs(written.additional_conditions))
    inputs: list[Input] = []
    for condition in written.conditions:
        inputs.append(_input(condition, quality, {one.name for one in inputs}))
    for dependency in written.job_dependencies:
        job = dependency.prerequisite_job
        name = _unused(job, {one.name for one in inputs})
        inputs.append(
            Input(
                name=name,
                types=RUN_TYPES[dependency.status],
                tests=_tests([("source", "tidegate"), ("data.job", job)]),
                quality=(),
            )
        )
    return tuple(inputs)


def _input(condition: Condition, quality: tuple[Test, ...], taken: set[str]) -> Input:
    pairs = list((condition.model_extra or {}).items())
    tests = _tests(pairs)
    dataset = next(
        (
            test.predicate.equals
            for test in tests
            if test.field in DATASET and isinstance(test.predicate.equals, str)
        ),
        None,
    )
    name = condition.name or dataset or condition.event_type or "input"
    own = _tests(_pairs(condition.additional_conditions))
    return Input(
        name=_unused(name, taken),
        types=(condition.event_type,) if condition.event_type else (),
        tests=tests,
        quality=(*quality, *own),
        optional=condition.optional,
        dataset=dataset if isinstance(dataset, str) else None,
    )


def _unused(name: str, taken: set[str]) -> str:
    number, made = 1, name
    while made in taken:
        number += 1
        made = f"{name} {number}"
    return made


def _pairs(conditions: Iterable[Mapping[str, Json]]) -> list[tuple[str, Json]]:
    return [pair for one in conditions for pair in one.items()]


def _tests(pairs: Iterable[tuple[str, Json]]) -> tuple[Test, ...]:
    return tuple(
        _test(field, wanted) if isinstance(wanted, list | dict) else _shared_test(field, wanted)
        for field, wanted in pairs
    )


def _test(field: str, wanted: Json) -> Test:
    return Test(field, reader(field), parse_predicate(field, wanted))


# Rules of one project ask much the same; what they share stays in the processor's cache.
_shared_test = lru_cache(maxsize=TESTS_KEPT, typed=True)(_test)


def _matches(written: RuleDocument) -> tuple[Match, ...]:
    fields = [one.match_field for one in written.correlation_logic if one.match_field]
    # The global id follows from the other match fields; comparing it as well would be circular.
    fields = [field for field in fields if field != NORMALISED_ID]
    if not fields:
        fields = ["data.business_date"]
    return tuple(_match(field) for field in fields)


@lru_cache(maxsize=TESTS_KEPT)
def _match(field: str) -> Match:
    return Match(field, reader(field), field in BUSINESS_DATE)


def _expect(
    written: RuleDocument,
    zone_name: str,
    calendars: Mapping[str, BusinessCalendar],
    inputs: Iterable[Input],
    datasets: Mapping[str, DatasetEntry],
) -> Expect | None:
    expect = written.expect
    if expect is None:
        return None
    calendar = find_calendar(expect.calendar, calendars)
    due: list[Due] = []
    for one in inputs:
        dataset = datasets.get(one.dataset or one.name)
        if expect.deadline or one.optional or dataset is None or dataset.deadline is None:
            continue
        due.append(
            Due(
                input=one.name,
                deadline=parse_deadline(dataset.deadline),
                zone=dataset.timezone or zone_name,
                calendar=_calendar(dataset.calendar, calendars) or calendar,
            )
        )
    return Expect(
        calendar=calendar,
        zone=zone_name,
        deadline=parse_deadline(expect.deadline) if expect.deadline else None,
        warn=parse_deadline(expect.warn_at) if expect.warn_at else None,
        due=tuple(due),
    )


def _calendar(
    name: str | None, calendars: Mapping[str, BusinessCalendar]
) -> BusinessCalendar | None:
    try:
        return find_calendar(name, calendars) if name else None
    except InputError:
        return None  # `check` says so
