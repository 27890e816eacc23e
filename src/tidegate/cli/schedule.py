"""`tidegate schedule`: pause, resume, maintenance windows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from tidegate.cli.options import common, print_json, say
from tidegate.cli.ordering import give
from tidegate.cli.session import answers
from tidegate.cli.wording import when
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.settings import Settings

if TYPE_CHECKING:
    from pydantic import ValidationError


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
    said = f"{_who(job)} paused {_until(reply['until'])}"
    before = reply.get("replaces")
    if before is not None:
        said += f"; this takes the place of the pause {_until(before['until'])}{_why(before)}"
    _say(reply, as_json, said)


@schedule.command("resume")
@click.option("--job", help="Only this job; the pause of all jobs when left out.")
@click.option("--reason", help="Why; it lands in the log.")
@common
def resume(settings: Settings, as_json: bool, job: str | None, reason: str | None) -> None:
    """End a pause; what was held starts, highest priority first."""
    from tidegate.schedule.orders import Resume

    body = {"job": job, "reason": reason}
    reply = give(settings, Resume(job=job), reason, "POST", "/api/v1/pipeline/resume", body)
    if as_json:
        print_json(reply)
        return
    if reply.get("was_paused") is False:
        what = "no pause of all jobs" if job is None else f"no pause of {job}"
        say(f"there was {what}; nothing was changed")
        ended = ""
    else:
        ended = f"the pause of {job or 'all jobs'} has ended; what it held "
    with answers(settings) as opened:
        still = tuple(_holding(opened.holds.listed()))
    if ended:
        say(f"{ended}starts, unless held by:" if still else f"{ended}starts now")
    for line in still:
        say(f"still {line}")


@schedule.group("window")
def window() -> None:
    """Maintenance windows: of files they are listed, at run time they are added and removed."""


@window.command("add")
@click.option("--start", help="Time of day, such as 02:00.")
@click.option("--end", help="Time of day; before the start means over midnight.")
@click.option("--day", "days", multiple=True, help="Weekday; every day when left out.")
@click.option("--from", "since", help="From this instant: once, or where a weekly one begins.")
@click.option("--until", help="Until this instant: once, or where a weekly one ends.")
@click.option("--timezone", help="Zone of the times.", show_default="the project's")
@click.option("--job", "jobs", multiple=True, help="Only these jobs.")
@click.option("--description", default="", help="What it is for.")
@common
def add(settings: Settings, as_json: bool, since: str | None, **given: Json) -> None:
    """Nothing starts inside the window."""
    from pydantic import ValidationError

    from tidegate.schedule.orders import AddWindow
    from tidegate.schedule.window import AddedWindow

    body = {name: value for name, value in given.items() if value not in (None, (), "")}
    if since is not None:
        body["from"] = since
    try:
        document = AddedWindow.model_validate(body)
    except ValidationError as error:
        raise _wrong_window(error) from error
    window = document.to_window("", "UTC")
    order = AddWindow(window=window, in_project_zone=not document.names_zone)
    reply = give(settings, order, None, "POST", "/api/v1/schedule/maintenance", body)
    _say(reply, as_json, f"window {reply['window_id']} added")


@window.command("list")
@common
def list_(settings: Settings, as_json: bool) -> None:
    """Maintenance windows of the project's files and of run time, and what is paused."""
    with answers(settings) as opened:
        found = opened.holds.listed()
    if as_json:
        print_json(found)
        return
    for one in found["pauses"]:
        say(f"paused: {_who(one['job'])} {_until(one['until'])}{_why(one)}")
    for one in found["windows"]:
        say(_window(one))
    if not found["pauses"] and not found["windows"]:
        say("nothing is paused, and there is no maintenance window")


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
        say(text)


# ---- words
def _who(job: str | None) -> str:
    return job or "all jobs"


def _until(instant: str | None) -> str:
    return f"until {when(instant)}" if instant else "until resumed"


def _why(pause: Json) -> str:
    by = f" by {pause['actor']}" if pause["actor"] else ""
    return f"{by}: {pause['reason']}" if pause["reason"] else by


def _window(one: Json) -> str:
    if one["start"] is not None:
        days = ", ".join(one["days"]) or "every day"
        bounds = "".join(f", {word} {when(one[word])}" for word in ("from", "until") if one[word])
        span = f"{one['start']} to {one['end']} {one['timezone']}, {days}{bounds}"
    else:
        span = f"{when(one['from'])} to {when(one['until'])}"
    jobs = ", ".join(one["jobs"]) or "all jobs"
    said = f": {one['description']}" if one["description"] else ""
    now = f"; holds now, until {when(one['holds_until'])}" if one["holds_until"] else ""
    return f"window {one['window_id']} ({one['written']}): {jobs}, {span}{said}{now}"


def _holding(found: Json) -> Iterator[str]:
    """What holds at this moment."""
    for one in found["pauses"]:
        yield f"paused: {_who(one['job'])} {_until(one['until'])}{_why(one)}"
    yield from (_window(one) for one in found["windows"] if one["holds_until"])


def _wrong_window(error: ValidationError) -> InputError:
    """Every fault under the option it came by."""
    said: list[str] = []
    fixes: list[str] = []
    for fault in error.errors(include_url=False):
        # Our own words: `what|fix`, with the keys of a document.
        words = str(fault.get("ctx", {}).get("error", fault["msg"]))
        what, _, fix = words.partition("|")
        option = _OPTIONS.get(str(fault["loc"][0])) if fault["loc"] else None
        said.append(f"{option}: {what}" if option else what)
        fixes.append(_KEY.sub(lambda found: f"--{found[1]}", fix))
    return InputError("window.invalid", "; ".join(said), fix="; ".join(dict.fromkeys(fixes)))


_OPTIONS = {
    "start": "--start", "end": "--end", "days": "--day", "from": "--from", "until": "--until",
    "timezone": "--timezone", "jobs": "--job", "description": "--description",
}  # fmt: skip
_KEY = re.compile(r"\b(start|end|from|until):")
