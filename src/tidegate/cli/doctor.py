"""`tidegate doctor`: what is wrong here, and what to do."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from tidegate.cli.options import common, print_json
from tidegate.kernel.errors import TidegateError, TransientError
from tidegate.settings import Settings

if TYPE_CHECKING:
    from tidegate.adapters.store.lock import LockNote

DISK_MIN_BYTES = 1 << 30
CLOCK_YEAR_MIN = 2024
MARKER = "tidegate.yaml"
CHANGES_SAID_MAX = 10
"""Documents that are named where the folder differs from what is followed."""


class Check(Struct, frozen=True):
    name: str
    ok: bool
    what: str
    fix: str = ""


@click.command()
@click.option("--accept-clock", is_flag=True, help="The clock's jump is right: go on deciding.")
@click.option(
    "--shift", is_flag=True, help="With --accept-clock: move everything that waits by the jump."
)
@common
def doctor(settings: Settings, as_json: bool, accept_clock: bool, shift: bool) -> None:
    """Check database, clock, folders, disk and server; exit 1 when something is wrong."""
    if accept_clock:
        _accept_clock(settings, shift)
    found = list(_checks(settings))
    if as_json:
        print_json(
            [{"name": one.name, "ok": one.ok, "what": one.what, "fix": one.fix} for one in found]
        )
    else:
        for one in found:
            click.echo(f"{'ok  ' if one.ok else 'FAIL'} {one.name}: {one.what}")
            if one.fix and not one.ok:
                click.echo(f"     fix: {one.fix}")
    sys.exit(0 if all(one.ok for one in found) else 1)


def _checks(settings: Settings) -> Iterator[Check]:
    for name, look in (
        ("python", _python),
        ("project", _project),
        ("disk", _disk),
        ("clock", _clock),
        ("database", _database),
        ("followed", _followed_folder),
        ("channels", _channels),
        ("notices", _notices),
        ("server", _server),
    ):
        yield _guarded(name, look, settings)


def _guarded(name: str, look: Callable[[Settings], Check], settings: Settings) -> Check:
    try:
        return look(settings)
    except TidegateError as error:
        return Check(name, False, f"{error.code}: {error.message}", error.fix)


def _python(settings: Settings) -> Check:
    del settings
    return Check(
        "python", sys.version_info >= (3, 11), sys.version.split()[0], "use Python 3.11 or newer"
    )


def _project(settings: Settings) -> Check:
    from tidegate.services.documents import check_project

    if not (settings.project / MARKER).exists():
        followed = _followed(settings)
        if followed:
            folder = settings.project.absolute()
            what = f"no {MARKER} in {folder}; the database follows {followed} documents"
            return Check("project", True, what)
    project = check_project(settings.project)
    what = f"{len(project.documents)} documents, {len(project.faults)} faults"
    return Check("project", not project.faults, what, "tidegate check shows them")


def _followed(settings: Settings) -> int:
    """How many documents the database follows; it needs no folder to do so."""
    from tidegate.cli.session import answers

    if not settings.is_postgres and not settings.file.exists():
        return 0
    with answers(settings) as opened:
        return len(opened.library.books().active)


def _followed_folder(settings: Settings) -> Check:
    """Whether what the folder holds is what is followed."""
    from tidegate.cli.documents import current
    from tidegate.services.documents import changes_of, check_project, drafts_of

    followed = current(settings)
    if followed is None:
        return Check("followed", True, "nothing yet; `serve` follows the folder")
    if not (settings.project / MARKER).exists():
        return Check("followed", True, f"activation {followed.id}")
    project = check_project(settings.project)
    changes = changes_of(drafts_of(project), followed)
    if project.faults or not changes:
        also = (
            ", which the folder's faults keep from the next"
            if project.faults
            else ", as the folder"
        )
        return Check("followed", True, f"activation {followed.id}{also}")
    named = [f"{one.kind} {one.name} ({one.what})" for one in changes]
    more = f" and {len(named) - CHANGES_SAID_MAX} more" if len(named) > CHANGES_SAID_MAX else ""
    what = f"activation {followed.id}, from which the folder differs: {', '.join(named[:CHANGES_SAID_MAX])}{more}"
    return Check("followed", False, what, "tidegate activate --dry-run, then tidegate activate")


def _disk(settings: Settings) -> Check:
    folder = settings.project if settings.is_postgres else settings.file.absolute().parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    writable = os.access(folder, os.W_OK)
    what = f"{free >> 20} MiB free in {folder}" + ("" if writable else ", not writable")
    return Check(
        "disk", writable and free > DISK_MIN_BYTES, what, "free some, or move the database"
    )


def _clock(settings: Settings) -> Check:
    del settings
    from tidegate.adapters.system import SystemClock
    from tidegate.kernel.clock import format_instant, moment

    now = SystemClock().now()
    return Check("clock", moment(now).year >= CLOCK_YEAR_MIN, format_instant(now), "set the clock")


def _database(settings: Settings) -> Check:
    from tidegate.cli.session import answers
    from tidegate.kernel.clock import format_instant

    if not settings.is_postgres and not settings.file.exists():
        return Check("database", True, f"{settings.file} does not exist yet; `serve` creates it")
    with answers(settings) as opened:
        turn = opened.reader.turn()
        parked = len(opened.reader.parked())
    if settings.is_postgres:
        from tidegate.adapters.store.postgres_holder import see_turn
        from tidegate.adapters.system import SystemClock

        see_turn(settings.url, SystemClock())
    what = f"{turn.n} turns, last at {format_instant(turn.at)}, {parked} signals parked"
    return Check("database", parked == 0, what, "tidegate inbox list, then tidegate inbox release")


def _channels(settings: Settings) -> Check:
    """Asked of this shell's environment; a server that runs has its own, and said so at its start."""
    from tidegate.adapters.store.lock import read_lock
    from tidegate.cli.session import answers
    from tidegate.performing import unusable_channels

    if not settings.is_postgres and not settings.file.exists():
        return Check("channels", True, "none is followed yet")
    with answers(settings) as opened:
        faults = unusable_channels(opened.library.books(), os.environ)
    if not faults:
        return Check("channels", True, "all that are followed can be used")
    what = "; ".join(f"{name}: {why}" for name, why in sorted(faults.items()))
    note = None if settings.is_postgres else read_lock(settings.file)
    if settings.is_postgres or (note is not None and note.url):
        what = f"in this shell {what}; what counts is the server's own environment, see its log"
        return Check("channels", True, what)
    return Check("channels", False, what, "set it where `tidegate serve` is started")


