"""What the documentation shows, run as written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
SECONDS_MAX = 280


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
def test_the_tutorial_runs_as_written(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "tutorial" / "first-gate.md").read_text("utf-8")
    blocks = [block for block in SHELL.findall(text) if "serve" not in block]

    ran = run(["bash", "-e"], tmp_path, "\n".join(blocks))

    assert ran.returncode == 0, ran.stderr
    assert "3 documents, no faults" in ran.stdout
    assert "exit 10" in ran.stdout
    assert "exit 12" in ran.stdout
    assert "> report succeeded" in ran.stdout


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


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]

    assert broken == []


def test_every_yaml_of_the_how_tos_is_a_valid_document() -> None:
    from tidegate.services.engines import DOCUMENT_KINDS
    from tidegate.services.project import check_files

    faults: list[str] = []
    for page in sorted((ROOT / "docs" / "howto").glob("*.md")):
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            folder = "rules" if block.startswith("rule_name") else "schedules"
            project = check_files({f"{folder}/{page.stem}.yaml": block.encode()}, DOCUMENT_KINDS)
            faults += [f"{page.name}: {fault.what}" for fault in project.faults]

    assert faults == []
