"""`tidegate check` and `tidegate activate`."""

from __future__ import annotations

import sys

import click

from tidegate.cli.options import common, print_json
from tidegate.cli.ordering import actor
from tidegate.cli.session import app
from tidegate.settings import Settings


@click.command()
@common
def check(settings: Settings, as_json: bool) -> None:
    """Check the project's folder: every fault of every file at once."""
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
    sys.exit(1 if project.faults else 0)


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
    with app(settings) as opened:
        if dry_run:
            number = opened.host.books.activation
            current = opened.reader.activation(number) if number else None
            done = Activated(number, changes_of(drafts_of(project), current))
        else:
            done = activate(opened.host, opened.clock, project, actor(), reason)
    if as_json:
        print_json(msgspec.to_builtins(done) | {"dry_run": dry_run})
        return
    for change in done.changes:
        click.echo(f"{change.what:10} {change.kind} {change.name}")
    verb = "would follow" if dry_run else "follows"
    click.echo(f"{verb} activation {done.activation}, {len(done.changes)} documents changed")


def _listed(fault: object) -> object:
    import msgspec

    return msgspec.to_builtins(fault)
