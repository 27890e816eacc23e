"""Caution: after an unclean end one root is decided a turn, so that one that kills its host is found.

    root --noted, in a transaction of its own--> decided --> its note goes in the turn that decides it
    note --found after an unclean end--> one death more --at three--> parked as `host.died`

One death proves nothing: a kill comes at any instant. It ends when the backlog that was there is
through, and not before a minute has passed: senders repeat what was not answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from tidegate.kernel.clock import Clock, Instant
from tidegate.kernel.errors import TransientError
from tidegate.ports.store import Store, Taken

CAREFUL_SECONDS = 60.0
DEATHS_MAX = 3


class Caution:
    """Kept by the host's thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = float("-inf")
        self._later_before = 0  # entries of `later` below it, and ...
        self._due_before = Instant(0)  # ... cells due until then, are the backlog
        self._later_left = self._due_left = False
        self._noted: bytes | None = None
        self.condemned: dict[bytes, str] = {}
        """Roots that are to be parked untried, and why."""

    def begin(self, store: Store, taken: Taken) -> None:
        """A process before did not end well. Raises TransientError."""
        for root, deaths in store.count_deaths().items():
            if deaths >= DEATHS_MAX:
                self.condemned[root] = f"host.died: deciding it ended {deaths} processes"
        self._until = self._clock.monotonic() + CAREFUL_SECONDS
        self._later_before, self._due_before = taken.next_later, max(taken.now, taken.at)
        self._later_left = self._due_left = True

    def holds(self) -> bool:
        return self._later_left or self._due_left or self._clock.monotonic() < self._until

    def look(self, later: bool, wake_at: Instant | None) -> None:
        """Is anything left in `later`, and when does the next cell wake?"""
        self._later_left &= later
        self._due_left &= wake_at is not None and wake_at <= self._due_before

    def took(self, taken: Taken) -> None:
        """`later` is taken oldest first: a young one says that the old ones are through."""
        if taken.later and taken.later[0][0] >= self._later_before:
            self._later_left = False

    def note(self, store: Store, root: bytes, now: Instant) -> None:
        """It is about to be decided. Raises TransientError."""
        if root == self._noted:
            return  # its turn failed and we live: no death
        if self._noted is not None:
            store.clear_suspects((self._noted,))
        store.note_suspect(root, now)
        self._noted = root

    def notes(self, roots: Sequence[bytes], condemned: Sequence[bytes]) -> tuple[bytes, ...]:
        """Those among them that are noted; their notes go with the turn."""
        noted = (self._noted,) if self._noted is not None and self._noted in roots else ()
        return (*noted, *(root for root in condemned if root not in noted))

    def decided(self, roots: Sequence[bytes]) -> None:
        """The turn is committed."""
        if self._noted is not None and self._noted in roots:
            self._noted = None
        if self.condemned:
            for root in roots:
                self.condemned.pop(root, None)

    def end(self, store: Store) -> None:
        """The process ends well: what it noted did not kill it."""
        if self._noted is not None:
            with suppress(TransientError):
                store.clear_suspects((self._noted,))
            self._noted = None
