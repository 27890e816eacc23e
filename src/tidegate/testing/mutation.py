"""Mutation: faults a colleague could make, each made in a copy of the source; a test must notice.

    python -m tidegate.testing.mutation tests/mutation [--only WORDS]... [--sample N] [--jobs N]

A list (`tests/mutation/*.yaml`) names the tests, quickest first, and the mutants: which file, the
old text, which must stand there exactly once, the new one, and what it breaks. The source is
copied, one mutant is put in, and the tests run until one fails. A mutant that no test notices is a
missing test; one whose text is gone is an error, never a pass.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import random
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from signal import SIGKILL

import pytest
import yaml
from msgspec import Struct, convert
from msgspec.structs import replace

import tidegate

SECONDS_MAX = 300
"""Tests of one mutant; one that goes on for ever is noticed by that."""
TESTS_FAILED = 1
"""What pytest ends with when tests ran and one failed; anything else says nothing of a mutant."""
_NOTICED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


class Mutant(Struct, frozen=True, kw_only=True):
    breaks: str  # what is wrong with it, as a sentence
    file: str  # below `src/tidegate`
    old: str
    new: str
    tests: tuple[str, ...] = ()  # below `tests`, quickest first


class _Written(Struct, frozen=True, forbid_unknown_fields=True):
    breaks: str
    old: str
    new: str
    file: str = ""


class _List(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of mutants; `file` is that of the mutants that name none."""

    tests: tuple[str, ...]
    mutants: tuple[_Written, ...]
    file: str = ""


class Verdict(Struct, frozen=True):
    mutant: Mutant
    noticed_by: str = ""  # the test that failed
    error: str = ""  # why nothing can be said

    @property
    def killed(self) -> bool:
        return bool(self.noticed_by) and not self.error

    def line(self) -> str:
        word = "error   " if self.error else "killed  " if self.killed else "SURVIVED"
        why = self.error or self.noticed_by
        return f"{word} {self.mutant.file}: {self.mutant.breaks}" + (f"  [{why}]" if why else "")


# ---- the list
def read(folder: Path) -> list[Mutant]:
    mutants: list[Mutant] = []
    for path in sorted(folder.glob("*.yaml")):
        found = convert(yaml.safe_load(path.read_text("utf-8")), _List)
        mutants += [
            Mutant(
                breaks=one.breaks,
                file=one.file or found.file,
                old=one.old,
                new=one.new,
                tests=found.tests,
            )
            for one in found.mutants
        ]
    return mutants


def applied(mutant: Mutant, text: str) -> str:
    """The file with the mutant in it. Raises ValueError where it can no longer be put in."""
    count = text.count(mutant.old)
    if count != 1:
        raise ValueError(f"its old text stands there {count} times: {mutant.old!r}")
    changed = text.replace(mutant.old, mutant.new)
    try:
        ast.parse(changed)
    except SyntaxError as error:
        raise ValueError(f"it is no Python: {error}") from error
    return changed


def faults(mutants: Iterable[Mutant], package: Path) -> list[str]:
    """Why mutants cannot be put in, and names that are used twice."""
    found: list[str] = []
    seen: set[tuple[str, str]] = set()
    for one in mutants:
        if (one.file, one.breaks) in seen:
            found.append(f"{one.file}: {one.breaks}: it is written twice")
        seen.add((one.file, one.breaks))
        try:
            applied(one, (package / one.file).read_text("utf-8"))
        except (OSError, ValueError) as error:
            found.append(f"{one.file}: {one.breaks}: {error}")
    return found


# ---- judging
class Running(Struct, frozen=True):
    """A mutant whose tests run in a process of their own, on a copy that is its own meanwhile."""

    mutant: Mutant
    copy: Path
    good: bytes  # the file as it was
    process: ForkProcess

    def ended(self) -> Verdict:
        """Its verdict; the copy is as it was."""
        if self.mutant.file:
            (self.copy / self.mutant.file).write_bytes(self.good)
        if self.process.exitcode == -SIGKILL:
            return Verdict(self.mutant, noticed_by=f"no end after {SECONDS_MAX} s")
        printed = _output(self.copy).read_text("utf-8", errors="replace")
        if self.process.exitcode == 0:
            return Verdict(self.mutant)
        noticed = _NOTICED.search(printed)
        if self.process.exitcode != TESTS_FAILED or noticed is None:
            last = " ".join(printed.strip().splitlines()[-1:])[:200]
            return Verdict(self.mutant, error=f"the tests did not run: {last}")
        return Verdict(self.mutant, noticed_by=noticed[1].partition("[")[0])


