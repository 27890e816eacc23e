"""The walk of one event that ARCHITECTURE.md tells is the one the product makes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tidegate.testing.walk import walk

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8")
SECTION = PAGE.partition("## One event, file by file")[2].partition("\n## ")[0]
TOLD = SECTION.partition("Entered as well")[0]
ALSO = SECTION.partition("Entered as well")[2].partition("\n\n")[0]
FILE = re.compile(r"`((?:\w+/)*\w+\.py)`")
SMALL = ("kernel/", "testing/", "adapters/")
"""Vocabulary, the test kit, and what differs by database: named where the story needs them."""


@pytest.mark.slow
def test_the_walk_of_one_event_is_as_told(tmp_path: Path) -> None:
    before, beside, asking = (FILE.findall(table) for table in TOLD.split("| --- | --- |")[1:])
    entered = walk(tmp_path)
    place = {file: number for number, file in enumerate(entered)}

    assert [file for file in (*before, *beside, *asking) if file not in place] == []
    assert before == sorted(before, key=place.__getitem__)
    assert max(place[file] for file in before) < min(place[file] for file in asking)
    told = {*before, *beside, *asking, *FILE.findall(ALSO)}
    untold = [file for file in entered if file not in told and not file.startswith(SMALL)]
    assert untold == [], "tell of them in ARCHITECTURE.md, or under `Entered as well`"
    assert [file for file in FILE.findall(ALSO) if file not in place] == []


def test_every_file_the_page_names_exists() -> None:
    source = ROOT / "src" / "tidegate"
    named = FILE.findall(PAGE)

    assert [one for one in named if not (source / one).exists() and not (ROOT / one).exists()] == []


def test_every_invariant_is_numbered_and_names_tests_that_exist() -> None:
    rows = re.findall(r"^\| I(\d+) \| (.+?) \| (.+) \|$", PAGE, re.MULTILINE)

    assert [int(number) for number, _, _ in rows] == list(range(1, len(rows) + 1))
    for number, _, held in rows:
        tests = re.findall(r"`(tests/[\w/]+\.py)`", held)
        assert tests, f"I{number} names no test"
        assert [one for one in tests if not (ROOT / one).is_file()] == []
