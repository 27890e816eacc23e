"""What `--help` says: a sentence of every command first, and a word on every option."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from tidegate.cli.main import TREE, cli
from tidegate.cli.notice import SENT_MAX, so_many


def commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, (*path, name))


ALL = list(commands(cli, ()))


def found(path: tuple[str, ...]) -> click.Command:
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        inner = command.get_command(click.Context(command), name)
        assert inner is not None
        command = inner
    return command


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_begins_with_a_sentence_and_says_what_each_option_is_for(
    path: tuple[str, ...],
) -> None:
    command = found(path)

    shown = CliRunner().invoke(cli, [*path, "--help"])

    lines = [line.strip() for line in shown.stdout.splitlines() if line.strip()]
    assert shown.exit_code == 0
    assert lines[0].startswith("Usage: ")
    sentence = (command.help or "").strip().partition("\n\n")[0]
    assert sentence.endswith("."), sentence
    assert lines[1].startswith(sentence.split()[0])
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    unsaid = [one.opts[-1] for one in options if not one.help and not says_itself(one)]
    assert unsaid == []


def says_itself(option: click.Option) -> bool:
    """Its name, its bounds and what it is without it say all: `--limit`, `--days`."""
    return option.show_default is not None and option.default is not None


def test_the_list_of_commands_has_a_line_for_each() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).stdout

    for name, (_, line) in TREE.items():
        assert any(one.split()[:1] == [name] and line[:20] in one for one in shown.splitlines())


@pytest.mark.parametrize(
    ("many", "said"),
    [
        (1, "1 notice"),
        (2, "2 notices"),
        (SENT_MAX - 1, "999 notices"),
        (SENT_MAX, "1000 notices or more"),
    ],
)
def test_notices_are_counted_up_to_a_page(many: int, said: str) -> None:
    assert so_many(many) == said
