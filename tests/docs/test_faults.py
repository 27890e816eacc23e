"""The page of faults names tests; each is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "explanation" / "faults.md"


def test_every_line_names_a_test_that_is_there() -> None:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    rows = [line for line in lines if not line.startswith(("| what", "| ---"))]

    assert rows
    for row in rows:
        named = re.findall(r"`(test_\w+\.py)(?:::(test_\w+?)_?\.\.\.)?`", row)
        assert named, row
        for file, begins in named:
            source = (ROOT / "tests" / "integration" / file).read_text("utf-8")
            assert f"def {begins or 'test_'}" in source, (file, begins)
