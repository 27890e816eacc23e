"""`tidegate demo`: everything on one file, with a lively estate to look at."""

from __future__ import annotations

import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import click
from msgspec.structs import replace

from tidegate.cli.options import common
from tidegate.kernel.clock import Clock
from tidegate.settings import Settings


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
    from rich.console import Console
    from rich.progress import Progress

    from tidegate.adapters.system import ShiftedClock, SystemClock
    from tidegate.answering import open_answers
    from tidegate.cli.board import show
    from tidegate.demo.checking import faults
    from tidegate.demo.guide import printed, story, write_deliveries
    from tidegate.demo.play import PROJECT, play
    from tidegate.kernel.clock import format_day
    from tidegate.services.board import make_board

    clock = SystemClock()
    with Progress(
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("three weeks of a small estate", total=1.0)
        played = play(database, clock.now(), lambda done: bar.update(task, completed=done))
    chosen = replace(settings, project=PROJECT, database=str(database))
    opened = open_answers(chosen)
    try:
        show(make_board(opened.asking, opened.downstream, played.live, 21))
        wrong = list(faults(opened, played)) if once else []
    finally:
        opened.close()
    for one in wrong:
        click.echo(f"not as it must be: {one}", err=True)
    write_deliveries(database.parent, played.live, played.at)
    for line in story(played.live, played.at):
        click.echo(line)
    for line in printed(database.parent, database, format_day(played.live)):
        click.echo(line)
    click.echo("\nBelow stands what people are told. Ctrl-C ends the demo.\n")
    sys.stdout.flush()
    code = _serve(
        replace(chosen, port=0 if once else port if port is not None else settings.port),
        ShiftedClock(clock, played.at - clock.now()),
        once,
    )
    return 1 if wrong else code


def _serve(settings: Settings, clock: Clock, once: bool) -> int:
    from tidegate.demo.live import look_once, play_live
    from tidegate.serving import run

    return run(settings, look_once if once else play_live, clock)
