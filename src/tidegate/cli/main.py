"""Main: the tree of commands, loaded when asked for, and the exit codes.

0 ok, 1 failed, 2 usage, 3 not found, 4 auth, 5 conflict, 6 timeout, 7 unreachable;
`explain`: 10 not yet, 11 late, 12 needs a person.
"""

from __future__ import annotations

import codecs
import gc
import importlib
import logging
import os
import sys
from typing import Any, Protocol, runtime_checkable

import click

from tidegate.kernel.errors import InputError, TidegateError

# Each command in a module of its own, imported when it is called: `--help` stays quick.
TREE: dict[str, tuple[str, str]] = {
    "activate": ("documents:activate", "Follow the documents of a folder"),
    "board": ("board:board", "What is ready, late, held and running, by business date"),
    "check": ("documents:check", "Check a folder; every fault that can be seen"),
    "db": ("db:db", "Upgrade and verify the database"),
    "demo": ("demo:demo", "Start everything on one file, with a lively estate to look at"),
    "doctor": ("doctor:doctor", "Check database, clock, folders and server, and say what to do"),
    "event": ("event:event", "Send, follow and search events"),
    "explain": ("explain:explain", "Why a rule did or did not open for a date"),
    "gate": ("gate:gate", "List, show and release gates"),
    "inbox": ("inbox:inbox", "What waits for a person, and letting it through"),
    "job": ("job:job", "What can be started"),
    "notice": ("notice:notice", "What people were told, and sending again what was not delivered"),
    "run": ("run:run", "Executions: list, show, their output, stop"),
    "schedule": ("schedule:schedule", "Pause, resume and maintenance windows"),
    "serve": ("serve:serve", "Run API, host and workers in one process"),
    "trigger": ("trigger:trigger", "Ask for a run, list and show what is held, give it up"),
    "trace": ("trace:trace", "Everything under one id, across applications"),
}
EXITS = {400: 2, 401: 4, 403: 4, 404: 3, 408: 6, 409: 5, 504: 6, 503: 7}

ESCAPED = "tidegate.escaped"
"""What becomes of a character that stdout lacks."""

COLLECT = (50_000, 20, 100)
"""When Python looks for cycles."""


@runtime_checkable
class Printer(Protocol):
    """A stdout that can be told what becomes of characters it lacks."""

    def reconfigure(self, *, errors: str) -> None: ...


class Tree(click.Group):
    """Commands by name; their modules are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(TREE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in TREE:
            return None
        module, _, name = TREE[cmd_name][0].partition(":")
        found: Any = getattr(importlib.import_module(f"tidegate.cli.{module}"), name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, TREE[name][1]) for name in sorted(TREE)])


@click.group(cls=Tree, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tidegate", prog_name="tidegate")
def cli() -> None:
    """Tidegate starts data work exactly when its inputs are ready, and says why it did or did not."""


def exit_code(error: TidegateError) -> int:
    """The exit code that carries an error."""
    return EXITS.get(error.http_status, 1)


def main(arguments: list[str] | None = None) -> None:
    """The console script."""
    # A short command ends before cycles matter; looking for them is a tenth of its start.
    gc.set_threshold(*COLLECT)
    _print_everything()
    logging.basicConfig(
        level=os.environ.get("TIDEGATE_LOG", "WARNING").upper(),
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    if logging.getLogger().getEffectiveLevel() > logging.DEBUG:
        # Each start makes or looks at tables by Alembic; what it says of that is for its developers.
        logging.getLogger("alembic").setLevel(logging.WARNING)
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = cli.main(args=given, prog_name="tidegate", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        if "--json" in given:
            fix = "see tidegate --help, and --help of the command"
            _print_problem(InputError("usage", error.format_message(), fix=fix))
        else:
            error.show()
        sys.exit(error.exit_code)
    except TidegateError as error:
        if "--json" in given:
            _print_problem(error)
        else:
            click.echo(f"error: {error.code}: {error.message}", err=True)
            if error.fix:
                click.echo(f"fix: {error.fix}", err=True)
        sys.exit(exit_code(error))
    except BrokenPipeError:
        # Whoever read our output has enough; nothing more may be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _print_everything() -> None:
    """A locale that lacks a character shows it escaped, as JSON does: no answer is lost by it."""
    codecs.register_error(ESCAPED, _escaped)
    if isinstance(sys.stdout, Printer):
        sys.stdout.reconfigure(errors=ESCAPED)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacked = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    units = [lacked[n : n + 2].hex() for n in range(0, len(lacked), 2)]
    return "".join(f"\\u{unit}" for unit in units), error.end


def _print_problem(error: TidegateError) -> None:
    """One JSON object on stderr, a line of its own: stdout is for what was asked for."""
    import json

    from tidegate.kernel.problem import problem_of

    said = problem_of(error)
    click.echo(json.dumps({**said, "message": said["detail"]}, ensure_ascii=False), err=True)
