"""Options every command shares, written after the subcommand, and how answers are printed."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click
import msgspec

from tidegate.cli.wording import oneline, visible
from tidegate.kernel.event import Json
from tidegate.settings import Settings

LISTED_MAX = 1_000
"""Rows a list of one page shows."""

P = ParamSpec("P")
R = TypeVar("R")


def common(function: Callable[P, R]) -> Callable[..., R]:
    """`--project`, `--database` and `--json`; the command gets `settings` and `as_json`."""

    @click.option(
        "--project", type=click.Path(path_type=Path, file_okay=False), default=Path(),
        help="The project's folder.", show_default="this folder",
    )  # fmt: skip
    @click.option(
        "--database", help="URL or file; default DATABASE_URL, else a file in the project."
    )
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @functools.wraps(function)
    def wrapped(*args: Any, project: Path, database: str | None, **kwargs: Any) -> R:
        settings = Settings.from_environment(os.environ, project=project, database=database)
        return function(*args, settings=settings, **kwargs)  # type: ignore[arg-type]

    return wrapped


def listed(statuses: str) -> Callable[[Callable[P, R]], Callable[..., R]]:
    """`--job`, `--status`, `--date` and `--limit`; the command gets `job`, `status`, `days`, `limit`."""

    def decorated(function: Callable[P, R]) -> Callable[..., R]:
        @click.option("--job", help="Only of this job.")
        @click.option("--status", help=statuses)
        @click.option("--date", help="Only of this business date.")
        @click.option("--limit", type=click.IntRange(1, LISTED_MAX), default=50, show_default=True)
        @functools.wraps(function)
        def wrapped(*args: Any, date: str | None, **kwargs: Any) -> R:
            # Loaded when it is called, so that help costs no imports.
            from tidegate.services.typed_date import parse_date

            day = parse_date(date) if date else None
            days = None if day is None else (day, day)
            return function(*args, days=days, **kwargs)  # type: ignore[arg-type]

        return wrapped

    return decorated


# JSON leaves them as they are, and a terminal obeys them; they can stand in texts alone.
_OBEYED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    click.echo(_OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def print_json_list(items: Iterable[Any]) -> None:
    """A JSON array, item by item, so that a million of them need no memory."""
    first = True
    for item in items:
        click.echo("[" if first else ",")
        click.echo(msgspec.json.encode(item).decode(), nl=False)
        first = False
    click.echo("[]" if first else "\n]")


def tell_unreadable(problems: Iterable[Json], *, as_json: bool) -> None:
    """What a list or the board could not show, on stderr; the command has failed if there is any."""
    found = list(problems)
    for one in found:
        if as_json:
            click.echo(msgspec.json.encode({**one, "message": one["detail"]}).decode(), err=True)
        else:
            say(f"error: {one['code']}: {one['detail']}", err=True)
    if found and not as_json:
        say(f"fix: {found[0]['fix']}", err=True)
    if found:
        raise SystemExit(1)


def tell_more(limit: int, most: int = LISTED_MAX) -> None:
    """That a list ended at its limit, on stderr; `most` is the widest that may be asked for."""
    wider = f"--limit {min(limit * 10, most)}" if limit < most else "ask more narrowly"
    say(f"there may be more: {wider}", err=True)


def say(line: str, *, err: bool = False) -> None:
    """One line for a person."""
    click.echo(visible(line), err=err)


def table(headers: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Aligned columns, as wide as their widest value."""
    held = [headers, *(tuple(map(oneline, row)) for row in rows)]
    widths = [max(len(row[n]) for row in held) for n in range(len(headers))]
    for row in held:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
