"""What the demo tells people to type works as printed, in another terminal and another folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tidegate.demo.checking import LIVE_STATES

SECONDS_MAX = 120
ANSWERS = {0, 10, 11, 12}  # of explain: open, not yet, late, needs a person


@pytest.mark.slow
def test_every_command_the_demo_prints_works_where_it_says(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
    printed = tmp_path / "printed.txt"
    with printed.open("w") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "tidegate", "demo", "--port", "0"],
            cwd=tmp_path, env=environment, stdout=out, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    try:
        assert demo.stderr is not None
        assert any(line.startswith("tidegate serves ") for line in demo.stderr)
        text = printed.read_text("utf-8")
        script = "".join(
            f'{line.strip()}\necho "== $? {line.strip()}"\n'
            for line in text.partition("Ask, in a second terminal")[2].splitlines()
            if line.startswith("    ")
        )
        ran = subprocess.run(
            ["bash"], input=script, text=True, capture_output=True, cwd="/", env=environment,
            timeout=SECONDS_MAX,
        )  # fmt: skip
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=30)

    codes = {
        line.split(" ", 2)[2]: int(line.split()[1])
        for line in ran.stdout.splitlines()
        if line.startswith("== ")
    }
    assert len(codes) > len(LIVE_STATES)
    assert {line: code for line, code in codes.items() if code not in ANSWERS} == {}, ran.stderr
    for rule in ("marketing", "inventory"):
        assert f"{rule} for " in ran.stdout
        assert "(round 001) opened at" in ran.stdout.rpartition(f"{rule} for ")[2].splitlines()[0]
    assert "about to start" not in ran.stdout
    for rule in LIVE_STATES:
        assert f"  {rule} " in text
