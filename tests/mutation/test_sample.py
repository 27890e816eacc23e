"""The runner notices, and says so: a few of the mutants, and some that cannot be judged.

All of them: `make mutate`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tidegate
from tidegate.testing.mutation import Mutant, applied, faults, judge_all

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(tidegate.__file__).parent
SAMPLE = (
    "a gate opens with one input missing",
    "a redelivery replaces the evidence of an open gate",
    "a quarantine of history alarms",
    "a request starts past a pause",
)
HARMLESS = Mutant(
    breaks="nothing",
    file="run/execution.py",
    old="HEAD_MAX = 4096",
    new="HEAD_MAX = 4_096",
    tests=("unit/test_ids.py",),
)


def test_a_sample_of_the_mutants_is_noticed() -> None:
    wanted = [word for breaks in SAMPLE for word in ("--only", f": {breaks}")]
    command = [sys.executable, "-m", "tidegate.testing.mutation", str(ROOT / "tests" / "mutation")]

    done = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(SAMPLE)} mutants, {len(SAMPLE)} killed" in done.stdout


def test_what_no_test_notices_survives() -> None:
    (verdict,) = judge_all([HARMLESS], PACKAGE, ROOT)

    assert not verdict.killed
    assert verdict.line() == "SURVIVED run/execution.py: nothing"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("no such text", "", "stands there 0 times"),
        ("import", "", "times"),
        ("HEAD_MAX = 4096", "HEAD_MAX = (", "is no Python"),
    ],
)
def test_a_mutant_that_cannot_be_put_in_is_an_error(old: str, new: str, why: str) -> None:
    mutant = Mutant(breaks="nothing", file="run/execution.py", old=old, new=new)

    with pytest.raises(ValueError, match=why):
        applied(mutant, (PACKAGE / mutant.file).read_text("utf-8"))
    assert len(faults([mutant, mutant], PACKAGE)) == 3
