"""Project: a folder of documents, read and checked; every fault of every file at once.

    rules/*.yaml, calendars/*.json ... --gather--> bytes --check_files--> documents, faults, warnings

Reading is `services/folder`; what is wrong is decided by `check_files`, which touches nothing and
serves documents that come from elsewhere as well. Faults that only show with several documents side
by side are found by the engines, on documents that are sound each; `Project.with_findings` gives
them their places.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from pydantic import ValidationError

from tidegate.kernel import place, textfile, unused
from tidegate.kernel.errors import InputError, TidegateError
from tidegate.kernel.event import Json
from tidegate.kernel.fault import Fault, fault_at, from_validation, ordered
from tidegate.kernel.passage import passage
from tidegate.kernel.place import Parsed, Places, Span
from tidegate.kernel.step import DocumentKind, Finding
from tidegate.kernel.value import is_list, is_map
from tidegate.services.folder import MARKER, gather

NAME_MAX = 200
"""Characters of a document's name."""


class Authored(Struct, frozen=True):
    """One document as somebody wrote it; it has passed its model."""

    kind: str
    name: str
    body: Json
    file: str
    at: place.Path  # of the body inside its YAML document
    places: Places  # of the whole YAML document

    def span(self, path: place.Path = ()) -> Span:
        """Where a value of the body stands, else the nearest that holds it."""
        return place.pointed(place.locate(self.places, (*self.at, *path)))


class Project(Struct, frozen=True):
    """What a folder holds. `documents` passed their models; of two with one name the first."""

    documents: tuple[Authored, ...]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    sources: Mapping[str, str]  # text of every file, for `fault.render`
    faulty: frozenset[str] = frozenset()  # kinds of which some document is not among `documents`
    broken: tuple[Authored, ...] = ()  # those their models refuse, under names nobody else has
    nameless: frozenset[str] = frozenset()  # kinds of which not even all names can be read

    def find(self, kind: str, name: str) -> Authored:
        """Raises InputError (`document.unknown`)."""
        for document in (*self.documents, *self.broken):
            if (document.kind, document.name) == (kind, name):
                return document
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
        return _fault(document, finding, what, self.sources.get(document.file, ""))

    def with_findings(self, findings: Iterable[Finding]) -> Project:
        """The project with what the engines found in its documents side by side.

        What documents lack may stand in those that have faults, so nothing is said of it.
        """
        found = [self.fault(finding) for finding in findings if not self._may_stand(finding)]
        added = _once_a_file(found)
        return replace(
            self,
            faults=ordered((*self.faults, *(fault for fault in added if not fault.warning))),
            warnings=ordered((*self.warnings, *(fault for fault in added if fault.warning))),
        )

    def _may_stand(self, finding: Finding) -> bool:
        """What it lacks may be in a document that has faults."""
        if finding.lacks not in self.faulty:
            return False
        named = finding.lacking and finding.lacks not in self.nameless
        wanted = (finding.lacks, finding.lacking)
        return not named or any((one.kind, one.name) == wanted for one in self.broken)


def read_project(folder: Path, kinds: Sequence[DocumentKind]) -> Project:
    """Reads and checks a folder. Raises InputError (`project.missing`) if it is no project."""
    gathered = gather(folder, kinds)
    project = check_files(gathered.files, kinds)
    warnings = [fault for fault in gathered.faults if fault.warning]
    faults = [fault for fault in gathered.faults if not fault.warning]
    if not project.sources.keys() - {MARKER}:
        what = "this project holds no documents yet"
        fix = "write the first, such as rules/daily.yaml"
        warnings.append(fault_at(".", None, what, fix, warning=True))
    return replace(
        project,
        faults=ordered((*project.faults, *faults)),
        warnings=ordered((*project.warnings, *warnings)),
    )


# ---- deciding: pure
def check_files(files: Mapping[str, bytes], kinds: Sequence[DocumentKind]) -> Project:
    """Documents and faults of files; a file belongs to the kinds of its first folder."""
    documents: list[Authored] = []
    faults: list[Fault] = []
    sources: dict[str, str] = {}
    lost: set[str] = set()
    broken: list[Authored] = []
    first: dict[tuple[str, str], Authored] = {}
    for file in sorted(files):
        read = textfile.read(file, files[file])
        sources[file] = read.text
        owners = [kind for kind in kinds if kind.folder == _folder_of(file)]
        parsed = read.documents
        if file == MARKER and not parsed and all(fault.warning for fault in read.faults):
            # Empty, or comments only: a project without settings, which is fine.
            parsed, read = (Parsed({}, {}),), replace(read, faults=())
        faults += read.faults
        if any(not fault.warning for fault in read.faults):
            lost |= {kind.name for kind in owners}
        for document in parsed:
            found, refused, wrong, unread = _check_document(file, document, owners, read.text)
            lost |= unread
            broken += refused
            faults += _not_said_before(wrong, read.faults)
            for authored in found:
                other = first.setdefault((authored.kind, authored.name), authored)
                if other is authored:
                    documents.append(authored)
                else:
                    faults.append(_twice(authored, other))
    return Project(
        tuple(documents),
        ordered(fault for fault in faults if not fault.warning),
        ordered(fault for fault in faults if fault.warning),
        sources,
        frozenset(lost | {one.kind for one in broken}),
        _alone(broken, first),
        frozenset(lost | {one.kind for one in broken if not one.name.strip()}),
    )


