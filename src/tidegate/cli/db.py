"""`tidegate db`: upgrade, verify."""

from __future__ import annotations

import sys

import click
import msgspec

from tidegate.cli.options import common, print_json
from tidegate.cli.session import answers
from tidegate.settings import Settings


@click.group()
def db() -> None:
    """The database."""


@db.command("verify")
@click.option("--all", "everything", is_flag=True, help="Decide rows of other releases as well.")
@common
def verify(settings: Settings, as_json: bool, everything: bool) -> None:
    """Decide the whole log again and hold every cell against it; exit 1 when something differs."""
    with answers(settings) as opened:
        report = opened.verify(everything=everything)
    if as_json:
        print_json(
            {
                "equal": report.equal,
                "signals": report.signals,
                "cells": report.cells,
                "differences": msgspec.to_builtins(report.differences),
                "notes": report.notes,
            }
        )
    else:
        for note in report.notes:
            click.echo(f"note: {note}")
        for one in report.differences:
            click.echo(f"{one.what} {one.where}: {one.detail}")
        verdict = "equal" if report.equal else "NOT equal"
        click.echo(f"{verdict}: {report.signals} signals, {report.cells} cells")
    sys.exit(0 if report.equal else 1)


@db.command("upgrade")
@common
def upgrade(settings: Settings, as_json: bool) -> None:
    """Bring the database to this release's schema; repeating it is safe."""
    from tidegate.wiring import upgrade_database

    version = upgrade_database(settings)
    if as_json:
        print_json({"version": str(version)})
    else:
        click.echo(f"the database has schema {version}")
