"""Examples and demo check themselves; links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS_MAX = 280
PAGES = [
    *ROOT.glob("*.md"),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("examples/*/*.md")),
]


def run(
    command: list[str], cwd: Path, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"} | {"PATH": path}
    return subprocess.run(
        command, cwd=cwd, input=stdin, text=True, capture_output=True, env=environment,
        timeout=SECONDS_MAX,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [("multi-input-job", "as the use case says"), ("flights", "as the data says")],
)
def test_an_example_checks_itself(name: str, said: str) -> None:
    ran = run([sys.executable, str(ROOT / "examples" / name / "run.py")], ROOT)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.rstrip().endswith(said)


@pytest.mark.slow
def test_the_demo_checks_itself(tmp_path: Path) -> None:
    ran = run([sys.executable, "-m", "tidegate", "demo", "--once"], tmp_path)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "checked: ready, guarded, and fx_rates opened finance" in ran.stderr
    assert list(tmp_path.iterdir()) == [], "its folder is its own, and gone"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]

    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_heading_finds_it(page: Path) -> None:
    broken: list[str] = []
    for file, heading in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text("utf-8")):
        target = page.parent / file if file else page
        broken += [] if heading in anchors(target.read_text("utf-8")) else [f"{file}#{heading}"]

    assert broken == []


def anchors(text: str) -> set[str]:
    """Headings as GitHub names them."""
    found = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in found}
