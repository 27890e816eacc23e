"""`tidegate trigger`: wishes to run a job: send, list, show, cancel."""

from __future__ import annotations

import click

from tidegate.cli.options import common, listed, print_json, say, table, tell_more, tell_unreadable
from tidegate.cli.ordering import give
from tidegate.cli.session import answers
from tidegate.cli.wording import shorter, when
from tidegate.kernel.clock import Day
from tidegate.kernel.event import Json
from tidegate.settings import Settings

PRIORITIES = ("low", "normal", "high", "critical")


@click.group()
def trigger() -> None:
    """Triggers: each is one wish to run a job, and passes admission once."""


@trigger.command("list")
@listed("held, started, succeeded, failed, cancelled or refused.")
@common
def list_(
    settings: Settings,
    as_json: bool,
    job: str | None,
    status: str | None,
    days: tuple[Day, Day] | None,
    limit: int,
) -> None:
    """Triggers, the newest business date first, and what holds them."""
    with answers(settings) as opened:
        page = opened.runs.triggers(job=job, status=status, days=days, limit=limit)
    found = page.items
    if as_json:
        print_json(found)
    elif not found and not page.unreadable:
        say("no trigger fits")
    else:
        rows = (
            (one["trigger_id"], one["status"], when(one["requested_at"]), _held(one))
            for one in found
        )
        table(("TRIGGER", "STATUS", "REQUESTED", "HELD BY"), rows)
    if page.next is not None:
        tell_more(limit)
    tell_unreadable(page.problems(), as_json=as_json)


@trigger.command("show")
@click.argument("trigger_id")
@common
def show(settings: Settings, as_json: bool, trigger_id: str) -> None:
    """One trigger: who asked, with what, and what holds it."""
    with answers(settings) as opened:
        found = opened.runs.trigger(trigger_id)
    if as_json:
        print_json(found)
        return
    say(found["why"]["sentence"])
    say(
        f"  asked at {when(found['requested_at'])} by {_asker(found)}, priority {found['priority']}"
    )
    for name, value in found["parameters"].items():
        say(f"  {name}: {shorter(value)}")
    if found["execution"]:
        say(f"  run: tidegate run show {found['execution']}")
    if found["why"]["next"]["what"]:
        at = found["why"]["next"]["at"]
        say(f"  next: {f'{when(at)} ' if at else ''}{found['why']['next']['what']}")


@trigger.command("send")
@click.argument("job", required=False)
@click.option("--date", help="The business date it is for.")
@click.option("--parameters", default="{}", help="A JSON object.", show_default=True)
@click.option("--priority", type=click.Choice(PRIORITIES), default="normal", show_default=True)
@click.option("--again", metavar="TRIGGER", help="The same run once more: job, date, parameters.")
@click.option("--key", help="One run per job, date and key, however often it is sent.")
@click.option("--reason", help="Why; it lands in the log.")
@common
def send(
    settings: Settings,
    as_json: bool,
    job: str | None,
    date: str | None,
    parameters: str,
    priority: str,
    again: str | None,
    key: str | None,
    reason: str | None,
) -> None:
    """Ask for a run of JOB, or for one that was asked for before."""
    from tidegate.adapters.system import random_id
    from tidegate.kernel.errors import InputError
    from tidegate.services.typed_date import parse_date

    if again is not None:
        if job or date or parameters != "{}" or key:
            raise InputError(
                "usage",
                "--again takes job, date and parameters from that run",
                fix="leave them out",
            )
        with answers(settings) as opened:
            order = opened.runs.again(again)
        path = f"/api/v1/triggers/{again}/again"
        reply = give(settings, order, reason, "POST", path, {"reason": reason})
    else:
        given = _object(parameters)
        body: dict[str, Json] = {
            "job": job,
            "business_date": date,
            "priority": priority,
            "parameters": given,
            "idempotency_key": random_id() if key is None else key,
            "reason": reason,
        }
        with answers(settings) as opened:
            order = opened.runs.request(
                job,
                body["idempotency_key"],
                day=parse_date(date) if date else None,
                priority=priority,
                parameters=given,
            )
        reply = give(settings, order, reason, "POST", "/api/v1/trigger/manual", body)
    if as_json:
        print_json(reply)
        return
    held = "; ".join(one["text"] for one in reply["held"])
    before = "was asked for before, and " if reply.get("duplicate") else ""
    say(f"{reply['trigger_id']} {before}is {reply['status']}{f': {held}' if held else ''}")


@trigger.command("cancel")
@click.argument("trigger_id")
@click.option("--reason", help="Why; it lands in the log.")
@common
def cancel(settings: Settings, as_json: bool, trigger_id: str, reason: str | None) -> None:
    """Give up a trigger that is held or was refused."""
    from tidegate.schedule.orders import CancelTrigger

    path = f"/api/v1/triggers/{trigger_id}/cancel"
    reply = give(
        settings, CancelTrigger(trigger=trigger_id), reason, "POST", path, {"reason": reason}
    )
    if as_json:
        print_json(reply)
    else:
        say(f"{reply['trigger_id']} is {reply['status']}")


def _asker(found: Json) -> str:
    """Who asked: a person by name; for a gate also the person whose order it followed."""
    origin, actor, why = found["origin"], found["actor"], found["reason"]
    because = f": {shorter(why)}" if why else ""
    if origin == "person":
        return f"{actor or 'a person'}{because}"
    return f"a {origin} (after an order of {actor}{because})" if actor else f"a {origin}"


def _held(one: Json) -> str:
    if one["status"] not in ("held", "refused"):
        return ""
    if not one["held"]:
        return "it is about to start"
    return "; ".join(
        why["text"] + (f" until {when(why['until'])}" if why["until"] else "")
        for why in one["held"]
    )


def _object(text: str) -> dict[str, Json]:
    """Raises InputError (`usage`)."""
    import msgspec

    from tidegate.kernel.errors import InputError

    try:
        return msgspec.json.decode(text, type=dict[str, Json])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise InputError(
            "usage", f"--parameters is no JSON object: {error}", fix="""write '{"full": true}'"""
        ) from error
