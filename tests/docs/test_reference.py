"""The generated reference is what the code says today, and every example in the docs runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.cli.reference import pages
from tidegate.services.documents import check_project
from tidegate.services.engines import DOCUMENT_KINDS

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = pages(REFERENCE)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_up_to_date(name: str) -> None:
    stored = (REFERENCE / name).read_text("utf-8")

    assert stored == PAGES[name], "run make docs"


def test_the_examples_of_documents_are_a_project_without_faults() -> None:
    project = check_project(REFERENCE / "project")

    assert [f"{one.file}:{one.line}: {one.what}" for one in project.faults] == []
    assert {document.kind for document in project.documents} == {
        kind.name for kind in DOCUMENT_KINDS
    }
