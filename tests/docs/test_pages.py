"""README, tutorial, how-to guides, explanations: each runs as written and answers what it shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tidegate.testing.golden import check_golden
from tidegate.testing.page import parts_of, rewritten, run_page

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs" / "tutorial").glob("*.md")),
    *sorted((ROOT / "docs" / "howto").glob("*.md")),
    *sorted((ROOT / "docs" / "explanation").glob("*.md")),
]
ON_POSTGRES = {"run-on-postgresql.md"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in ON_POSTGRES], ids=lambda page: page.stem
)
def test_a_page_runs_as_written_and_answers_what_it_shows(page: Path, tmp_path: Path) -> None:
    text = page.read_text("utf-8")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")

    said = run_page(parts_of(text), tmp_path)

    check_golden(page, rewritten(text, said))


@pytest.mark.slow
def test_the_page_of_postgresql_runs_as_written(tmp_path: Path, postgres_empty_url: str) -> None:
    page = ROOT / "docs" / "howto" / "run-on-postgresql.md"
    text = page.read_text("utf-8")

    stands = {"postgresql://tidegate@db.example/tidegate": postgres_empty_url}
    said = run_page(parts_of(text), tmp_path, stands)

    check_golden(page, rewritten(text, said))