def judge_all(
    mutants: Sequence[Mutant], package: Path, root: Path, *, jobs: int = 1
) -> Iterator[Verdict]:
    """The verdict of each, as they end; nothing is said of any where the source itself fails."""
    _preload()
    with tempfile.TemporaryDirectory(prefix="tidegate-mutants-") as where:
        copies = [Path(where) / str(number) / package.name for number in range(jobs)]
        for copy in copies:
            shutil.copytree(package, copy)
        tests = tuple(dict.fromkeys(test for one in mutants for test in one.tests))
        source = Mutant(breaks="nothing", file="", old="", new="", tests=tests)
        for verdict in _judged([source], copies, root):
            if verdict.noticed_by or verdict.error:
                yield replace(verdict, error=verdict.error or f"fails in {verdict.noticed_by}")
                return
        yield from _judged(mutants, copies, root)


def _judged(mutants: Sequence[Mutant], copies: Sequence[Path], root: Path) -> Iterator[Verdict]:
    waiting, free = list(reversed(mutants)), list(copies)
    running: dict[int, Running] = {}  # by the sentinel of its process
    while waiting or running:
        while waiting and free:
            mutant = waiting.pop()
            try:
                begun = _begin(mutant, free[-1], root)
            except (OSError, ValueError) as error:
                yield Verdict(mutant, error=str(error))
                continue
            free.pop()
            running[begun.process.sentinel] = begun
        over = wait(list(running), SECONDS_MAX)
        for sentinel in [one for one in running if one in over or not over]:
            one = running.pop(sentinel)
            if not over:
                one.process.kill()
            one.process.join()
            yield one.ended()
            free.append(one.copy)


def _begin(mutant: Mutant, copy: Path, root: Path) -> Running:
    path, good = copy / mutant.file, b""
    if mutant.file:
        good = path.read_bytes()
        path.write_text(applied(mutant, good.decode()), "utf-8")
        for stale in path.parent.glob(f"__pycache__/{path.stem}.*"):
            stale.unlink()
    process = get_context("fork").Process(target=_run, args=(mutant.tests, copy, root))
    process.start()
    return Running(mutant, copy, good, process)


def _output(copy: Path) -> Path:
    return copy.parent / "output"


def _preload() -> None:
    """Whatever is not ours is imported once, for all mutants."""
    for name in ("hypothesis", "tidegate.testing.world", "tidegate.testing.postgres"):
        importlib.import_module(name)


def _run(tests: Sequence[str], copy: Path, root: Path) -> None:
    """In a process of its own: the package is taken from the copy."""
    sys.stdout = sys.stderr = output = _output(copy).open("w")
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tidegate"]:
        del sys.modules[name]
    sys.path.insert(0, str(copy.parent))
    sys.dont_write_bytecode = True
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(copy.parent / "hypothesis")
    os.chdir(root)
    options = ["-x", "--tb=no", "--assert=plain", "--hypothesis-seed=0"]
    paths = [str(root / "tests" / test) for test in tests]
    code = pytest.main([*options, "--hypothesis-profile=quick", *paths])
    output.flush()
    os._exit(int(code))  # what else the process would end is the parent's


def chosen(mutants: Sequence[Mutant], only: Sequence[str], sample: int, seed: int) -> list[Mutant]:
    """Those whose line holds one of the texts, if any are given; of them a sample."""
    lines = {f"{one.file}: {one.breaks}": one for one in mutants}
    found = [one for line, one in lines.items() if not only or any(text in line for text in only)]
    if sample and sample < len(found):
        return random.Random(seed).sample(found, sample)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Break the source; a test must notice each.")
    parser.add_argument("folder", type=Path, help="where the lists of mutants lie")
    parser.add_argument(
        "--only", action="append", default=[], help="mutants whose `file: sentence` holds this text"
    )
    parser.add_argument("--sample", type=int, default=0, help="so many of them, by --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="mutants judged side by side")
    arguments = parser.parse_args()
    package = Path(tidegate.__file__).parent
    root = arguments.folder.resolve().parents[1]
    mutants = read(arguments.folder)
    wrong = faults(mutants, package)
    print("".join(f"{one}\n" for one in wrong), end="", file=sys.stderr)
    judged = 0
    bad: list[Verdict] = []
    picked = chosen(mutants, arguments.only, arguments.sample, arguments.seed)
    for verdict in judge_all(picked, package, root, jobs=arguments.jobs):
        print(verdict.line(), flush=True)
        judged += 1
        if not verdict.killed:
            bad.append(verdict)
    print(f"{judged} mutants, {judged - len(bad)} killed")
    for verdict in bad:
        print(verdict.line())
    return 1 if bad or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
