"""`tidegate board`: the estate at a glance, in a terminal."""

from __future__ import annotations

import os
import sys

import click
import msgspec
from msgspec.structs import replace

from tidegate.cli.notice import so_many
from tidegate.cli.options import common, print_json, tell_unreadable
from tidegate.cli.session import answers
from tidegate.services.board import Board
from tidegate.settings import Settings

# State: glyph and colour; the glyph alone tells them apart.
LOOKS: dict[str, tuple[str, str]] = {
    "waiting": ("-", "bright_black"),
    "ready": ("+", "green"),
    "done": ("✓", "green"),
    "running": ("▶", "blue"),
    "retrying": ("↻", "yellow"),
    "late": ("!", "yellow"),
    "missing": ("✕", "red"),
    "failed": ("✗", "bright_red"),
    "quarantine": ("◆", "magenta"),
    "held": ("Ⅱ", "cyan"),
    "closed": ("⊘", "bright_black"),
    "unknown": ("?", "bright_red"),
}
NO_GATE = "·"
PLAIN = str.maketrans("✓▶↻✕✗◆Ⅱ⊘·", "o>~xX#=/.")
"""What stands for a glyph where the locale has no such character."""
AGAIN = "*"
_WORDS = {"closed": "closed by a person"}
"""What the legend says where the state alone does not say it."""

_TITLE = "business date"


@click.command()
@click.option(
    "--date",
    help="The last business date shown.",
    show_default="the newest up to tomorrow in the project's time zone",
)
@click.option("--days", type=click.IntRange(1, 60), default=21, show_default=True)
@common
def board(settings: Settings, as_json: bool, date: str | None, days: int) -> None:
    """What is ready, late, held and running, by business date."""
    from tidegate.services.board import make_board, with_beyond
    from tidegate.services.typed_date import parse_date

    with answers(settings) as opened:
        last = parse_date(date) if date else opened.last_day()
        made = make_board(opened.asking, opened.downstream, last, days)
        if not date:
            made = with_beyond(made, opened.asking, last)
        made = replace(made, undelivered=opened.notices.undelivered())
    if as_json:
        print_json(msgspec.to_builtins(made))
    else:
        show(made)
    tell_unreadable(made.unreadable, as_json=as_json)


def show(made: Board) -> None:
    """Print it; colours on a terminal only, and never against NO_COLOR."""
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    if made.undelivered:
        click.echo(
            f"{so_many(made.undelivered)} reached nobody: "
            "tidegate notice list --status undelivered\n"
        )
    if not made.rows:
        click.echo(
            f"no gates from {made.dates[0]} to {made.dates[-1]}; "
            "`tidegate gate list` shows those of all dates"
        )
        return
    names = [row.rule if row.dataset is None else f"  {row.dataset}" for row in made.rows]
    dates = _lively(made)
    width = max(len(name) for name in (*names, _TITLE))
    months = " ".join(date[5:7] for date in dates)
    numbers = " ".join(date[8:] for date in dates)
    click.echo(f"{_TITLE:{width}}  {months}")
    click.echo(f"{dates[-1][:4]:{width}}  {numbers}")
    used: set[str | None] = set()
    again = False
    plain = _plain(sys.stdout.encoding)
    for name, row in zip(names, made.rows, strict=True):
        cells: list[str] = []
        for date in dates:
            state = row.cells.get(date)
            used.add(state)
            glyph, colour = LOOKS[state] if state else (NO_GATE, "bright_black")
            glyph = glyph.translate(plain)
            mark = AGAIN if date in row.again else " "
            again = again or date in row.again
            cells.append(mark + (click.style(glyph, fg=colour) if colours else glyph))
        click.echo(f"{name:{width}}  {' '.join(cells)}")
    legend = [
        f"{LOOKS[state][0].translate(plain)} {_WORDS.get(state, state)}"
        for state in LOOKS
        if state in used
    ]
    if None in used:
        legend.append(f"{NO_GATE.translate(plain)} no gate")
    if again:
        legend.append(f"{AGAIN} opened once, and a later round has begun")
    click.echo(f"\n{'  '.join(legend)}")
    if made.beyond:
        many = "1 gate" if made.beyond == 1 else f"{made.beyond} gates"
        upto = f", up to {made.newest}" if made.beyond > 1 else f", of {made.newest}"
        click.echo(f"{many} beyond {made.dates[-1]}{upto}: tidegate gate list")


def _plain(encoding: str | None) -> dict[int, int]:
    """What to put for which glyph: all of them, or none where the locale has them all."""
    try:
        "".join(map(chr, PLAIN)).encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return PLAIN
    return {}


def _lively(made: Board) -> list[str]:
    """The dates from the first on that has anything; a new project has none before."""
    first = min((date for row in made.rows for date in row.cells), default=made.dates[0])
    return [date for date in made.dates if date >= first]
