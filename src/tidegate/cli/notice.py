"""`tidegate notice`: what people were told, what could not be delivered, and sending that again."""

from __future__ import annotations

import click

from tidegate.cli.options import LISTED_MAX, common, print_json, say, tell_more, tell_unreadable
from tidegate.cli.ordering import give
from tidegate.cli.session import answers
from tidegate.cli.wording import oneline, when
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.settings import Settings

SENT_MAX = 1000
"""Notices that are sent again at once."""


@click.group()
def notice() -> None:
    """Notices: what people were told."""


@notice.command("list")
@click.option("--status", help="sending, sent or undelivered.")
@click.option("--date", help="Only of this business date.")
@click.option("--limit", type=click.IntRange(1, LISTED_MAX), default=100, show_default=True)
@common
def list_(
    settings: Settings, as_json: bool, status: str | None, date: str | None, limit: int
) -> None:
    """The newest business date first; those without one last."""
    from tidegate.services.typed_date import parse_date

    day = parse_date(date) if date else None
    with answers(settings) as opened:
        page = opened.notices.page(status=status, day=day, limit=limit)
    if as_json:
        print_json(page.items)
    elif not page.items and not page.unreadable:
        say("no such notice" if status or date else "nobody was told anything yet")
    for one in page.items if not as_json else ():
        _print(one)
    if page.next is not None:
        tell_more(limit)
    tell_unreadable(page.problems(), as_json=as_json)


@notice.command("show")
@click.argument("notice_id", metavar="ID")
@common
def show(settings: Settings, as_json: bool, notice_id: str) -> None:
    """One notice with its data."""
    with answers(settings) as opened:
        found = opened.notices.notice(notice_id)
    if as_json:
        print_json(found)
        return
    _print(found)
    if found["data"]:
        print_json(found["data"])


@notice.command("send")
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every undelivered notice.")
@click.option("--reason", help="Why; it lands in the log.")
@common
def send(
    settings: Settings, as_json: bool, ids: tuple[str, ...], everything: bool, reason: str | None
) -> None:
    """Send undelivered notices once more, to where their channels lead now; the server does it."""
    from tidegate.watch.orders import SendAgain

    if everything == bool(ids):
        raise InputError("usage", "name the notices to send, or say --all")
    if everything:
        with answers(settings) as opened:
            page = opened.notices.page(status="undelivered", limit=SENT_MAX)
        ids = tuple(one["id"] for one in page.items)
    replies: list[dict[str, Json]] = []
    for id_ in ids:
        path = f"/api/v1/notices/{id_}/send"
        try:
            give(settings, SendAgain(notice=id_), reason, "POST", path, {"reason": reason})
            replies.append({"id": id_, "sending": True})
        except InputError as error:
            replies.append(
                {"id": id_, "sending": False, "code": error.code, "message": error.message}
            )
    if as_json:
        print_json(replies)
    for one in replies if not as_json else ():
        say(f"{one['id']}: {'sending' if one['sending'] else one['message']}")
    if not all(one["sending"] for one in replies):
        raise SystemExit(1)


def so_many(undelivered: int) -> str:
    """How many notices: a list's page is the most that is counted."""
    if undelivered >= SENT_MAX:
        return f"{SENT_MAX} notices or more"
    return "1 notice" if undelivered == 1 else f"{undelivered} notices"


def _print(one: dict[str, Json]) -> None:
    where = f"{one['channel']}, {one['receiver']}" if one["receiver"] else one["channel"]
    say(f"{one['id']}  {one['status']}  {when(one['told_at'])}")
    say(f"  {one['severity']} for {where}: {oneline(one['message'])}")
    if one["diverted"]:
        say(f"  went to the console: {one['diverted']}")
    if one["status"] == "sending":
        _print_sending(one)
    elif one["error"]:
        say(f"  not delivered: {oneline(one['error'])}")


def _print_sending(one: dict[str, Json]) -> None:
    if not one["tries"]:
        say(f"  being tried since {when(one['told_at'])}")
        return
    tries = "1 try" if one["tries"] == 1 else f"{one['tries']} tries"
    again = f", the next at {when(one['next_try_at'])}" if one["next_try_at"] else ""
    why = f": {oneline(one['error'])}" if one["error"] else ""
    say(f"  not delivered yet after {tries}{again}{why}")
