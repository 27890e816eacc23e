"""`tidegate schedule`: pause, resume, maintenance windows."""

from __future__ import annotations

import click

from tidegate.cli.options import common, print_json
from tidegate.cli.ordering import give
from tidegate.cli.session import answers
from tidegate.kernel.event import Json
from tidegate.settings import Settings


@click.group()
def schedule() -> None:
    """When nothing may start."""


@schedule.command("pause")
@click.option("--job", help="Only this job; all jobs when left out.")
@click.option("--for", "for_", metavar="DURATION", help="Resumes itself, such as after 2h30m.")
@click.option("--reason", help="Why; it lands in the log.")
@common
def pause(
    settings: Settings, as_json: bool, job: str | None, for_: str | None, reason: str | None
) -> None:
    """Start nothing from now on; what runs goes on, what is asked for is held."""
    from tidegate.adapters.system import SystemClock
    from tidegate.kernel.clock import MINUTE_US, Instant, parse_duration
    from tidegate.kernel.errors import InputError
    from tidegate.schedule.orders import Pause

    try:
        span = parse_duration(for_) if for_ else None
    except ValueError as error:
        raise InputError("usage", str(error)) from error
    until = Instant(SystemClock().now() + span) if span else None
    body = {
        "job": job,
        "reason": reason,
        "duration_minutes": span / MINUTE_US if span else None,
    }
    order = Pause(job=job, until=until)
    reply = give(settings, order, reason, "POST", "/api/v1/pipeline/pause", body)
    until_text = f" until {reply['until']}" if reply["until"] else " until resumed"
    _say(reply, as_json, f"{job or 'all jobs'} paused{until_text}")


@schedule.command("resume")
@click.option("--job", help="Only this job; the pause of all jobs when left out.")
@click.option("--reason", help="Why; it lands in the log.")
@common
def resume(settings: Settings, as_json: bool, job: str | None, reason: str | None) -> None:
    """End a pause; what was held starts, highest priority first."""
    from tidegate.schedule.orders import Resume

    body = {"job": job, "reason": reason}
    reply = give(settings, Resume(job=job), reason, "POST", "/api/v1/pipeline/resume", body)
    _say(reply, as_json, f"{job or 'all jobs'} resumed")


@schedule.group("window")
def window() -> None:
    """Maintenance windows added at run time."""


@window.command("add")
@click.option("--start", help="Time of day, such as 02:00.")
@click.option("--end", help="Time of day; before the start means over midnight.")
@click.option("--day", "days", multiple=True, help="Weekday; every day when left out.")
@click.option("--from", "since", help="Once: from this instant.")
@click.option("--until", help="Once: until this instant.")
@click.option("--timezone", help="Zone of the times.", show_default="UTC")
@click.option("--job", "jobs", multiple=True, help="Only these jobs.")
@click.option("--description", default="", help="What it is for.")
@common
def add(settings: Settings, as_json: bool, since: str | None, **given: Json) -> None:
    """Nothing starts inside the window."""
    from pydantic import ValidationError

    from tidegate.kernel.errors import InputError
    from tidegate.schedule.orders import AddWindow
    from tidegate.schedule.window import WindowDocument

    body = {name: value for name, value in given.items() if value not in (None, (), "")}
    if since is not None:
        body["from"] = since
    try:
        document = WindowDocument.model_validate(body)
    except ValidationError as error:
        said = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        what, _, fix = said.partition("|")
        raise InputError("window.invalid", what, fix=fix) from error
    order = AddWindow(window=document.to_window("", "UTC"))
    reply = give(settings, order, None, "POST", "/api/v1/schedule/maintenance", body)
    _say(reply, as_json, f"window {reply['window_id']} added")


@window.command("list")
@common
def list_(settings: Settings, as_json: bool) -> None:
    """Windows added at run time, and what is paused."""
    with answers(settings) as opened:
        found = opened.holds.listed()
    if as_json:
        print_json(found)
        return
    for one in found["pauses"]:
        click.echo(
            f"paused: {one['job'] or 'all jobs'} until {one['until'] or 'resumed'} by {one['actor']}"
        )
    for one in found["windows"]:
        click.echo(
            f"window {one['window_id']}: {one['start'] or one['from']} to {one['end'] or one['until']} {' '.join(one['days'])} {one['description']}".rstrip()
        )
    if not found["pauses"] and not found["windows"]:
        click.echo("nothing is paused, no window was added")


@window.command("remove")
@click.argument("window_id")
@common
def remove(settings: Settings, as_json: bool, window_id: str) -> None:
    """Take a window away."""
    from tidegate.schedule.orders import RemoveWindow

    path = f"/api/v1/schedule/maintenance/{window_id}"
    reply = give(settings, RemoveWindow(window_id=window_id), None, "DELETE", path, None)
    _say(reply, as_json, f"window {window_id} removed")


def _say(reply: Json, as_json: bool, text: str) -> None:
    if as_json:
        print_json(reply)
    else:
        click.echo(text)
