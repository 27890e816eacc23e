"""`tidegate gate`: list, show, release, close."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from tidegate.cli.explain import print_run
from tidegate.cli.options import common, print_json, print_json_list, say, table, tell_unreadable
from tidegate.cli.ordering import give
from tidegate.cli.session import answers
from tidegate.cli.wording import oneline, when
from tidegate.kernel.event import Json
from tidegate.settings import Settings

if TYPE_CHECKING:
    from tidegate.correlate.listing import GateAnswer
    from tidegate.services.page import Page


@click.group()
def gate() -> None:
    """Gates: one rule, one business date, one round."""


@gate.command("list")
@click.option("--rule", help="Only of this rule.")
@click.option("--status", help="waiting, quarantined, overdue, open or closed.")
@click.option("--date", help="Only of this business date.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.", show_default="all")
@common
def list_(
    settings: Settings,
    as_json: bool,
    rule: str | None,
    status: str | None,
    date: str | None,
    limit: int | None,
) -> None:
    """Gates, the newest business date first."""
    from itertools import islice

    from tidegate.services.typed_date import parse_date

    day = parse_date(date) if date else None
    with answers(settings) as opened:
        unreadable: list[Json] = []
        gates = _each(opened.asking.pages(rule=rule, status=status, day=day), unreadable)
        found = islice(gates, limit)
        if as_json:
            print_json_list(found)
        else:
            table(
                ("GATE", "STATUS", "INPUTS", "CORRELATION ID", "OPENED"),
                (_row(one) for one in found),
            )
            if limit is not None and next(gates, None) is not None:
                say(f"there are more: --limit {limit * 10}", err=True)
    tell_unreadable(unreadable, as_json=as_json)


def _each(pages: Iterable[Page[GateAnswer]], unreadable: list[Json]) -> Iterator[Json]:
    """The gates of all pages; the problems of those that cannot be read go where they are told."""
    for page in pages:
        unreadable += page.problems()
        yield from page.items


@gate.command("show")
@click.argument("gate_id")
@common
def show(settings: Settings, as_json: bool, gate_id: str) -> None:
    """One round of one gate."""
    from tidegate.correlate.gate import CLOSE_AFTER, LATE

    with answers(settings) as opened:
        found = opened.asking.gate(gate_id)
    if as_json:
        print_json(found)
        return
    say(f"{found['id']}  {found['status']}  {found['correlation_id']}")
    for name in ("opened_at", "deadline"):
        if found[name]:
            say(f"  {name.removesuffix('_at')} {when(found[name])}")
    if found["closed_by"] not in (None, CLOSE_AFTER, LATE):
        why = f": {oneline(found['close_reason'])}" if found["close_reason"] else ""
        say(f"  closed by {found['closed_by']}{why}")
    for one in found["inputs"]:
        event = f"{one['event']['source']} {one['event']['id']}" if one["event"] else ""
        say(f"  {one['name']}: {one['status']}  {event}  {one['reason'] or ''}".rstrip())
    for run in found["runs"]:
        print_run(run)


@gate.command("release")
@click.argument("gate_id")
@click.option("--input", "inputs", multiple=True, help="Only this input; all when left out.")
@click.option("--reason", help="Why; it lands in the log.")
@common
def release(
    settings: Settings, as_json: bool, gate_id: str, inputs: tuple[str, ...], reason: str | None
) -> None:
    """Let quarantined inputs of a gate through."""
    from tidegate.correlate.identity import round_named
    from tidegate.correlate.orders import ReleaseGate

    key, round_ = round_named(gate_id)
    order = ReleaseGate(gate=key, round=round_, inputs=inputs)
    body = {"inputs": list(inputs), "reason": reason}
    reply = give(settings, order, reason, "POST", f"/api/v1/gates/{gate_id}/release", body)
    _print_reply(reply, as_json)


@gate.command("close")
@click.argument("gate_id")
@click.option("--reason", help="Why; it lands in the log.")
@common
def close(settings: Settings, as_json: bool, gate_id: str, reason: str | None) -> None:
    """Wait no longer: this round of the gate never opens, and alarms nobody any more."""
    from tidegate.correlate.identity import round_named
    from tidegate.correlate.orders import CloseGate

    key, round_ = round_named(gate_id)
    order = CloseGate(gate=key, round=round_)
    path = f"/api/v1/gates/{gate_id}/close"
    _print_reply(give(settings, order, reason, "POST", path, {"reason": reason}), as_json)


def _print_reply(reply: Json, as_json: bool) -> None:
    if as_json:
        print_json(reply)
    else:
        say(f"{reply['gate']} is {reply['status']}")
    sys.stdout.flush()


def _row(one: Json) -> tuple[str, ...]:
    states = " ".join(f"{two['name']}:{two['status']}" for two in one["inputs"])
    return (one["id"], one["status"], states, one["correlation_id"], when(one["opened_at"]))
