"""Holder: whoever has the turn and stands still is ended by those who wait.

The server's own timers free most turns (see `postgres_link`); this frees the rest: a holder stopped
while it sends its writes, or a server too old for a limit on transactions.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tidegate.adapters.store import postgres_sql as sql
from tidegate.adapters.store.postgres_ask import Ask
from tidegate.kernel.errors import TransientError
from tidegate.ports.store import RowFault

if TYPE_CHECKING:
    from tidegate.adapters.store.postgres_link import Link

HOLDER_MAX_S = 6.0
"""Who has waited for so long ends the holder."""
QUIET_S = 3.0
"""A holder that did something within these seconds has only just got the turn, and is left alone."""
AGAIN_S = 1.0
ASK_MAX_S = 3.0

log = logging.getLogger("tidegate.store")


class Impatience:
    """Called while one trip waits, with the seconds since it began."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._look_at = HOLDER_MAX_S

    def __call__(self, passed_s: float) -> None:
        if passed_s >= self._look_at:
            self._look_at = passed_s + AGAIN_S
            self._end_holder(passed_s)

    def _end_holder(self, passed_s: float) -> None:
        """On a connection of its own: the other one waits. It may fail; the wait then goes on."""
        ask = Ask(sql.HOLDER_ENDED, self._link.pid, QUIET_S)
        second = self._link.second(lock_s=1)
        try:
            second.trip(ask, within_s=ASK_MAX_S)
        except (TransientError, RowFault) as error:
            log.warning("who holds the turn cannot be found: %s", error)
        finally:
            second.drop()
        for pid, name, ended in ask.rows:
            log.warning(
                "waited %.1f s for the turn; %s (backend %d), which held it, was %s",
                passed_s, name, pid, "ended" if ended else "gone already",
            )  # fmt: skip
