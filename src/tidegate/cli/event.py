"""`tidegate event`: send, tail, search."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from msgspec import Struct

from tidegate.cli.options import common, print_json, print_json_list, say, tell_more
from tidegate.cli.session import answers, app, server, token_for
from tidegate.cli.wording import oneline, sender, when
from tidegate.kernel.errors import ConflictError, InputError, TidegateError, TransientError
from tidegate.kernel.event import Json
from tidegate.services.intake import Pending, Receipt
from tidegate.settings import Settings

if TYPE_CHECKING:
    from tidegate.cli.waiting import Runs
    from tidegate.wiring import App

BATCH_DEFAULT = 1000
POST_TRIES_MAX = 10
SAID_MAX = 20
FOUND_MAX = 100_000
"""Refused events, and remarks, that are said one by one."""


class Sent(Struct):
    """What became of everything that was sent."""

    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: list[Json] = []
    remarks: list[Json] = []
    seconds: float = 0.0
    cpu_seconds: float | None = None
    runs: list[Json] | None = None  # what followed, where it was waited for

    def add(self, answer: Json, first: int) -> None:
        """A batch's answer; indexes count over the whole file."""
        self.accepted += answer["accepted"]
        self.duplicates += answer["duplicates"]
        self.conflicts += answer["conflicts"]
        self.rejected += [one | {"index": one["index"] + first} for one in answer["rejected"]]
        remarks = answer.get("remarks", [])
        self.remarks += [one | {"index": one["index"] + first} for one in remarks]

    def cut_off(self, error: TidegateError, total: int) -> TidegateError:
        """The same error, with what the server had answered before it."""
        if not self.accepted + self.duplicates + self.conflicts + len(self.rejected):
            return error
        said = (
            f"{error.message}; of {total} events before that: {self.accepted} accepted, "
            f"{self.duplicates} duplicates, {self.conflicts} conflicts, {len(self.rejected)} rejected"
        )
        fix = "then send them all again: what was taken is a duplicate"
        return type(error)(
            error.code, said, fix=f"{error.fix}; {fix}" if error.fix else fix, **error.details
        )

    def printed(self) -> dict[str, Json]:
        """As JSON; remarks only where there are some."""
        found: dict[str, Json] = msgspec.to_builtins(self)
        if not self.remarks:
            del found["remarks"]
        if self.runs is None:
            del found["runs"]
        return found

    @property
    def exit_code(self) -> int:
        from tidegate.cli.waiting import exit_of

        return 1 if self.rejected or self.conflicts else exit_of(self.runs or ())


@click.group()
def event() -> None:
    """Events: what applications say."""


@event.command("send")
@click.argument("file", type=click.Path(allow_dash=True, path_type=Path))
@click.option("--at", help="Send to the server at this URL.")
@click.option(
    "--batch",
    type=click.IntRange(1, 10_000),
    default=BATCH_DEFAULT,
    show_default=True,
    help="Events a commit or request.",
)
@click.option("--wait", is_flag=True, help="Wait for the end of the runs that follow, retries too.")
@click.option(
    "--timeout", metavar="DURATION", default="1h", show_default=True, help="How long, with --wait."
)
@common
def send(
    settings: Settings,
    as_json: bool,
    file: Path,
    at: str | None,
    batch: int,
    wait: bool,
    timeout: str,
) -> None:
    """Send FILE (`-`: standard input): one JSON event, a JSON array, or JSON lines.

    Without a server the events are committed by this command; what follows is performed by the next
    `serve`, or at once with --wait. Exit 1 if anything was rejected or is in conflict; with --wait
    also if a run failed, 6 if one goes on after --timeout, 10 if one is held (it is not waited for).
    """
    from tidegate.cli.sentfile import SentFile

    url = _address(at) if at is not None else None
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise InputError("not_found", f"{file} cannot be read: {error.strerror}") from error
    read = SentFile(file, data)
    events = read.events
    wait_s = _seconds(timeout) if wait else None
    if url is not None:
        sent = asyncio.run(_post(url, token_for(settings, url), events, batch, wait_s))
    else:
        try:
            sent = _commit(settings, events, batch, wait_s)
        except ConflictError as error:
            note = server(settings, error)
            sent = asyncio.run(_post(note.url, note.token, events, batch, wait_s))
    read.place((*sent.rejected, *sent.remarks))
    if as_json:
        print_json(sent.printed())
    else:
        _print(sent, read.name)
    sys.exit(sent.exit_code)


def _address(at: str) -> str:
    """Raises InputError (`usage`) for what is no address of a server."""
    if at.startswith(("http://", "https://")):
        return at
    rest = at.partition("://")[2] or at
    raise InputError(
        "usage", f"--at {at} is no address: it must begin with http:// or https://",
        fix=f"write --at http://{rest}",
    )  # fmt: skip


def _seconds(timeout: str) -> float:
    """Raises InputError (`usage`)."""
    from tidegate.kernel.clock import SECOND_US, parse_duration

    try:
        return parse_duration(timeout) / SECOND_US
    except ValueError as error:
        raise InputError("usage", f"--timeout: {error}") from error


def _commit(settings: Settings, events: Sequence[bytes], batch: int, wait_s: float | None) -> Sent:
    from tidegate.cli.waiting import Runs

    sent = Sent()
    with app(settings) as opened:
        opened.follow_folder()
        runs = Runs(opened)
        began, cpu = time.perf_counter(), _cpu()
        waiting: list[tuple[int, Pending]] = []
        for first in range(0, len(events), batch):
            waiting.append((first, opened.intake.receive(events[first : first + batch], "cli")))
            if len(waiting) > 4:
                first_waiting, pending = waiting.pop(0)
                sent.add(_answer(pending.result()), first_waiting)
        for first_waiting, pending in waiting:
            sent.add(_answer(pending.result()), first_waiting)
        sent.seconds = round(time.perf_counter() - began, 6)
        sent.cpu_seconds = round(_cpu() - cpu, 6)
        if wait_s is not None:
            sent.runs = _work(opened, runs, wait_s)
    return sent


