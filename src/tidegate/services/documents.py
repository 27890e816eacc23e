"""Documents: a folder checked as a whole and activated as a whole; a fault changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tidegate.kernel.calendar import check_calendars
from tidegate.kernel.clock import Clock
from tidegate.kernel.errors import InputError, TransientError
from tidegate.kernel.event import Json
from tidegate.kernel.fault import render, summary
from tidegate.kernel.ids import DocId, digest
from tidegate.kernel.mapping import check_applications
from tidegate.kernel.step import Document, Engine, Finding, Order, Refusal
from tidegate.ports.store import Activation, DocumentDraft
from tidegate.services.engines import DOCUMENT_KINDS, ENGINES
from tidegate.services.folder import NOT_READ
from tidegate.services.host import Host
from tidegate.services.judging import read_project
from tidegate.services.orders import Activate
from tidegate.services.project import Project, merged
from tidegate.services.workplace import check_workplace, started_from

ANSWER_SECONDS_MAX = 60.0


class Change(Struct, frozen=True):
    """One document that differs between a folder and what is followed."""

    kind: str
    name: str
    what: str  # added, changed, withdrawn


class Activated(Struct, frozen=True):
    activation: int
    changes: tuple[Change, ...]


def check_project(folder: Path, engines: Sequence[Engine[Any]] = ENGINES) -> Project:
    """Read and check everything. Raises InputError (`project.missing`); faults are in the answer."""
    project = read_project(folder, DOCUMENT_KINDS)
    jobs = [one.body for one in project.every() if one.kind == "job"]
    used = [
        one for one in project.warnings if one.what == NOT_READ and started_from(one.file, jobs)
    ]
    warnings = tuple(one for one in project.warnings if one not in used)
    found = [
        other.with_findings(filter(other.concerns, _findings(other, folder, engines)))
        for other in project.others
    ]
    checked = replace(project, warnings=warnings)
    return merged(checked.with_findings(_findings(project, folder, engines)), found)


def _findings(project: Project, folder: Path, engines: Sequence[Engine[Any]]) -> list[Finding]:
    """What the documents are side by side."""
    documents = {
        DocId(number): Document(one.kind, one.name, one.body)
        for number, one in enumerate((*project.documents, *project.mended), 1)
    }
    findings = [*check_calendars(documents), *check_applications(documents)]
    for engine in engines:
        findings += engine.check(documents)
    findings += check_workplace(folder, documents.values())
    beside = {kind.name: kind.beside for kind in DOCUMENT_KINDS}
    for one in project.broken:
        look = beside[one.kind]
        if look is not None:
            findings += look(one.name, one.body, documents)
    return findings


def written_in(folder: Path, kind: str, name: str) -> str | None:
    """The file of a project's folder in which somebody wrote this document, sound or not."""
    try:
        return read_project(folder, DOCUMENT_KINDS).find(kind, name).file
    except InputError:
        return None


def refuse_faults(project: Project) -> None:
    """Raises InputError (`document.invalid`) with every fault of every file."""
    if project.faults:
        raise InputError(
            "document.invalid",
            f"{summary(project.faults)}\n{render(project.faults, project.sources)}",
            fix="nothing was changed; mend them and try again",
            faults=[_fault(one) for one in project.faults],
        )


def drafts_of(project: Project) -> list[DocumentDraft]:
    """Every document as it is stored, in a fixed order."""
    drafts: list[DocumentDraft] = []
    for one in sorted(project.documents, key=lambda one: (one.kind, one.name)):
        body = msgspec.json.encode(one.body, order="sorted")
        drafts.append(DocumentDraft(one.kind, one.name, digest(body), body.decode()))
    return drafts


def changes_of(drafts: Sequence[DocumentDraft], current: Activation | None) -> tuple[Change, ...]:
    """What following the drafts would change."""
    before = {
        (one.kind, one.name): one.body
        for one in (current.documents if current else ())
        if one.active
    }
    after = {(one.kind, one.name): one.body for one in drafts}
    changes: list[Change] = []
    for kind, name in sorted({*before, *after}):
        old, new = before.get((kind, name)), after.get((kind, name))
        if old != new:
            what = "withdrawn" if new is None else "added" if old is None else "changed"
            changes.append(Change(kind, name, what))
    return tuple(changes)


def activate(
    host: Host, clock: Clock, project: Project, actor: str, reason: str | None = None
) -> Activated:
    """Write the versions and follow them from the next turn on; nothing when nothing changed.

    Raises InputError (`document.invalid`), TransientError.
    """
    refuse_faults(project)
    drafts = drafts_of(project)

    current = host.call(lambda store: store.activation(host.books.activation)).result(
        ANSWER_SECONDS_MAX
    )
    changes = changes_of(drafts, current)
    if not changes and current is not None:
        return Activated(current.id, ())
    now = clock.now()
    made = host.call(lambda store: store.add_activation(now, b"", drafts)).result(
        ANSWER_SECONDS_MAX
    )
    order = Order(Activate(activation=made.id), actor, reason)
    reply = host.order(order).result(ANSWER_SECONDS_MAX)
    if isinstance(reply, Refusal):
        raise TransientError("store.unavailable", reply.message)
    return Activated(made.id, changes)


def _fault(fault: Any) -> Mapping[str, Json]:
    return {
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "what": fault.what,
        "fix": fault.fix,
        "code": fault.code,
    }
