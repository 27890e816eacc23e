"""Guide: what the demo shows on its live day, and what to ask next, as it can be typed."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which

from msgspec import Struct

from tidegate.demo.estate import delivery
from tidegate.kernel.clock import DAY_US, MINUTE_US, Day, Instant, day_date

# The files somebody may send: name, dataset, rows. They arrive a little before the clock's time.
DELIVERIES = (("clicks.json", "clicks", 11_090), ("stock_south.json", "stock_south", 9_400))
DELIVERED_BEFORE = 4


class Scene(Struct, frozen=True):
    """One rule on the live day: what the board shows, and why."""

    rule: str
    state: str
    why: str


STORY = (
    Scene("customer_360", "held", "its inputs are here, a maintenance window ends at 12:00"),
    Scene("daily_sales", "done", "all inputs came, the report was made"),
    Scene("finance", "waiting", "fx_rates arrives in a minute: watch its gate open"),
    Scene("inventory", "quarantine", "stock_south arrived empty, so nothing was started"),
    Scene("logistics", "running", "the route plan is being made"),
    Scene("marketing", "late", "clicks never came, and were due at 09:00"),
    Scene("risk", "failed", "its job failed three times: the limit table is empty"),
)


def story(live: Day, at: Instant) -> Iterator[str]:
    """What one sees in the last column of the board."""
    minute = at % DAY_US // MINUTE_US
    clock = f"{minute // 60:02d}:{minute % 60:02d}"
    yield ""
    yield f"Here it is {clock} (UTC) on {day_date(live):%A}, {day_date(live)}. On that day:"
    yield ""
    for scene in STORY:
        yield f"  {scene.rule:13} {scene.state:11} {scene.why}"


def questions(folder: Path, date: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What to ask, and the commands that ask it, after `tidegate`."""
    clicks, stock = (shlex.quote(str(folder / name)) for name, _, _ in DELIVERIES)
    yield "Why is marketing late?", (f"explain marketing --date {date}",)
    yield (
        "Deliver what it lacks, and ask again:",
        (f"event send {clicks}", f"explain marketing --date {date}"),
    )
    yield "Why was nothing started for inventory?", (f"explain inventory --date {date}",)
    yield (
        "A corrected delivery clears it (so does: gate release):",
        (f"event send {stock}", f"explain inventory --date {date}"),
    )
    yield "What failed, and why?", (f"explain risk --date {date}", "run list --status failed")
    yield "What is held, and by what?", ("trigger list --status held",)
    yield "Has finance opened?", (f"explain finance --date {date}",)
    yield "Everything under an application's own id:", (f"trace erp-orders-{date}-1",)
    yield "The board again, and the log as it grows:", ("board", "event tail --no-follow")


def printed(folder: Path, database: Path, date: str) -> Iterator[str]:
    """The questions with whole commands, for another terminal in any folder."""
    command = how_called()
    yield ""
    yield "Ask, in a second terminal:"
    yield ""
    yield f"    cd {shlex.quote(str(Path.cwd()))}"
    yield f"    export DATABASE_URL={shlex.quote(str(Path.cwd() / database))}"
    for question, asked in questions(folder, date):
        yield f"  {question}"
        yield from (f"    {command} {one}" for one in asked)


def how_called() -> str:
    """What to type for `tidegate` in this folder."""
    called = sys.argv[0]
    if called.endswith("__main__.py"):
        return f"{shlex.quote(sys.executable)} -m tidegate"
    found = which("tidegate")
    if found is not None and Path(found).resolve() == Path(called).resolve():
        return "tidegate"
    return shlex.quote(called)


def write_deliveries(folder: Path, live: Day, at: Instant) -> None:
    """Files for somebody to send: what is missing, and what corrects the empty one."""
    minute = at % DAY_US // MINUTE_US - DELIVERED_BEFORE
    for name, dataset, count in DELIVERIES:
        event = json.loads(delivery(dataset, live, minute, count, "2").raw)
        (folder / name).write_text(json.dumps(event, indent=1) + "\n", "utf-8")
