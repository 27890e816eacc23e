"""Session: how a command reaches its database: questions beside any writer, orders through one.

Questions open readers of their own. Orders go to the server that holds the database, if one does;
else this process takes the turn itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING

import click

from tidegate.adapters.store.lock import LockNote, read_lock
from tidegate.kernel.errors import ConflictError, InputError
from tidegate.settings import Settings

if TYPE_CHECKING:
    from tidegate.answering import Answers
    from tidegate.wiring import App


@contextlib.contextmanager
def answers(settings: Settings) -> Generator[Answers]:
    """Readers only. Raises InputError (`project.missing`) where there is no database yet."""
    if not settings.is_postgres and not settings.file.exists():
        raise InputError(
            "project.missing",
            f"there is no database {settings.file} yet",
            fix="begin with `tidegate serve` or `tidegate event send`",
        )
    from tidegate.answering import open_answers

    opened = open_answers(settings)
    try:
        yield opened
    finally:
        opened.close()


@contextlib.contextmanager
def app(settings: Settings) -> Generator[App]:
    """A process that may write. Raises ConflictError (`database.busy`) when a server has it."""
    from tidegate.wiring import App, open_patiently

    opened = open_patiently(lambda: App(settings), lambda line: click.echo(line, err=True))
    try:
        yield opened
    finally:
        opened.close()


def server(settings: Settings, error: ConflictError) -> LockNote:
    """The server that holds the database. Raises the conflict again when it does not listen."""
    note = None if settings.is_postgres else read_lock(settings.file)
    if error.code != "database.busy" or note is None or not note.url:
        raise error
    return note


def token_for(settings: Settings, url: str) -> str:
    """What a server at this URL lets in: the token that was set, else what the server of this very
    database left for its user. No other address is told that one.
    """
    if settings.token is not None:
        return settings.token
    note = None if settings.is_postgres else read_lock(settings.file)
    return note.token if note is not None and note.url == url.rstrip("/") else ""
