"""Console: notices as lines on a stream, for people who watch a terminal or a log.

Also where notices of channels go that are not set up, so that nothing is told to nobody.
"""

from __future__ import annotations

import asyncio

from tidegate.adapters.talk import Talk
from tidegate.kernel.clock import Clock, Instant, format_second
from tidegate.kernel.errors import TransientError
from tidegate.kernel.step import SendNotice
from tidegate.kernel.value import is_map, text

PATIENCE_S = 5.0
"""How long a notice waits to be written before it is tried again later."""
PATIENCE_AGAIN_S = 0.1
LINE_MAX = 2000
"""Characters of a line; what is longer ends with a mark."""


class ConsoleNotify:
    """One line a notice: `2026-11-20T06:00:00Z critical to ops: message [meant for ...]`."""

    def __init__(self, clock: Clock, talk: Talk) -> None:
        self._clock = clock
        self._talk = talk
        self._stands_still = False

    async def send(self, notice: SendNotice, key: str) -> str | None:
        """Raises TransientError `notice.unreachable` while nobody reads."""
        try:
            saying = self._talk.say(written(notice, self._clock.now()))
            # Once it stands still nobody waits as long again: others need the time.
            patience = PATIENCE_AGAIN_S if self._stands_still else PATIENCE_S
            await asyncio.wait_for(asyncio.wrap_future(saying), patience)
        except (OSError, ValueError) as error:
            self._stands_still = isinstance(error, TimeoutError | BlockingIOError)
            seen = str(error) or "nobody reads it"
            raise TransientError(
                "notice.unreachable", f"the console cannot be written to: {seen}"
            ) from error
        self._stands_still = False
        return None


def written(notice: SendNotice, now: Instant) -> str:
    """The line: what a person needs; the notice itself holds the rest.

    Control characters are shown, not obeyed: the text comes from anywhere.
    """
    said = notice.body if is_map(notice.body) else {"message": notice.body}
    severity = said.get("severity") or "notice"
    receiver = f" to {notice.receiver}" if notice.receiver else ""
    diverted = f" [{said['diverted']}]" if said.get("diverted") else ""
    message = " ".join(text(said.get("message", "")).split())
    line = _shown(f"{severity}{receiver}: {message}{diverted}")
    if len(line) > LINE_MAX:
        line = f"{line[:LINE_MAX]} [... {len(line) - LINE_MAX} more characters]"
    return f"{format_second(now)} {line}"


def _shown(text: str) -> str:
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(one: str) -> str:
    return " | " if one == "\n" else one.encode("unicode_escape").decode("ascii")
