"""The generated reference is what the code says today, and every example in the docs runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.cli.reference import pages

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_generated_page_is_up_to_date(name: str) -> None:
    stored = (ROOT / "docs" / "reference" / name).read_text("utf-8")

    assert stored == pages()[name], "run make docs"
