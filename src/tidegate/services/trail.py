"""Trail: what an effect's row remembers between two looks at it, kept in its handle.

The row has one text for its performer. The port's own handle goes in there with the instant of the
first try, from which a task's timeout counts over restarts and replicas.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tidegate.kernel.clock import Instant
from tidegate.kernel.step import TEXT_MAX


class Trail(Struct, frozen=True, array_like=True):
    since: Instant  # the first try
    handle: str | None = None  # the port's own
    quiet_since: Instant | None = None  # of a stop: nothing has been found since then

    def text(self) -> str | None:
        """As a row keeps it; None when it is too long for a row."""
        text = _encode(self).decode()
        return text if len(text.encode()) <= TEXT_MAX else None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Trail).decode


def trail_of(handle: str | None, now: Instant) -> Trail:
    """What the row remembers; a text of another form is a port's own handle."""
    if handle is None:
        return Trail(now)
    try:
        return _decode(handle)
    except msgspec.DecodeError:
        return Trail(now, handle)
