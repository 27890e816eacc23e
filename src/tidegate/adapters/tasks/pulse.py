"""Pulse: does the helper still answer? Any job of the same user can stop it (SIGSTOP).

    well --found stopped--> told to go on, at each beat --five times too often--> lost
    well --30 s of silence--------------------------------------------------------> lost

A slow machine is not taken for a stopped helper, so a mute one has much longer. Only time in which
this process itself ran counts: a server that was stopped, or a machine that slept, has heard
nothing and knows nothing by it.
"""

from __future__ import annotations

BEAT_S = 1.0
"""Between two looks, and two questions."""
STOPS_MAX = 5.0
"""Found stopped so often, it is stopped on purpose."""
FORGIVEN = 0.25
"""So much of a stop is forgotten at each beat that finds it running."""
SILENT_MAX_S = 30.0


class Pulse:
    """`beat` is called about once a BEAT_S."""

    def __init__(self, now_s: float) -> None:
        self._silent_s = 0.0
        self._stops = 0.0
        self._beaten_at = now_s

    def heard(self) -> None:
        self._silent_s = 0.0

    def beat(self, now_s: float, *, stopped: bool) -> None:
        """Time has passed; however much it was, no more than one beat is held against the helper."""
        self._silent_s += min(now_s - self._beaten_at, BEAT_S)
        self._beaten_at = now_s
        self._stops = self._stops + 1 if stopped else max(0.0, self._stops - FORGIVEN)

    @property
    def is_lost(self) -> bool:
        return self._silent_s >= SILENT_MAX_S or self._stops >= STOPS_MAX
