"""The style, executed: what can be seen by reading the tree as text."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
FILE_LINES_MAX = 420
FUNCTION_LINES_MAX = 70
BANNED_NAMES = {"utils.py", "util.py", "common.py", "misc.py", "helpers.py"}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_holds_one_noun_and_is_not_long(path: Path) -> None:
    text = path.read_text("utf-8")

    assert path.name not in BANNED_NAMES
    assert text.count("\n") <= FILE_LINES_MAX, "split it by noun"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{node.name} has {lines} lines"


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if path.read_text("utf-8").strip()
        and ast.get_docstring(ast.parse(path.read_text("utf-8"))) is None
    ]

    assert silent == []


def test_no_file_names_a_package_registry_or_a_home_folder() -> None:
    registry = re.compile(r"https?://[^\s\"']*(pypi\.org|pythonhosted|npmjs)|/(root|home)/\w")
    named = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix in {".py", ".txt", ".toml", ".cfg", ".yaml", ".yml", ".md", ".json", ""}
        and path != Path(__file__).resolve()
        and registry.search(path.read_text("utf-8", errors="replace"))
    ]

    assert named == []