def _work(opened: App, runs: Runs, seconds_max: float) -> list[Json]:
    """Perform what follows, until the runs have come to their end."""
    from tidegate.cli.waiting import late
    from tidegate.working import work_until_idle

    try:
        asyncio.run(work_until_idle(opened, seconds_max, runs.settled))
    except TransientError as error:
        if error.code == "timeout":
            raise late(runs.listed(), seconds_max) from error
        raise
    return runs.listed()


def _answer(receipt: Receipt) -> Json:
    return msgspec.to_builtins(receipt)


async def _post(
    url: str, token: str, events: Sequence[bytes], batch: int, wait_s: float | None
) -> Sent:
    """Over HTTP, a few batches at a time; 503 is tried again after the pause it names."""
    from tidegate.cli.client import request, session
    from tidegate.cli.waiting import check_followed, follow

    if wait_s is not None:
        check_followed(events)
    sent = Sent()
    began = time.perf_counter()
    target = url.rstrip("/") + "/api/v1/events"
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    async with session(token) as opened:
        for first in range(0, len(events), batch):
            body = b"[" + b",".join(events[first : first + batch]) + b"]"
            attempt = 0
            while True:
                try:
                    answer = await request(opened, "POST", target, data=body, headers=headers)
                    break
                except TidegateError as error:
                    attempt += 1
                    if not isinstance(error, TransientError) or attempt == POST_TRIES_MAX:
                        raise sent.cut_off(error, len(events)) from error
                    await asyncio.sleep(min(5.0, 0.2 * 2**attempt))
            sent.add(answer, first)
        sent.seconds = round(time.perf_counter() - began, 6)
        if wait_s is not None:
            sent.runs = await follow(opened, url.rstrip("/"), events, wait_s)
    return sent


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _print(sent: Sent, file: str) -> None:
    say(
        f"{sent.accepted} accepted, {sent.duplicates} duplicates, {sent.conflicts} conflicts, "
        f"{len(sent.rejected)} rejected in {sent.seconds:.2f} s"
    )
    if sent.runs is not None:
        from tidegate.cli.waiting import say_runs

        say_runs(sent.runs)
    _print_some(sent.rejected, file, "tidegate inbox list")
    _print_some(
        sent.remarks, file, "tidegate event send --json lists them, tidegate inbox list too"
    )


def _print_some(all_: Sequence[Json], file: str, where: str) -> None:
    """The first of them; of the others how many they are and where they stand."""
    for one in all_[:SAID_MAX]:
        place = f"{file}:{one['line']}:{one['column']}"
        say(f"  {place}: event {one['index']}: {one['code']}: {one['message']}", err=True)
    if len(all_) > SAID_MAX:
        say(f"  and {len(all_) - SAID_MAX} more: {where}", err=True)


@event.command("search")
@click.option("--id", "id_", help="An event id, a context id or a correlation id.")
@click.option("--type", "type_", help="The event type.")
@click.option("--source", help="The source.")
@click.option("--dataset", help="The dataset.")
@click.option("--foreign", is_flag=True, help="Leave out what Tidegate said itself.")
@click.option("--limit", type=click.IntRange(1, FOUND_MAX), default=50, show_default=True)
@common
def search(
    settings: Settings,
    as_json: bool,
    id_: str | None,
    type_: str | None,
    source: str | None,
    dataset: str | None,
    foreign: bool,
    limit: int,
) -> None:
    """Events of the log, newest first."""
    from tidegate.services.search import Wanted

    wanted = Wanted(token=id_, type=type_, source=source, dataset=dataset, own=not foreign)
    with answers(settings) as opened:
        found = opened.search.whole(wanted, limit)
        refused = opened.inbox.refused(id_) if id_ is not None else []
    if as_json:
        print_json_list(found)
    for one in refused:
        what = oneline(one["what"])
        say(f"refused: {sender(one['event'])}: {what}; tidegate inbox show {one['id']}", err=True)
    if not found and not refused and not as_json:
        say("nothing found", err=True)
    for one in found if not as_json else ():
        _print_event(one)
    if len(found) == limit:
        tell_more(limit, FOUND_MAX)


@event.command("tail")
@click.option(
    "--last",
    type=click.IntRange(0, 10_000),
    default=10,
    show_default=True,
    help="Begin so many events back.",
)
@click.option("--no-follow", is_flag=True, help="End after those.")
@common
def tail(settings: Settings, as_json: bool, last: int, no_follow: bool) -> None:
    """Follow the log as it grows."""
    from tidegate.kernel.ids import Pos
    from tidegate.services.search import Wanted

    with answers(settings) as opened:
        found, _ = opened.search.newest(Wanted(), limit=last) if last else ([], None)
        place = opened.reader.turn().next_pos
        for one in reversed(found):
            _line(one, as_json)
        while not no_follow:
            more, place = opened.search.after(Pos(place), Wanted())
            for one in more:
                _line(one, as_json)
            if not more:
                _pause()


def _pause() -> None:
    from threading import Event

    Event().wait(0.3)


def _line(one: Json, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(one).decode())
    else:
        _print_event(one)
    sys.stdout.flush()


def _print_event(one: Json) -> None:
    what = one["dataset"] or one["subject"] or ""
    mark = "  conflict: counts for nothing" if one["verdict"] == "conflict" else ""
    say(
        f"{when(one['at'])}  {one['pos']:>8}  {one['type']}  {what}  {one['business_date'] or ''}  {one['source']} {one['id']}{mark}".rstrip()
    )
