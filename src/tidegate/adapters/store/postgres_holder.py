"""Holder: a replica that has the turn and stands still is ended by those who wait.

The server's own timers free most turns (see `postgres_link`); this frees the rest: a holder stopped
while it sends its writes, or a server too old for a limit on transactions.

Only sessions of Tidegate's own are ended, known by their name and role: what a person or another
program does in the database is named to whoever waits, and waited for. Statements are shown to who
may read the log or the database: they can hold data.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from tidegate.adapters.store import postgres_sql as sql
from tidegate.adapters.store.postgres_ask import Ask, Numbers
from tidegate.kernel.clock import Clock
from tidegate.kernel.errors import TransientError
from tidegate.ports.store import RowFault

if TYPE_CHECKING:
    from tidegate.adapters.store.postgres_link import Link

HOLDER_MAX_S = 6.0
"""Who has waited for so long ends the holder."""
QUIET_S = 3.0
"""Only one that has held the turn all these last seconds, and did nothing."""
LOOK_EVERY_S = 1.0
ASK_MAX_S = 3.0
PROBE_S = 5
"""So long a person who asks waits for the turn: long enough to see who holds it, too short to end it."""

log = logging.getLogger("tidegate.store")

_Holder: TypeAlias = tuple[int, int]  # process, and when its state last changed


class Impatience:
    """Called while one trip waits, with the seconds since it began.

    One look is not enough: who was waiting a moment ago and has just got the turn looks the same as
    who holds it for ever, for its state has not changed since it began to wait. So only a holder
    that was seen as one again and again is ended.
    """

    def __init__(self, link: Link) -> None:
        self.foreign: list[tuple[str, str]] = []
        """Who holds it and is none of ours, and with what statement, as seen last."""
        self._link = link
        self._look_at = HOLDER_MAX_S - QUIET_S
        self._since: dict[_Holder, float] = {}

    def __call__(self, passed_s: float) -> None:
        if passed_s >= self._look_at:
            self._look_at = passed_s + LOOK_EVERY_S
            self._look(passed_s)

    def _look(self, passed_s: float) -> None:
        """On a connection of its own: the other one waits. It may fail; the wait then goes on."""
        quiet = [one for one, since in self._since.items() if passed_s - since >= QUIET_S]
        ask = Ask(
            sql.HOLDERS,
            self._link.pid,
            Numbers(pid for pid, _ in quiet),
            Numbers(changed_at for _, changed_at in quiet),
        )
        second = self._link.second(lock_s=1)
        try:
            second.trip(ask, within_s=ASK_MAX_S)
        except (TransientError, RowFault) as error:
            log.warning("who holds the turn cannot be found: %s", error)
        finally:
            second.drop()
        holders = {(pid, changed_at) for pid, changed_at, *_ in ask.rows}
        self._since = {one: self._since.get(one, passed_s) for one in holders}
        known = bool(self.foreign)
        self.foreign = [(told, query) for _, _, _, ours, told, query, _ in ask.rows if not ours]
        if not known:  # said once a wait
            for told, query in self.foreign:
                log.warning("waited %.1f s for the turn: %s keeps it: %s", passed_s, told, query)
        for pid, _, name, _, _, _, ended in ask.rows:
            if ended is not None:
                log.warning(
                    "waited %.1f s for the turn; %s (backend %d), which held it, was %s",
                    passed_s, name, pid, "ended" if ended else "gone already",
                )  # fmt: skip


@contextmanager
def patience(link: Link, *, statements: bool = False) -> Generator[Impatience]:
    """What a trip that may wait for the turn is given; a wait in vain says who was in the way."""
    impatience = Impatience(link)
    try:
        yield impatience
    except TransientError as error:
        if not impatience.foreign:
            raise
        told = [f"{who}: {what}" if statements else who for who, what in impatience.foreign]
        raise TransientError(
            error.code,
            f"somebody else's session keeps the turn: {'; '.join(told)}",
            fix="end that transaction (COMMIT or ROLLBACK there, or SELECT pg_terminate_backend of "
            "its backend); it is tried again",
        ) from error


def see_turn(url: str, clock: Clock) -> None:
    """Take the turn and let it go. Raises TransientError: who keeps it, with what statement."""
    from tidegate.adapters.store.postgres_link import Link

    link = Link(url, "tidegate doctor", clock, lock_s=PROBE_S)
    try:
        with patience(link, statements=True) as waiting:
            link.trip(Ask(sql.TURN), waiting=waiting)
    finally:
        link.drop()
