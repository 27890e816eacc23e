"""Rows of the log say which code decided them, also between two versions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tidegate
from tidegate.services.release import release, release_of
from tidegate.version import VERSION

PACKAGE = Path(tidegate.__file__).parent


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PACKAGE, tmp_path / "tidegate"))


def test_the_same_sources_are_the_same_release_wherever_they_lie(copy: Path) -> None:
    assert release_of(copy) == release() == release_of(PACKAGE)
    assert release().startswith(f"{VERSION}+")


@pytest.mark.parametrize(
    "file", ["kernel/request.py", "correlate/gate.py", "watch/notice.py", "services/draft.py"]
)
def test_sources_that_decide_otherwise_are_another_release(copy: Path, file: str) -> None:
    (copy / file).write_text((copy / file).read_text("utf-8") + "\nOTHER = 1\n", "utf-8")

    assert release_of(copy) != release()


def test_a_file_that_is_renamed_or_added_makes_another_release(copy: Path) -> None:
    (copy / "correlate" / "gate.py").rename(copy / "correlate" / "gates.py")
    renamed = release_of(copy)
    (copy / "run" / "further.py").write_text("", "utf-8")

    assert len({renamed, release_of(copy), release()}) == 3


def test_what_asks_and_prints_decides_nothing(copy: Path) -> None:
    (copy / "cli" / "gate.py").unlink()
    (copy / "adapters" / "talk.py").unlink()

    assert release_of(copy) == release()
