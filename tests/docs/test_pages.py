"""README, tutorial, how-to guides, explanations: each runs as written and answers what it shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tidegate.kernel.calendar import WeekdayName
from tidegate.testing.golden import check_golden
from tidegate.testing.page import parts_of, rewritten, run_page
from tidegate.testing.weekday import NAMES

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


@pytest.mark.parametrize("far", NAMES)
def test_a_page_shows_its_own_days_whichever_day_stands_for_sunday(
    far: WeekdayName, tmp_path: Path
) -> None:
    page = "```sh\necho window on sunday\n```\n" + "".join(
        f"```sh\necho person.{name}\n```\n" for name in NAMES
    )

    first, *named = run_page(parts_of(page), tmp_path, far=far)

    assert (tmp_path / ".page" / "0").read_text("utf-8") == f"echo window on {far}\n"
    assert first.text == "window on sunday\n"
    assert [one.text for one in named] == [f"person.{name}\n" for name in NAMES]
