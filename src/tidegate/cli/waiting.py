"""Waiting: until the runs that events started have come to their end, here or on a server.

A run that is held is not waited for: a pause may have no end. It is said, and has its exit code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from tidegate.cli.options import say
from tidegate.kernel.errors import InputError, TransientError
from tidegate.kernel.event import Json
from tidegate.kernel.ids import Pos
from tidegate.kernel.public_id import parse_public_id
from tidegate.kernel.value import is_map

if TYPE_CHECKING:
    import aiohttp

    from tidegate.wiring import App

FOLLOWED_MAX = 1000
"""Events whose runs are followed on a server."""
POLL_SECONDS = 0.5
EXIT_FAILED, EXIT_HELD = 1, 10
_LIVE = frozenset({"started", "running", "retrying"})
_ASKED = "tidegate.trigger."


# ---- by this process
class Runs:
    """What was asked for since a place of the log, in a process that alone writes to it."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._place = app.reader.turn().next_pos
        self._ids: dict[str, None] = {}

    def settled(self) -> bool:
        """None of them runs or will be tried again."""
        return not any(one["status"] in _LIVE for one in self.listed())

    def listed(self) -> list[Json]:
        """Each as `explain --json` prints it."""
        self._look()
        keys = [parse_public_id("trigger", id_) for id_ in self._ids]
        found = [self._app.downstream.follow(key) for key in keys if key is not None]
        return [one.listed() for one in found if one is not None]

    def _look(self) -> None:
        from tidegate.services.search import Wanted

        while True:
            events, place = self._app.search.after(Pos(self._place), Wanted())
            for one in events:
                if one["verdict"] == "said" and one["type"].startswith(_ASKED):
                    self._ids[one["subject"]] = None
            if place == self._place:
                return
            self._place = place


# ---- on a server
def check_followed(events: Sequence[bytes]) -> None:
    """Raises InputError (`usage`) for more events than a server is asked about."""
    if len(events) > FOLLOWED_MAX:
        raise InputError(
            "usage",
            f"--wait beside a server follows at most {FOLLOWED_MAX} events, these are {len(events)}",
            fix="send them without --wait, or in parts",
        )


async def follow(
    opened: aiohttp.ClientSession, url: str, events: Sequence[bytes], seconds_max: float
) -> list[Json]:
    """The runs these events led to, once none of them goes on. Raises TransientError (`timeout`)."""
    from tidegate.cli.client import request

    found: dict[str, Json] = {}
    try:
        async with asyncio.timeout(seconds_max):
            for id_ in dict.fromkeys(_ids(events)):
                for one in await _traced(opened, url, id_):
                    found[one["trigger"]] = one
            while live := [id_ for id_, one in found.items() if one["status"] in _LIVE]:
                await asyncio.sleep(POLL_SECONDS)
                for id_ in live:
                    path = f"{url}/api/v1/triggers/{quote(id_, safe='')}/explain"
                    found[id_] = (await request(opened, "GET", path))["runs"][0]
    except TimeoutError as error:
        raise late(list(found.values()), seconds_max) from error
    return list(found.values())


def late(runs: Sequence[Json], seconds_max: float) -> TransientError:
    """What goes on when the time is over."""
    live = [one["trigger"] for one in runs if one["status"] in _LIVE]
    what = f"{len(live)} runs go on, such as {live[0]}" if live else "work goes on"
    return TransientError(
        "timeout",
        f"{what} after {seconds_max:g} s; the events are in",
        fix="wait longer with --timeout, or look with tidegate run list",
    )


def _ids(events: Sequence[bytes]) -> Iterator[str]:
    for raw in events:
        try:
            event: Json = msgspec.json.decode(raw)
        except msgspec.DecodeError:
            continue  # it was refused
        if is_map(event) and isinstance(event.get("id"), str):
            yield event["id"]


async def _traced(opened: aiohttp.ClientSession, url: str, id_: str) -> list[Json]:
    from tidegate.cli.client import request

    try:
        answer = await request(opened, "GET", f"{url}/api/v1/trace/{quote(id_, safe='')}")
    except InputError as error:
        if error.code == "not_found":
            return []
        raise
    triggers: list[Json] = answer["triggers"]
    return triggers


# ---- what came of it
def exit_of(runs: Sequence[Json]) -> int:
    """0 when all succeeded or were given up, 1 when one failed, 10 when one is held."""
    states = {one["status"] for one in runs}
    if states & {"failed", "timed_out", "aborted", "refused"}:
        return EXIT_FAILED
    return EXIT_HELD if "held" in states else 0


def say_runs(runs: Sequence[Json]) -> None:
    """What did not succeed."""
    for one in runs:
        if one["status"] == "held":
            say(f"not waited for: {one['sentence']}", err=True)
        elif one["status"] != "succeeded":
            say(one["sentence"], err=True)
