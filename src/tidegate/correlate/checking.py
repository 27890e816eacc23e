"""Checking: faults that only show with several documents side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from tidegate.correlate import coherence
from tidegate.correlate.compiling import around, compile_rule
from tidegate.correlate.document import RuleDocument, TriggerJobAction
from tidegate.correlate.mistake import odd_datasets, unknown_application
from tidegate.correlate.naming import MATCHED, SECTIONS, unknown_in_id
from tidegate.correlate.rule import Rule
from tidegate.correlate.source import maps, sources_of
from tidegate.kernel.calendar import calendars_of, find_calendar
from tidegate.kernel.context import ContextDocument
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.ids import DocId
from tidegate.kernel.mapping import OWN_SOURCE
from tidegate.kernel.place import EACH
from tidegate.kernel.spelling import did_you_mean
from tidegate.kernel.step import Document, Finding
from tidegate.kernel.unused import CODE, unused
from tidegate.kernel.value import is_map, shown
from tidegate.kernel.workday import BusinessCalendar

_KEPT = "leave it out, or keep it for a version that does"
UNUSED = {
    "rule": (
        (("team",), "write owner: who is told of what goes wrong"),
        (("manual_baseline",), f"no time saved is counted; {_KEPT}"),
        *(
            ((section, EACH, "fallback"), "the owner is told when the retries are spent; leave it out")
            for section in SECTIONS
        ),
    ),
    "dataset": ((("usual_time",), "for an early warning write warn_at under expect in the rule"),),
    "context": (
        (
            ("context_mapping", "global_context", "manual_baseline"),
            f"no time saved is counted; {_KEPT}",
        ),
    ),
}  # fmt: skip
"""Keys that are read and not followed yet, and what to do instead."""


_GIVES_IDS = (
    ("business_process",),
    ("context_normalization", "business_process"),
    ("context_normalization", "global_correlation_id"),
    MATCHED,
)


def check(documents: Mapping[DocId, Document]) -> Iterable[Finding]:
    """Jobs nobody knows, ids that two processes could share, deadlines without a date."""
    for written_as in documents.values():
        yield from unused(written_as, UNUSED.get(written_as.kind, ()))
    rules: dict[DocId, Rule] = {}
    known = _Known.of(documents)
    guessed: set[str] = set()
    beside = around(
        {doc: one for doc, one in documents.items() if one.kind in ("context", "calendar")}
    )
    for doc, document in documents.items():
        if document.kind == "dataset":
            yield from _unknown_calendar(
                ("dataset", document.name),
                ("calendar",),
                document.body.get("calendar"),
                known,
            )
        if document.kind != "rule":
            continue
        yield from _unknown(document.name, document.body, known, guessed)
        try:
            rules[doc] = compile_rule(doc, document, beside)
        except InputError as error:
            yield from _not_compiled(document, error)
            continue
        written = RuleDocument.model_validate(document.body)
        yield from _one(document.name, written, rules[doc])
        yield from _second_clocks(document.name, written)
    yield from _shared_ids(rules.values())


def check_dataset_beside(
    name: str, body: Json, documents: Mapping[DocId, Document]
) -> Iterable[Finding]:
    """A calendar nobody has, also in a dataset that its model refuses: a deadline would be another."""
    calendar = body.get("calendar") if is_map(body) else None
    return _unknown_calendar(("dataset", name), ("calendar",), calendar, _Known.of(documents))


def check_beside(name: str, body: Json, documents: Mapping[DocId, Document]) -> Iterable[Finding]:
    """Names nobody has in a rule that its model refuses: they are read as far as they can be."""
    return _unknown(name, body, _Known.of(documents), set()) if is_map(body) else ()


class _Known(Struct, frozen=True):
    """What the documents of a project are called."""

    jobs: Collection[str]
    calendars: Mapping[str, BusinessCalendar]
    faulty_calendars: Collection[str]  # those whose base cannot be found
    datasets: Collection[str]
    applications: Collection[str]

    @classmethod
    def of(cls, documents: Mapping[DocId, Document]) -> _Known:
        return cls(
            {one.name for one in documents.values() if one.kind == "job"},
            calendars := calendars_of(documents),
            {one.name for one in documents.values() if one.kind == "calendar"} - calendars.keys(),
            dict.fromkeys(sorted(_declared(documents))),
            dict.fromkeys(sorted(_applications(documents))),
        )


def _unknown(
    name: str, body: Mapping[str, Json], known: _Known, guessed: set[str]
) -> Iterator[Finding]:
    """What a rule names and nobody has."""
    expect = body.get("expect")
    calendar = expect.get("calendar") if is_map(expect) else None
    yield from _unknown_calendar(("rule", name), ("expect", "calendar"), calendar, known)
    yield from _unknown_jobs(name, body, known.jobs)
    for source in sources_of(body):
        for one in (
            *odd_datasets(source, known.datasets, guessed),
            *unknown_application(source, known.applications),
        ):
            yield replace(one, name=name)


def _unknown_calendar(
    of: tuple[str, str],
    path: tuple[str, ...],
    calendar: Json,
    known: _Known,
) -> Iterator[Finding]:
    """A calendar that a document, by kind and name, names at this path, and nobody has."""
    if not isinstance(calendar, str) or not calendar or calendar in known.faulty_calendars:
        return
    try:
        find_calendar(calendar, known.calendars)
    except InputError as error:
        yield Finding(
            *of, path, error.message, error.fix,
            code=error.code, lacks="calendar", lacking=calendar,
        )  # fmt: skip


def _not_compiled(document: Document, error: InputError) -> Iterator[Finding]:
    if error.code == "calendar.unknown":
        return  # told already, of the rule's own calendar or of its mapping's
    if all(one.code != error.code for one in coherence.check(document.name, document.body)):
        yield Finding("rule", document.name, (), error.message, error.fix, code=error.code)


def _one(name: str, written: RuleDocument, rule: Rule) -> Iterator[Finding]:
    """What a rule is given by contexts; about the rule by itself `coherence` speaks."""
    if written.context_normalization.global_correlation_id is None:
        fields = [match.field for match in rule.match]
        for path in rule.id_template.paths:
            for one in unknown_in_id((), path, fields):
                yield replace(one, name=name, word="", lacks="context")
    if rule.expect is not None and not _is_dated(rule):
        yield Finding(
            "rule", name, ("expect",),
            "a gate can only be expected where the business date is the one match field",
            "keep match_field: data.business_date alone, or leave expect out",
            heeds=(MATCHED,),
        )  # fmt: skip


def _is_dated(rule: Rule) -> bool:
    return len({one.field for one in rule.match}) == 1 and rule.match[0].is_date


def _declared(documents: Mapping[DocId, Document]) -> set[str]:
    """Datasets that some document names as such."""
    names = {one.name for one in documents.values() if one.kind == "dataset"}
    for one in documents.values():
        if one.kind == "context":
            context = ContextDocument.model_validate(one.body).context_mapping.global_context
            names.update(context.expected_datasets if context is not None else ())
    return names


def _applications(documents: Mapping[DocId, Document]) -> set[str]:
    """Applications that some document maps, and Tidegate itself."""
    names = {OWN_SOURCE}
    for one in documents.values():
        if one.kind == "context":
            names.update(ContextDocument.model_validate(one.body).context_mapping.applications)
        elif one.kind == "rule":
            rule = RuleDocument.model_validate(one.body)
            names.update(rule.context_normalization.application_mappings)
    return names


def _unknown_jobs(name: str, body: Mapping[str, Json], jobs: Collection[str]) -> Iterator[Finding]:
    """A job that is started under its plain name, but that no document defines."""
    for part in ("actions", "on_timeout", "on_quality_failure"):
        for number, action in maps(body, part):
            job = action.get("job_name") if action.get("action_type") == "trigger_job" else None
            if isinstance(job, str) and "${" not in job and job not in jobs:
                yield Finding(
                    "rule", name, (part, number, "job_name"),
                    f"no job is called {job!r}: its triggers will be refused",
                    did_you_mean(job, sorted(jobs), f"define it in jobs/, as {job}: ..."),
                    warning=True, lacks="job", lacking=job,
                )  # fmt: skip
    for number, one in maps(body, "job_dependencies"):
        job = one.get("prerequisite_job")
        if isinstance(job, str) and job not in jobs:
            yield Finding(
                "rule", name, ("job_dependencies", number, "prerequisite_job"),
                f"no job is called {job!r}, so nobody ever hears of its runs: "
                "this rule can never open",
                did_you_mean(job, sorted(jobs), f"define it in jobs/, as {job}: ..."),
                lacks="job", lacking=job,
            )  # fmt: skip


def _second_clocks(name: str, written: RuleDocument) -> Iterator[Finding]:
    """The SLA's clock runs from the opening to the end of the first job."""
    first = next(
        (n for n, one in enumerate(written.actions) if isinstance(one, TriggerJobAction)), None
    )
    for part in SECTIONS:
        for number, action in enumerate(getattr(written, part)):
            timed = isinstance(action, TriggerJobAction) and action.sla_minutes is not None
            if timed and (part, number) != ("actions", first):
                yield Finding(
                    "rule", name, (part, number, "sla_minutes"),
                    "only the first job under actions has an SLA clock: this one has no effect",
                    "put the job that must be done in time first, or start this one in a rule of its own",
                    warning=True, code=CODE, word="sla_minutes",
                )  # fmt: skip


def _own_id(rule: Rule, other: Rule) -> str:
    """How two rules get ids of their own; each half mends it by itself."""
    text = rule.id_template.text
    sequence = "${sequence}" if "${sequence}" in text else "{sequence}"
    apart = text.replace(sequence, f"${{rule}}-{sequence}")
    return (
        f"if they are one process, write business_process: {other.process} in both; else give this "
        f"rule an id of its own: global_correlation_id: {shown(apart)}, under context_normalization"
    )


def _shared_ids(rules: Iterable[Rule]) -> Iterator[Finding]:
    """An id belongs to one business process."""
    first: dict[str, Rule] = {}
    for rule in rules:
        if any(path in ("process", "business_process", "rule") for path in rule.id_template.paths):
            continue
        shape = rule.id_template.text.replace("data.business_date", "business_date")
        other = first.setdefault(shape.replace("$", ""), rule)
        if other.process != rule.process:
            yield Finding(
                "rule", rule.name, ("context_normalization", "global_correlation_id"),
                f"this rule of process {rule.process!r} makes the same ids as rule "
                f"{other.name!r} of process {other.process!r}",
                _own_id(rule, other),
                other=("rule", other.name), lacks="context", heeds=_GIVES_IDS,
            )  # fmt: skip
