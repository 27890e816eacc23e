"""Folder: the files of a project that may hold documents, as bytes, and what is wrong with the files.

Nothing is followed out of the project, and nothing is read that is no regular file. Hidden files and
notes are passed over in silence; whatever else somebody may expect to be read, and is not, is said.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from tidegate.kernel import textfile
from tidegate.kernel.errors import InputError
from tidegate.kernel.fault import Fault, fault_at
from tidegate.kernel.spelling import nearest
from tidegate.kernel.step import DocumentKind

MARKER = "tidegate.yaml"
"""The one document at the top: settings; a folder that holds it is a project."""
PARTS = (
    "datasets", "sources", "rules", "jobs", "schedules", "workflows", "pipelines", "archive",
    "contexts", "calendars", "functions",
)  # fmt: skip
"""Folders of a project; those no document kind reads are left alone, with a warning."""
NOT_READ = "this folder is not read by this version"
ENDINGS = (".yaml", ".yml", ".json")
FILES_MAX = 10_000
"""Documents' files of one project."""
BYTES_MAX = 64 * 1024 * 1024
"""Of all files of a project together."""
FOLDERS_MAX = 16
"""Folders inside one another."""
_SILENT = (".md", ".txt", ".rst")
"""Endings of notes beside documents, which nobody expects to be read."""


class Gathered(Struct, frozen=True):
    """The files of a project that may hold documents, and what stood in the way of reading."""

    files: Mapping[str, bytes]  # by path below the project, with slashes
    faults: tuple[Fault, ...] = ()


def check_is_project(folder: Path) -> None:
    """Looks at names alone. Raises InputError (`project.missing`)."""
    _visible(folder)


def gather(folder: Path, kinds: Sequence[DocumentKind]) -> Gathered:
    """The files of a project. Raises InputError (`project.missing`)."""
    known = {kind.folder for kind in kinds}
    visible = _visible(folder)
    reader = _Folder(Path(os.path.realpath(folder)))
    for entry in visible:
        name = _shown(entry.name)
        if name == MARKER:
            reader.file(entry, name)
        elif _is_folder(entry):
            if name in known:
                reader.folder(entry, name, 1)
            else:
                reader.warn(name, *_about_folder(entry, name, known))
        elif name.endswith(ENDINGS[:2]):
            reader.warn(name, *_about_file(name))
    return Gathered(reader.files, tuple(reader.faults))


def _visible(folder: Path) -> list[os.DirEntry[str]]:
    """What a project's folder holds at its top, by name."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise _missing(folder, f"cannot be read: {error.strerror}") from error
    visible = [entry for entry in entries if not entry.name.startswith(".")]
    if not {entry.name for entry in visible} & {MARKER, *PARTS}:
        raise _missing(folder, f"holds neither {MARKER} nor a folder such as rules", _near(visible))
    return visible


def _near(visible: Iterable[os.DirEntry[str]]) -> str:
    """What to do about a folder whose name is nearly one that is read."""
    for entry in visible:
        meant = nearest(entry.name, PARTS) if _is_folder(entry) else None
        if meant is not None and _holds_documents(entry):
            return f"did you mean {meant}/ by {_shown(entry.name)}/? else "
    return ""


def _missing(folder: Path, why: str, near: str = "") -> InputError:
    where = (
        "name the project's folder with --project, or write a tidegate.yaml there with `name: NAME`"
    )
    return InputError(
        "project.missing", f"{folder} {why}", fix=f"{near}{where}", folder=str(folder)
    )


class _Folder:
    """Reads files below one project, within its limits."""

    def __init__(self, root: Path) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self._root = root
        self._bytes = 0
        self._full = False

    def warn(self, file: str, what: str, fix: str) -> None:
        if what:
            self.faults.append(fault_at(file, None, what, fix, warning=True))

    def folder(self, folder: os.DirEntry[str], shown: str, depth: int) -> None:
        if folder.is_symlink():
            self._fault(shown, "a link to a folder is not followed", "put the files here")
            return
        if depth > FOLDERS_MAX:
            self._fault(
                shown, f"more than {FOLDERS_MAX} folders inside one another", "flatten them"
            )
            return
        try:
            entries = sorted(os.scandir(folder.path), key=lambda entry: entry.name)
        except OSError as error:
            self._fault(shown, f"the folder cannot be read: {error.strerror}", "grant access to it")
            return
        for entry in entries:
            name = f"{shown}/{_shown(entry.name)}"
            if entry.name.startswith(".") or entry.name == "__pycache__":
                continue
            if _is_folder(entry):
                self.folder(entry, name, depth + 1)
            elif name.endswith(ENDINGS):
                self.file(entry, name)
            elif not name.endswith(_SILENT):
                self.warn(name, "this file is not read", f"let its name end in {ENDINGS[0]}")

    def file(self, entry: os.DirEntry[str], shown: str) -> None:
        """Reads one file that should hold documents."""
        if self._full:
            return
        try:
            path = Path(os.path.realpath(entry.path, strict=True))
            if not path.is_relative_to(self._root):
                self._fault(shown, "the link leads out of the project", "put the file itself here")
            elif not stat.S_ISREG(path.stat().st_mode):
                self._fault(shown, "this is no regular file", "put a file here")
            else:
                self._take(shown, path)
        except OSError as error:
            fix = "mend the link" if entry.is_symlink() else "grant access to it"
            self._fault(shown, f"the file cannot be read: {error.strerror}", fix)

    def _take(self, shown: str, path: Path) -> None:
        with path.open("rb") as opened:
            data = opened.read(textfile.FILE_MAX_BYTES + 1)
        self._bytes += len(data)
        if len(self.files) >= FILES_MAX or self._bytes > BYTES_MAX:
            self._full = True
            limit = f"{FILES_MAX:,} files, {BYTES_MAX // 1024 // 1024} MiB in all"
            self._fault(shown, f"the project is over its limit of {limit}", "split it into several")
            return
        self.files[shown] = data

    def _fault(self, file: str, what: str, fix: str) -> None:
        self.faults.append(fault_at(file, None, what, fix))


def _about_folder(entry: os.DirEntry[str], name: str, known: Iterable[str]) -> tuple[str, str]:
    """What to warn about in a folder at the top that no kind reads; "" for nothing."""
    if name in PARTS:
        if not _holds_files(entry):
            return "", ""
        return NOT_READ, "what lies here has no effect yet; a job may start it"
    meant = nearest(name, sorted({*PARTS, *known} - {""}))
    if meant is not None:
        return "this folder is not read", f'did you mean "{meant}"?'
    if _holds_documents(entry):
        return "this folder is not read", f"documents lie in {', '.join(sorted({*known} - {''}))}"
    return "", ""


def _about_file(name: str) -> tuple[str, str]:
    if nearest(name, (MARKER,)):
        return "this file is not read", f"rename it to {MARKER}"
    return "this file is not read", "put it into a folder such as rules"


def _names(entry: os.DirEntry[str]) -> list[str]:
    try:
        return os.listdir(entry.path)
    except OSError:
        return []


def _holds_documents(entry: os.DirEntry[str]) -> bool:
    return any(inner.endswith(ENDINGS[:2]) for inner in _names(entry))


def _holds_files(entry: os.DirEntry[str]) -> bool:
    return any(not name.startswith(".") and name != "__pycache__" for name in _names(entry))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _shown(name: str) -> str:
    """A file's name as text; bytes that are no UTF-8 become a sign."""
    return os.fsencode(name).decode("utf-8", "replace")
