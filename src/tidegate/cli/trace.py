"""`tidegate trace ID`: everything under one id."""

from __future__ import annotations

import click

from tidegate.cli.options import common, print_json, say, tell_unreadable
from tidegate.cli.session import answers
from tidegate.cli.wording import oneline, standing, when
from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.value import is_map
from tidegate.settings import Settings


def _ordered(type_: str, data: Json) -> str:
    """Who wanted what is told, and why, where that was a person."""
    if is_map(data) and type_ == "tidegate.run.aborted":
        return f"  {oneline(str(data['cause']))}"
    if not is_map(data) or not data.get("by"):
        return ""
    reason = f": {oneline(str(data['reason']))}" if data.get("reason") else ""
    return f"  by {data['by']}{reason}"


@click.command()
@click.argument("id_", metavar="ID")
@common
def trace(settings: Settings, as_json: bool, id_: str) -> None:
    """Everything under ID: an event, an application's context id, a global correlation id, a gate."""
    with answers(settings) as opened:
        found = opened.trace.trace(id_)
    if not (found["events"] or found["gates"] or found["executions"]):
        raise InputError("not_found", f"nothing is known under {id_!r}")
    unreadable = found.get("unreadable", [])
    if as_json:
        print_json(found)
        tell_unreadable(unreadable, as_json=True)
        return
    for one in found["events"]:
        what = one["dataset"] or one["subject"] or ""
        mark = _ordered(one["type"], one["data"]) if one["verdict"] == "said" else ""
        if one["verdict"] == "conflict":
            mark = "  conflict: not counted"
        said = f"{when(one['at'])}  {one['type']}  {what}  ({one['source']} {one['id']}){mark}"
        say(said)
    for one in found["gates"]:
        say(f"gate {one['id']} {one['status']}  {one['correlation_id']}")
    for one in found["executions"]:
        say(f"run  {one['id']} {standing(one)}")
    tell_unreadable(unreadable, as_json=False)
