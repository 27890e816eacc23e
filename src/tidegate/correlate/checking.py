"""Checking: faults that only show with several documents side by side."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

from tidegate.correlate.compiling import compile_rules
from tidegate.correlate.document import RuleDocument, TriggerJobAction
from tidegate.correlate.field import BUSINESS_DATE
from tidegate.correlate.rule import Rule
from tidegate.kernel.errors import InputError
from tidegate.kernel.ids import DocId
from tidegate.kernel.step import Document, Finding

OWN_IDS = frozenset({"sequence", "round", "rule", "process", "business_process"})


def check(documents: Mapping[DocId, Document]) -> Iterable[Finding]:
    """Rules that can never open, ids that two processes could share, deadlines without a date."""
    rules: dict[DocId, Rule] = {}
    jobs = {document.name for document in documents.values() if document.kind == "job"}
    for doc, document in documents.items():
        if document.kind != "rule":
            continue
        alone = {doc: document} | {
            other: found
            for other, found in documents.items()
            if found.kind in ("context", "calendar")
        }
        try:
            rules |= compile_rules(alone)
        except InputError as error:
            path = ("expect", "calendar") if error.code == "calendar.unknown" else ()
            yield Finding("rule", document.name, path, error.message, error.fix)
            continue
        written = RuleDocument.model_validate(document.body)
        yield from _one(document.name, written, rules[doc])
        yield from _unknown_jobs(document.name, written, jobs)
    yield from _shared_ids(rules.values())


def _one(name: str, written: RuleDocument, rule: Rule) -> Iterator[Finding]:
    for number, line in enumerate(written.correlation_logic):
        if line.validation is None:
            continue
        here = {one.dataset or one.name for one in rule.inputs} | {one.name for one in rule.inputs}
        for dataset in line.validation.expected_datasets:
            if dataset not in here:
                yield Finding(
                    "rule", name,
                    ("correlation_logic", number, "context.validation", "expected_datasets"),
                    f"no condition can receive the expected dataset {dataset!r}: "
                    "this rule could never open",
                    f"add a condition with data.dataset_name: {dataset}",
                )  # fmt: skip
    if rule.expect is not None and not (len(rule.match) == 1 and rule.match[0].is_date):
        yield Finding(
            "rule", name, ("expect",),
            "a gate can only be expected where the business date is the one match field",
            "keep match_field: data.business_date alone, or leave expect out",
        )  # fmt: skip
    known = {match.field for match in rule.match} | OWN_IDS
    if any(match.is_date for match in rule.match):
        known |= BUSINESS_DATE | {"ds"}
    known |= {f"data.{match.field}" for match in rule.match}
    for path in rule.id_template.paths:
        if path not in known:
            yield Finding(
                "rule", name, ("context_normalization", "global_correlation_id"),
                f"the global id names {path!r}, which is no match field",
                f"use only {', '.join(sorted(known))}",
            )  # fmt: skip
    if all(one.optional for one in rule.inputs):
        yield Finding(
            "rule", name, ("conditions",),
            "every input is optional: the first of them opens the gate",
            "make at least one required", warning=True,
        )  # fmt: skip


def _unknown_jobs(name: str, written: RuleDocument, jobs: set[str]) -> Iterator[Finding]:
    """A job that is started under its plain name, but that no document defines."""
    for part in ("actions", "on_timeout", "on_quality_failure"):
        for number, action in enumerate(getattr(written, part)):
            if not isinstance(action, TriggerJobAction):
                continue
            job = action.job_name
            if isinstance(job, str) and "${" not in job and job not in jobs:
                near = difflib.get_close_matches(job, sorted(jobs), 1)
                yield Finding(
                    "rule", name, (part, number, "job_name"),
                    f"no job is called {job!r}: its triggers will be refused",
                    f"did you mean {near[0]!r}?" if near else f"define it in jobs/, as {job}: ...",
                    warning=True,
                )  # fmt: skip


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
                f"rule {other.name!r} of process {other.process!r} makes the same ids "
                f"as this rule of process {rule.process!r}",
                "give both one business_process, or put the process into one of the ids",
            )  # fmt: skip
