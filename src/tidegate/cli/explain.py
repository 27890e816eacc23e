"""`tidegate explain RULE --date D`: why it did or did not open."""

from __future__ import annotations

import sys

import click

from tidegate.cli.options import common, print_json, say, tell_unreadable
from tidegate.cli.session import answers
from tidegate.cli.wording import indented, oneline, sender, standing, when
from tidegate.kernel.event import Json
from tidegate.settings import Settings

_SIGNS = {"met": "+", "waiting": "-", "not_met": "x", "quarantined": "!"}


@click.command()
@click.argument("name", metavar="RULE|ID")
@click.option("--date", help="The business date, such as 2024-01-15.")
@click.option(
    "--round", "round_", type=click.IntRange(1), help="The round; the current one when left out."
)
@common
def explain(
    settings: Settings, as_json: bool, name: str, date: str | None, round_: int | None
) -> None:
    """Why RULE is open for a date or is not, and what came of it; or a gate, trigger or execution by its ID.

    Exit codes: 0 open, 10 not yet (or closed by an operator), 11 late, 12 needs a person: held back
    by quality, or the job failed or was stopped. The code is that of the round the answer is about, the
    newest unless --round names one, also where an earlier round opened and is done.
    Of a trigger: 0 started, 10 held, 12 failed or refused. 1 where a gate of the date cannot be read.
    """
    from tidegate.services.typed_date import parse_date

    with answers(settings) as opened:
        if "~~" in name:
            # A gate's id ends with its round; a request of a run never is a number alone.
            is_gate = name.rpartition("~~")[2].isdigit()
            ask = opened.asking.explain_gate if is_gate else opened.runs.explain
            explained = ask(name)
        else:
            day = parse_date(date) if date else None
            explained = opened.asking.explain_rule(name, day, round_)
    if as_json:
        print_json(explained.answer)
    else:
        print_explanation(explained.answer)
    tell_unreadable(explained.answer.get("unreadable", ()), as_json=as_json)
    sys.exit(explained.exit_code)


def print_explanation(answer: Json) -> None:
    """Sentences with a sign a clause."""
    say(answer["sentence"])
    for clause in answer["clauses"]:
        about = sender(clause["evidence"])
        by = f"  ({about})" if about else ""
        say(f" {_SIGNS[clause['verdict']]} {clause['text']}{by}")
        for one in clause["compared"]:
            if not one["met"]:
                say(f"     {one['wanted']}: was {one['seen']}")
    for miss in answer["nearest_misses"]:
        say(f" ~ {miss['text']}  ({miss['evidence']['source']} {miss['evidence']['id']})")
    for run in (*answer.get("opened_before", {}).get("runs", ()), *answer["runs"]):
        print_run(run)
    following = answer["next"]
    if following["what"]:
        at = f"{when(following['at'])} " if following["at"] else ""
        say(f" next: {at}{following['what']}")
    for one in answer.get("refused", ()):
        about = sender(one["event"])
        say(
            f" ? {one['deliveries']} refused since {when(one['since'])}: {one['code']}: "
            f"{oneline(one['last'])}{f' ({about})' if about else ''} (tidegate inbox list)"
        )
    for note in answer.get("notes", ()):
        say(f" note: {note}")
    others = answer.get("others")
    if others:
        say(f" also of this date: {', '.join(others)}")


def print_run(run: Json) -> None:
    """A run with what holds it or what went wrong."""
    tries = f", attempt {run['attempt']} of {run['attempts_max']}" if run["attempt"] else ""
    say(f" > {run['job']} {standing(run)}{tries}  {run['trigger']}")
    for one in run["held"]:
        until = f" (until {when(one['until'])})" if one["until"] else ""
        say(f"     {one['text']}{until}")
    if run["error"] and run["status"] != "succeeded":
        say(f"     {run['error']}")
        click.echo(indented(run["cause"] or "", 5))
    _print_earlier(run)


def _print_earlier(run: Json) -> None:
    """What a run repeats, and after each who wanted it again."""
    asked = run
    for one in run["earlier"]:
        reason = f": {oneline(asked['reason'])}" if asked["reason"] else ""
        say(f"     asked for again by {oneline(asked['actor'] or 'somebody')}{reason}")
        how = f"{one['status']}, {one['error']}" if one["error"] else one["status"]
        say(f"     before it: {how}  {one['trigger']}")
        asked = one
