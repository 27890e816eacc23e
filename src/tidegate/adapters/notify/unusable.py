"""Unusable: a channel that is configured and cannot be used here, such as for want of its secret.

Its notices are shown on the console, so that somebody may see them, and refused, so that they stay
listed as undelivered until a person mends the channel and sends them again.
"""

from __future__ import annotations

from msgspec.structs import replace

from tidegate.adapters.notify.console import ConsoleNotify
from tidegate.kernel.errors import InputError
from tidegate.kernel.step import SendNotice
from tidegate.kernel.value import is_map


class UnusableNotify:
    """Delivers nothing, and says why."""

    def __init__(self, console: ConsoleNotify, why: str) -> None:
        self._console = console
        self._why = why

    async def send(self, notice: SendNotice, key: str) -> str | None:
        """Raises InputError `notice.refused`, TransientError while the console cannot be written."""
        body = notice.body if is_map(notice.body) else {"message": notice.body}
        meant = f"meant for {notice.channel}, which cannot be used: {self._why}"
        await self._console.send(replace(notice, body={**body, "diverted": meant}), key)
        raise InputError(
            "notice.refused",
            f"channel {notice.channel} cannot be used: {self._why}",
            fix="mend it, start the server again, then tidegate notice send",
        )