def _alone(broken: Iterable[Authored], sound: Collection[tuple[str, str]]) -> tuple[Authored, ...]:
    """Of each name the first, where no sound document has it: a name must lead to one place."""
    kept: dict[tuple[str, str], Authored] = {}
    for one in broken:
        if (one.kind, one.name) not in sound:
            kept.setdefault((one.kind, one.name), one)
    return tuple(kept.values())


def _folder_of(file: str) -> str:
    return file.partition("/")[0] if "/" in file else ""


def _check_document(
    file: str, document: Parsed, kinds: Iterable[DocumentKind], text: str
) -> tuple[list[Authored], list[Authored], list[Fault], set[str]]:
    """Documents that passed their models, those that did not, all faults, and kinds nobody can read."""
    found: list[Authored] = []
    broken: list[Authored] = []
    faults: list[Fault] = []
    lost: set[str] = set()
    top = place.locate(document.places, ()).value
    for kind in kinds:
        try:
            entries = list(kind.entries(document.value))
        except ValueError as error:
            what, _, fix = str(error).partition("|")
            faults.append(fault_at(file, top, what, fix))
            lost.add(kind.name)
            continue
        if not entries:
            what = f"this document holds no {kind.name}"
            faults.append(fault_at(file, top, what, "write one, or remove it", warning=True))
        for name, body, at in entries:
            authored = Authored(kind.name, name, body, file, at, document.places)
            wrong = _check_body(authored, kind, text)
            faults += wrong
            if kind.check is not None:
                faults += [_fault(authored, one, one.what, text) for one in kind.check(name, body)]
            (broken if wrong else found).append(authored)
    return found, broken, faults, lost


def _check_body(authored: Authored, kind: DocumentKind, text: str) -> list[Fault]:
    # As JSON, because a strict model then reads texts as dates and lists as tuples, and no
    # wider: so the same document is judged alike from a folder and from a request.
    try:
        kind.model.model_validate_json(msgspec.json.encode(authored.body))
    except ValidationError as error:
        return from_validation(error, authored.places, authored.file, kind.model, authored.at, text)
    except TidegateError as error:
        fault = fault_at(authored.file, authored.span(), error.message, error.fix)
        return [replace(fault, code=error.code)]
    name = authored.name
    if not name.strip():
        what, fix = f"this {kind.name} has no name", "give it one"
    elif len(name) > NAME_MAX:
        what, fix = f"the name has {len(name)} characters", f"write at most {NAME_MAX}"
    elif not name.isprintable():
        what, fix = "the name holds a character that cannot be printed", "remove it"
    else:
        return []
    return [fault_at(authored.file, _name_span(authored), what, fix)]


def _fault(authored: Authored, finding: Finding, what: str, text: str) -> Fault:
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


def _not_said_before(faults: Iterable[Fault], before: Iterable[Fault]) -> Iterator[Fault]:
    """Leaves out what only follows from a value that could not be read."""
    said: dict[int, list[Span]] = {}
    for fault in before:
        if not fault.warning:
            said.setdefault(fault.line, []).append(_span(fault))
    for fault in faults:
        if not any(_span(fault).overlaps(span) for span in said.get(fault.line, ())):
            yield fault


def _span(fault: Fault) -> Span:
    return Span(fault.line, fault.column, fault.width)


def _once_a_file(faults: Iterable[Fault]) -> list[Fault]:
    """A key without effect is told of where it stands first, not at every place."""
    said: set[tuple[str, str]] = set()
    kept: list[Fault] = []
    for fault in ordered(faults):
        if fault.code != unused.CODE or (fault.file, fault.what) not in said:
            kept.append(fault)
        said.add((fault.file, fault.what))
    return kept


def _twice(second: Authored, first: Authored) -> Fault:
    line = _name_span(first).line
    what = f'{second.kind} "{second.name}" is written twice, first in {first.file}:{line}'
    return fault_at(second.file, _name_span(second), what, "rename one of the two")


def _name_span(authored: Authored) -> Span:
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
