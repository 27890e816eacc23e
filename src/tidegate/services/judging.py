"""Judging: the files of a project to its documents, and to every fault of every file at once.

    rules/*.yaml, calendars/*.json ... --gather--> bytes --check_files--> Project

Reading is `services/folder`; `check_files` decides, touches nothing, and serves documents that come
from elsewhere as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from tidegate.kernel import place, textfile
from tidegate.kernel.document import DocumentKind
from tidegate.kernel.errors import TidegateError
from tidegate.kernel.fault import Fault, fault_at, from_wrongs, ordered
from tidegate.kernel.mending import mend
from tidegate.kernel.place import Parsed, Span
from tidegate.kernel.textfile import TextFile
from tidegate.services.folder import MARKER, gather
from tidegate.services.project import (
    Authored,
    Project,
    is_in_a_gap,
    name_span,
    placed,
    with_readings,
)

NAME_MAX = 200
"""Characters of a document's name."""
READINGS_MAX = 8
"""Readings of a project in which a key or a name is written several times."""


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
class _Judged(Struct):
    """What became of the documents of one file, or of all."""

    sound: list[Authored] = []
    mended: list[Authored] = []
    broken: list[Authored] = []
    names: list[Authored] = []  # all of them, in their order
    faults: list[Fault] = []
    lost: set[str] = set()  # kinds of which some document cannot be read at all

    def add(self, other: _Judged) -> None:
        self.sound += other.sound
        self.mended += other.mended
        self.broken += other.broken
        self.names += other.names
        self.faults += other.faults
        self.lost |= other.lost

    def candidates(self) -> dict[tuple[str, str], list[Authored]]:
        """Those that can be looked at side by side, by kind and name; the sound ones first."""
        found: dict[tuple[str, str], list[Authored]] = {}
        for one in (*self.sound, *self.mended):
            found.setdefault((one.kind, one.name), []).append(one)
        return found


def check_files(files: Mapping[str, bytes], kinds: Sequence[DocumentKind]) -> Project:
    """Documents and faults of files; a file belongs to the kinds of its first folder.

    Where a key or a name is written twice, each of the two counts in a reading of its own.
    """
    texts = {file: textfile.read(file, files[file]) for file in sorted(files)}
    judged = {file: _judge_file(file, read, kinds) for file, read in texts.items()}
    every = _together(judged.values())
    times = max((read.times for read in texts.values()), default=1)
    times = max(times, *(len(one) for one in every.candidates().values()), 1)
    sources = {file: read.text for file, read in texts.items()}
    others: list[_Judged] = []
    for index in range(min(times, READINGS_MAX) - 1):
        again = {
            file: _judge_file(file, textfile.read(file, files[file], index), kinds)
            for file, read in texts.items()
            if read.times > 1
        }
        others.append(_together((judged | again).values()))
    project = _project(every, sources, 0)
    project = with_readings(project, [_project(one, sources, n) for n, one in enumerate(others, 1)])
    return project if times <= READINGS_MAX else _too_many(project, times)


def _judge_file(file: str, read: TextFile, kinds: Sequence[DocumentKind]) -> _Judged:
    judged = _Judged()
    owners = [kind for kind in kinds if kind.folder == _folder_of(file)]
    parsed = read.documents
    if file == MARKER and not parsed and all(fault.warning for fault in read.faults):
        # Empty, or comments only: a project without settings, which is fine.
        parsed, read = (Parsed({}, {}),), replace(read, faults=())
    judged.faults += read.faults
    if not read.whole:
        judged.lost |= {kind.name for kind in owners}
    for document in parsed:
        _judge(file, document, owners, read, judged)
    return judged


def _together(judged: Iterable[_Judged]) -> _Judged:
    every = _Judged()
    for one in judged:
        every.add(one)
    return every


def _project(judged: _Judged, sources: Mapping[str, str], index: int) -> Project:
    """The project in which of several documents with one name the one of this index counts."""
    chosen = {
        name: several[min(index, len(several) - 1)] for name, several in judged.candidates().items()
    }
    sound = {id(one) for one in judged.sound}
    mended = tuple(one for one in chosen.values() if id(one) not in sound)
    broken = _alone(judged.broken, chosen)
    unread = judged.lost | {one.kind for one in judged.broken}
    unsure = {one.kind for one in judged.mended if one.gaps or not one.name.strip()}
    faults = [*judged.faults, *_written_twice(judged.names)]
    named = {(one.kind, one.name): one for one in broken}
    return Project(
        tuple(one for one in chosen.values() if id(one) in sound),
        ordered(fault for fault in faults if not fault.warning),
        ordered(fault for fault in faults if fault.warning),
        sources,
        frozenset(unread | unsure),
        named | chosen,
        mended,
        broken,
        frozenset(judged.lost | {one.kind for one in judged.names if not one.name.strip()}),
    )


