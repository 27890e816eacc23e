"""Trail: what an effect's row remembers between two looks at it, kept in its handle.

The row has one text for its performer. The port's own handle goes in there with the instant of the
first try, from which a task's timeout counts over restarts and replicas.

It also tells how often local work was begun, without a write for each start: whoever hands a row
back says how often until then, so every claim that was not handed back is a start whose server was
lost. It may be one too many: a server may be lost just before it starts what it has claimed.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct, structs

from tidegate.kernel.clock import Instant
from tidegate.kernel.step import TEXT_MAX


class Trail(Struct, frozen=True, array_like=True):
    since: Instant | None  # the first try; None: of local work that begins anew
    handle: str | None = None  # the port's own
    quiet_since: Instant | None = None  # of a stop: nothing has been found since then
    trouble: str = ""  # why the last try came to nothing
    starts: int = 0  # of local work, up to and with the claim of this fence
    fence: int = 0

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
    trail = _read(handle)
    return trail if trail.since is not None else structs.replace(trail, since=now)


def starts_of(handle: str | None, fence: int) -> int:
    """How often local work was begun up to and with the claim of this fence."""
    trail = _read(handle)
    return trail.starts + fence - trail.fence


def counted(handle: str | None, starts: int, fence: int) -> str | None:
    """The text under which local work is handed back: so often it was begun up to this fence."""
    trail = structs.replace(_read(handle), starts=starts, fence=fence)
    return trail.text() or handle


def _read(handle: str | None) -> Trail:
    if handle is None:
        return Trail(None)
    try:
        return _decode(handle)
    except msgspec.DecodeError:
        return Trail(None, handle)
