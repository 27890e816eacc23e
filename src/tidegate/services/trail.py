"""Trail: what an effect's row remembers between two looks at it, kept in its handle.

The row has one text for its performer. The port's own handle goes in there with the instant of the
first try, from which a task's timeout counts over restarts and replicas.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct, structs

from tidegate.kernel.clock import Instant
from tidegate.kernel.step import TEXT_MAX


class Trail(Struct, frozen=True, array_like=True):
    since: Instant  # the first try
    handle: str | None = None  # the port's own
    quiet_since: Instant | None = None  # of a stop: nothing has been found since then
    trouble: str = ""  # why the last try came to nothing

    def text(self) -> str | None:
        """As a row keeps it, the trouble shortened to what is left; None when it is too long."""
        bare = _encode(structs.replace(self, trouble=""))
        trouble = self.trouble.encode("utf-8", "replace")[: TEXT_MAX - len(bare)].decode(
            "utf-8", "ignore"
        )
        while trouble and len(bare) + len(_encode(trouble)) - 2 > TEXT_MAX:
            trouble = trouble[: len(trouble) // 2]  # what JSON escapes takes more room
        text = _encode(structs.replace(self, trouble=trouble))
        return text.decode() if len(text) <= TEXT_MAX else None


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