def _written_twice(names: Iterable[Authored]) -> Iterator[Fault]:
    first: dict[tuple[str, str], Authored] = {}
    for authored in names:
        other = first.setdefault((authored.kind, authored.name), authored)
        if other is not authored and authored.name.strip():
            yield _twice(authored, other)


def _alone(broken: Iterable[Authored], sound: Collection[tuple[str, str]]) -> tuple[Authored, ...]:
    """Of each name the first, where no sound document has it: a name must lead to one place."""
    kept: dict[tuple[str, str], Authored] = {}
    for one in broken:
        if (one.kind, one.name) not in sound:
            kept.setdefault((one.kind, one.name), one)
    return tuple(kept.values())


def _too_many(project: Project, times: int) -> Project:
    what = f"a key or a name is written {times} times: of some, faults may not be told"
    fault = fault_at(".", None, what, "rename those that are told to be written twice")
    return replace(project, faults=ordered((*project.faults, fault)))


def _folder_of(file: str) -> str:
    return file.partition("/")[0] if "/" in file else ""


def _judge(
    file: str, document: Parsed, kinds: Iterable[DocumentKind], read: TextFile, judged: _Judged
) -> None:
    """Puts what one YAML document holds where it belongs, and its faults."""
    faults: list[Fault] = []
    top = place.locate(document.places, ()).value
    for kind in kinds:
        try:
            entries = list(kind.entries(document.value))
        except ValueError as error:
            what, _, fix = str(error).partition("|")
            faults.append(fault_at(file, top, what, fix))
            judged.lost.add(kind.name)
            continue
        if not entries:
            what = f"this document holds no {kind.name}"
            faults.append(fault_at(file, top, what, "write one, or remove it", warning=True))
        for name, body, at in entries:
            authored = Authored(kind.name, name, body, file, at, document.places)
            faults += _judge_one(authored, kind, read.text, judged)
    judged.faults += _not_said_before(faults, read.faults)


def _judge_one(
    authored: Authored, kind: DocumentKind, text: str, judged: _Judged
) -> Iterator[Fault]:
    try:
        mended = mend(authored.body, kind.model, authored.places, authored.at, kind.spare)
    except TidegateError as error:
        fault = fault_at(authored.file, authored.span(), error.message, error.fix)
        yield replace(fault, code=error.code)
        judged.broken.append(authored)
        judged.names.append(authored)
        return
    wrong = from_wrongs(
        mended.wrongs, mended.untold, mended.places, authored.file, authored.at, text
    ) or _name_faults(authored, kind)
    yield from wrong
    written = replace(authored, body=mended.written, places=mended.places)
    for one in kind.check(authored.name, mended.written) if kind.check is not None else ():
        if not is_in_a_gap((one.path, *one.heeds), mended.gaps):
            yield placed(written, one, one.what, text)
    if not wrong:
        judged.sound.append(authored)
    elif mended.body is None:
        judged.broken.append(authored)
    else:
        # Its name may have stood under a misspelt key.
        name = authored.name if authored.at else next(iter(kind.entries(mended.body)))[0]
        authored = replace(authored, name=name, body=mended.body, places=mended.moved)
        authored = replace(authored, gaps=mended.gaps)
        judged.mended.append(authored)
    judged.names.append(authored)


def _name_faults(authored: Authored, kind: DocumentKind) -> list[Fault]:
    name = authored.name
    if not name.strip():
        what, fix = f"this {kind.name} has no name", "give it one"
    elif len(name) > NAME_MAX:
        what, fix = f"the name has {len(name)} characters", f"write at most {NAME_MAX}"
    elif not name.isprintable():
        what, fix = "the name holds a character that cannot be printed", "remove it"
    else:
        return []
    return [fault_at(authored.file, name_span(authored), what, fix)]


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


def _twice(second: Authored, first: Authored) -> Fault:
    line = name_span(first).line
    what = f'{second.kind} "{second.name}" is written twice, first in {first.file}:{line}'
    return fault_at(second.file, name_span(second), what, "rename one of the two")
