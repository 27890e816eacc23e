"""Workplace: whether what the jobs start is on this machine. Where it is not, it may be on another.

Looks, and starts nothing: no program is run and no module imported. What a template fills in is not
looked for.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from tidegate.kernel.event import Json
from tidegate.kernel.spelling import nearest
from tidegate.kernel.step import Document, Finding
from tidegate.kernel.value import is_list, is_map
from tidegate.services import pythonsource

INTERPRETERS = re.compile(r"(python|node|perl|ruby|php|bash|sh|Rscript)[\d.]*")
"""Programs whose first argument is a file, unless it begins with a dash."""
_SHELL = frozenset(
    {
        ".", ":", "[", "alias", "break", "case", "cd", "command", "continue", "do", "echo", "eval",
        "exec", "exit", "export", "false", "for", "if", "printf", "pwd", "read", "return", "set",
        "shift", "source", "test", "then", "time", "times", "trap", "true", "type", "ulimit", "umask",
        "unset", "until", "wait", "while",
    }
)  # fmt: skip
"""Words of a shell's own, which are no programs to look for."""
_PLAIN = re.compile(r"[\w./+-]+")


def check_workplace(folder: Path, documents: Iterable[Document]) -> Iterator[Finding]:
    """Programs, scripts, folders and modules that jobs name and that are not here."""
    here = Path(os.path.abspath(folder))
    for one in documents:
        if one.kind != "job" or not is_map(one.body):
            continue
        target = one.body.get("target")
        match one.body.get("kind"):
            case "command":
                yield from _command(one.name, here, one.body, target)
            case "python" if isinstance(target, str):
                yield from _function(one.name, here, target)
            case _:
                pass


def started_from(folder: str, bodies: Iterable[Json]) -> bool:
    """Some job starts what lies in this folder at the project's top, as far as its words say."""
    inside = re.compile(rf"(?<![\w./-])(?:\./)?{re.escape(folder)}(?![\w-])")
    return any(
        isinstance(word, str) and inside.search(word)
        for body in bodies
        if is_map(body)
        for value in (body.get("target"), body.get("cwd"))
        for word in (value if is_list(value) else (value,))
    )


# ---- commands
def _command(name: str, here: Path, body: Mapping[str, Json], target: Json) -> Iterator[Finding]:
    cwd = body.get("cwd")
    if isinstance(cwd, str):
        if "${" in cwd:
            return
        place = Path(os.path.normpath(here / cwd))
        if not place.is_relative_to(here):
            yield Finding(
                "job", name, ("cwd",),
                f"the working folder {cwd} leads out of the project, where no job is started",
                "write a folder below the project",
                warning=Path(cwd).is_absolute(),  # it may be the project's place on another machine
            )  # fmt: skip
            return
        if not place.is_dir():
            yield _absent(name, ("cwd",), f"there is no folder {cwd} in the project", "make it")
            return
        here = place
    words, in_shell = _words(target)
    if not words or "${" in words[0]:
        return
    path = (0,) if is_list(target) else ()
    environment = body.get("environment")
    own_path = is_map(environment) and "PATH" in environment
    if not (in_shell and words[0] in _SHELL) and not ("/" not in words[0] and own_path):
        yield from _program(name, here, words[0], ("target", *path))
    if len(words) > 1 and INTERPRETERS.fullmatch(Path(words[0]).name):
        script = words[1]
        if _PLAIN.fullmatch(script) and script[0] != "-" and not (here / script).exists():
            number = (1,) if is_list(target) else ()
            yield _absent(
                name, ("target", *number), f"there is no file {script} in {_shown(here)}",
                "write its path from there", script,
            )  # fmt: skip


def _words(target: Json) -> tuple[list[str], bool]:
    """The first words of a command that can be known, and whether a shell reads them."""
    if is_list(target):
        return [str(word) for word in target[:2]], False
    if not isinstance(target, str):
        return [], False
    words: list[str] = []
    for word in target.split()[:2]:
        if not _PLAIN.fullmatch(word):
            break  # quotes, variables, pipes: that is for the shell
        words.append(word)
    return words, "${" not in target


