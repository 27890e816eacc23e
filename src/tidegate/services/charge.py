"""Charge: whose doing an unexpected failure is, and what is said of it. Pure.

A signal is recognised by its bytes when it comes again, so that it can be noted before anything is
done with it, and parked untried.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.kernel.errors import TidegateError, TransientError
from tidegate.kernel.step import Woke
from tidegate.ports.store import RowFault, Taken, TurnLost
from tidegate.services.door import Arrival, Ask, Ended
from tidegate.services.record import Signals
from tidegate.services.transaction import Guest

ERROR_MAX = 500
STORE_FAULTS = (TransientError, RowFault, TurnLost)
"""No signal's doing, or found out by deciding one a turn."""


def why(error: Exception) -> str:
    """What a parked signal or a refused order says of an unexpected error."""
    if isinstance(error, TidegateError):
        text = f"{error.code}: {error.message}"
    else:
        text = f"defect: {type(error).__name__}: {error}"
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")[:ERROR_MAX]


def identity_of(guest: Guest, signals: Signals) -> bytes:
    """What a guest is recognised by when it comes again; empty when it has no bytes."""
    try:
        match guest:
            case Arrival():
                return guest.copy.raw
            case Ask():
                return signals.encode(guest.order)
            case Ended():
                return signals.encode(guest.signal())
    except Exception:
        return b""  # unfolding it will say what is wrong


def identities(guests: Sequence[Guest], taken: Taken, signals: Signals) -> tuple[bytes, ...]:
    """What is about to be unfolded: where one signal is decided a turn, that one."""
    known = (
        *(identity_of(guest, signals) for guest in guests),
        *(body for _, body in taken.later),
        *(signals.encode(Woke(key)) for key in taken.due),
    )
    return tuple(one for one in known if one)
