"""`tidegate job list`: what can be started."""

from __future__ import annotations

import click

from tidegate.cli.options import common, print_json, say, table
from tidegate.cli.session import answers
from tidegate.settings import Settings


@click.group()
def job() -> None:
    """Jobs: named things that can be started."""


@job.command("list")
@common
def list_(settings: Settings, as_json: bool) -> None:
    """Jobs of the project that is followed."""
    with answers(settings) as opened:
        found = opened.runs.jobs()
    if as_json:
        print_json(found)
    elif not found:
        say("there is no job: write one in jobs/*.yaml")
    else:
        table(
            ("JOB", "KIND", "OWNER"),
            ((one["job"], one["kind"], one["owner"] or "") for one in found),
        )