def _notices(settings: Settings) -> Check:
    from tidegate.cli.notice import so_many
    from tidegate.cli.session import answers

    if not settings.is_postgres and not settings.file.exists():
        return Check("notices", True, "nobody was told anything yet")
    with answers(settings) as opened:
        undelivered, slow = opened.notices.undelivered(), opened.notices.slow()
    if not undelivered:
        being = f"; {so_many(slow)} being sent for over a minute, see tidegate notice list"
        return Check("notices", True, f"none is undelivered{being if slow else ''}")
    fix = "tidegate notice list --status undelivered says why; mend it, then tidegate notice send --all"
    return Check("notices", False, f"{so_many(undelivered)} reached nobody", fix)


def _server(settings: Settings) -> Check:
    from tidegate.adapters.store.lock import read_lock
    from tidegate.cli.client import call

    note = None if settings.is_postgres else read_lock(settings.file)
    if note is None or not note.url:
        return Check("server", True, "none runs on this database")
    try:
        answer = call(note.url, note.token, "GET", "/readyz")
    except TransientError as error:
        if error.code != "unreachable":
            raise
        return _silent(note, error)
    return Check("server", bool(answer["ready"]), f"pid {note.pid} at {note.url} is ready")


def _silent(note: LockNote, error: TransientError) -> Check:
    """A server that does not answer: gone without a word, or stuck."""
    if _lives(note.pid):
        fix = f"look at its log; else end process {note.pid} and start `tidegate serve` again"
        return Check("server", False, f"pid {note.pid} does not answer: {error.message}", fix)
    what = f"pid {note.pid} at {note.url} ended uncleanly, and none runs now"
    fix = "start `tidegate serve`: it takes over and goes on with what was under way"
    return Check("server", False, what, fix)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # of another user
    return True


def _accept_clock(settings: Settings, shift: bool) -> None:
    from tidegate.cli.ordering import give
    from tidegate.services.orders import AcceptClock

    body = {"shift": shift}
    give(settings, AcceptClock(shift=shift), "doctor", "POST", "/api/v1/clock/accept", body)
    click.echo("the clock is accepted")
