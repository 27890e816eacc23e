"""Working: perform what was committed until nothing is left to do; for commands without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tidegate.kernel.errors import TransientError
from tidegate.wiring import App

POLL_SECONDS = 0.02
SETTLE_SECONDS = 0.2
"""Between two looks whether what waits for its time has come to its end."""
QUIET_ROUNDS = 3
"""So many looks in a row must find nothing to do."""


async def work_until_idle(
    app: App, seconds_max: float, settled: Callable[[], bool] = lambda: True
) -> None:
    """Run the dispatcher until no effect is open that is due, no turn is left, and all is `settled`.

    What waits for a time to come (a retry, a deadline, a maintenance window) is left to a server,
    where `settled` does not wait for it. Raises TransientError (`timeout`).
    """
    dispatcher = app.dispatcher()
    working = asyncio.create_task(dispatcher.run())
    quiet = 0
    try:
        async with asyncio.timeout(seconds_max):
            while True:
                dispatcher.poke()
                await asyncio.sleep(POLL_SECONDS)
                quiet = 0 if await _is_busy(app, dispatcher.busy()) else quiet + 1
                if quiet < QUIET_ROUNDS:
                    continue
                if await asyncio.to_thread(settled):
                    break
                quiet = 0
                await asyncio.sleep(SETTLE_SECONDS)
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
