"""`tidegate check` and `tidegate activate`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tidegate.cli.options import common, print_json
from tidegate.cli.ordering import actor
from tidegate.cli.session import answers, app, server
from tidegate.kernel.errors import ConflictError
from tidegate.ports.store import Activation
from tidegate.settings import Settings

if TYPE_CHECKING:
    from tidegate.adapters.store.lock import LockNote
    from tidegate.services.documents import Activated

SERVER_SECONDS_MAX = 300.0
"""A server reads and checks thousands of documents in a minute or so, beside its work."""


@click.command()
@click.option("--strict", is_flag=True, help="Exit 1 for warnings too, as before a merge.")
@common
def check(settings: Settings, as_json: bool, strict: bool) -> None:
    """Check the project's folder: every fault of every file at once; exit 1 when there is one.

    What stands behind a fault is looked at as well; only what cannot be read at all hides the rest of
    its document, such as a quote that is never closed.
    """
    from tidegate.kernel.fault import render, summary
    from tidegate.services.documents import check_project

    project = check_project(settings.project)
    found = (*project.faults, *project.warnings)
    if as_json:
        print_json(
            {
                "documents": len(project.documents),
                "faults": [_listed(one) for one in project.faults],
                "warnings": [_listed(one) for one in project.warnings],
            }
        )
    else:
        if found:
            click.echo(render(found, project.sources, colour=sys.stdout.isatty()))
        click.echo(f"{len(project.documents)} documents, {summary(found) or 'no faults'}")
    sys.exit(1 if project.faults or (strict and project.warnings) else 0)


@click.command()
@click.option("--reason", help="Why; it lands in the log.")
@click.option("--dry-run", is_flag=True, help="Say what would change, change nothing.")
@common
def activate(settings: Settings, as_json: bool, reason: str | None, dry_run: bool) -> None:
    """Follow the documents of the folder; atomic, and refused whole when one has a fault."""
    import msgspec

    from tidegate.services.documents import (
        Activated,
        activate,
        changes_of,
        check_project,
        drafts_of,
        refuse_faults,
    )

    project = check_project(settings.project)
    refuse_faults(project)
    if dry_run:
        before = current(settings)
        changes = changes_of(drafts_of(project), before)
        done = Activated(before.id if before is not None else 0, changes)
    else:
        try:
            with app(settings) as opened:
                done = activate(opened.host, opened.clock, project, actor(), reason)
        except ConflictError as error:
            done = _through(settings, server(settings, error), reason)
    if as_json:
        print_json(msgspec.to_builtins(done) | {"dry_run": dry_run})
        return
    for change in done.changes:
        click.echo(f"{change.what:10} {change.kind} {change.name}")
        if (change.kind, change.what) == ("rule", "withdrawn"):
            wait = f"tidegate gate list --rule {change.name}"
            click.echo(f"{'':10} gates of it that wait go on, and start its jobs: {wait}")
    many = f"{len(done.changes)} documents"
    if dry_run:
        click.echo(f"activation {done.activation} is followed; {many} would change")
    else:
        click.echo(f"follows activation {done.activation}, {many} changed")


def _through(settings: Settings, note: LockNote, reason: str | None) -> Activated:
    """By the server that has the database: it reads its folder, which must be this one."""
    import msgspec

    from tidegate.cli.client import call
    from tidegate.services.documents import Activated

    body = {"project": str(settings.project.resolve()), "reason": reason}
    answer = call(
        note.url,
        note.token,
        "POST",
        "/api/v1/activations",
        body,
        user=actor(),
        seconds_max=SERVER_SECONDS_MAX,
    )
    return msgspec.convert(answer, Activated)


def current(settings: Settings) -> Activation | None:
    """What is followed now; read beside whoever writes."""
    if not settings.is_postgres and not settings.file.exists():
        return None
    with answers(settings) as opened:
        number = opened.reader.turn().activation
        return opened.reader.activation(number) if number else None


def _listed(fault: object) -> object:
    import msgspec

    return msgspec.to_builtins(fault)
