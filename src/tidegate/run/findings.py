"""Findings: what `check` says about jobs beyond what one of them shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tidegate.kernel.ids import DocId
from tidegate.kernel.step import Document, Finding
from tidegate.run.document import DOCUMENT, JOBS_MAX, JobDocument, name_fault


def check(documents: Mapping[DocId, Document]) -> Iterable[Finding]:
    active = [one for one in documents.values() if one.active and one.kind == DOCUMENT.name]
    for document in active:
        yield from _job(document)
    if len(active) > JOBS_MAX:
        yield Finding(
            DOCUMENT.name,
            active[JOBS_MAX].name,
            (),
            f"there are {len(active)} jobs, and a project has at most {JOBS_MAX}",
            "make one job of many that only differ in a value, and pass it as a parameter",
        )


def _job(document: Document) -> Iterable[Finding]:
    fault = name_fault(document.name)
    if fault is not None:
        yield Finding(DOCUMENT.name, document.name, (), *fault)
    if JobDocument.model_validate(document.body).pool is not None:
        yield Finding(
            DOCUMENT.name,
            document.name,
            ("pool",),
            "this version keeps no pools: the job starts whatever else runs",
            "limit it where it runs until a version does",
            warning=True,
        )
