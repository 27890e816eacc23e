"""`tidegate demo`: everything on one file, with a lively estate to look at."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import click
from msgspec.structs import replace

from tidegate.cli.options import common
from tidegate.settings import Settings

ASK = (
    "tidegate board",
    "tidegate explain marketing --date {date}",
    "tidegate explain inventory --date {date}",
    "tidegate gate release inventory~~{date}~~001 --reason 'looked at it'",
    "tidegate explain finance --date {date}          (fx_rates arrives in a minute)",
    "tidegate trace erp-orders-{date}-1",
    "tidegate gate list --status quarantined",
    "tidegate event tail",
)


@click.command()
@click.option("--once", is_flag=True, help="Play, check itself, and end.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="0 takes a free one.", show_default="5000"
)
@common
def demo(settings: Settings, as_json: bool, once: bool, port: int | None) -> None:
    """Play three weeks in seconds, then go on at real speed from 11:24 of the live day.

    One SQLite file in the folder .demo, made anew each time; no database server. With --once the
    file lies in a folder of its own, which goes afterwards.
    """
    from tidegate.demo.play import clear

    del as_json
    with tempfile.TemporaryDirectory(prefix="tidegate-demo-") if once else nullcontext() as own:
        database = clear(Path(own) if own is not None else settings.project / ".demo")
        sys.exit(_play(settings, database, once=once, port=port))


def _play(settings: Settings, database: Path, *, once: bool, port: int | None) -> int:
    from tidegate.adapters.system import SystemClock
    from tidegate.cli.board import show
    from tidegate.demo.checking import faults
    from tidegate.demo.play import PROJECT, DemoClock, play
    from tidegate.kernel.clock import format_day
    from tidegate.services.board import make_board
    from tidegate.wiring import open_answers

    click.echo(f"playing three weeks into {database} ...", err=True)
    began = time.perf_counter()
    clock = SystemClock()
    played = play(database, clock.now())
    click.echo(f"done in {time.perf_counter() - began:.1f} s", err=True)
    chosen = replace(settings, project=PROJECT, database=str(database))
    opened = open_answers(chosen)
    try:
        show(make_board(opened.asking, opened.runs, played.live, 21))
        wrong = list(faults(opened, played)) if once else []
    finally:
        opened.close()
    for one in wrong:
        click.echo(f"not as it must be: {one}", err=True)
    date = format_day(played.live)
    hints = "\n".join(f"  {line.format(date=date)}" for line in ASK)
    where = database if database.is_absolute() else Path.cwd() / database
    click.echo(f"\nIn another terminal (export DATABASE_URL={where}):\n{hints}\n")
    sys.stdout.flush()
    code = _serve(
        replace(chosen, port=0 if once else port if port is not None else settings.port),
        DemoClock(clock, played.at),
        once,
    )
    return 1 if wrong else code


def _serve(settings: Settings, clock: object, once: bool) -> int:
    from tidegate.demo.live import look_once, play_live
    from tidegate.demo.play import DemoClock
    from tidegate.serving import run

    assert isinstance(clock, DemoClock)
    return run(settings, look_once if once else play_live, clock)
