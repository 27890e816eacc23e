"""Control: orders people give, and how their answers come back."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.step import Order, Refusal
from tidegate.services.host import Host

ANSWER_SECONDS_MAX = 30.0


class Control:
    """Safe in every thread. An order is in the log with its actor and reason."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def give(self, body: Struct, actor: str, reason: str | None = None) -> Json | Refusal:
        """Give an order and wait for its commit. Raises TransientError, InputError (`input`)."""
        _check(reason)
        return self._host.order(Order(body, actor, reason)).result(ANSWER_SECONDS_MAX)

    async def give_async(
        self, body: Struct, actor: str, reason: str | None = None
    ) -> Json | Refusal:
        _check(reason)
        future = self._host.order(Order(body, actor, reason))
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            return await asyncio.wrap_future(future)


def _check(reason: str | None) -> None:
    """It is shown on terminals and in sentences, for ever."""
    for one in reason or "":
        if not one.isprintable():
            raise InputError(
                "input",
                f"the reason holds {one!r}, which cannot be printed",
                fix="write it in one line, without control characters",
            )