def _program(name: str, here: Path, program: str, path: tuple[str | int, ...]) -> Iterator[Finding]:
    file = here / program
    if "/" not in program:
        if _which(program, os.environ.get("PATH", os.defpath)) is None:
            fix = f"write ./{program}" if file.is_file() else "install it, or write its full path"
            yield _absent(name, path, f"there is no program {program} on PATH", fix, program)
    elif not file.exists():
        inside = "" if Path(program).is_absolute() else f" in {_shown(here)}"
        what = f"there is no program {program}{inside}"
        yield _absent(name, path, what, "write where it is", program)
    elif file.is_dir() or not os.access(file, os.X_OK):
        fix = f"chmod +x {shlex.quote(program)}"
        yield _absent(name, path, f"{program} cannot be executed", fix, program)


# ---- functions
def _function(name: str, here: Path, target: str) -> Iterator[Finding]:
    module = target.partition(":")[0]
    parts = module.split(".")
    first = here / parts[0]
    if first.is_dir() or first.with_suffix(".py").is_file():
        # The project's own: followed by its files, for importing a package would run it.
        file = _source(here, parts)
        if file is None and not here.joinpath(*parts).is_dir():
            shown = f"{'/'.join(parts)}.py"
            what = f"there is no file {shown} in {_shown(here)}"
            yield _absent(name, ("target",), what, f"write {shown}, or name another module", module)
        elif file is not None:
            yield from _in_source(name, file, file.relative_to(here).as_posix(), target)
        return
    installed = _installed(parts[0])
    if installed is None:
        what = f"there is no module {parts[0]} in the project, and none is installed"
        yield _absent(name, ("target",), what, f"write {'/'.join(parts)}.py, or install it", module)
    elif (file := _source(installed, parts)) is not None:
        yield from _in_source(name, file, f"the installed module {module}", target)


def _source(folder: Path, parts: Sequence[str]) -> Path | None:
    """The file Python would take for a module below a folder, a package before a file."""
    place = folder.joinpath(*parts)
    files = (place / "__init__.py", place.with_name(f"{place.name}.py"))
    return next((file for file in files if file.is_file()), None)


def _in_source(name: str, file: Path, shown: str, target: str) -> Iterator[Finding]:
    """A function that its module certainly lacks: its runs fail."""
    module, _, path = target.partition(":")
    found = pythonsource.defined_in(file)
    if isinstance(found, SyntaxError):
        what = f"{shown} is no Python: {found.msg} (line {found.lineno})"
        yield _absent(name, ("target",), what, "mend it", module)
        return
    lacking = None if found is None else found.lacks(path)
    if found is None or lacking is None or _is_submodule(file, lacking):
        return
    owner, _, last = lacking.rpartition(".")
    meant = nearest(last, sorted(found.classes[owner] if owner else found.names))
    whole = ".".join(filter(None, (owner, meant)))
    fix = f"write {module}:{whole}" if meant else f"define {last} there"
    yield _absent(name, ("target",), f"{shown} has no {lacking}", fix, target)


def _is_submodule(file: Path, name: str) -> bool:
    """A package's own modules are its names once somebody imported them."""
    inside = file.parent / name
    return file.name == "__init__.py" and (inside.is_dir() or inside.with_suffix(".py").is_file())


def _installed(package: str) -> Path | None:
    """Where a package without dots is installed; it is looked for and not imported."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.has_location and spec.origin is not None:
        folder = Path(spec.origin).parent
        return folder.parent if spec.submodule_search_locations else folder
    return Path(os.devnull)  # it is somewhere, and has no file: built in, or spread over folders


# ---- small words
@lru_cache(maxsize=256)
def _which(program: str, path: str) -> str | None:
    return shutil.which(program, path=path)


def _shown(folder: Path) -> str:
    return f"{folder.name}/"


def _absent(name: str, path: tuple[str | int, ...], what: str, fix: str, word: str = "") -> Finding:
    return Finding(
        "job",
        name,
        path,
        what,
        f"{fix}; if only another machine starts this job, leave it",
        warning=True,
        word=word,
    )
