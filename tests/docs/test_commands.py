"""Every command that a message, a fix or a page names exists, with the options it is given."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from tidegate.cli.main import TREE, cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted((ROOT / "src").rglob("*.py")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
]
# `tidegate x y`, "...: tidegate x y", "$ tidegate x y": what stands in prose alone is no command.
_NAMED = re.compile(r"(?:`|: |\$ |^  |\bor )(?:\.venv/bin/)?tidegate ([a-z][^`\"\n#;|>]*)", re.M)
_ALTERNATIVES = re.compile(r"^[a-z]+(?:\|[a-z]+)+$")


def named(path: Path) -> list[str]:
    text = path.read_text("utf-8")
    return [found.group(1).strip() for found in _NAMED.finditer(text)]


CASES = [(path, line) for path in PAGES for line in named(path)]


@pytest.mark.parametrize(
    ("path", "line"), CASES, ids=[f"{path.name}:{line[:40]}" for path, line in CASES]
)
def test_a_named_command_exists(path: Path, line: str) -> None:
    words = _words(line)

    fault = _fault(words)

    assert fault is None, f"{path.relative_to(ROOT)}: tidegate {line}: {fault}"


def test_a_command_that_does_not_exist_is_found() -> None:
    assert _fault(["init"]) == "there is no command init"
    assert _fault(["gate", "begin", "x"]) == "there is no command gate begin"
    assert _fault(["gate", "list", "--never"]) == "gate list takes no --never"
    assert _fault(["gate", "release", "{id_}", "--reason", "x"]) is None
    assert len(CASES) > 60


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line.rstrip(".,:)`'\\ "))
    except ValueError:
        return line.split()


def _fault(words: list[str]) -> str | None:
    """What is wrong with a command line; nothing when its commands and options are there."""
    context = click.Context(cli, info_name="tidegate")
    command: click.Command = cli
    path: list[str] = []
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        # `gate list|show|release` names three.
        for name in rest[0].rstrip(",").split("|"):
            if command.get_command(context, name) is None:
                return f"there is no command {' '.join([*path, name])}"
        name = rest.pop(0).rstrip(",").split("|")[0]
        found = command.get_command(context, name)
        assert found is not None
        command = found
        path.append(name)
    options = {option for one in command.params for option in one.opts} | {"--help", "--version"}
    for word in rest:
        option = word.partition("=")[0].strip("[]().,")
        if option.startswith("--") and len(option) > 2 and option not in options:
            return f"{' '.join(path)} takes no {option}"
    return None


def test_every_command_of_the_tree_can_be_loaded() -> None:
    context = click.Context(cli, info_name="tidegate")

    missing = [name for name in TREE if cli.get_command(context, name) is None]

    assert missing == []
