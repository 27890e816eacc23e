"""Play: three weeks in seconds. The product's own host on a simulated clock, on the demo's file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from tidegate.adapters.store.lock import WriterLock, lock_path
from tidegate.adapters.store.read_sql import SqlReader
from tidegate.adapters.store.reading import sqlite_engine
from tidegate.adapters.store.sqlite import SqliteStore
from tidegate.demo.estate import deliveries
from tidegate.kernel.clock import DAY_US, MINUTE_US, Day, Instant
from tidegate.kernel.event import Json
from tidegate.kernel.step import CallTask, Done, Effect, Failed, Key
from tidegate.services.documents import check_project, refuse_faults
from tidegate.services.engines import codec_of
from tidegate.services.record import keys_of
from tidegate.services.release import release
from tidegate.testing.world import Performer, Takes, World

PROJECT = Path(__file__).resolve().parent / "project"
WEEKS = 3
LIVE_MINUTE = 11 * 60 + 24
RUN_US = 7 * MINUTE_US


class Played(Struct, frozen=True):
    """Where the story stands when real time takes over."""

    live: Day
    at: Instant


def live_day(now: Instant) -> Day:
    """The last business day that has reached 11:24."""
    day = (now - LIVE_MINUTE * MINUTE_US) // DAY_US
    while (day + 3) % 7 >= 5:  # 1970-01-01 was a Thursday
        day -= 1
    return Day(day)


def clear(folder: Path) -> Path:
    """An empty folder for a demo; answers where its database goes.

    Raises ConflictError (`database.busy`): another demo runs on it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "demo.db"
    lock = WriterLock.acquire(database)
    try:
        for one in folder.iterdir():
            if one.resolve() != lock_path(database):  # the lock hangs on this very file
                one.unlink()
    finally:
        lock.release()
    return database


def play(database: Path, now: Instant, told: Callable[[float], None]) -> Played:
    """Write three weeks into an empty file, and leave it at 11:24 of the live day.

    `told` hears how much of it is done, from 0 to 1.
    """
    live = live_day(now)
    first = Day(live - 7 * WEEKS)
    days = [Day(day) for day in range(first, live + 1) if (day + 3) % 7 < 5]
    codec = codec_of()
    store = SqliteStore.open(database, codec, keys_of=keys_of)
    reader = SqlReader(sqlite_engine(database), codec)
    try:
        world = World(
            _documents(),
            at=Instant(first * DAY_US),
            perform=_performer(live),
            store=(store, reader),
            release=release(),
        )
        arriving = deliveries(days, live)
        for number, one in enumerate(arriving):
            told(number / len(arriving))
            if one.at > world.clock.now():
                world.advance(one.at - world.clock.now())
            world.hear(one.raw)
        end = Instant(live * DAY_US + LIVE_MINUTE * MINUTE_US)
        world.advance(end - world.clock.now())
    finally:
        reader.close()
        store.close()
    return Played(live, end)


def _documents() -> dict[tuple[str, str], Json]:
    project = check_project(PROJECT)
    refuse_faults(project)
    return {(one.kind, one.name): msgspec.to_builtins(one.body) for one in project.documents}


def _performer(live: Day) -> Performer:
    def perform(key: Key, effect: Effect) -> Done | Failed | Takes | None:
        if not isinstance(effect, CallTask):
            return Done()
        if key.day == live and key.scope == "route_plan":
            return None  # it is running when somebody looks
        if key.day == live and key.scope == "risk_report":
            return Takes(RUN_US, Failed("Risk.LimitTable", "the limit table of the day is empty"))
        return Takes(RUN_US, Done({"exit_code": 0}))

    return perform
