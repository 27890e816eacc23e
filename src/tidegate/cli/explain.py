"""`tidegate explain RULE --date D`: why it did or did not open."""

from __future__ import annotations

import sys

import click

from tidegate.cli.options import common, print_json
from tidegate.cli.session import answers
from tidegate.kernel.event import Json
from tidegate.settings import Settings

_SIGNS = {"met": "+", "waiting": "-", "not_met": "x", "quarantined": "!"}


@click.command()
@click.argument("rule")
@click.option("--date", help="The business date, such as 2024-01-15.")
@click.option(
    "--round", "round_", type=click.IntRange(1), help="The round; the current one when left out."
)
@common
def explain(
    settings: Settings, as_json: bool, rule: str, date: str | None, round_: int | None
) -> None:
    """Why RULE (or the gate with this id) is open, or is not.

    Exit codes: 0 open, 10 not yet, 11 late, 12 needs a person.
    """
    from tidegate.services.asking import parse_date

    with answers(settings) as opened:
        if date is None and "~~" in rule:
            explained = opened.asking.explain_gate(rule)
        else:
            day = parse_date(date) if date else None
            explained = opened.asking.explain_rule(rule, day, round_)
    if as_json:
        print_json(explained.answer)
    else:
        print_explanation(explained.answer)
    sys.exit(explained.exit_code)


def print_explanation(answer: Json) -> None:
    """Sentences with a sign a clause."""
    click.echo(answer["sentence"])
    for clause in answer["clauses"]:
        click.echo(f" {_SIGNS[clause['verdict']]} {clause['text']}")
        for one in clause["compared"]:
            if not one["met"]:
                click.echo(f"     {one['wanted']}: was {one['seen']}")
    for miss in answer["nearest_misses"]:
        click.echo(f" ~ {miss['text']}  ({miss['evidence']['source']} {miss['evidence']['id']})")
    for run in answer.get("runs", []):
        click.echo(f" > {run['job']} {run['status']}  {run['execution']}")
    following = answer["next"]
    if following["what"]:
        at = f"{following['at']} " if following["at"] else ""
        click.echo(f" next: {at}{following['what']}")
