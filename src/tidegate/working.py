"""Working: perform what was committed until nothing is left to do; for commands without a server."""

from __future__ import annotations

import asyncio

from tidegate.kernel.errors import TransientError
from tidegate.wiring import App

POLL_SECONDS = 0.02
QUIET_ROUNDS = 3
"""So many looks in a row must find nothing to do."""


async def work_until_idle(app: App, seconds_max: float) -> None:
    """Run the dispatcher until no effect is open that is due, and no turn is left.

    What waits for a time to come (a retry, a deadline, a maintenance window) is left to a server.
    Raises TransientError (`timeout`).
    """
    dispatcher = app.dispatcher()
    working = asyncio.create_task(dispatcher.run())
    quiet = 0
    try:
        async with asyncio.timeout(seconds_max):
            while quiet < QUIET_ROUNDS:
                dispatcher.poke()
                await asyncio.sleep(POLL_SECONDS)
                quiet = 0 if await _is_busy(app, dispatcher.busy()) else quiet + 1
    except TimeoutError as error:
        raise TransientError("timeout", f"work goes on after {seconds_max:g} s") from error
    finally:
        await app.end_effects(1.0)
        await asyncio.wait({working}, timeout=5)


async def _is_busy(app: App, performing: tuple[object, ...]) -> bool:
    """Something is performed, can be performed now, or waits for the next turn."""
    if performing or len(app.host.door):
        return True
    now = app.clock.now()
    visible, later, wake = await asyncio.wrap_future(
        app.host.call(lambda store: (store.next_visible(), store.has_later(), store.next_wake()))
    )
    return later or (visible is not None and visible <= now) or (wake is not None and wake <= now)
