"""Live: what happens while somebody watches the demo."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import aiohttp

from tidegate.demo.estate import delivery
from tidegate.kernel.clock import DAY_US, MINUTE_US, Day
from tidegate.wiring import App

FX_AFTER_SECONDS = 60.0


async def play_live(app: App, url: str) -> None:
    """The missing exchange rates arrive, and the ledger closes."""
    del url
    await asyncio.sleep(FX_AFTER_SECONDS)
    now = app.clock.now()
    minute = now % DAY_US // MINUTE_US
    one = delivery("fx_rates", Day(now // DAY_US), minute, 12_345, "1")
    await app.intake.receive([one.raw], "demo").wait()
    print(
        "fx_rates arrived: the gate of finance opens, ledger_close starts",
        file=sys.stderr,
        flush=True,
    )


async def look_once(app: App, url: str) -> None:
    """Ask the running server, as somebody would, and end it."""
    try:
        await asyncio.sleep(0)
        day = Day(app.clock.now() // DAY_US)
        one = delivery("fx_rates", day, 11 * 60 + 20, 12_345, "1")
        receipt = await app.intake.receive([one.raw], "demo").wait()
        assert receipt.accepted == 1, receipt
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/readyz") as response:
                assert response.status == 200, await response.text()
            async with session.get(f"{url}/api/v1/gates") as response:
                assert response.status == 401, await response.text()
        gates = [
            gate
            for gate in app.asking.all_gates(rule="finance", day=day)
            if gate["status"] == "open"
        ]
        assert len(gates) == 1, gates
        print("checked: ready, guarded, and fx_rates opened finance", file=sys.stderr, flush=True)
    except AssertionError as error:
        print(f"not as it must be: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
