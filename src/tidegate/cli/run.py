"""`tidegate run`: executions: list, show, output, stop."""

from __future__ import annotations

import click

from tidegate.cli.options import common, listed, print_json, say, table, tell_more, tell_unreadable
from tidegate.cli.ordering import give
from tidegate.cli.session import answers
from tidegate.cli.wording import indented, shorter, standing, when
from tidegate.kernel.clock import Day
from tidegate.kernel.event import Json
from tidegate.kernel.value import is_map
from tidegate.settings import Settings


@click.group()
def run() -> None:
    """Executions: each is one run of a job, with its attempts."""


@run.command("list")
@listed("running, retrying, succeeded, failed, timed_out or aborted.")
@common
def list_(
    settings: Settings,
    as_json: bool,
    job: str | None,
    status: str | None,
    days: tuple[Day, Day] | None,
    limit: int,
) -> None:
    """Executions, the newest business date first."""
    with answers(settings) as opened:
        page = opened.runs.executions(job=job, status=status, days=days, limit=limit)
    found = page.items
    if as_json:
        print_json(found)
    elif not found and not page.unreadable:
        say("no execution fits")
    else:
        rows = (
            (
                one["id"],
                one["status"],
                f"{one['attempt']}/{one['attempts_max']}",
                when(one["started_at"]),
                when(one["ended_at"]),
            )
            for one in found
        )
        table(("EXECUTION", "STATUS", "TRY", "STARTED", "ENDED"), rows)
    if page.next is not None:
        tell_more(limit)
    tell_unreadable(page.problems(), as_json=as_json)


@run.command("show")
@click.argument("execution_id")
@common
def show(settings: Settings, as_json: bool, execution_id: str) -> None:
    """One execution: its attempts, why it failed, what is next."""
    with answers(settings) as opened:
        found = opened.runs.execution(execution_id)
    if as_json:
        print_json(found)
        return
    say(found["why"]["sentence"])
    for one in found["attempts"]:
        ended = f" to {when(one['ended_at'])}" if one["ended_at"] else ""
        how = standing(found) if one["status"] == "running" else one["status"]
        starts = one["starts"] or 0
        often = f"  started {starts} times" if starts > 1 else ""
        say(f"  attempt {one['attempt']}: {how}  {when(one['began_at'])}{ended}{often}")
        if error := one.get("error"):
            say(f"    {error}")
            click.echo(indented(one.get("cause", ""), 4))
    for name, value in found["parameters"].items():
        say(f"  {name}: {shorter(value)}")
    if found["output"] is not None:
        say(f"  output: tidegate run output {found['id']}")
    following = found["why"]["next"]
    if following["what"]:
        at = f"{when(following['at'])} " if following["at"] else ""
        say(f"  next: {at}{following['what']}")


@run.command("output")
@click.argument("execution_id")
@common
def output(settings: Settings, as_json: bool, execution_id: str) -> None:
    """What the job wrote: standard output, then (on stderr) standard error; or its result as JSON.

    Of a run that failed the end of what it wrote is kept.
    """
    with answers(settings) as opened:
        found = opened.runs.execution(execution_id)
    if as_json:
        names = {"id", "status", "output", "error", "cause"}
        print_json({name: value for name, value in found.items() if name in names})
        return
    result: Json = found["output"]
    if is_map(result) and "stdout" in result:
        click.echo(str(result["stdout"]), nl=False)
        click.echo(str(result.get("stderr", "")), nl=False, err=True)
    elif result is not None:
        print_json(result)
    elif found["cause"]:
        click.echo(found["cause"])
    else:
        live = found["status"] in ("running", "retrying")
        said = "what it writes is kept when it ends" if live else "nothing that it wrote was kept"
        say(f"{found['id']} is {standing(found)}: {said}", err=True)


@run.command("stop")
@click.argument("execution_id")
@click.option("--reason", help="Why; it lands in the log.")
@common
def stop(settings: Settings, as_json: bool, execution_id: str, reason: str | None) -> None:
    """Stop an execution that runs or waits for its next attempt."""
    from tidegate.run.orders import StopExecution

    order = StopExecution(execution=execution_id, reason=reason)
    path = f"/api/v1/executions/{execution_id}/stop"
    reply = give(settings, order, reason, "POST", path, {"reason": reason})
    if as_json:
        print_json(reply)
    else:
        say(f"{reply['execution_id']} is {reply['status']}")
