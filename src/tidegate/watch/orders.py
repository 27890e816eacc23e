"""Orders persons give about notices."""

from __future__ import annotations

from msgspec import Struct


class SendAgain(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Send an undelivered notice once more, to where its channel leads now."""

    notice: str  # its public id
