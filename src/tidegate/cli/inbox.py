"""`tidegate inbox`: what waits for a person."""

from __future__ import annotations

import click

from tidegate.cli.options import common, print_json, table
from tidegate.cli.ordering import give
from tidegate.cli.session import answers
from tidegate.kernel.event import Json
from tidegate.settings import Settings

WHAT_MAX = 100


@click.group()
def inbox() -> None:
    """Parked signals, refused deliveries, events that match no rule."""


@inbox.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@common
def list_(settings: Settings, as_json: bool, limit: int) -> None:
    """Everything that waits, parked signals first."""
    with answers(settings) as opened:
        items = opened.inbox.listed(limit)
    if as_json:
        print_json(items)
        return
    if not items:
        click.echo("nothing waits for anybody")
        return
    table(
        ("ID", "KIND", "AT", "WHAT"),
        ((one["id"], one["kind"], one["at"], one["what"][:WHAT_MAX]) for one in items),
    )


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
            reply = give(settings, release_order(id_), reason, "POST", path, {})
            replies.append({"id": id_, "released": True, "reply": reply})
        except InputError as error:
            replies.append(
                {"id": id_, "released": False, "code": error.code, "message": str(error)}
            )
    if as_json:
        print_json(replies)
    for one in replies if not as_json else ():
        said = "released" if one["released"] else f"stays: {one['message']}"
        click.echo(f"{one['id']}: {said}")
    if not all(one["released"] for one in replies):
        raise SystemExit(1)
