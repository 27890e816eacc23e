"""Book: what the documents say about starting: which jobs there are, and when nothing starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from tidegate.kernel import spelling
from tidegate.kernel.ids import DocId
from tidegate.kernel.projectzone import project_zone
from tidegate.kernel.step import Document, Finding
from tidegate.schedule.document import DOCUMENT, ScheduleDocument
from tidegate.schedule.window import MaintenanceWindow


class Book(Struct, frozen=True):
    jobs: frozenset[str]
    zone: str  # of windows that name none
    windows: tuple[MaintenanceWindow, ...]
    general: tuple[MaintenanceWindow, ...]  # those for all jobs
    special: Mapping[str, tuple[MaintenanceWindow, ...]]  # those that name the job

    def windows_of(self, job: str) -> tuple[MaintenanceWindow, ...]:
        return (*self.general, *self.special.get(job, ()))


def compile_book(documents: Mapping[DocId, Document]) -> Book:
    """Only what is active counts: what holds, holds for everything that starts from now on."""
    active = [one for one in documents.values() if one.active]
    zone = project_zone(active)
    windows = tuple(
        written.to_window(f"{one.name}.{number}", zone)
        for one in sorted(active, key=lambda document: document.name)
        if one.kind == DOCUMENT.name
        for number, written in enumerate(
            ScheduleDocument.model_validate(one.body).maintenance, start=1
        )
    )
    special: dict[str, tuple[MaintenanceWindow, ...]] = {}
    for window in windows:
        for job in dict.fromkeys(window.jobs):
            special[job] = (*special.get(job, ()), window)
    return Book(
        jobs=frozenset(one.name for one in active if one.kind == "job"),
        zone=zone,
        windows=windows,
        general=tuple(window for window in windows if not window.jobs),
        special=special,
    )


def check(documents: Mapping[DocId, Document]) -> Iterable[Finding]:
    """Windows for jobs that do not exist would hold nothing."""
    active = [one for one in documents.values() if one.active]
    jobs = sorted(one.name for one in active if one.kind == "job")
    for document in active:
        if document.kind != DOCUMENT.name:
            continue
        authored = ScheduleDocument.model_validate(document.body)
        for number, window in enumerate(authored.maintenance):
            for index, job in enumerate(window.jobs):
                if job not in jobs:
                    yield Finding(
                        DOCUMENT.name,
                        document.name,
                        ("maintenance", number, "jobs", index),
                        f'no job is called "{job[:80]}"',
                        spelling.did_you_mean(
                            job, jobs, "write it in jobs/*.yaml, or leave it out"
                        ),
                        lacks="job",
                        lacking=job,
                    )
