"""`tidegate inbox`: what waits for a person."""

from __future__ import annotations

import click

from tidegate.cli.options import LISTED_MAX, common, print_json, say, tell_more
from tidegate.cli.ordering import give
from tidegate.cli.session import answers
from tidegate.cli.wording import oneline, sender, shorter, when, whole
from tidegate.kernel.event import Json
from tidegate.settings import Settings

_NEXT = {
    "parked": "after an upgrade: tidegate inbox release {id}",
    "released": "nothing; its engine has decided it",
    "rejected": "mend what was wrong and send it again",
    "conflict": "if it is the right one, send it again under an id of its own",
    "unmapped": "map its application in contexts/*.yaml, or send what it lacks",
    "unmatched": "write a rule for it, or leave it",
}


@click.group()
def inbox() -> None:
    """Parked signals, refused deliveries, conflicts, events that match no rule."""


@inbox.command("list")
@click.option("--limit", type=click.IntRange(1, LISTED_MAX), default=100, show_default=True)
@common
def list_(settings: Settings, as_json: bool, limit: int) -> None:
    """What waits, parked signals first, then the newest."""
    with answers(settings) as opened:
        items = opened.inbox.listed(limit)
    if as_json:
        print_json(items)
    elif not items:
        say("nothing waits for anybody")
    for one in items if not as_json else ():
        about = sender(one.get("event")) if one["kind"] != "conflict" else ""
        who = f"  ({about})" if about else ""
        say(f"{one['id']:<8} {one['kind']:<9} {when(one['at'])}  {oneline(one['what'])}{who}")
    if len(items) == limit:
        tell_more(limit)


@inbox.command("show")
@click.argument("item_id", metavar="ID")
@common
def show(settings: Settings, as_json: bool, item_id: str) -> None:
    """One item with all that is kept of it, and what can be done."""
    with answers(settings) as opened:
        found = opened.inbox.item(item_id)
    if as_json:
        print_json(found)
        return
    say(f"{found['id']}  {found['kind']}  {when(found['at'])}")
    say(f"  {found['what']}")
    for one in found.get("differs", []):
        counted, sent = shorter(one["counted"]), shorter(one["sent"])
        say(f"  {one['what']}: {counted} counts, {sent} was sent")
    if found.get("body"):
        click.echo(whole(found["body"], 2))
    elif found.get("event"):
        print_json(found["event"])
    say(f"next: {_NEXT[found['kind']].format(id=found['id'])}")


@inbox.command("release")
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every parked signal; after an upgrade.")
@click.option("--reason", help="Why; it lands in the log.")
@common
def release(
    settings: Settings, as_json: bool, ids: tuple[str, ...], everything: bool, reason: str | None
) -> None:
    """Hand parked signals to their engine again; one that fails again stays parked."""
    from tidegate.kernel.errors import InputError
    from tidegate.services.inbox import release_order

    if everything == bool(ids):
        raise InputError("usage", "name the ids to release, or say --all")
    if everything:
        with answers(settings) as opened:
            ids = tuple(opened.inbox.parked_ids())
    replies: list[dict[str, Json]] = []
    for id_ in ids:
        try:
            path = f"/api/v1/inbox/{id_}/release"
            reply = give(settings, release_order(id_), reason, "POST", path, {"reason": reason})
            replies.append({"id": id_, "released": True, "reply": reply})
        except InputError as error:
            replies.append(
                {"id": id_, "released": False, "code": error.code, "message": str(error)}
            )
    if as_json:
        print_json(replies)
    elif not replies:
        say("nothing is parked")
    for one in replies if not as_json else ():
        said = "released" if one["released"] else f"stays: {one['message']}"
        say(f"{one['id']}: {said}")
    if not all(one["released"] for one in replies):
        raise SystemExit(1)
