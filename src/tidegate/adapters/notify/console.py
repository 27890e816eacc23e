"""Console: notices as lines on a stream, for people who watch a terminal or a log.

Also where notices of channels go that are not set up, so that nothing is told to nobody.
"""

from __future__ import annotations

import asyncio
from typing import TextIO

from tidegate.kernel.clock import Clock, Instant, format_instant
from tidegate.kernel.errors import TransientError
from tidegate.kernel.event import Json
from tidegate.kernel.step import SendNotice
from tidegate.kernel.value import is_list, is_map

LINE_MAX = 2000
"""Characters of a line; what is longer ends with a mark."""

_SAID_FIRST = ("severity", "message")


class ConsoleNotify:
    """One line a notice: `2026-11-20T06:00:00Z critical to ops: message (name: value, ...)`."""

    def __init__(self, clock: Clock, stream: TextIO) -> None:
        self._clock = clock
        self._stream = stream

    async def send(self, notice: SendNotice, key: str) -> str | None:
        line = written(notice, self._clock.now())
        try:
            # A terminal that stands still (Ctrl-S) must not stop everybody else.
            await asyncio.to_thread(self._write, line)
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            raise TransientError(
                "notice.unreachable", f"the console cannot be written to: {error}"
            ) from error
        return None

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


def written(notice: SendNotice, now: Instant) -> str:
    """The line. Control characters are shown, not obeyed: the text comes from anywhere."""
    said = notice.body if is_map(notice.body) else {"message": notice.body}
    severity = said.get("severity") or "notice"
    receiver = f" to {notice.receiver}" if notice.receiver else ""
    rest = [f"{name}: {_plain(said[name])}" for name in said if name not in _SAID_FIRST]
    line = f"{severity}{receiver}: {_plain(said.get('message', ''))}"
    line = _shown(f"{line} ({', '.join(rest)})" if rest else line)
    if len(line) > LINE_MAX:
        line = f"{line[:LINE_MAX]} [... {len(line) - LINE_MAX} more characters]"
    return f"{format_instant(Instant(now // 1_000_000 * 1_000_000))} {line}"


def _plain(value: Json) -> str:
    if is_map(value):
        return "; ".join(f"{name} {_plain(one)}" for name, one in value.items())
    if is_list(value):
        return ", ".join(_plain(one) for one in value)
    return "none" if value is None else str(value)


def _shown(text: str) -> str:
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(one: str) -> str:
    return " | " if one == "\n" else one.encode("unicode_escape").decode("ascii")
