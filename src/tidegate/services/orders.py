"""Orders the host itself obeys. Each that changes what is followed is alone in its turn."""

from __future__ import annotations

from msgspec import Struct

from tidegate.kernel.ids import Pos


class Activate(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Follow this activation from the next turn on."""

    activation: int


class ReleaseParked(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """Hand an engine a parked signal again."""

    pos: Pos
    engine: str


class AcceptClock(Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """The clock's jump is right; `shift` also moves everything that waits by the same span."""

    shift: bool = False
    by_us: int = 0  # that span; the host writes it into the log, whatever was asked


HOST_ORDERS: tuple[type[Struct], ...] = (Activate, ReleaseParked, AcceptClock)
ALONE: tuple[type[Struct], ...] = (Activate, AcceptClock)
