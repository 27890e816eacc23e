"""Notify: one way to tell people something."""

from __future__ import annotations

from typing import Protocol

from tidegate.kernel.step import SendNotice


class Notify(Protocol):
    """One channel. Sending twice under one key should show once where the channel can do that."""

    async def send(self, notice: SendNotice, key: str) -> str | None:
        """Deliver; answers the channel's own id of the message, if it has one.

        Raises TransientError (try again) or InputError (never: wrong address, refused).
        """
        ...
