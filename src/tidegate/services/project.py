"""Project: the documents of a folder, and what is wrong with them; `services/judging` makes it.

Faults that only show with several documents side by side are found by the engines, on documents
that are sound or were mended; `Project.with_findings` gives them their places.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tidegate.kernel import place, unused
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.fault import Fault, fault_at, ordered
from tidegate.kernel.mending import Gap, Moved
from tidegate.kernel.passage import passage
from tidegate.kernel.place import Places, Span
from tidegate.kernel.step import Finding
from tidegate.kernel.value import is_list, is_map

Identity: TypeAlias = tuple[str, str, str, Span, bytes]
"""Kind, name, file, place and body of a document."""


class Authored(Struct, frozen=True):
    """One document as somebody wrote it; it has passed its model."""

    kind: str
    name: str
    body: Json
    file: str
    at: place.Path  # of the body inside its YAML document
    places: Places  # of the whole YAML document
    gaps: tuple[Gap, ...] = ()  # what was taken out of it, for it could not be read

    def span(self, path: place.Path = ()) -> Span:
        """Where a value of the body stands, else the nearest that holds it."""
        return place.pointed(place.locate(self.places, (*self.at, *path)))


class Project(Struct, frozen=True):
    """What a folder holds. `documents` passed their models; of two with one name the first."""

    documents: tuple[Authored, ...]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    sources: Mapping[str, str]  # text of every file, for `fault.render`
    faulty: frozenset[str]  # kinds of which something cannot be read
    named: Mapping[tuple[str, str], Authored]  # all of them, also mended and broken ones
    mended: tuple[Authored, ...] = ()  # those their models refuse, with their faults taken out
    broken: tuple[Authored, ...] = ()  # those of which too little can be read for that
    nameless: frozenset[str] = frozenset()  # kinds of which not even all names can be read
    others: tuple[Project, ...] = ()  # further readings, where a key or a name is written twice
    doubled: frozenset[Identity] = frozenset()  # documents that not all readings have alike
    unsure: Mapping[str, str] = {}  # by kind, as JSON: those, and what was taken out of others

    def every(self) -> tuple[Authored, ...]:
        return (*self.documents, *self.mended, *self.broken)

    def find(self, kind: str, name: str) -> Authored:
        """Raises InputError (`document.unknown`)."""
        found = self.named.get((kind, name))
        if found is not None:
            return found
        raise InputError(
            "document.unknown",
            f"this project has no {kind} {name!r}",
            fix="look at its documents",
            kind=kind,
            name=name,
        )

    def place(self, kind: str, name: str, path: place.Path) -> tuple[str, int, int, int]:
        """File, line, column and width of a value; raises InputError (`document.unknown`)."""
        document = self.find(kind, name)
        span = document.span(path)
        return document.file, span.line, span.column, span.width

    def fault(self, finding: Finding) -> Fault:
        """A finding with its place."""
        document = self.find(finding.kind, finding.name)
        what = finding.what
        if finding.other is not None:
            other, line, _, _ = self.place(*finding.other, ())
            what = f"{what} ({other}:{line})"
        return placed(document, finding, what, self.sources.get(document.file, ""))

    def with_findings(self, findings: Iterable[Finding]) -> Project:
        """The project with what the engines found in its documents side by side.

        What cannot be read may be what a finding misses, so nothing is said then.
        """
        found = [self.fault(finding) for finding in findings if self._is_sure(finding)]
        added = _once_a_file(found)
        return replace(
            self,
            faults=ordered((*self.faults, *(fault for fault in added if not fault.warning))),
            warnings=ordered((*self.warnings, *(fault for fault in added if fault.warning))),
        )

    def concerns(self, finding: Finding) -> bool:
        """It is about a document that not all readings have."""
        return _identity(self.find(finding.kind, finding.name)) in self.doubled

    def _is_sure(self, finding: Finding) -> bool:
        if self._may_stand(finding):
            return False
        one = self.find(finding.kind, finding.name) if self.mended else None
        if one is None or not one.gaps or not isinstance(one.places, Moved):
            return True
        path = one.places.before((*one.at, *finding.path))[len(one.at) :]
        return not is_in_a_gap((path, *finding.heeds), one.gaps)

    def _may_stand(self, finding: Finding) -> bool:
        """What it lacks may be in what cannot be read."""
        if finding.lacks not in self.faulty:
            return False
        if not finding.lacking or finding.lacks in self.nameless:
            return True
        wanted = (finding.lacks, finding.lacking)
        word = _as_json(finding.lacking)[1:-1]
        return word in self.unsure.get(finding.lacks, "") or any(
            (one.kind, one.name) == wanted for one in self.broken
        )


def with_readings(project: Project, others: Sequence[Project]) -> Project:
    """A project and its further readings: what is wrong in any of them is wrong."""
    readings = [project, *others]
    several = readings if others else ()
    seen = [{_identity(one): one for one in reading.every()} for reading in several]
    shared = set[Identity].intersection(*map(set, seen)) if seen else set[Identity]()
    doubled = {name: one for by_name in seen for name, one in by_name.items() if name not in shared}
    unsure: dict[str, list[Json]] = {}
    for one in doubled.values():
        unsure.setdefault(one.kind, []).append([one.name, one.body])
    for one in (one for reading in readings for one in reading.mended):
        for gap in one.gaps:
            unsure.setdefault(one.kind, []).append([*gap.path, gap.value])
    readings = [
        replace(
            one,
            doubled=frozenset(doubled),
            unsure={kind: _as_json(values) for kind, values in unsure.items()},
            faulty=one.faulty | unsure.keys(),
        )
        for one in readings
    ]
    return merged(replace(readings[0], others=tuple(readings[1:])), readings[1:])


def merged(project: Project, others: Iterable[Project]) -> Project:
    """The project with what was found in others as well."""
    others = tuple(others)
    faults = [fault for one in others for fault in one.faults]
    warnings = [fault for one in others for fault in one.warnings]
    return replace(
        project,
        faults=ordered((*project.faults, *faults)),
        warnings=ordered((*project.warnings, *warnings)),
    )


def _identity(one: Authored) -> Identity:
    return one.kind, one.name, one.file, one.span(), msgspec.json.encode(one.body)


def is_in_a_gap(paths: Iterable[place.Path], gaps: Collection[Gap]) -> bool:
    """What was judged at these paths is not there."""
    return any(_leads_to(gap.path, path) for path in paths for gap in gaps)


def _leads_to(start: place.Path, path: place.Path) -> bool:
    return len(start) <= len(path) and all(
        wanted in (step, place.EACH) for step, wanted in zip(start, path, strict=False)
    )


def _as_json(value: Json) -> str:
    return msgspec.json.encode(value).decode()


def placed(authored: Authored, finding: Finding, what: str, text: str) -> Fault:
    """A finding with its place: that of the word it is about, where the word stands there."""
    span, own = authored.span(finding.path), authored.places.get((*authored.at, *finding.path))
    lines = text.split("\n")
    line = lines[span.line - 1] if finding.word and span.line <= len(lines) else ""
    at = line.find(finding.word, span.column - 1, span.column - 1 + span.width) if line else -1
    if at >= 0:
        span = Span(span.line, at + 1, len(finding.word))
    elif (spot := _in_text(authored, finding, own, text)) is not None:
        span = spot
    elif finding.path[-1:] == (finding.word,) and own is not None and own.key is not None:
        span = own.key  # the key itself is the word
    fault = fault_at(authored.file, span, what, finding.fix, warning=finding.warning)
    return replace(fault, code=finding.code)


def _in_text(
    authored: Authored, finding: Finding, own: place.Place | None, text: str
) -> Span | None:
    """The word in a value that is folded, written with escapes, or goes over several lines."""
    value: Json = authored.body
    for step in finding.path:
        if is_map(value):
            value = value.get(str(step))
        else:
            value = value[step] if is_list(value) and isinstance(step, int) else None
    if own is None or not finding.word or not isinstance(value, str):
        return None
    return passage(text, own.value, value, value.find(finding.word), len(finding.word))


def _once_a_file(faults: Iterable[Fault]) -> list[Fault]:
    """A key without effect is told of where it stands first, not at every place."""
    said: set[tuple[str, str]] = set()
    kept: list[Fault] = []
    for fault in ordered(faults):
        if fault.code != unused.CODE or (fault.file, fault.what) not in said:
            kept.append(fault)
        said.add((fault.file, fault.what))
    return kept


def name_span(authored: Authored) -> Span:
    """Where a document says its name: its key, or the first of its values that is the name."""
    own = authored.places.get(authored.at)
    if authored.at[-1:] == (authored.name,) and own is not None and own.key is not None:
        return own.key
    body: Json = authored.body
    if isinstance(body, dict):
        for key, value in cast("dict[str, Json]", body).items():
            if value == authored.name:
                return authored.span((key,))
    return authored.span()
